"""Weigh boxes by how they lie among their own kind: isolated, beside another, the second of a row. Logarithms (n,)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zeroov.candidates.layout import Flags, Layout, Values
from zeroov.candidates.place import at_place
from zeroov.candidates.size import by_size
from zeroov.language import words as w
from zeroov.language.phrase import Line, Phrase

TOUCHING = 0.02  # added to gaps, so that things which touch are isolated from nothing, but weigh something
NEAR = 0.5  # of a gap as long as the things are
COUNTED = 0.6  # of the best place and size: what lies there is counted
STEP, LEAST = 0.5, 0.2  # one place beside the one that was counted to; what is not counted at all
OF_ROW = 0.5  # of the lower of two heights, if they are in one row


def isolated(layout: Layout) -> Values | None:
    """Return how far boxes lie from the nearest other, beside the most isolated one; of two none is isolated."""
    if len(layout) < 3:
        return None
    gaps = layout.nearest() + TOUCHING
    return np.asarray(np.log(gaps / gaps.max()) / 2)


def beside_its_kind(layout: Layout) -> Values:
    """Return how close boxes lie to the nearest other, in sizes of the things."""
    if len(layout) < 2:
        return np.zeros(len(layout))
    return np.asarray(-NEAR * layout.nearest() / (layout.sides_wh * layout.aspect_xy).mean())


def closest_together(layout: Layout, positions: Sequence[int], count: int) -> list[int]:
    """Return so many of some boxes that lie closest together."""
    gaps = layout.gaps(layout)
    groups = []
    for first in positions:
        group = [first]
        while len(group) < count:
            rest = [position for position in positions if position not in group]
            group.append(min(rest, key=lambda position: gaps[position, group].min()))
        groups.append(group)
    spread = [gaps[np.ix_(group, group)].sum() for group in groups]
    best = groups[int(np.argmin(spread))]
    return [position for position in positions if position in best]


def counted(layout: Layout, phrase: Phrase, among: Flags | None = None) -> tuple[Values, bool]:
    """Return how near boxes come to the one that an ordinal or a row names, and whether there are so many at all.

    `among` are those that may be counted.
    """
    total, enough = np.zeros(len(layout)), True
    if not len(layout):
        return total, False
    kept = list(range(len(layout)))
    if phrase.line:
        lines = _lines(layout, phrase.line.kind)
        wanted, enough = _line(phrase.line, len(lines))
        for number, members in enumerate(lines):
            total[members] = max(math.log(LEAST), abs(number - wanted) * math.log(STEP))
        kept = lines[wanted]
    elif phrase.ordinal:
        fit = at_place(layout, phrase.position, phrase.far, phrase.middle) if phrase.position else total
        if (by_word := by_size(layout, phrase)) is not None and phrase.superlative not in w.LARGEST | w.SMALLEST:
            fit = fit + by_word
        kept = np.flatnonzero(fit >= fit.max() + math.log(COUNTED)).tolist()
    if phrase.ordinal:
        kept = [position for position in kept if among is None or among[position]] or kept
        row = [position for position in _in_order(layout, phrase) if position in kept]
        meant, there = _place_of(phrase.rank or 0, len(row))
        ranked = np.full(len(layout), math.log(LEAST))
        for number, position in enumerate(row):
            ranked[position] = max(math.log(LEAST), abs(number - meant) * math.log(STEP))
        total, enough = ranked + (total if phrase.line else 0), enough and there
    return total, enough


def _place_of(rank: int, count: int) -> tuple[float, bool]:
    """Return which of so many, from 0, a rank names, and whether there are so many; 0 is the middle, -1 the last."""
    if rank <= 0:
        return (count - 1 if rank else (count - 1) / 2), True
    return min(rank, count) - 1, rank <= count


def _line(line: Line, count: int) -> tuple[int, bool]:
    """Return which of so many rows or columns, counted from the top or left, is meant, and whether there are so many.

    Without a side it is the middle one.
    """
    if not line.side or not line.number:
        return (count - 1) // 2, True
    number = min(line.number, count) - 1
    return (number if line.side < 0 else count - 1 - number), line.number <= count


def _lines(layout: Layout, kind: str) -> list[list[int]]:
    """Return rows from the top, each from the left, or columns from the left, each from the top."""
    axis = 1 if kind == "row" else 0
    low, high, centre = layout.low_xy[:, axis], layout.high_xy[:, axis], layout.centre_xy
    lines: list[list[int]] = []
    for position in np.lexsort((*layout.high_xy.T, centre[:, 1 - axis], centre[:, axis])).tolist():
        first = lines[-1][0] if lines else position
        shared = min(high[first], high[position]) - max(low[first], low[position])
        if lines and shared >= OF_ROW * min(high[first] - low[first], high[position] - low[position]):
            lines[-1].append(position)
        else:
            lines.append([position])
    return [sorted(line, key=lambda position: (centre[position, 1 - axis], position)) for line in lines]


def _in_order(layout: Layout, phrase: Phrase) -> list[int]:
    """Return the boxes in the order in which an ordinal counts them."""
    if phrase.superlative in w.LARGEST or phrase.superlative in w.SMALLEST:
        along = layout.area if phrase.superlative in w.SMALLEST else -layout.area
    elif phrase.ordinal == "middle":
        along = layout.centre_xy[:, int(np.argmax(np.ptp(layout.centre_xy * layout.aspect_xy, axis=0)))]
    elif phrase.toward and any(phrase.toward):
        along = -(layout.centre_xy @ np.array(phrase.toward))
    elif phrase.toward:  # closest to the centre
        along = ((layout.centre_xy - 0.5) ** 2).sum(axis=1)
    else:
        lines = _lines(layout, phrase.line.kind if phrase.line else "row")
        return [position for line in lines for position in line]
    order: list[int] = np.lexsort((*layout.high_xy.T, *layout.low_xy.T, along)).tolist()
    return order
