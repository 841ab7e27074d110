"""A picture that lies in memory whole, behind the same face as a raster that is read window by window."""

from __future__ import annotations

import numpy as np

from zeroov import frames
from zeroov.errors import UsageError
from zeroov.raster import stretch
from zeroov.raster.bands import wrong_bands
from zeroov.raster.decode import Decoded, decoding, upright
from zeroov.raster.stretch import Percentiles
from zeroov.types import Bool, Uint8, Window


class Whole:
    """A decoded picture as a source of uint8 RGB windows. Without any valid pixel it is refused at once."""

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
        self._valid = None if valid is None else upright(stretch.visible(valid), decoded.orientation)
        self.bands = bands or tuple(range(1, channels + 1))
        self.hw = (self._rgb.shape[0], self._rgb.shape[1])

    def read(self, window: Window, out_hw: tuple[int, int], tolerant: bool = False) -> tuple[Uint8, Bool | None]:
        """Cut out a window, at its own size or reduced to `out_hw` with antialiasing, and what is valid in it."""
        part = np.s_[window.y0 : window.y1, window.x0 : window.x1]
        rgb = self._rgb[part]
        rgb = np.ascontiguousarray(rgb) if window.hw == out_hw else frames.resize_rgb(rgb, out_hw, "bilinear")
        if self._valid is None or self._valid[part].all():
            return rgb, None
        return rgb, frames.resize_mask(self._valid[part], out_hw)

    def refuse_empty(self) -> None:
        """Nothing to refuse: a valid pixel lies somewhere."""
