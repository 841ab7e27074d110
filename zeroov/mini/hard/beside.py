"""Make questions that name another object: directions, nearness, between two, inside one."""

from __future__ import annotations

import math

from zeroov.mini.hard.alone import CORNERS, SIDES, pick_way, side_parts
from zeroov.mini.hard.draft import HELD_OUT_ANCHORS, Draft
from zeroov.mini.hard.judge import Part, Way, between, inside, near, size, towards
from zeroov.mini.hard.layout import SIDE, NoRoom, Region, Thing, gap
from zeroov.mini.hard.looks import size_words
from zeroov.mini.kinds import KINDS

CLOSE = 0.3 * SIDE
"""Pixels from the other object within which what is meant, and the near misses, lie."""
INNER: Region = (0.22, 0.22, 0.78, 0.78)


def _named(draft: Draft, thing: Thing) -> str:
    """Return the noun for an object of another kind: vehicles are small or large ones in long sentences."""
    if thing.kind == "vehicle" and draft.speech.style == "long":
        return "large vehicle" if thing.large else "small vehicle"
    return thing.kind


def _direction(draft: Draft) -> Way:
    """Draw a direction: six sides for four diagonals."""
    return pick_way(draft, SIDES if draft.rng.random() < 0.6 else CORNERS)


def _lone_anchor(draft: Draft, region: Region = INNER) -> Thing:
    """Place the only object of a kind."""
    kind = draft.choice(draft.anchor_kinds())
    draft.locked.add(kind)
    return draft.anchor(draft.layout.make(kind, large=bool(draft.rng.random() < 0.3)), region)


def _decoy(draft: Draft, way: Way) -> None:
    """Place an object of the kind that lies in the direction from another object than the one that is named."""
    decoy = draft.layout.put(draft.layout.make(draft.choice(draft.other_kinds())))
    draft.near["anchor"] = draft.layout.put(
        draft.new(), _around(decoy, 0.5), lambda t: towards(t, decoy, way) == 1 and draft.fails(t), tries=120
    )


def relation(draft: Draft) -> None:
    """Make a question about a direction from, or nearness to, the only object of another kind."""
    anchor = _lone_anchor(draft)
    if draft.sub == "near":
        draft.parts.append(Part("relation", lambda t: near(t, anchor)))
        draft.target(draft.new(), _around(anchor, 0.25))
        draft.miss("relation", draft.new(), accept=lambda t: gap(t, anchor) < 1.2 * CLOSE)
        words = draft.speech.one(
            ["next to", "near", "beside"],
            ["next to", "right beside", "near"],
            ["in close proximity to", "in the proximity of"],
        )
    else:
        way = _direction(draft)
        _towards(draft, anchor, way)
        _decoy(draft, way)
        words = draft.speech.beside(way)
    draft.tail = f"{words} the {_named(draft, anchor)}"


def _around(thing: Thing, reach: float) -> Region:
    x, y = thing.centre
    return (x - reach, y - reach, x + reach, y + reach)


def _towards(draft: Draft, anchor: Thing, way: Way, colour: str | None = None) -> None:
    """Place what is meant in a direction from the anchor, and a near miss about the anchor."""
    draft.parts.append(Part("relation", lambda t: towards(t, anchor, way)))
    draft.target(draft.new(colour), _around(anchor, 0.4), accept=lambda t: gap(t, anchor) < CLOSE)
    draft.miss("relation", draft.new(colour), _around(anchor, 0.4), accept=lambda t: gap(t, anchor) < CLOSE)


def described(draft: Draft) -> None:
    """Make a question about a direction from one of several objects of another kind, named by colour, size or place."""
    way, kind = _direction(draft), draft.choice(draft.anchor_kinds())
    draft.locked.add(kind)
    by = draft.choice(["colour", "colour", "size", "place", "place"])
    noun, anchors = _anchors_by(draft, by, kind)
    anchor, decoy = anchors
    _towards(draft, anchor, way)
    draft.near["anchor"] = draft.layout.put(
        draft.new(), _around(decoy, 0.45), lambda t: towards(t, decoy, way) == 1 and draft.fails(t), tries=250
    )
    draft.tail = f"{draft.speech.beside(way)} the {noun}"


