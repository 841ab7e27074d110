"""What annotations call the objects: a class of several expressions holds an object that they share once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zeroov.outputs.found import Found

SAME = 0.5  # of two masks, intersection over union: from there on they are one object


def merged(founds: Sequence[Found], classes: Mapping[str, str]) -> list[Found]:
    """Return objects, of those of one class that are the same object the one with the best score, in their order.

    `classes` are the classes of expressions; an expression that is not there is a class of its own.
    """
    kept: list[int] = []
    named = [classes.get(found.expression, found.expression) for found in founds]
    for number in sorted(range(len(founds)), key=lambda each: (-founds[each].score, each)):
        rivals = [founds[other] for other in kept if named[other] == named[number]]
        if all(overlap(founds[number], other) < SAME for other in rivals):
            kept.append(number)
    return [founds[number] for number in sorted(kept)]


def overlap(one: Found, other: Found) -> float:
    """Return the intersection over union of two objects' masks."""
    ax0, ay0, ax1, ay1 = one.window_xyxy
    bx0, by0, bx1, by1 = other.window_xyxy
    x0, y0, x1, y1 = max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)
    if x0 >= x1 or y0 >= y1:
        return 0.0
    shared = one.mask[y0 - ay0 : y1 - ay0, x0 - ax0 : x1 - ax0] & other.mask[y0 - by0 : y1 - by0, x0 - bx0 : x1 - bx0]
    both = int(np.count_nonzero(shared))
    return both / (one.pixels + other.pixels - both)
