"""Make questions about orders and groups, and about what spans the picture."""

from __future__ import annotations

import math
from collections.abc import Callable

from zeroov.mini.hard.alone import CORNERS, SIDES, axis_of, pick_way, side_parts
from zeroov.mini.hard.draft import Draft
from zeroov.mini.hard.judge import TOGETHER, Part, Verdict, Way, cluster_of, rank, side, verdict
from zeroov.mini.hard.layout import MARGIN, SIDE, NoRoom, Region, Thing, gap
from zeroov.mini.hard.words import BARE, SIDE_NOUN

NUMBERS = ("first", "second", "third", "fourth")
COUNTS = {2: "two", 3: "three", 4: "four"}
MOST_IN_ORDER = 8


def ordinal(draft: Draft) -> None:
    """Make a question about the n-th object from a side, in a row or column, or from a corner."""
    draft.full = draft.definite = True
    {"side": _from_side, "row": _in_row, "corner": _from_corner}[draft.sub](draft)


def _from_side(draft: Draft) -> None:
    way = pick_way(draft, SIDES)
    line = _line(draft, max(3, min(draft.count, MOST_IN_ORDER)), axis_of(way), (0.0, 1.0))
    _ask(draft, line, SIDE_NOUN[way], lambda thing: line, lambda thing: _along(thing, way))


def _along(thing: Thing, way: Way) -> float:
    """Return how far a centre lies from the side that is counted from, in pixels."""
    centre = thing.centre[axis_of(way)] * SIDE
    return centre if way[axis_of(way)] < 0 else SIDE - centre


def _line(draft: Draft, count: int, axis: int, band: tuple[float, float]) -> list[Thing]:
    """Place objects one after the other along an axis, anywhere across a band; return them in their order."""
    slot = (SIDE - 2 * MARGIN) / count
    placed = []
    for number in range(count):
        middle = (MARGIN + (number + 0.5) * slot) / SIDE
        along = (middle - 0.1 * slot / SIDE, middle + 0.1 * slot / SIDE)
        region: Region = (along[0], band[0], along[1], band[1]) if axis == 0 else (band[0], along[0], band[1], along[1])
        placed.append(draft.layout.put(_narrow(draft, slot, axis), region, tries=150))
    return placed


def _narrow(draft: Draft, slot: float, axis: int) -> Thing:
    """Draw an object that fits into its slot of a line."""
    for _ in range(10):
        thing = draft.new(large=False)
        if thing.shape.shape[1 - axis] <= 0.85 * slot:
            return thing
    raise NoRoom


def _ask(
    draft: Draft,
    line: list[Thing],
    noun: str,
    mates: Callable[[Thing], list[Thing]],
    away: Callable[[Thing], float],
    where: str = "",
) -> None:
    """Ask for one of a line, counted by growing distance; `mates` are the objects that one is counted among."""
    counted = sorted(line, key=away)
    able = [at for at in range(min(len(line), 4)) if 2 * at != len(line) - 1]  # the middle is the same from both ends
    at = able[int(draft.rng.integers(len(able)))]
    last = at == len(line) - 1 or (draft.rng.random() < 0.15 and draft.sub != "corner")
    at = len(line) - 1 if last else at
    word = "last" if last and draft.sub != "corner" else NUMBERS[at] if at < len(NUMBERS) else "last"
    draft.parts.append(Part("number", lambda t: rank(t, mates(t), away, at)))
    draft.meant.append(counted[at])
    draft.near["number"] = counted[at - 1 if at else 1]
    draft.near["side"] = counted[-1 - at]
    if draft.speech.held_out and word == "second" and draft.rng.random() < 0.5:
        draft.tail = f"second from the {noun}{where}"
    elif word == "second" or draft.rng.random() < 0.7:
        draft.adjectives.insert(0, word)
        draft.tail = f"{BARE}from the {noun}{where}"
    else:
        draft.tail = f"{word} from the {noun}{where}"


