"""Grow a region from seeds in the fused map, and cut the mask out of it.

Pure functions: NumPy in, NumPy out, no model.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.types import Bool


def seeds(cross_on_grid: NDArray[np.floating], k: int = 7) -> Bool:
    """Return the cells whose value is among the `k` largest distinct values of W; (rows, cols) bool."""
    distinct = np.unique(cross_on_grid)
    top: Bool = cross_on_grid >= distinct[-min(k, distinct.size)]
    return top


def grow(fused: NDArray[np.floating], cross_on_grid: NDArray[np.floating], k: int = 7, tau: float = 0.3) -> Bool:
    """Return the region: the seeds, and every cell with A_CS > `tau` that such cells join to a seed, 8-connected.

    Seeds stay in the region even when their own A_CS is low. All maps are (rows, cols).
    """
    if fused.shape != cross_on_grid.shape:
        raise ValueError(f"fused and cross_on_grid must share a grid, got {fused.shape} and {cross_on_grid.shape}")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    start = seeds(cross_on_grid, k)
    # A path through other seeds adds nothing (each of them starts its own growth), so the region is made of the
    # whole components of "above tau or seed" that hold a seed.
    open_cells = (fused > tau) | start
    count, labels = cv2.connectedComponents(open_cells.astype(np.uint8), connectivity=8)
    reached = np.zeros(count, dtype=np.bool_)
    reached[labels[start]] = True
    reached[0] = False
    region: Bool = reached[labels]
    return region


def binarise(
    fused: NDArray[np.floating], region: Bool, image_hw: tuple[int, int], alpha: float = 0.4, canvas: int = 0
) -> Bool:
    """Return the mask (H, W): A_CS inside the region, 0 outside, brought to the image's size, above `alpha`.

    `canvas` above 0 cuts the mask on a square of that side first, as the official code does with 800 whatever the
    image, and brings it to the image by the nearest pixel.
    """
    if fused.shape != region.shape:
        raise ValueError(f"fused and region must share a grid, got {fused.shape} and {region.shape}")
    evolved = np.where(region, fused, 0).astype(np.float32)
    if canvas:
        return frames.resize_mask(frames.resize_map(evolved, (canvas, canvas)) > alpha, image_hw)
    return frames.resize_map(evolved, image_hw) > alpha
