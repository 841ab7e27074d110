"""Make questions about a place in the picture, and about the outermost object."""

from __future__ import annotations

from zeroov.mini.hard.draft import Draft
from zeroov.mini.hard.judge import (
    Part,
    Way,
    beyond,
    cut,
    depth,
    far,
    middle,
    side,
    touches,
)
from zeroov.mini.hard.layout import ANYWHERE, SIDE, Layout, NoRoom, Region, Thing
from zeroov.mini.hard.words import BARE, SIDE_NOUN

SIDES: tuple[Way, ...] = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS: tuple[Way, ...] = ((-1, -1), (1, -1), (-1, 1), (1, 1))


def pick_way(draft: Draft, ways: tuple[Way, ...]) -> Way:
    """Draw one of several directions."""
    return ways[int(draft.rng.integers(len(ways)))]


def axis_of(way: Way) -> int:
    """Return the axis of a side: 0 across, 1 down."""
    return 0 if way[0] else 1


def side_parts(way: Way) -> list[Part]:
    """Return a part for each side that a place names; of the middle of the picture, a part for each axis."""
    if way == (0, 0):
        return [Part("middle across", lambda t: middle(t, 0)), Part("middle down", lambda t: middle(t, 1))]
    parts = []
    for axis in (0, 1):
        if way[axis]:
            noun = SIDE_NOUN[(way[0], 0) if axis == 0 else (0, way[1])]
            parts.append(Part(noun, lambda t, axis=axis: side(t, axis, way[axis])))  # type: ignore[misc]
    return parts


def mid_band(way: Way) -> Region:
    """Return where the object of a place lies: on one side, not in a corner of it."""
    return (0, 0.22, 1, 0.78) if way[0] and not way[1] else (0.22, 0, 0.78, 1) if way[1] and not way[0] else ANYWHERE


def place(draft: Draft) -> None:
    """Make a question about a place in the picture."""
    {"plain": _plain, "middle": _middle, "far": _far, "edge": _edge, "cut": _cut}[draft.sub](draft)


def _plain(draft: Draft) -> None:
    way = pick_way(draft, (*SIDES, *CORNERS, (0, 0)))
    colour, other = draft.colours(2)
    if draft.rng.random() < 0.3:
        draft.say_colour(colour)
    draft.parts += side_parts(way)
    draft.target(draft.new(draft.colour), mid_band(way))
    for part in draft.parts:
        if part.name == "colour":
            draft.miss(part.name, draft.new(other))
        else:
            draft.miss(part.name, draft.new(draft.colour), accept=lambda t: _close(t, way))
    draft.tail = draft.speech.place(way)


def _close(thing: Thing, way: Way) -> bool:
    """Return whether an object is not at the other end of the picture."""
    return all(depth(thing, axis, way[axis])[0] < 0.7 for axis in (0, 1) if way[axis])


def _middle(draft: Draft) -> None:
    way = pick_way(draft, SIDES)
    axis = axis_of(way)
    draft.parts += [*side_parts(way), Part("middle", lambda t: middle(t, 1 - axis))]
    draft.target(draft.new())
    for part in list(draft.parts):
        draft.miss(part.name, draft.new())
    draft.tail = draft.speech.middle_of(way)


def _far(draft: Draft) -> None:
    way = pick_way(draft, SIDES)
    axis = axis_of(way)
    draft.parts.append(Part("far", lambda t: far(t, axis, way[axis])))
    draft.target(draft.new())
    draft.miss("far", draft.new(), accept=lambda t: side(t, axis, way[axis]) == 1)
    draft.tail = draft.speech.far(way)


def _against(layout: Layout, thing: Thing, way: Way, sunk: float) -> Thing:
    """Place an object against the named sides of the picture, a share of it beyond them."""
    height, width = thing.shape.shape
    for _ in range(40):
        x, y = (int(layout.rng.integers(30, SIDE - 30 - extent)) for extent in (width, height))
        x = round(-sunk * width) if way[0] < 0 else SIDE - width + round(sunk * width) if way[0] else x
        y = round(-sunk * height) if way[1] < 0 else SIDE - height + round(sunk * height) if way[1] else y
        at = thing.at(x, y)
        if layout.free(at):
            layout.things.append(at)
            return at
    raise NoRoom


