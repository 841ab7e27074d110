"""Decide by hard predicates whether an object fulfils a part of an expression: clearly, clearly not, or arguably.

What is meant fulfils every part clearly, and every other object of the asked kind clearly fails one. The bounds are
those by which the expressions of real data sets came about: thirds of the picture, sectors of 45 degrees, an outer edge
that is 30 / 512 of the picture beyond every other, 1.44 times or 0.64 times the area.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from zeroov.mini.hard.layout import SIDE, Thing, gap, others

Verdict = Literal[-1, 0, 1]
"""Clearly not, arguably, clearly."""
Way = tuple[int, int]
"""Right and down: (-1, 0) is to the left, (1, 1) to the lower right."""
BEYOND = 30 / 512
LARGER, SMALLER = 1.44, 0.64
TOGETHER = 12
"""Pixels between two objects of a cluster at most."""


@dataclass(frozen=True)
class Part:
    """One part of an expression, and the verdict that each object has under it."""

    name: str
    judge: Callable[[Thing], Verdict]


def verdict(yes: bool, no: bool) -> Verdict:
    """Return the verdict of two conditions that exclude each other."""
    return 1 if yes else -1 if no else 0


def depth(thing: Thing, axis: int, way: int) -> tuple[float, float]:
    """Return how far centre and inner edge lie from the side of the picture that `way` points to, as shares."""
    low, high = thing.box[axis] / SIDE, thing.box[axis + 2] / SIDE
    return ((low + high) / 2, high) if way < 0 else (1 - (low + high) / 2, 1 - low)


def side(thing: Thing, axis: int, way: int) -> Verdict:
    """Judge whether an object lies on a side: whole in the outer 0.36, its centre in the outer 0.3; beyond 0.42 not."""
    centre, inner = depth(thing, axis, way)
    return verdict(inner <= 0.36 and centre <= 0.30, centre >= 0.42)


def far(thing: Thing, axis: int, way: int) -> Verdict:
    """Judge whether an object lies far on a side: its centre in the outer 0.13; beyond 0.22 not."""
    centre, _ = depth(thing, axis, way)
    return verdict(centre <= 0.13, centre >= 0.22)


def middle(thing: Thing, axis: int) -> Verdict:
    """Judge whether an object lies in the middle of an axis: its centre within 0.09 of it; from 0.19 on not."""
    away = abs(thing.centre[axis] - 0.5)
    return verdict(away <= 0.09, away >= 0.19)


def touches(thing: Thing, axis: int, way: int) -> Verdict:
    """Judge whether an object lies at an edge of the picture: 1 pixel from it at most; from 5 % on not."""
    pixels = thing.box[axis] if way < 0 else SIDE - thing.box[axis + 2]
    return verdict(pixels <= 1, pixels >= 0.05 * SIDE)


def cut(thing: Thing) -> Verdict:
    """Judge whether the border cuts an object: visible for 30 to 75 % of its pixels; a whole one is not."""
    share = thing.area / int(thing.shape.sum())
    return verdict(0.30 <= share <= 0.75, share == 1)


def beyond(thing: Thing, rivals: Sequence[Thing], axis: int, way: int) -> Verdict:
    """Judge whether an object's outer edge is 30 / 512 of the picture beyond every rival's."""

    def outer(each: Thing) -> float:
        return way * each.box[axis if way < 0 else axis + 2] / SIDE

    ahead = outer(thing) - max(map(outer, others(rivals, thing)), default=-math.inf)
    return verdict(ahead >= BEYOND, ahead <= -BEYOND)


def size(thing: Thing, rivals: Sequence[Thing], large: bool) -> Verdict:
    """Judge whether box and mask of an object have 1.44 times (or 0.64 times) the area of every rival's."""
    ratios = []
    for of in (_box_area, _mask_area):
        areas = [of(each) for each in others(rivals, thing)]
        if not areas:
            return 1
        ratios.append(of(thing) / (max(areas) if large else min(areas)))
    if large:
        return verdict(min(ratios) >= LARGER, max(ratios) <= 1 / LARGER)
    return verdict(max(ratios) <= SMALLER, min(ratios) >= 1 / SMALLER)


def _box_area(thing: Thing) -> float:
    x0, y0, x1, y1 = thing.box
    return float((x1 - x0) * (y1 - y0))


def _mask_area(thing: Thing) -> float:
    return float(thing.area)


def off(thing: Thing, anchor: Thing, way: Way) -> float:
    """Return the angle between the way from the anchor's centre to the object's and a named way, in degrees."""
    (x, y), (ax, ay) = thing.centre, anchor.centre
    length = math.hypot(x - ax, y - ay)
    if length < 0.02:
        return 180.0
    cosine = ((x - ax) * way[0] + (y - ay) * way[1]) / (length * math.hypot(*way))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def towards(thing: Thing, anchor: Thing, way: Way) -> Verdict:
    """Judge whether an object lies in the sector of 45 degrees on a named side of another, clear of its border."""
    angle = off(thing, anchor, way)
    return verdict(angle <= 19 and gap(thing, anchor) > 0, angle >= 40)


def near(thing: Thing, anchor: Thing) -> Verdict:
    """Judge whether at most 14 pixels part two objects; from 50 on they are not near."""
    between = gap(thing, anchor)
    return verdict(between <= 14, between >= 50)


def inside(thing: Thing, container: Thing) -> Verdict:
    """Judge whether an object lies inside another, its box in the other's; clearly not where a gap parts them."""
    x0, y0, x1, y1 = thing.box
    left, top, right, bottom = container.box
    return verdict(left < x0 and top < y0 and x1 < right and y1 < bottom, gap(thing, container) > 0)


def between(thing: Thing, one: Thing, other: Thing) -> Verdict:
    """Judge whether an object lies between two: 0.25 to 0.75 of the way, and within 0.16 of its length beside it."""
    (x, y), (ax, ay), (bx, by) = thing.centre, one.centre, other.centre
    length = math.hypot(bx - ax, by - ay)
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length**2
    beside = abs((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length**2
    free = along <= -0.02 or along >= 1.02 or beside >= 0.42
    return verdict(0.25 <= along <= 0.75 and beside <= 0.16, free)


def rank(thing: Thing, counted: Sequence[Thing], away: Callable[[Thing], float], at: int) -> Verdict:
    """Judge whether an object is the one at a place of an order, which must have gaps of half an object at least."""
    order = sorted(counted, key=away)
    for one, other in itertools.pairwise(order):
        if away(other) - away(one) < max(_extent(one), _extent(other)) / 2:
            return 0
    return 1 if at < len(order) and order[at] is thing else -1


def _extent(thing: Thing) -> float:
    x0, y0, x1, y1 = thing.box
    return float(min(x1 - x0, y1 - y0))


def cluster_of(thing: Thing, things: Sequence[Thing]) -> list[Thing]:
    """Return the objects that gaps of 12 pixels at most join to one, itself included."""
    cluster, rest = [thing], others(things, thing)
    for member in cluster:
        joined = [each for each in rest if gap(member, each) <= TOGETHER]
        cluster += joined
        rest = [each for each in rest if all(each is not one for one in joined)]
    return cluster


def every(*verdicts: Verdict) -> Verdict:
    """Return the verdict of several conditions together."""
    return min(verdicts)