def _in_row(draft: Draft) -> None:
    """Place two or three rows (or columns) and ask for the n-th of one."""
    axis = int(draft.rng.integers(2))
    lines = 3 if draft.count >= 9 else 2
    bands = {2: (0.25, 0.75), 3: (0.17, 0.5, 0.83)}[lines]
    each = max(3, min(5, draft.count // lines))
    rows = [_line(draft, each, axis, (middle - 0.012, middle + 0.012)) for middle in bands]
    end: Way = ((0, 1) if axis == 0 else (1, 0)) if draft.rng.random() < 0.5 else ((0, -1) if axis == 0 else (-1, 0))
    chosen = rows[-1] if 1 in end else rows[0]
    across = 1 - axis

    def mates(thing: Thing) -> list[Thing]:
        return [each for each in draft.asked() if abs(each.centre[across] - thing.centre[across]) < 0.1]

    draft.parts.append(Part("row", lambda t: side(t, across, end[across])))
    way = pick_way(draft, SIDES[:2] if axis == 0 else SIDES[2:])
    where = f" in the {SIDE_NOUN[end]} {'row' if axis == 0 else 'column'}"
    _ask(draft, chosen, SIDE_NOUN[way], mates, lambda t: _along(t, way), where)
    draft.near["row"] = (rows[0] if 1 in end else rows[-1])[chosen.index(draft.meant[0])]


def _from_corner(draft: Draft) -> None:
    """Place objects at distances from a corner that differ, and ask for the n-th."""
    way = pick_way(draft, CORNERS)
    corner = (float(way[0] > 0), float(way[1] > 0))

    def away(thing: Thing) -> float:
        return math.dist(thing.centre, corner) * SIDE

    line: list[Thing] = []
    count = max(4, min(draft.count, 6))
    for number in range(count):
        low, high = (25 + (number + share) / count * 1.05 * SIDE for share in (0.3, 0.7))
        thing = draft.new(large=False)
        line.append(draft.layout.put(thing, accept=lambda t, low=low, high=high: low < away(t) < high, tries=250))  # type: ignore[misc]
    noun = f"{'upper' if way[1] < 0 else 'lower'} {'left' if way[0] < 0 else 'right'} corner"
    _ask(draft, line, noun, lambda thing: line, away)


def group(draft: Draft) -> None:
    """Make a question about several objects: all on a side, or a cluster of so many."""
    draft.full = draft.sub == "count"
    if draft.sub == "count":
        _cluster(draft)
        return
    way = pick_way(draft, SIDES)
    draft.parts += side_parts(way)
    members = int(draft.rng.integers(2, 5))
    draft.count = max(draft.count, members + 1)
    for _ in range(members):
        draft.target(draft.new(large=False))
    for part in draft.parts:
        draft.miss(part.name, draft.new(large=False))
    draft.tail = draft.speech.place(way)


def _cluster(draft: Draft) -> None:
    """Place clusters of different counts on one side, and one of the same count on the other."""
    way = pick_way(draft, SIDES)
    axis, noun = axis_of(way), SIDE_NOUN[way]
    members = int(draft.rng.integers(2, 5))
    differing = [count for count in (1, 2, 3, 4) if count != members]
    beside = differing[int(draft.rng.integers(len(differing)))]
    near_side, far_side = (0.17, 0.83) if way[axis] < 0 else (0.83, 0.17)
    ends = (0.24, 0.76) if draft.rng.random() < 0.5 else (0.76, 0.24)

    def spot(end: float, along: float) -> tuple[float, float]:
        return (end, along) if axis == 0 else (along, end)

    def counted(thing: Thing) -> Verdict:
        return 1 if len(cluster_of(thing, draft.asked())) == members else -1

    draft.meant += _grow(draft, spot(near_side, ends[0]), members, axis)
    draft.near["count"] = _grow(draft, spot(near_side, ends[1]), beside, axis)[0]
    draft.near[noun] = _grow(draft, spot(far_side, ends[int(draft.rng.integers(2))]), members, axis)[0]
    draft.parts += [Part("count", counted), *side_parts(way)]
    grouped = draft.rng.random() < 0.5
    draft.subject = f"{'group of ' if grouped else ''}{COUNTS[members]} "
    draft.after = "" if grouped else draft.choice([" close together", " next to each other"])
    draft.tail = draft.speech.place(way)


def _grow(draft: Draft, middle: tuple[float, float], count: int, axis: int) -> list[Thing]:
    """Place a cluster, longer across `axis` than along it: each object close to one of it, and far from all others."""
    before = draft.asked()
    cluster: list[Thing] = []
    for _ in range(count):
        reach = [0.02, 0.02] if not cluster else [0.18, 0.18]
        reach[axis] = min(reach[axis], 0.09)
        region = (middle[0] - reach[0], middle[1] - reach[1], middle[0] + reach[0], middle[1] + reach[1])

        def fits(thing: Thing) -> bool:
            close = not cluster or min(gap(thing, each) for each in cluster) <= TOGETHER
            return close and all(gap(thing, each) >= 40 for each in before)

        cluster.append(draft.layout.put(draft.new(large=False), region, fits, tries=200))
    return cluster


def extent(draft: Draft) -> None:
    """Make a question about a bridge that spans the picture, runs from corner to corner, or upright or level."""
    draft.terrain = "water"
    {"extent": _spanning, "path": _path, "orientation": _orientation}[draft.sub](draft)


def _bridge(draft: Draft, degrees: float, long_px: float, ratio_step: int = -2) -> Thing:
    return draft.layout.make("bridge", None, long_px > 80, degrees, long_px, ratio_step)


def _extents(thing: Thing) -> tuple[float, float]:
    x0, y0, x1, y1 = thing.box
    return ((x1 - x0) / SIDE, (y1 - y0) / SIDE)


def _spanning(draft: Draft) -> None:
    axis = int(draft.rng.integers(2))
    turned, across = (0.0, 90.0) if axis == 0 else (90.0, 0.0)
    draft.parts.append(Part("extent", lambda t: verdict(_extents(t)[axis] >= 0.9, _extents(t)[axis] <= 0.6)))
    draft.target(_bridge(draft, turned, 0.92 * SIDE), (0, 0.25, 1, 0.75) if axis == 0 else (0.25, 0, 0.75, 1))
    draft.near["orientation"] = draft.layout.put(_bridge(draft, across, float(draft.rng.uniform(70, 90))))
    draft.miss("extent", _bridge(draft, turned, float(draft.rng.uniform(100, 140))))
    word = "width" if axis == 0 else "height"
    short = [f"{BARE}that spans the {word} of the image", f"{BARE}spanning the whole {word}"]
    long = [f"{BARE}that spans the {word} of the image", f"{BARE}that stretches across the whole {word} of the image"]
    draft.tail = draft.speech.one(short, long, [f"{BARE}that spans the {word} of the image from {_ends(axis)}"])


def _ends(axis: int) -> str:
    return "west to east" if axis == 0 else "north to south"


def _path(draft: Draft) -> None:
    rising = bool(draft.rng.random() < 0.5)

    def judge(thing: Thing) -> int:
        x0, y0, x1, y1 = (corner / SIDE for corner in thing.box)
        turned = thing.placed.degrees % 180
        whole = x0 <= 0.2 and y0 <= 0.2 and x1 >= 0.8 and y1 >= 0.8 and (turned == 45) == rising
        return verdict(whole, x1 - x0 < 0.5)

    draft.parts.append(Part("path", lambda t: verdict(judge(t) == 1, judge(t) == -1)))
    turned, across = (45.0, 135.0) if rising else (135.0, 45.0)
    draft.target(_bridge(draft, turned, 1.02 * SIDE, -3), (0.45, 0.45, 0.55, 0.55))
    draft.near["direction"] = draft.layout.put(_bridge(draft, across, float(draft.rng.uniform(80, 110))), tries=200)
    draft.miss("path", _bridge(draft, turned, float(draft.rng.uniform(80, 110))))
    ends = ["bottom left", "upper right"] if rising else ["upper left", "bottom right"]
    if draft.rng.random() < 0.5:
        ends.reverse()
    path = f"from the {ends[0]} to the {ends[1]}"
    short = [f"{BARE}that runs {path}", f"{BARE}crossing {path}"]
    draft.tail = draft.speech.one(
        short, [f"{BARE}that stretches {path} of the image", f"{BARE}that crosses the image {path}"]
    )


def _orientation(draft: Draft) -> None:
    upright = bool(draft.rng.random() < 0.5)
    axis = 1 if upright else 0
    draft.parts.append(Part("orientation", lambda t: verdict(_shape(t, axis) >= 2, _shape(t, axis) <= 1 / 2)))
    turned, across = (90.0, 0.0) if upright else (0.0, 90.0)
    draft.target(_bridge(draft, turned, float(draft.rng.uniform(110, 170))))
    draft.full = True
    draft.miss("orientation", _bridge(draft, across, float(draft.rng.uniform(110, 170))))
    for _ in range(6 * draft.count):
        if len(draft.asked()) < draft.count:
            draft.layout.try_put(_bridge(draft, across, float(draft.rng.uniform(60, 120))))
    word = "vertically" if upright else "horizontally"
    ends = "from top to bottom" if upright else "from side to side"
    draft.tail = draft.speech.one(
        [f"{BARE}that runs {word}", f"{BARE}running {ends}"], [f"{BARE}that runs {word} in the image"]
    )


def _shape(thing: Thing, axis: int) -> float:
    sides = _extents(thing)
    return sides[axis] / sides[1 - axis]
