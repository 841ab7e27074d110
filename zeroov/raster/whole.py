"""A picture that lies in memory whole, behind the same face as a raster that is read window by window."""

from __future__ import annotations

import numpy as np

from zeroov import frames
from zeroov.errors import UsageError
from zeroov.raster import stretch
from zeroov.raster.geotiff import wrong_bands
from zeroov.raster.read import Decoded, decoding, upright
from zeroov.raster.stretch import Percentiles
from zeroov.types import Bool, Uint8, Window


class Whole:
    """A decoded file as a source of uint8 RGB windows."""

    damaged: tuple[Window, ...] = ()

    def __init__(self, decoded: Decoded, name: str, bands: tuple[int, ...] | None, percentiles: Percentiles) -> None:
        values, valid = decoded.values, decoded.valid
        channels = values.shape[2]
        if bands is not None:
            if len(bands) not in (1, 3) or not all(1 <= band <= channels for band in bands):
                raise UsageError(wrong_bands(bands, name, channels))
            values = values[..., [band - 1 for band in bands]]
        with decoding(name):
            self._rgb = upright(stretch.to_rgb(values, valid, name, percentiles), decoded.orientation)
        valid = stretch.counted(values, valid)
        self._valid = None if valid is None else upright(stretch.seen(valid), decoded.orientation)
        self.bands = bands or tuple(range(1, channels + 1))
        self.hw = (self._rgb.shape[0], self._rgb.shape[1])

    def rgb(self, window: Window, out_hw: tuple[int, int], tolerant: bool = False) -> Uint8:
        """Cut out a window, at its own size or reduced to `out_hw` with antialiasing; all of it was decoded before."""
        x0, y0, x1, y1 = window
        part = self._rgb[y0:y1, x0:x1]
        return part.copy() if part.shape[:2] == out_hw else frames.resize_rgb(part, out_hw, "bilinear")

    def valid(self, window: Window) -> Bool:
        """Return the bool (h, w) of a window's pixels that are neither nodata, transparent nor NaN."""
        x0, y0, x1, y1 = window
        return np.ones((y1 - y0, x1 - x0), np.bool_) if self._valid is None else self._valid[y0:y1, x0:x1].copy()

    def valid_share(self, window: Window) -> float:
        """Return how much of a window is valid, 0 to 1."""
        return float(self.valid(window).mean())