def _edge(draft: Draft) -> None:
    way = pick_way(draft, SIDES + CORNERS[: 2 if draft.rng.random() < 0.5 else 4])
    named: list[Way] = [each for each in ((way[0], 0), (0, way[1])) if each != (0, 0)]
    for each in named:
        noun, axis = SIDE_NOUN[each], axis_of(each)
        draft.parts.append(Part(noun, lambda t, axis=axis: touches(t, axis, way[axis])))  # type: ignore[misc]
    target = _against(draft.layout, draft.new(), way, 0.0)
    draft.meant.append(target)
    if len(named) == 1:  # on the same side, and off the edge
        axis = axis_of(way)
        draft.miss(SIDE_NOUN[way], draft.new(), accept=lambda t: side(t, axis, way[axis]) == 1)
        if draft.rng.random() < 0.7:  # at another edge
            _against(draft.layout, draft.new(), (-way[0], -way[1]), 0.0)
    else:  # at one of the two edges
        for each, missed in zip(named, reversed(named), strict=True):
            placed = _against(draft.layout, draft.new(), each, 0.0)
            draft.near[SIDE_NOUN[missed]] = placed
    noun, speech = SIDE_NOUN.get(way, ""), draft.speech
    if noun:
        short, long = [f"at the {noun} edge", f"on the {noun} edge"], [f"right at the {noun} edge of the image"]
        long += [f"{BARE}that touches the {noun} edge of the image", f"directly on the {noun} edge of the image"]
        draft.tail = speech.one(short, long, [f"{BARE}abutting the {noun} edge of the image"])
    else:
        corner = f"{'upper' if way[1] < 0 else 'lower'} {'left' if way[0] < 0 else 'right'} corner"
        short, long = [f"in the {corner}"], [f"right in the {corner} of the image", f"directly in the {corner}"]
        draft.tail = speech.one(short, long, [f"{BARE}abutting the {corner} of the image"])


def _cut(draft: Draft) -> None:
    way = pick_way(draft, SIDES)
    axis, noun, rng = axis_of(way), SIDE_NOUN[way], draft.rng
    says_side = draft.count > 3 or rng.random() < 0.5
    draft.parts.append(Part("cut", cut))
    if says_side:
        draft.parts.append(Part("side", lambda t: side(t, axis, way[axis])))
    draft.meant.append(_against(draft.layout, draft.new(), way, float(rng.uniform(0.35, 0.55))))
    draft.miss("cut", draft.new(), accept=lambda t: side(t, axis, way[axis]) == 1)
    if says_side:
        facing = (-way[0], -way[1])
        elsewhere = _against(draft.layout, draft.new(), facing, float(rng.uniform(0.35, 0.55)))
        draft.near["side"] = elsewhere
        short = [f"{BARE}cut off by the {noun} edge", f"{BARE}partly visible at the {noun} edge"]
        long = [
            f"{BARE}that is only partially visible at the {noun} edge of the image",
            f"{BARE}that is cut off by the {noun} edge of the image",
            f"{BARE}of which only a part is seen at the {noun} of the image",
        ]
        held = [f"{BARE}of which only a portion is visible at the {noun} edge of the image"]
        draft.tail = draft.speech.one(short, long, held)
    else:
        draft.adjectives.append(draft.choice(["partially visible", "partly visible", "cut off"]))
        if draft.speech.style == "long":
            draft.tail = draft.choice([f"{BARE}that extends beyond the edge of the image", "at the edge of the image"])


def superlative(draft: Draft) -> None:
    """Make a question about the outermost object, in half of them of a colour."""
    way, draft.definite = pick_way(draft, SIDES), True
    axis, noun = axis_of(way), SIDE_NOUN[way]
    colour, other = draft.colours(2)
    if draft.rng.random() < 0.5:
        draft.say_colour(colour)

    def rivals() -> list[Thing]:
        return [t for t in draft.asked() if draft.colour in (None, t.colour)]

    draft.parts.append(Part("outermost", lambda t: beyond(t, rivals(), axis, way[axis])))
    outer = (0.14, 0.45) if draft.colour else (0.0, 0.35)
    draft.target(draft.new(draft.colour), accept=lambda t: outer[0] < depth(t, axis, way[axis])[0] < outer[1])
    target = draft.meant[0]
    most = depth(target, axis, way[axis])[0] + 0.3
    draft.miss("outermost", draft.new(draft.colour), accept=lambda t: depth(t, axis, way[axis])[0] < most)
    if draft.colour:
        draft.miss("colour", draft.new(other))
    if draft.rng.random() < 0.7:
        words = [f"{noun}-most", f"{noun}most"] if noun != "bottom" else ["bottom-most", "lowest"]
        draft.adjectives.insert(0, draft.choice(words))
        if draft.speech.style == "long":
            draft.tail = draft.speech.one([""], ["", "in the image", f"{BARE}of all in the image"])
    else:
        short, long = [f"closest to the {noun} edge"], [f"closest to the {noun} edge of the image"]
        draft.tail = draft.speech.one(short, long, [f"in closest proximity to the {noun} edge of the image"])
