"""Shrink rasters that never lie in memory whole: means over square cells, summed up chunk by chunk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zeroov.types import Bool, Window

CHUNK_PIXELS = 2_000_000


def chunks(window_xyxy: Window, block_hw: tuple[int, int], most_decoded: int = CHUNK_PIXELS) -> Iterator[Window]:
    """Yield a window's parts, row by row, of about `CHUNK_PIXELS`, cut where the blocks of the file meet.

    The blocks under a part hold at most `most_decoded` pixels, where one block does not hold more: what is decoded for
    the samples should still be in the cache for the masks.
    """
    x0, y0, x1, y1 = window_xyxy
    block_height, block_width = block_hw
    most = min(CHUNK_PIXELS, most_decoded)
    columns = max(1, min(most // block_height, x1 - x0) // block_width) * block_width
    rows = max(1, most // columns // block_height) * block_height
    for top, bottom in _cuts(y0, y1, rows):
        for left, right in _cuts(x0, x1, columns):
            yield Window(left, top, right, bottom)


def _cuts(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut [start, stop) at the multiples of `step`, where the file's blocks meet."""
    return itertools.pairwise([start, *range((start // step + 1) * step, stop, step), stop])


class Means:
    """The mean of the valid samples in every cell of `factor` x `factor` pixels; cells at the far edges hold fewer."""

    def __init__(self, hw: tuple[int, int], channels: int, factor: int, kind: np.dtype[Any]) -> None:
        self.factor = factor
        shape = (-(-hw[0] // factor), -(-hw[1] // factor), channels)
        # float32 holds 24 bits, enough for the mean of 16-bit samples.
        self._totals = np.zeros(shape, dtype=np.float32 if kind.itemsize <= 2 else np.float64)
        self._weights = np.zeros(shape, dtype=np.float32)

    def add(self, values: NDArray[Any], valid: Bool | None, origin_xy: tuple[int, int]) -> None:
        """Add samples (h, w, C) whose upper left pixel is `origin_xy`; `valid` as `stretch` has it."""
        height, width, channels = values.shape
        left, top = origin_xy[0] % self.factor, origin_xy[1] % self.factor
        counts = np.ones((), np.bool_) if valid is None else valid if valid.ndim == 3 else valid[..., None]
        counts = np.broadcast_to(counts, values.shape)
        rows, columns = -(-(top + height) // self.factor), -(-(left + width) // self.factor)
        row, column = origin_xy[1] // self.factor, origin_xy[0] // self.factor
        inside = np.s_[top : top + height, left : left + width]
        cells = np.s_[row : row + rows, column : column + columns]
        padded = np.zeros((rows * self.factor, columns * self.factor, channels), dtype=self._totals.dtype)
        np.copyto(padded[inside], values, where=counts, casting="unsafe")
        self._totals[cells] += self._sums(padded)
        padded[:] = 0
        padded[inside] = counts
        self._weights[cells] += self._sums(padded)

    def _sums(self, padded: NDArray[Any]) -> NDArray[Any]:
        height, width, channels = padded.shape
        cells_wh = width // self.factor, height // self.factor
        means = cv2.resize(padded, cells_wh, interpolation=cv2.INTER_AREA)
        return np.asarray(means.reshape(cells_wh[1], cells_wh[0], channels) * self.factor**2)

    def result(self) -> tuple[NDArray[Any], Bool]:
        """Return the means (rows, columns, C), 0 where there is nothing, and the bool of the samples that are valid."""
        valid = self._weights > 0
        return np.divide(self._totals, self._weights, out=np.zeros_like(self._totals), where=valid), valid
