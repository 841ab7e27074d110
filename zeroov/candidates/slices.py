"""Cut a scene or a picture into overlapping windows, and join the lists of what they show. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from zeroov import frames
from zeroov.types import Box, Boxes, Listing, Window

EDGE = 1.5  # pixels: a box that comes so near to a slice's own edge may be a part of an object
INSIDE = 0.7  # of the smaller of two boxes: they are one object, seen in the whole and in a slice


def tiles(scene_hw: frames.HW, side: int, overlap: float) -> list[Window]:
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


def slices_of(hw: frames.HW, side: int, overlap: float) -> list[Window]:
    """Return the tiles of a picture beside which it is looked at as a whole.

    None where `side` is 0, or the picture no larger.
    """
    return tiles(hw, side, overlap) if side and max(hw) > side else []


def joined(hw: frames.HW, lists: Sequence[tuple[Window, Listing]], most: int) -> Listing:
    """Return the lists of a picture and of its slices, the whole's first, as one.

    What a slice cuts off is left out, and so is what an earlier list has.
    """
    listed = (list(zip(each.boxes, each.scores, strict=True)) for _, each in lists)
    parts = [uncut(boxes, window, hw) for (window, _), boxes in zip(lists, listed, strict=True)]
    kept = once((each for part in parts for each in part), most)
    first = lists[0][1]
    return Listing(
        tuple(box for box, _ in kept), tuple(score for _, score in kept), first.answer, first.model, first.revision
    )


def uncut(boxes: Boxes, window: Window, hw: frames.HW) -> list[tuple[Box, float]]:
    """Return boxes in a window's pixels in those of the scene or picture, of size `hw`, of which it is a part.

    What the window cuts off is left out.
    """
    moved = [(frames.crop_to_image(box, window[:2]), score) for box, score in boxes]
    return [(box, score) for box, score in moved if not is_cut(box, window, hw)]


def once(boxes: Iterable[tuple[Box, float]], most: int) -> list[tuple[Box, float]]:
    """Return the first box of each object, at most so many."""
    kept: list[tuple[Box, float]] = []
    for box, score in boxes:
        if len(kept) >= most:
            break
        if not any(_is_same(box, other) for other, _ in kept):
            kept.append((box, score))
    return kept


def _is_same(box: Box, other: Box) -> bool:
    """Return whether two boxes are one object; a large one that holds a small one is none."""
    areas = [(each.x1 - each.x0) * (each.y1 - each.y0) for each in (box, other)]
    return frames.share_of_smaller(box, other) >= INSIDE and min(areas) >= max(areas) / 3


def is_cut(box: Box, window: Window, hw: frames.HW) -> bool:
    """Return whether a box reaches an edge of a window that is none of the scene's, or leaves it there."""
    left, right = window.x0 > 0 and box.x0 - window.x0 < EDGE, window.x1 < hw[1] and window.x1 - box.x1 < EDGE
    top, bottom = window.y0 > 0 and box.y0 - window.y0 < EDGE, window.y1 < hw[0] and window.y1 - box.y1 < EDGE
    return left or right or top or bottom
