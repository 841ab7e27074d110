"""Lay overlapping windows over a scene, and bring together what several of them saw. Pure geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence

from zeroov.frames import HW
from zeroov.types import Box, Window


def tiles(scene_hw: HW, side: int, overlap: float) -> list[Window]:
    """Return windows of `side` pixels that cover a scene, row by row; neighbours share at least `overlap` of a side.

    All are of one size, spread evenly; a scene narrower than a window has windows of its own width. An object no
    larger than `overlap` times the side lies whole in one of them.
    """
    rows, cols = (_starts(length, side, overlap) for length in scene_hw)
    height, width = min(side, scene_hw[0]), min(side, scene_hw[1])
    return [Window(x, y, x + width, y + height) for y in rows for x in cols]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    step = max(1.0, side * (1 - overlap))
    count = math.ceil((length - side) / step) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def cut_by_seam(box: Box, tile: Window, scene_hw: HW, margin: float) -> bool:
    """Tell whether a box in scene pixels comes within `margin` pixels of an edge of its tile that is not the scene's.

    Such an object may go on in the next tile, and is looked at again in a window of its own.
    """
    x0, y0, x1, y1 = tile
    height, width = scene_hw
    return (
        (x0 > 0 and box.x0 < x0 + margin)
        or (y0 > 0 and box.y0 < y0 + margin)
        or (x1 < width and box.x1 > x1 - margin)
        or (y1 < height and box.y1 > y1 - margin)
    )


def same_object(first: Box, second: Box, share: float = 0.5) -> bool:
    """Tell whether two boxes of one scene are one object: most of the smaller one lies in the other."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    if width <= 0 or height <= 0:
        return False
    smaller = min((box.x1 - box.x0) * (box.y1 - box.y0) for box in (first, second))
    return width * height > share * smaller


def distinct(boxes: Sequence[Box], scores: Sequence[float], share: float = 0.5) -> list[int]:
    """Return the positions of the boxes that are left when, of several of one object, the best-scored one stays."""
    kept: list[int] = []
    for position in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if not any(same_object(boxes[position], boxes[other], share) for other in kept):
            kept.append(position)
    return kept
