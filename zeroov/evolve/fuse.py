"""Fuse what the language looks at with what the picture ties together.

Pure functions: NumPy in, NumPy out, no model. Maps are (rows, cols); METHOD names are given where they help.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.types import Float32


def to_grid(cross: NDArray[np.floating], grid_hw: tuple[int, int], official: bool = False) -> Float32:
    """Resize a cross-attention map A_C (rows, cols) to the working grid and normalise it: W.

    Right: (x - min) / (max - min), 0 for a constant map. `official` reproduces the official code's
    (x - min) / (max + 1e-6), whose peak depends on the map's offset.
    """
    _check_map("cross", cross)
    resized = frames.resize_map(cross, grid_hw)
    if official:
        shifted: Float32 = (resized - resized.min()) / (resized.max() + np.float32(1e-6))
        return shifted
    return frames.min_max(resized)


def fuse(cross_on_grid: NDArray[np.floating], affinity: NDArray[np.floating]) -> Float32:
    """Spread W over the affinity: A_CS[k] = sum over q of W[q] A_S[q, k], scaled to [0, 1]; 0 where nothing spreads.

    `cross_on_grid` is (rows, cols); `affinity` is (rows * cols, rows * cols), row = query cell. Unit 2-norm, then
    (x - min) / (max - min + 1e-6): without the published 1e-6 the golden arrays are missed by 1.1e-5.
    """
    _check_map("cross_on_grid", cross_on_grid)
    cells = cross_on_grid.size
    if affinity.shape != (cells, cells):
        raise ValueError(
            f"affinity for a {cross_on_grid.shape} grid must be ({cells}, {cells}), row = query cell, "
            f"got {affinity.shape}"
        )
    spread = np.asarray(cross_on_grid, dtype=np.float32).ravel() @ np.asarray(affinity, dtype=np.float32)
    length = float(np.linalg.norm(spread))
    if length == 0:
        return np.zeros(cross_on_grid.shape, dtype=np.float32)
    spread /= np.float32(length)
    low, high = spread.min(), spread.max()
    scaled: Float32 = (spread - low) / (high - low + np.float32(1e-6))
    return scaled.reshape(cross_on_grid.shape)


def _check_map(name: str, values: NDArray[np.floating]) -> None:
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"{name} must be a (rows, cols) map, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
