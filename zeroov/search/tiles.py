"""Lay overlapping windows over a scene, and bring together what several of them saw. Pure geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence

from zeroov import frames
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


def distinct(boxes: Sequence[Box], scores: Sequence[float], share: float = 0.5) -> list[int]:
    """Return the positions of the boxes to keep: of all boxes of one object, the one with the highest score."""
    kept: list[int] = []
    for position in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if not any(frames.share_of_smaller(boxes[position], boxes[other]) > share for other in kept):
            kept.append(position)
    return kept
