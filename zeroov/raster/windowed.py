"""A raster file read window by window through rasterio, with one stretch for all of it."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.errors import PictureError
from zeroov.raster import geotiff, stretch
from zeroov.raster.geotiff import Bands
from zeroov.raster.read import decoding
from zeroov.raster.reduce import Means, chunks
from zeroov.raster.stretch import Percentiles
from zeroov.types import Bool, Uint8, Window

CACHE_BYTES = 64 * 2**20  # of GDAL's block cache while a window is read; its own default is 5 % of all memory
MOST_BLOCK_BYTES = 512 * 2**20  # one block of the file is the least that GDAL decodes
# The means of square cells are at least this much finer than the picture that is then resized from them smoothly.
FINER = 1.5

logger = logging.getLogger(__name__)


class Survey(NamedTuple):
    """What one pass over the whole raster tells: the stretch, a reduced picture, and which windows are damaged."""

    low_high: tuple[float, float] | None
    reduced: Uint8
    damaged: tuple[Window, ...]


class Windowed:
    """An open rasterio dataset as a source of uint8 RGB windows."""

    def __init__(
        self, rasterio: Any, dataset: Any, name: str, bands: tuple[int, ...], percentiles: Percentiles
    ) -> None:
        self._rasterio, self._dataset, self._name = rasterio, dataset, name
        self.bands, self._percentiles = bands, percentiles
        self.hw = (int(dataset.height), int(dataset.width))
        self._step = stretch.sampling_step(self.hw)
        self._dtype = np.result_type(*(dataset.dtypes[index - 1] for index in bands))
        self._block_hw = tuple(dataset.block_shapes[bands[0] - 1])
        interleaved = dataset.profile.get("interleave") == "pixel"
        self._pixel_bytes = self._dtype.itemsize * (dataset.count if interleaved else len(bands))
        height, width = self._block_hw
        if height * width * self._pixel_bytes > MOST_BLOCK_BYTES:
            raise PictureError(
                f"`{name}` is stored in blocks of {width} x {height} pixels, too large to read windows of it; "
                f"tile it first: gdal_translate -co TILED=YES -co COMPRESS=DEFLATE -co BIGTIFF=IF_SAFER IN OUT"
            )

    @property
    def damaged(self) -> tuple[Window, ...]:
        """The windows (x0, y0, x1, y1) that could not be decoded and are left out of stretch and overview."""
        return self._survey.damaged

    def rgb(self, window: Window, out_hw: tuple[int, int], tolerant: bool = False) -> Uint8:
        """Read a window, at its own size or reduced to `out_hw` with antialiasing.

        What cannot be decoded raises; where `tolerant`, it is left black if anything else can be.
        """
        x0, y0, x1, y1 = window
        factor = int(min((y1 - y0) / out_hw[0], (x1 - x0) / out_hw[1]) / FINER)
        if factor <= 1:
            rgb = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
            for chunk, part in self._parts(window, tolerant):
                left, top, right, bottom = chunk
                drawn = stretch.draw(part.values, part.valid, self._low_high)
                rgb[top - y0 : bottom - y0, left - x0 : right - x0] = drawn
            return rgb if rgb.shape[:2] == out_hw else frames.resize_rgb(rgb, out_hw, "bilinear")
        if factor >= self._step:
            reduced, factor = self._survey.reduced, self._step
        else:
            means = Means((y1 - y0, x1 - x0), len(self.bands), factor, self._dtype)
            for chunk, part in self._parts(window, tolerant):
                means.add(part.values, part.valid, (chunk[0] - x0, chunk[1] - y0))
            reduced = self._drawn(means)
            x0, y0, x1, y1 = 0, 0, x1 - x0, y1 - y0
        part_xyxy = (x0 / factor, y0 / factor, x1 / factor, y1 / factor)
        return frames.resize_rgb(reduced, out_hw, "bilinear", part_xyxy)

    def valid(self, window: Window) -> Bool:
        """Read the bool (h, w) of a window's pixels that are neither nodata, masked, transparent, NaN nor damaged.

        Damage is known once the whole raster was read.
        """
        if self._dtype.kind == "f":
            valid = self._samples(window).valid
        else:
            with self._reading():
                valid = geotiff.read_valid(self._dataset, self.bands, self._window(window))
        x0, y0, x1, y1 = window
        seen = np.ones((y1 - y0, x1 - x0), np.bool_) if valid is None else stretch.seen(valid)
        if "_survey" in vars(self):  # what it found damaged is drawn black
            for left, top, right, bottom in self._survey.damaged:
                seen[max(0, top - y0) : max(0, bottom - y0), max(0, left - x0) : max(0, right - x0)] = False
        return seen

    def valid_share(self, window: Window) -> float:
        """Return how much of a window is valid, 0 to 1."""
        x0, y0, x1, y1 = window
        seen = sum(np.count_nonzero(self.valid(chunk)) for chunk in self._chunks(window))
        return seen / ((x1 - x0) * (y1 - y0))

    @property
    def _low_high(self) -> tuple[float, float] | None:
        return None if self._dtype == np.uint8 else self._survey.low_high

    @functools.cached_property
    def _survey(self) -> Survey:
        """Read the whole raster once, chunk by chunk: decoding is what costs, so one pass serves all."""
        height, width = self.hw
        means = Means(self.hw, len(self.bands), self._step, self._dtype)
        samples: list[NDArray[Any]] = []
        spare = np.empty(0, self._dtype)  # for the case that the few valid pixels lie between the sampled ones
        damaged: list[Window] = []
        for chunk, part in self._decoded(self._chunks(Window(0, 0, width, height))):
            x0, y0, _, _ = chunk
            if isinstance(part, PictureError):
                if not damaged:
                    logger.warning("%s: what is damaged is left out, first the window %s: %s", self._name, chunk, part)
                damaged.append(chunk)
                continue
            means.add(part.values, part.valid, (x0, y0))
            if self._dtype != np.uint8:
                # The very rows and columns that are sampled of a picture that is read whole.
                start_rc = -y0 % self._step, -x0 % self._step
                samples.append(stretch.sampled(part.values, part.valid, self._step, start_rc))
                if not samples[-1].size and spare.size < stretch.SAMPLED_PIXELS:
                    spare = np.concatenate([spare, stretch.sampled(part.values, part.valid, 1)])
        low_high = None
        if self._dtype != np.uint8:
            sample = np.concatenate(samples) if samples else spare
            samples.clear()
            sample = sample if sample.size else spare
            low_high = stretch.limits_of(sample, self._percentiles) if sample.size else None
            del sample, spare
        values, valid = means.result()
        if not valid.any():
            raise PictureError(
                f"`{self._name}` cannot be decoded anywhere; copy or download it again"
                if damaged
                else stretch.nothing_valid(self._name)
            )
        return Survey(low_high, stretch.draw(values, valid, low_high or (0, 255)), tuple(damaged))

    def _drawn(self, means: Means) -> Uint8:
        return stretch.draw(*means.result(), self._low_high or (0, 255))

    def _chunks(self, window: Window) -> Iterator[Window]:
        return chunks(window, self._block_hw, CACHE_BYTES // 2 // self._pixel_bytes)

    def _parts(self, window: Window, tolerant: bool) -> Iterator[tuple[Window, Bands]]:
        """Yield a window's chunks with their samples; where `tolerant`, without what cannot be decoded."""
        damage: PictureError | None = None
        decoded = False
        for chunk, part in self._decoded(self._chunks(window)):
            if isinstance(part, Bands):
                decoded = True
                yield chunk, part
            elif tolerant:
                damage = part
            else:
                raise part
        if damage and not decoded:
            raise damage

    def _decoded(self, windows: Iterable[Window]) -> Iterator[tuple[Window, Bands | PictureError]]:
        """Yield windows with their samples; one that cannot be decoded comes block by block, with the error of each."""
        for window in windows:
            try:
                yield window, self._samples(window)
            except PictureError as error:
                blocks = list(chunks(window, self._block_hw, 1))
                if blocks == [window]:
                    yield window, error
                else:
                    yield from self._decoded(blocks)

    def _samples(self, window: Window) -> Bands:
        with self._reading():
            read = geotiff.read_bands(self._dataset, self.bands, self._window(window))
        return Bands(read.values, stretch.counted(read.values, read.valid))

    def _window(self, window: Window) -> Any:
        from rasterio.windows import Window as RasterioWindow

        x0, y0, x1, y1 = window
        return RasterioWindow(x0, y0, x1 - x0, y1 - y0)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with (
            decoding(self._name),
            geotiff.gdal_errors(self._rasterio),
            self._rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES),
        ):
            yield
