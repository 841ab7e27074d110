"""What annotations call the objects: a class of several expressions holds an object that they share once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zeroov.outputs.found import Found

SAME = 0.5  # of two masks, intersection over union: from there on they are one object
ONE_PLACE = 0.7  # likewise of two classes: from there on one of the two is probably wrong


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


def under_two_classes(founds: Sequence[Found], classes: Mapping[str, str]) -> list[tuple[Found, Found, float]]:
    """Return the pairs of an image's objects that are one object under two classes, with their overlap, best first.

    The objects are those of `merged`, and so are `classes`. The better score of a pair comes first.
    """
    if not founds:
        return []
    named = [classes.get(found.expression, found.expression) for found in founds]
    x0, y0, x1, y1 = np.array([found.window_xyxy for found in founds]).T
    pairs: list[tuple[Found, Found, float]] = []
    for number, one in enumerate(founds):  # of a searched scene there are thousands, nearly all apart
        near = (x0 < x1[number]) & (x1 > x0[number]) & (y0 < y1[number]) & (y1 > y0[number])
        for rival in (each for each in np.flatnonzero(near).tolist() if each > number):
            other = founds[rival]
            if named[number] != named[rival] and (shared := overlap(one, other)) >= ONE_PLACE:
                pairs.append((one, other, shared) if one.score >= other.score else (other, one, shared))
    return sorted(pairs, key=lambda pair: -pair[2])


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