def _anchors_by(draft: Draft, by: str, kind: str) -> tuple[str, list[Thing]]:
    """Place the anchor and one or two others of its kind; return the words for the first and all of them."""
    colour, other = draft.colours(2)
    large = bool(draft.rng.random() < 0.5)
    if by == "colour":
        anchor = draft.anchor(draft.layout.make(kind, colour), (0.15, 0.15, 0.85, 0.85))
        decoy = draft.layout.put(draft.layout.make(kind, other), (0.15, 0.15, 0.85, 0.85))
        return f"{colour} {_named(draft, anchor)}", [anchor, decoy]
    if by == "size":
        first = draft.layout.make(kind, large=large, degrees=0.0)
        second = draft.layout.make(kind, large=not large, degrees=90.0)
        anchor, decoy = (
            draft.anchor(first, (0.15, 0.15, 0.85, 0.85)),
            draft.layout.put(second, (0.15, 0.15, 0.85, 0.85)),
        )
        if size(anchor, [decoy], large) != 1:
            raise NoRoom
        return f"{'large' if kind == 'vehicle' and large else size_words(draft, large)} {kind}", [anchor, decoy]
    way = pick_way(draft, (*SIDES, *CORNERS, (0, 0)))
    parts = side_parts(way)
    first, second = draft.layout.make(kind), draft.layout.make(kind)
    anchor = draft.anchor(first, accept=lambda t: all(part.judge(t) == 1 for part in parts))
    decoy = draft.layout.put(second, accept=lambda t: any(part.judge(t) == -1 for part in parts))
    return f"{_named(draft, anchor)} {draft.speech.place(way)}", [anchor, decoy]


def same_kind(draft: Draft) -> None:
    """Make a question about a direction from another object of the asked kind."""
    way = _direction(draft)
    colour, other = draft.colours(2)
    noun = draft.kind if draft.class_large is None else f"{'large' if draft.class_large else 'small'} {draft.kind}"
    draft.full = True
    if draft.sub == "other":
        draft.say_colour(colour)
        anchor = draft.anchor(draft.new(colour), INNER)
        draft.parts.append(Part("relation", lambda t: towards(t, anchor, way)))
        draft.target(draft.new(colour), _around(anchor, 0.4), accept=lambda t: gap(t, anchor) < CLOSE)
        draft.near["relation"] = anchor
        draft.miss("colour", draft.new(other))
        free = [each for each in draft.colours(6) if each != colour]
        if draft.speech.held_out:
            described_as = draft.choice([f"the other {colour} {noun}", "the other one"])
        else:
            described_as = f"{draft.choice(['another', 'a second'])} {colour} {noun}"
    else:
        anchor = draft.anchor(draft.new(colour), INNER)
        _towards(draft, anchor, way, other)
        free = [each for each in draft.colours(6) if each != colour]
        beside = draft.layout.put(draft.new(draft.choice(free)), accept=draft.fails)
        draft.near["anchor"] = draft.layout.put(
            draft.new(draft.choice(free)),
            accept=lambda t: draft.fails(t) and any(towards(t, c, way) == 1 for c in (beside, draft.meant[0])),
            tries=250,
        )
        described_as = f"the {colour} {draft.choice(['one', noun])}"
    for _ in range(6 * draft.count):
        if len(draft.asked()) < draft.count:
            draft.layout.try_put(draft.new(draft.choice(free)), accept=draft.fails)
    draft.tail = f"{draft.speech.beside(way)} {described_as}"


