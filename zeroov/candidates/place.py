"""Weigh boxes by where they lie in the picture. Every rule returns logarithms (n,), 0 where nothing speaks against.

The place is a plateau, flat in the outer third and steep outside of it, so that what lies further out than the object
that is meant wins next to nothing. The formulas were tried on 36 RRSIS-D and RISBench expressions and on 204 of
RSVG-HR; the constants hardly matter.
"""

from __future__ import annotations

import numpy as np

from zeroov.candidates.layout import Flags, Layout, Values
from zeroov.language.words import Position

THIRD, OUTER = 1 / 3, 1 / 6  # of the picture, from the side: where "left" and "far left" end
MIDDLE = 0.12  # from the middle line: where "in the middle" ends
SOFT = 0.10  # width of the slope outside
TILT, FAR_TILT = 2.0, 4.0  # on the plateau, the nearer to the side the better
CENTRE_TILT, UNSAID = 4.0, 1.0  # the same for the middle, and for an axis of which nothing was said
BEHIND = 10.0  # a tenth of the picture behind the outermost one weighs a third
FROM_CENTRE = 8.0  # squared distance, for what is closest to the centre
EDGE_LEAST, EDGE_SOFT = 0.3, 0.05  # of what does not reach the edge; how quickly it is no longer there
CUT_WITHIN = 0.01 + 1e-9  # of the picture: what is that close to its edge may be cut off


def at_place(layout: Layout, position: Position, far: bool = False, middle: bool = False) -> Values:
    """Return how well centres lie at a named place: sides, a corner, or (0, 0) for the middle.

    `far`: far out at its side. `middle`: the middle of the side was named.
    """
    total = np.zeros(len(layout))
    for axis, side in enumerate(position):
        centre = layout.centre_xy[:, axis]
        if side:
            away = np.maximum((1 - side * (2 * centre - 1)) / 2, 0)
            total -= _beyond(away, OUTER if far else THIRD) + (FAR_TILT if far else TILT) * away
        elif middle or not any(position):
            total += _centred(centre)
        else:
            total -= UNSAID * (centre - 0.5) ** 2
    return total


def beside_middle(layout: Layout, position: Position) -> Values:
    """Return how well centres lie at a side of the middle: "just left of the center"."""
    total = np.zeros(len(layout))
    for axis, side in enumerate(position):
        off = layout.centre_xy[:, axis] - 0.5
        total -= _beyond(MIDDLE / 2 - side * off, 0) + _beyond(side * off, THIRD) if side else UNSAID * off**2
    return total


def _beyond(distance: Values, plateau: float) -> Values:
    return np.asarray(np.maximum(distance - plateau, 0) ** 2 / (2 * SOFT**2))


def _centred(along: Values) -> Values:
    off = np.abs(along - 0.5)
    return np.asarray(-_beyond(off, MIDDLE) - CENTRE_TILT * off**2)


def outermost(layout: Layout, toward: Position, away: bool = False, among: Flags | None = None) -> Values:
    """Return how near boxes come to being the one furthest out at a side, or closest to the centre (0, 0).

    `away` turns the centre round; a side is turned round before. Of the ships the blue one furthest out may be meant,
    and is behind none: `among` are those that are compared.
    """
    if any(toward):
        reach = sum((layout.outer_edge(axis, side) for axis, side in enumerate(toward) if side), np.zeros(len(layout)))
        best = np.max(reach, initial=-np.inf, where=True if among is None else among)
        return np.asarray(-BEHIND * np.maximum(best - reach, 0))
    squared = ((layout.centre_xy - 0.5) ** 2).sum(axis=1)
    if away:
        return np.asarray(-FROM_CENTRE * (squared.max(initial=0) - squared))
    return np.asarray(_centred(layout.centre_xy[:, 0]) + _centred(layout.centre_xy[:, 1]) - FROM_CENTRE * squared)


def at_edge(layout: Layout, sides: Position) -> Values:
    """Return how near boxes come to touching the edge at some side; (0, 0): any."""
    gaps = [layout.to_edge(axis, side) for axis, side in _named(sides)]
    return np.asarray(np.log(EDGE_LEAST + (1 - EDGE_LEAST) * np.exp(-np.min(gaps, axis=0) / EDGE_SOFT)))


def cut_off(layout: Layout) -> Values:
    """Return whether boxes touch the edge of the picture, so that it may not show all of them."""
    touching = np.min([layout.to_edge(axis, side) for axis, side in _named((0, 0))], axis=0) <= CUT_WITHIN
    return np.asarray(np.where(touching, 0.0, np.log(EDGE_LEAST)))


def _named(sides: Position) -> list[tuple[int, int]]:
    named = [(axis, side) for axis, side in enumerate(sides) if side]
    return named or [(0, -1), (0, 1), (1, -1), (1, 1)]
