"""Where to look again: the window around an answer, and what part of it the answer covers. Pure geometry."""

from __future__ import annotations

import math

from zeroov.frames import HW
from zeroov.types import Box, Window


def window_around(box: Box, image_hw: HW, context: float, least_side: int) -> Window:
    """Return the square around a box whose side is `context` times the box's longer one, moved inside the image.

    It is at least `least_side` pixels wide, and holds the box as far as the image does; where the image is narrower
    than the square, the window is as wide as the image.
    """
    height, width = image_hw
    side = max(math.ceil(context * max(box.x1 - box.x0, box.y1 - box.y0)), least_side, 1)
    x0, x1 = _span((box.x0 + box.x1) / 2, side, width)
    y0, y1 = _span((box.y0 + box.y1) / 2, side, height)
    return Window(x0, y0, x1, y1)


def _span(centre: float, side: int, length: int) -> tuple[int, int]:
    if side >= length:
        return 0, length
    start = min(max(round(centre - side / 2), 0), length - side)
    return start, start + side


def is_small(box: Box, image_hw: HW, share: float) -> bool:
    """Return whether a box's longer side takes less than `share` of the image's shorter one: worth a closer look."""
    return max(box.x1 - box.x0, box.y1 - box.y0) < share * min(image_hw)
