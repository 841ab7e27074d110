"""Weigh candidates by how they lie to the other object that an expression names: "to the left of the black plane".

Pure geometry of boxes in scene pixels, y downwards. What fits badly is made less, never none: the other object may have
been overlooked, or be something else of its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zeroov.frames import HW
from zeroov.language import words as w
from zeroov.language.spelling import tokens
from zeroov.language.words import Position, vocabulary
from zeroov.types import Candidate

LEAST = 0.2  # of what lies nowhere near where the words say
ANGLE = 35.0  # degrees off the named direction at which it fits by 0.6; at a right angle it does not fit at all
FALLOFF = 2.0  # what lies a tenth of the scene's diagonal away weighs nearly a fifth less than what lies close
OUTSIDE = 0.5  # of what only touches the thing that it should be inside of
ALIKE = 1 / 3  # share of the area of the larger of two boxes, if they are two views of one object
SAME = 0.5  # share of the smaller box, likewise, as in `tiles.same_object`

_SEEN_FROM_ABOVE = vocabulary("over under beneath underneath")
"""Higher or lower in the world, which from above is the same place."""
_IN = vocabulary("in into inside within")
_INSIDE = _IN | vocabulary("on onto upon of amid among amongst surrounded enclosed encircled")
_FAR = vocabulary("far away farther further farthest furthest")
_NO_PLACE = vocabulary("than similar")
"""A relation with these words compares something other than where things lie."""

_Values = NDArray[np.float64]


class _Pairs(NamedTuple):
    """How every candidate lies to every anchor: arrays (candidates, anchors), lengths in scene pixels."""

    across: _Values
    """From centre to centre, to the right."""
    down: _Values
    half_wh: _Values
    """Half the sides of each anchor, (anchors, 2)."""
    gap: _Values
    """Between the boxes' nearest points."""
    longest: _Values
    """The longest side of both boxes."""
    inside: _Values
    """The share of the candidate that lies in the anchor."""
    same: NDArray[np.bool_]
    """Both are one object."""


def relation_weights(
    candidates: Sequence[Candidate], anchors: Sequence[Candidate], words: str, scene_hw: HW
) -> NDArray[np.float64]:
    """Return a weight in [LEAST, 1] for each candidate: how well it lies to one of `anchors` as `words` say.

    `words` are a relation's own, "to the left of". `anchors` are the places where the other object may be; one counts
    by its score beside the best one's, and not at all for a candidate that is the same object. Without anchors, and for
    words that do not speak of places, all weigh 1; words that are not understood mean nearness.
    """
    known = [anchor for anchor in anchors if anchor.score > 0]
    said = frozenset(tokens(words))
    if not candidates or not known or not is_of_places(words):
        return np.ones(len(candidates))
    pairs = _pairs(_corners(candidates), _corners(known))
    way = w.way_of(tokens(words))
    fit = _beside(pairs, said, way, math.hypot(*scene_hw)) if any(way) else _near(pairs, said)
    scores = np.array([anchor.score for anchor in known])
    share = np.where(pairs.same, 0, fit * (scores / scores.max())).max(axis=1)
    placed = ~pairs.same.all(axis=1)
    if placed.any() and not any(way):
        share[placed] = _compared(share[placed], said)
    return np.asarray(LEAST + (1 - LEAST) * np.clip(share, 0, 1), dtype=np.float64)


def is_of_places(words: str) -> bool:
    """Return whether a relation's words speak of where things lie: "larger than" does not."""
    return _NO_PLACE.isdisjoint(tokens(words))


def _corners(things: Sequence[Candidate]) -> _Values:
    return np.array([thing.box.xyxy for thing in things], dtype=np.float64)


def _pairs(boxes: _Values, others: _Values) -> _Pairs:
    """Measure candidates (n, 4) against anchors (m, 4), both xyxy."""
    low, high = np.maximum(boxes[:, None, :2], others[:, :2]), np.minimum(boxes[:, None, 2:], others[:, 2:])
    offset = ((boxes[:, :2] + boxes[:, 2:])[:, None] - (others[:, :2] + others[:, 2:])) / 2
    sides, other_sides = boxes[:, 2:] - boxes[:, :2], others[:, 2:] - others[:, :2]
    shared = np.maximum(high - low, 0).prod(axis=2)
    area, other_area = sides.prod(axis=1)[:, None], other_sides.prod(axis=1)
    smaller, larger = np.minimum(area, other_area), np.maximum(area, other_area)
    return _Pairs(
        across=offset[..., 0],
        down=offset[..., 1],
        half_wh=other_sides / 2,
        gap=np.hypot(*np.moveaxis(np.maximum(low - high, 0), 2, 0)),
        longest=np.maximum(sides.max(axis=1)[:, None], other_sides.max(axis=1)),
        inside=shared / area,
        same=(shared > SAME * smaller) & (smaller >= ALIKE * larger),  # a car in a car park is not the car park
    )


def _beside(pairs: _Pairs, said: frozenset[str], way: Position, diagonal: float) -> _Values:
    """Return how well each candidate lies on the named side of each anchor, in [0, 1]; the nearer the better."""
    fit: _Values = _on_side(pairs, way) * np.exp(-FALLOFF * pairs.gap / diagonal)
    if said & _SEEN_FROM_ABOVE or said == {"on", "top", "of"}:
        return np.maximum(fit, pairs.inside)
    return fit * _within(pairs) if said & _IN else fit  # "in the left corner of", but "on the left of"


def _near(pairs: _Pairs, said: frozenset[str]) -> _Values:
    """Return how close each candidate lies to each anchor, or how far inside it, in [0, 1]; "far" is left out."""
    if said & w.NEAREST:
        return np.asarray(1 / (1 + pairs.gap / pairs.longest.mean()))  # one unit for all: the nearest is the nearest
    near = np.asarray(1 / (1 + pairs.gap / pairs.longest))
    if "outside" in said:
        return np.asarray(near * (1 - pairs.inside))
    bare = said - w.ARTICLES - {"by", "with"}
    middle = not said.isdisjoint(w.DIRECTIONS)  # no side was named
    return _within(pairs) if middle or (bare and bare <= _INSIDE) else near


def _within(pairs: _Pairs) -> _Values:
    return np.asarray((OUTSIDE + (1 - OUTSIDE) * pairs.inside) / (1 + pairs.gap / pairs.longest))


def _on_side(pairs: _Pairs, way: Position) -> _Values:
    """Return how straight each candidate lies to the named side or corner, whatever the distance.

    Angles are those of the centres, but what does not reach beyond the anchor's span is level with it: all along a road
    is above the road. A centre that is not beyond the anchor's own edge counts by how far towards that edge it is.
    """
    named = np.array(way) / math.hypot(*way)
    aside = np.array((-named[1], named[0]))
    offset = np.stack((pairs.across, pairs.down), axis=2)
    off = np.maximum(np.abs(offset @ aside) - pairs.half_wh @ np.abs(aside), 0)
    angle = np.degrees(np.arctan2(off, offset @ named))
    fit = np.exp(-(angle**2) / (2 * ANGLE**2))
    for axis, side in enumerate(way):
        if side:
            fit *= np.clip(side * offset[..., axis] / pairs.half_wh[:, axis], 0, 1)
    return np.asarray(fit)


def _compared(share: _Values, said: frozenset[str]) -> _Values:
    """Turn nearness into distance where the words say "far", and compare the candidates where they say "closest"."""
    if said & w.NEAREST:
        share = np.maximum(share, np.finfo(np.float64).tiny)
        return np.asarray(share.min() / share if said & _FAR else share / share.max())
    return 1 - share if said & _FAR else share