def between_two(draft: Draft) -> None:
    """Make a question about what lies between two objects of other kinds."""
    kinds = draft.anchor_kinds()
    one, two = (kinds[int(at)] for at in draft.rng.permutation(len(kinds))[:2])
    pair = draft.rng.random() < 0.25
    with_colour = not pair and draft.rng.random() < 0.5
    colour, other = draft.colours(2)
    draft.locked |= {one, two}
    first = draft.anchor(draft.layout.make(one, colour if with_colour else None), (0.1, 0.1, 0.9, 0.9))
    second = draft.anchor(
        draft.layout.make(one if pair else two), accept=lambda t: 0.36 < math.dist(t.centre, first.centre) < 0.68
    )
    draft.parts.append(Part("between", lambda t: between(t, first, second)))
    middle = tuple((a + b) / 2 for a, b in zip(first.centre, second.centre, strict=True))
    reach = 0.25
    region = (middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach)
    draft.target(draft.new(), region)
    draft.near["first"] = draft.miss("between", draft.new(), accept=lambda t: gap(t, second) < 0.2 * SIDE)
    draft.miss("between", draft.new(), accept=lambda t: gap(t, first) < 0.2 * SIDE)
    if with_colour:
        decoy = draft.layout.put(draft.layout.make(one, other))
        if draft.count > 3:
            draft.near["anchor"] = draft.layout.put(
                draft.new(), accept=lambda t: between(t, decoy, second) == 1 and draft.fails(t), tries=250
            )
    names = [f"{colour} {_named(draft, first)}" if with_colour else _named(draft, first), _named(draft, second)]
    if draft.rng.random() < 0.5:
        names.reverse()
    short = [f"the two {KINDS[one].plural}"] if pair else [f"the {names[0]} and the {names[1]}"]
    words = draft.speech.one(["between"], ["between", "in between"], [])
    draft.tail = f"{words} {short[0]}"


def inside_of(draft: Draft) -> None:
    """Make a question about what lies inside a stadium or on a tennis court."""
    kinds = [k for k in ("stadium", "tennis court") if draft.speech.held_out or k not in HELD_OUT_ANCHORS]
    kind, twin = draft.choice(kinds), draft.rng.random() < 0.5
    colour, other = draft.colours(2)
    draft.locked.add(kind)
    container, decoy = (_container(draft, kind, each) for each in (colour, other))
    if not twin:
        draft.layout.things.remove(decoy)
    draft.anchors.append(container)
    draft.parts.append(Part("inside", lambda t: inside(t, container)))
    low = KINDS[draft.kind].small_px[0]
    long_px = max(13.0, min(low * 0.7, 24.0))
    draft.meant.append(_lay_in(draft, container, long_px))
    draft.miss("inside", draft.new(large=False, long_px=long_px), accept=lambda t: gap(t, container) < 40)
    if twin:
        draft.near["anchor"] = _lay_in(draft, decoy, long_px)
    noun = f"{colour} {kind}" if twin else kind
    verb = ["on"] if kind == "tennis court" else ["inside", "in"]
    draft.tail = (
        f"{draft.speech.one(verb, verb if 'on' in verb else ['inside', 'within', 'in the middle of'])} the {noun}"
    )


def _container(draft: Draft, kind: str, colour: str) -> Thing:
    turned = float(draft.rng.integers(4) * 90)
    return draft.layout.put(
        draft.layout.make(kind, colour, True, turned, float(draft.rng.uniform(112, 140)), 3), (0.1, 0.1, 0.9, 0.9)
    )


def _lay_in(draft: Draft, container: Thing, long_px: float) -> Thing:
    thing = draft.new(large=False, long_px=long_px)
    x, y = container.centre
    w, h = ((container.box[axis + 2] - container.box[axis]) / SIDE for axis in (0, 1))
    region = (x - 0.2 * w, y - 0.2 * h, x + 0.2 * w, y + 0.2 * h)
    height, width = thing.shape.shape
    if width > 0.6 * w * SIDE or height > 0.6 * h * SIDE:
        raise NoRoom
    return draft.layout.put(thing, region, within=container)
