"""A raster file read window by window through rasterio, with one stretch for all of it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.errors import PictureError
from zeroov.progress import SILENT, Progress
from zeroov.raster import geotiff, stretch, web
from zeroov.raster.bands import BandReader, Bands
from zeroov.raster.decode import decoding
from zeroov.raster.reduce import Means, chunks
from zeroov.raster.stretch import Percentiles
from zeroov.types import Bool, Uint8, Window

CACHE_BYTES = 64 * 2**20  # of GDAL's block cache while a window is read; its own default is 5 % of all memory
REPORTED_PIXELS = 2**25  # a window of more takes a while
MOST_BLOCK_BYTES = 512 * 2**20  # one block of the file is the least that GDAL decodes
MOST_TRIED = 1000  # bad blocks: a header of a few bytes may claim millions of them
# The means of square cells are at least this much finer than the picture that is then resized from them smoothly.
FINER = 1.5

RowsCols = tuple[NDArray[np.intp], NDArray[np.intp]]  # of the scene, rising

logger = logging.getLogger(__name__)


class Survey(NamedTuple):
    """What one pass over the whole raster brings: the stretch, a reduced picture, and which windows are damaged.

    `valid` is bool, of the reduced picture: where any pixel of its cell is valid. `error` is that of the first damage.
    """

    low_high: tuple[float, float]
    reduced: Uint8
    valid: Bool
    damaged: tuple[Window, ...]
    error: PictureError | None


class Windowed:
    """An open rasterio dataset as a source of uint8 RGB windows."""

    def __init__(
        self,
        rasterio: Any,
        dataset: Any,
        name: str,
        bands: tuple[int, ...],
        percentiles: Percentiles,
        progress: Progress,
        coarse: tuple[Windowed, int] | None = None,
        step: int | None = None,
    ) -> None:
        """`coarse` is the same raster reduced, and its step in pixels of this one: it says how the whole looks.

        Of a coarse one itself every pixel is looked at: its `step` is 1.
        """
        self._coarse = coarse
        self._rasterio, self._reader, self._name = rasterio, BandReader(dataset, bands, name), name
        self.bands, self._percentiles, self._progress = bands, percentiles, progress
        self.hw = (int(dataset.height), int(dataset.width))
        self._step = coarse[1] if coarse else stretch.sampling_step(self.hw) if step is None else step
        self._dtype = np.result_type(*(dataset.dtypes[index - 1] for index in bands))
        self._block_hw = tuple(dataset.block_shapes[bands[0] - 1])
        self._bad: dict[tuple[int, int], PictureError] = {}  # blocks by their row and column
        # Of a damaged JPEG 2000 GDAL looks for it for minutes; an undamaged one is interleaved.
        interleaved = dataset.driver == "JP2OpenJPEG" or dataset.profile.get("interleave") == "pixel"
        self._pixel_bytes = self._dtype.itemsize * (dataset.count if interleaved else len(bands))
        height, width = self._block_hw
        if height * width * self._pixel_bytes > MOST_BLOCK_BYTES:
            raise PictureError(
                f"`{name}` is stored in blocks of {width} x {height} pixels, too large to read windows of it; "
                f"tile it first: gdal_translate -co TILED=YES -co COMPRESS=DEFLATE -co BIGTIFF=IF_SAFER IN OUT"
            )

    def read(self, window: Window, out_hw: tuple[int, int], tolerant: bool = False) -> tuple[Uint8, Bool | None]:
        """Read a window, at its own size or reduced to `out_hw` with antialiasing, and which pixels are valid.

        Of a reduced window the pixel nearest to each centre decides. What cannot be decoded raises; where `tolerant`,
        it is black and not valid.
        """
        x0, y0, x1, y1 = window
        factor = int(min((y1 - y0) / out_hw[0], (x1 - x0) / out_hw[1]) / FINER)
        if factor >= max(2, self._step):
            rgb, valid = self._surveyed(window, out_hw, tolerant)
            return rgb, None if valid.all() else valid
        valid = np.zeros(out_hw, np.bool_)
        parts = self._parts(window, valid, tolerant)
        if factor <= 1:
            rgb, part_xyxy = np.zeros((*window.hw, 3), np.uint8), None
            for (left, top, right, bottom), part in parts:
                drawn = stretch.draw(part.values, part.valid, self._low_high)
                rgb[top - y0 : bottom - y0, left - x0 : right - x0] = drawn
        else:
            means = Means(window.hw, len(self.bands), factor, self._dtype)
            for (left, top, _, _), part in parts:
                means.add(part.values, part.valid, (left - x0, top - y0))
            rgb = stretch.draw(*means.result(), self._low_high or (0, 255))
            part_xyxy = (0, 0, (x1 - x0) / factor, (y1 - y0) / factor)
        if window.hw != out_hw:
            rgb = frames.resize_rgb(rgb, out_hw, "bilinear", part_xyxy)
        return rgb, None if valid.all() else valid

    def _surveyed(self, window: Window, out_hw: tuple[int, int], tolerant: bool) -> tuple[Uint8, Bool]:
        """Return a much reduced window from the survey, without reading it again."""
        survey, step, nearest = self._survey, self._step, _nearest(window, out_hw)
        valid = survey.valid.take(nearest[0] // step, axis=0).take(nearest[1] // step, axis=1)
        for damaged in survey.damaged:
            x0, y0 = max(damaged.x0, window.x0), max(damaged.y0, window.y0)
            if x0 < min(damaged.x1, window.x1) and y0 < min(damaged.y1, window.y1):
                if survey.error and not tolerant:
                    raise survey.error
                valid[_inside(nearest, damaged)] = False
        left, top, right, bottom = (edge / step for edge in window)
        return frames.resize_rgb(survey.reduced, out_hw, "bilinear", (left, top, right, bottom)), valid

    def refuse_empty(self) -> None:
        """Refuse a raster without any valid pixel."""
        survey = self._survey
        if not survey.valid.any():
            raise PictureError(
                f"`{self._name}` cannot be decoded anywhere; copy or download it again"
                if survey.damaged
                else stretch.nothing_valid(self._name)
            )

    @property
    def _low_high(self) -> tuple[float, float] | None:
        return None if self._dtype == np.uint8 else self._survey.low_high

    @functools.cached_property
    def _survey(self) -> Survey:
        """Read the whole raster once, chunk by chunk: decoding is what costs, so one pass serves all."""
        if self._coarse:
            coarse, step = self._coarse
            survey = coarse._survey
            bad = tuple(Window(*(step * edge for edge in window)) for window in survey.damaged)
            return survey._replace(damaged=bad)
        height, width = self.hw
        means = Means(self.hw, len(self.bands), self._step, self._dtype)
        samples: list[NDArray[Any]] = []
        spare = np.empty(0, self._dtype)  # for the case that the few valid pixels lie between the sampled ones
        damaged: dict[Window, PictureError] = {}
        for chunk, part in self._decoded(self._chunks(Window(0, 0, width, height))):
            x0, y0, _, _ = chunk
            if isinstance(part, PictureError):
                if not damaged:
                    logger.warning("%s: what is damaged is left out, first the window %s: %s", self._name, chunk, part)
                damaged[chunk] = part
                continue
            means.add(part.values, part.valid, (x0, y0))
            if self._dtype != np.uint8:
                # The very rows and columns that are sampled of a picture that is read whole.
                start_rc = -y0 % self._step, -x0 % self._step
                samples.append(stretch.sampled(part.values, part.valid, self._step, start_rc))
                if not samples[-1].size and spare.size < stretch.SAMPLED_PIXELS:
                    spare = np.concatenate([spare, stretch.sampled(part.values, part.valid, 1)])
        low_high = 0.0, 255.0
        if self._dtype != np.uint8:
            sample = np.concatenate(samples) if samples else spare
            samples.clear()
            sample = sample if sample.size else spare
            low_high = stretch.limits_of(sample, self._percentiles) if sample.size else low_high
            del sample, spare
        values, valid = means.result()
        reduced = stretch.draw(values, valid, low_high)
        return Survey(low_high, reduced, stretch.visible(valid), tuple(damaged), next(iter(damaged.values()), None))

    def _chunks(self, window: Window) -> Iterator[Window]:
        """Yield the parts of a window; rows of a large one are reported, so that its reading can be stopped."""
        height, width = window.hw
        progress = self._progress if height * width > REPORTED_PIXELS else SILENT
        for chunk in chunks(window, self._block_hw, CACHE_BYTES // 2 // self._pixel_bytes):
            progress.report("reading", chunk.y0 - window.y0, height)
            yield chunk
        progress.report("reading", height, height)

    def _parts(self, window: Window, valid: Bool, tolerant: bool) -> Iterator[tuple[Window, Bands]]:
        """Yield a window's chunks with their samples; where `tolerant`, without what cannot be decoded.

        Beside it `valid`, all-false, of any size, is filled in from the pixels that are nearest.
        """
        nearest = _nearest(window, valid.shape)
        for chunk, part in self._decoded(self._chunks(window)):
            if isinstance(part, Bands):
                cells = _inside(nearest, chunk)
                rows, cols = nearest[0][cells[0]] - chunk.y0, nearest[1][cells[1]] - chunk.x0
                valid[cells] = part.valid is None or stretch.visible(part.valid).take(rows, axis=0).take(cols, axis=1)
                yield chunk, part
            elif not tolerant:
                raise part

    def _decoded(self, windows: Iterable[Window]) -> Iterator[tuple[Window, Bands | PictureError]]:
        """Yield windows with their samples; one that cannot be decoded comes block by block, with the error of each.

        After `MOST_TRIED` bad blocks those of a window that cannot be decoded are not tried one by one any more.
        """
        bad = 0
        for window in windows:
            outcome = self._attempted(window)
            if isinstance(outcome, Bands):
                yield window, outcome
                continue
            for block in chunks(window, self._block_hw, 1):
                part = self._attempted(block) if block != window and bad < MOST_TRIED else outcome
                if isinstance(part, PictureError):
                    bad += 1
                    self._bad[block.y0 // self._block_hw[0], block.x0 // self._block_hw[1]] = part
                yield block, part

    def _attempted(self, window: Window) -> Bands | PictureError:
        """Read a window; a block that could not be read before is not read again: GDAL would give zeros for it."""
        if known := self._known_bad(window):
            return known
        try:
            return self._samples(window)
        except PictureError as error:
            return error

    def _known_bad(self, window: Window) -> PictureError | None:
        """Return the error of a block in a window; there may be very many such blocks, or blocks in the window."""
        height, width = self._block_hw
        rows = range(window.y0 // height, -(-window.y1 // height))
        columns = range(window.x0 // width, -(-window.x1 // width))
        some = itertools.product(rows, columns) if len(rows) * len(columns) < len(self._bad) else self._bad
        return next((self._bad[at] for at in some if at in self._bad and at[0] in rows and at[1] in columns), None)

    def _samples(self, window: Window) -> Bands:
        with self._reading():
            read = self._reader.read(self._window(window))
        return Bands(read.values, stretch.counted(read.values, read.valid))

    def _window(self, window: Window) -> Any:
        from rasterio.windows import Window as RasterioWindow

        x0, y0, x1, y1 = window
        return RasterioWindow(x0, y0, x1 - x0, y1 - y0)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        remote = web.settings() if web.is_address(self._name) else {}
        reading = self._rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, **remote)
        with decoding(self._name), geotiff.gdal_errors(self._rasterio), reading:
            yield


def _nearest(window: Window, out_hw: tuple[int, ...]) -> RowsCols:
    """Return the rows and columns of the scene that are nearest to those of a reduced window."""
    height, width = window.hw
    return (window.y0 + frames.nearest_pixels(height, out_hw[0]), window.x0 + frames.nearest_pixels(width, out_hw[1]))


def _inside(rows_cols: RowsCols, window: Window) -> tuple[slice, slice]:
    """Return which of some rows and columns lie in a window."""
    rows, cols = rows_cols
    down = np.searchsorted(rows, (window.y0, window.y1)).tolist()
    across = np.searchsorted(cols, (window.x0, window.x1)).tolist()
    return slice(*down), slice(*across)
