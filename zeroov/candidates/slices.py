"""Look at a picture in slices too: what is small or crowded is listed better in a part of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from zeroov import frames
from zeroov.types import Box, Listing, Window

EDGE = 1.5  # pixels: a box that comes so near to a slice's own edge may be a part of an object
INSIDE = 0.7  # of the smaller of two boxes: they are one object, seen in the whole and in a slice


def slices_of(hw: frames.HW, side: int, overlap: float) -> list[Window]:
    """Return squares that cover a picture, of a side in pixels and overlapping by a share of it at least.

    None where `side` is 0, or the picture no larger.
    """
    if not side or max(hw) <= side:
        return []
    starts = [_starts(length, side, overlap) for length in hw[::-1]]
    width, height = hw[1], hw[0]
    return [Window(x, y, min(width, x + side), min(height, y + side)) for y in starts[1] for x in starts[0]]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    number = max(2, math.ceil((length - overlap * side) / (side * (1 - overlap))))
    return sorted({round(at * (length - side) / (number - 1)) for at in range(number)})


def joined(hw: frames.HW, lists: Sequence[tuple[Window, Listing]], most: int) -> Listing:
    """Return the lists of a picture and of its slices, the whole's first, as one.

    A box at an edge of a slice that is none of the picture's is left out, and so is one that an earlier list has.
    """
    boxes: list[Box] = []
    scores: list[float] = []
    for window, listing in lists:
        for box, score in zip(listing.boxes, listing.scores, strict=True):
            moved = Box(box.x0 + window.x0, box.y0 + window.y0, box.x1 + window.x0, box.y1 + window.y0)
            if _is_cut(moved, window, hw) or any(_is_same(moved, other) for other in boxes) or len(boxes) >= most:
                continue
            boxes.append(moved)
            scores.append(score)
    first = lists[0][1]
    return Listing(tuple(boxes), tuple(scores), first.answer, first.model, first.revision)


def _is_same(box: Box, other: Box) -> bool:
    """Return whether two boxes are one object; a large one that holds a small one is none."""
    areas = [(each.x1 - each.x0) * (each.y1 - each.y0) for each in (box, other)]
    return frames.share_of_smaller(box, other) >= INSIDE and min(areas) >= max(areas) / 3


def _is_cut(box: Box, window: Window, hw: frames.HW) -> bool:
    left, right = window.x0 > 0 and box.x0 - window.x0 < EDGE, window.x1 < hw[1] and window.x1 - box.x1 < EDGE
    top, bottom = window.y0 > 0 and box.y0 - window.y0 < EDGE, window.y1 < hw[0] and window.y1 - box.y1 < EDGE
    return left or right or top or bottom
