"""Compare boxes by size, shape, and how far they reach across the picture. Logarithms (n,), as in `place`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroov.candidates.layout import Flags, Layout, Values
from zeroov.language import words as w
from zeroov.language.phrase import Phrase
from zeroov.language.words import Position, vocabulary

WORD = 0.5  # of the logarithm of two areas, for "small" and "large"; superlatives take all of it
ASPECT = 0.5  # of the logarithm of two aspects; little, for the box of a diagonal bridge is square
ROUTE = 1.5  # of the gaps between a box and the sides that it should lead to
SLENDER = vocabulary("slender narrow thin elongated")
ROUND = vocabulary("round square circular")


def by_size(layout: Layout, phrase: Phrase, among: Flags | None = None) -> Values | None:
    """Return what words and superlatives of size say, among these boxes; `None` where none was said.

    `among` are those with which a superlative compares.
    """
    total = None
    if phrase.superlative in w.LARGEST or phrase.superlative in w.SMALLEST:
        return _compared(layout.area, phrase.superlative in w.SMALLEST, among)
    for word in phrase.sizes:
        strength = WORD * (w.SMALL.get(word) or w.LARGE[word])
        if word in ("small", "large") and phrase.category.split()[-1] == "vehicle":
            strength /= 2  # "large vehicle" is the name of a class
        part = strength * _compared(layout.area, small=word in w.SMALL)
        total = part if total is None else total + part
    return total


def _compared(values: Values, small: bool, among: Flags | None = None) -> Values:
    logs = np.log(values) * (-1 if small else 1)
    best = logs.max(initial=-np.inf, where=True if among is None else among)
    return np.asarray(np.minimum(logs - best, 0))


def by_extent(layout: Layout, side: str) -> Values:
    """Return how far boxes reach across the picture's "width" or "height"."""
    across = np.log(layout.sides_wh * layout.aspect_xy)
    along, other = across.T if side == "width" else across.T[::-1]
    return np.asarray((along - along.max(initial=-np.inf) + (along - other) - (along - other).max(initial=-np.inf)) / 2)


def by_path(layout: Layout, places: Sequence[Position]) -> Values:
    """Return how near boxes come to the sides that an object leads from and to."""
    sides = {(axis, side) for place in places for axis, side in enumerate(place) if side}
    return np.asarray(-ROUTE * sum((layout.to_edge(*each) for each in sorted(sides)), np.zeros(len(layout))))


def by_aspect(layout: Layout, attributes: Sequence[str]) -> Values | None:
    """Return what "slender" or "round" says, among these boxes; `None` where neither was said."""
    aspect = np.abs(np.subtract(*np.log(layout.sides_wh * layout.aspect_xy).T))
    if not SLENDER.isdisjoint(attributes):
        return np.asarray(ASPECT * (aspect - aspect.max(initial=0)))
    if not ROUND.isdisjoint(attributes):
        return np.asarray(ASPECT * (aspect.min(initial=np.inf) - aspect))
    return None
