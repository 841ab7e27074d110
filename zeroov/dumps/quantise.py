"""An affinity in one byte a cell, with a stated error. Pure: NumPy in, NumPy out.

Each row is scaled by its own maximum and the square root of it rounded to one of `levels` steps: fine where attention
is small, as nearly all of it is, and coarse at the peak. With 256 levels no cell is off by more than 1/255 of its
row's maximum, beside what float16 rounds. A matrix without structure hardly compresses; it gets fewer levels, until it
fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroov.dumps.compress import compress
from zeroov.types import Float16, Uint8

LEVELS = (256, 128, 64, 48)  # 48 levels fit whatever the matrix holds: 5.6 bits a cell
ROOM = 0.75  # compressed bytes a cell, at most: 0.79 MB for 1024 x 1024; smaller matrices may take as much
USUAL = 1024**2  # cells


@dataclass(frozen=True, eq=False)
class Quantised:
    """`codes` uint8 (n, n) below `levels`, `peaks` float16 (n,) the rows' maxima.

    `error` is the largest difference in any cell, measured, as a share of its row's maximum.
    """

    codes: Uint8
    peaks: Float16
    levels: int
    error: float


def quantise(matrix: Float16) -> Quantised:
    """Return an affinity (n, n) in the most levels of which the compressed size has room."""
    values = matrix.astype(np.float32)
    peaks = values.max(axis=1, keepdims=True)
    scale = np.where(peaks > 0, peaks, 1)
    roots = np.sqrt(values / scale)
    for levels in LEVELS:
        codes = np.rint(roots * np.float32(levels - 1)).astype(np.uint8)
        if len(compress(codes)) <= ROOM * max(codes.size, USUAL):
            break
    kept = peaks[:, 0].astype(np.float16)
    error = np.abs(dequantise(codes, kept, levels).astype(np.float32) - values) / scale
    return Quantised(codes, kept, levels, float(error.max()))


def dequantise(codes: Uint8, peaks: Float16, levels: int) -> Float16:
    """Return the affinity (n, n) that the codes and the rows' maxima encode."""
    steps = np.square(codes, dtype=np.float32)
    steps *= (peaks.astype(np.float32) / np.float32((levels - 1) ** 2))[:, None]
    matrix: Float16 = steps.astype(np.float16)
    return matrix
