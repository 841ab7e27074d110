"""Average attention maps that were computed on an image at several scales.

A training-free counterpart of LQVG's multi-scale alignment: a crop shows a small object larger, the whole image shows
where it is; what both attend to remains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zeroov.frames import HW, box_to_mask, mask_to_box, min_max, resize_map, scale_box
from zeroov.look import Question
from zeroov.types import Float32, Picture, Window

_FINE = 5
"""Windows are laid on a grid this many times finer, so that their edges are off by a tenth of a cell at most. It is odd
because then a fine cell's centre is the coarse cell's, and a map of the whole image comes back unchanged."""
_RAMP = 0.25
"""The share of a window's side over which its weight rises from its edge."""


def scales(image_hw: HW, sizes: Sequence[float] = (1.0, 2 / 3)) -> list[Window]:
    """List the windows of each size, given as a fraction of the image's sides, that cover an image.

    Neighbours overlap by at least half, so that an object is whole in one of them; 2/3 gives four windows, 1/2 nine.
    """
    windows: list[Window] = []
    for size in sizes:
        if not 0 < size <= 1:
            raise ValueError(f"a window's size is a fraction of the image, above 0 and at most 1, got {size}")
        (tops, height), (lefts, width) = (_places(side, size) for side in image_hw)
        windows += [Window(x, y, x + width, y + height) for y in tops for x in lefts]
    return list(dict.fromkeys(windows))


def scale_questions(question: Question, sizes: Sequence[float]) -> list[Question]:
    """Return the same question of every window of each size; a closer look has none."""
    if not sizes or question.near is not None or question.picture.part is not None:
        return []
    picture, found = question.picture, []
    for x0, y0, x1, y1 in scales(picture.hw, sizes):
        crop = Picture(np.ascontiguousarray(picture.rgb[y0:y1, x0:x1]), picture.source, part=Window(x0, y0, x1, y1))
        found.append(Question(crop, question.expression))
    return found


def _places(side: int, size: float) -> tuple[list[int], int]:
    """Return where the windows of one size start along a side, and how long they are, in pixels."""
    length = max(1, round(side * size))
    if length >= side:
        return [0], side
    count = math.ceil((side - length) / (length / 2) - 1e-9) + 1
    return [round(i * (side - length) / (count - 1)) for i in range(count)], length


def average_maps(
    maps: Sequence[tuple[Float32, tuple[float, float, float, float]]], image_hw: HW, grid_hw: HW
) -> Float32:
    """Average maps of parts of an image on one grid over the whole image; float32 (rows, cols) in [0, 1].

    Each map (rows, cols) comes with its window, xyxy in image pixels, and is scaled to [0, 1] first; a constant one
    becomes 0. A window counts less towards its edges, except where they are the image's. Cells that no window covers
    are 0.
    """
    fine_hw = grid_hw[0] * _FINE, grid_hw[1] * _FINE
    total, weights = np.zeros(fine_hw), np.zeros(fine_hw)
    for values, window_xyxy in maps:
        on_grid = scale_box(window_xyxy, image_hw, fine_hw)
        cells = mask_to_box(box_to_mask(on_grid, fine_hw)) if on_grid else None
        if cells is None:
            continue  # outside the image, or thinner than a cell
        x0, y0, x1, y1 = map(int, cells.xyxy)
        weight = np.minimum.outer(_ramp(y0, y1, fine_hw[0]), _ramp(x0, x1, fine_hw[1]))
        total[y0:y1, x0:x1] += weight * resize_map(min_max(values), (y1 - y0, x1 - x0))
        weights[y0:y1, x0:x1] += weight
    mean = np.divide(total, weights, out=np.zeros(fine_hw), where=weights > 0)
    return resize_map(mean, grid_hw)


def _ramp(start: int, end: int, cells: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the weights along one side of a window: 1 inside, falling to almost 0 at edges inside the image."""
    at = np.arange(end - start) + 0.5
    reach = max(1.0, _RAMP * (end - start))
    rise = np.ones(end - start) if start == 0 else np.minimum(at / reach, 1)
    fall = np.ones(end - start) if end == cells else np.minimum(at[::-1] / reach, 1)
    smooth = np.minimum(rise, fall)
    return np.asarray(smooth * smooth * (3 - 2 * smooth), dtype=np.float64)
