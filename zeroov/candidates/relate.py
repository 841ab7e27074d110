"""Weigh candidates by a relation to another object: one that was seen, one that was not, or one of their own kind.

An object that nobody saw may be anywhere, or in the part of the picture where the words say it is: how a candidate lies
to it is averaged over these places. That is a hint and no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroov.candidates.among import counted
from zeroov.candidates.layout import Layout, Values
from zeroov.candidates.place import at_place, outermost
from zeroov.candidates.relation import is_of_places, relation_weights
from zeroov.candidates.size import by_size
from zeroov.frames import HW
from zeroov.language import words as w
from zeroov.language.phrase import Phrase
from zeroov.language.spelling import tokens
from zeroov.language.words import Position
from zeroov.types import Anchor, Candidate

ANGLE = 35.0  # degrees off the named direction at which a fit is worth 0.6
CLOSE = 0.02  # of the picture: centres that near have no direction
GRID, SIDE = 16, 0.1  # of the places where an unseen object is looked for, and its side
LEAST = 0.05  # of an unseen object: no candidate is worth less
PLACED, PLACELESS, BESIDE_OWN = 1.0, 0.5, 0.25  # exponents: only the other has a place, none has, the target has one
OWN_PLACE = 0.5  # exponent for one of the same kind, where the target has a place of its own
PAIR = 0.8  # of the best pair of the same kind; the rest as if the other was not seen
ON_PLATEAU = 0.7  # what a place costs at most per axis where it fits
ACROSS, ALONG = 0.35, 0.25  # of the way between two things: how far beside and beyond it something is still between


@dataclass(frozen=True, eq=False)
class Related:
    """What a relation says: logarithms (n,), or `None` and why not."""

    logs: Values | None
    reason: str = ""
    weak: bool = False
    """It rests on an object that nobody saw, of which no place is known."""
    open: bool = False
    """Something that it names has to be seen first."""


def related(
    candidates: Sequence[Candidate], phrase: Phrase, number: int, looked_for: Sequence[Anchor], picture_hw: HW
) -> Related:
    """Return what the `number`th relation of a phrase says of candidates of its kind."""
    relation, anchors = phrase.relations[number], phrase.anchors[number]
    found = {each.part: each.candidates for each in looked_for if each.relation == number}
    if not is_of_places(relation.words):
        return Related(None, f"`{relation.words}` speaks of no place")
    if "between" in relation.words.split():
        return _between(candidates, phrase, anchors, found, picture_hw)
    parts = [
        _to_one(candidates, phrase, relation.words, anchor, found.get(part, ()), picture_hw)
        for part, anchor in enumerate(anchors)
    ]
    known = [part.logs for part in parts if part.logs is not None]
    if not known:
        return parts[0]
    return Related(np.asarray(np.mean(known, axis=0)), weak=all(part.weak for part in parts if part.logs is not None))


def _to_one(
    candidates: Sequence[Candidate], phrase: Phrase, words: str, anchor: Phrase, others: Sequence[Candidate], hw: HW
) -> Related:
    """Return what a relation to one other object says."""
    layout, way = Layout.of(candidates, hw), w.way_of(tokens(words))
    own = bool(phrase.position or phrase.superlative or phrase.ordinal)
    exponent = BESIDE_OWN if own else PLACED if anchor.place else PLACELESS
    unseen = _unseen(layout, way, anchor) if any(way) else None
    if phrase.same_kind(anchor) and not others:
        if unseen is None:
            return Related(None, f"`{words}` compares things of one kind")
        if anchor.plural or len(candidates) < 2:
            return Related(exponent * unseen, weak=exponent == PLACELESS)
        pairs = _pairs_of_kind(layout, way, anchor)
        return Related((OWN_PLACE if own else 1) * np.log(PAIR * pairs + (1 - PAIR) * np.exp(unseen)))
    weights = _weights(others, anchor, hw)
    sure = float(weights.max(initial=0))
    if sure <= 0:
        if unseen is None:
            return Related(None, f"nobody saw the {anchor.text}, and `{words}` names no side of it")
        return Related(exponent * unseen, weak=exponent == PLACELESS)
    there = [Candidate(each.box, float(weight)) for each, weight in zip(others, weights, strict=True)]
    fit = relation_weights(candidates, there, words, hw)
    rest = np.exp(exponent * unseen) if unseen is not None else np.ones(len(candidates))
    return Related(np.asarray(np.log(sure * fit + (1 - sure) * rest)))


def _weights(others: Sequence[Candidate], anchor: Phrase, hw: HW) -> Values:
    """Return how far each candidate for another object can be believed to be the one that is meant."""
    scores = np.clip([each.score for each in others], 0, 1)
    return np.asarray(scores * np.exp(_own_place(Layout.of(others, hw), anchor)))


def _own_place(layout: Layout, anchor: Phrase) -> Values:
    """Return how well boxes fit the other object's own place, superlative and size."""
    total = np.zeros(len(layout))
    if anchor.position:
        slack = ON_PLATEAU * max(1, np.abs(anchor.position).sum())
        total += np.minimum(at_place(layout, anchor.position, anchor.far, anchor.middle) + slack, 0)
    if anchor.toward and not anchor.ordinal:
        most = outermost(layout, anchor.toward)
        total += most - most.max(initial=-np.inf)
    if anchor.ordinal or anchor.line:
        total += counted(layout, anchor)[0]
    by_word = by_size(layout, anchor)
    return total if by_word is None else np.asarray(total + by_word)


def _direction_fit(layout: Layout, others: Layout, way: Position) -> Values:
    """Return how well boxes lie to a side of others (n, m), in [0, 1]; the nearer the better."""
    offset = (layout.centre_xy[:, None] - others.centre_xy) * layout.aspect_xy
    distance = np.linalg.norm(offset, axis=2)
    named = np.array(way) / np.linalg.norm(way)
    cosine = np.clip(offset @ named / np.maximum(distance, CLOSE), -1, 1)
    angle = np.degrees(np.arccos(cosine))
    fit = np.exp(-(angle**2) / (2 * ANGLE**2) - layout.gaps(others))
    return np.asarray(np.where(distance < CLOSE, 0, fit))


def _unseen(layout: Layout, way: Position, anchor: Phrase) -> Values:
    """Return how well boxes lie to a side of an object that may be anywhere, or at its own place; the best has 0."""
    middles = (np.arange(GRID) + 0.5) / GRID
    grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    places = Layout(grid - SIDE / 2, grid + SIDE / 2, layout.aspect_xy)
    weights = np.ones(len(grid))
    if anchor.place:
        weights = np.exp(at_place(places, anchor.place, anchor.far, anchor.middle))
    fit = _direction_fit(layout, places, way) @ weights
    return np.asarray(np.log(np.maximum(fit / max(fit.max(initial=0), np.finfo(float).tiny), LEAST)))


def _pairs_of_kind(layout: Layout, way: Position, anchor: Phrase) -> Values:
    """Return how well each box lies to the one of the others that fits best what is said of it; the best has 1."""
    weights = _own_place(layout, anchor)
    fit = _direction_fit(layout, layout, way) * np.exp(weights - weights.max())
    np.fill_diagonal(fit, 0)
    best = np.asarray(fit.max(axis=1))
    return np.asarray(best / max(best.max(), np.finfo(float).tiny))


def _between(
    candidates: Sequence[Candidate],
    phrase: Phrase,
    anchors: Sequence[Phrase],
    found: Mapping[int, tuple[Candidate, ...]],
    hw: HW,
) -> Related:
    """Return how well candidates lie between two other objects; nothing while one of them was not seen."""
    ends = [
        (anchor, found.get(part) or (tuple(candidates) if phrase.same_kind(anchor) else ()))
        for part, anchor in enumerate(anchors)
    ]
    (first, ones), (second, others) = (ends * 2)[:2]  # "between two buildings": both are of one list
    for anchor, group in ends:
        if not group:
            return Related(None, f"nobody saw the {anchor.text}", open=True)
    boxes, starts, stops = (Layout.of(group, hw) for group in (candidates, ones, others))
    sure, as_sure = _weights(ones, first, hw), _weights(others, second, hw)
    best = np.zeros(len(candidates))
    for number, (one, weight) in enumerate(zip(ones, sure, strict=True)):
        fits = weight * as_sure * _on_the_way(boxes, starts, number, stops)
        fits[:, [other.box == one.box for other in others]] = 0
        fits[[each.box == one.box for each in candidates]] = 0
        fits[np.array([[each.box == other.box for other in others] for each in candidates])] = 0
        best = np.maximum(best, fits.max(axis=1))
    if not best.any():
        return Related(None, f"nothing lies between {' and '.join(anchor.text for anchor in anchors)}", open=True)
    return Related(np.asarray(np.log(np.maximum(best / best.max(), LEAST))))


def _on_the_way(boxes: Layout, starts: Layout, number: int, stops: Layout) -> Values:
    """Return how near the middles of boxes lie to the lines (n, m) from one thing to others, and not beyond them."""
    start = starts.centre_xy[number] * boxes.aspect_xy
    way = stops.centre_xy * boxes.aspect_xy - start
    length = np.maximum(np.linalg.norm(way, axis=1), np.finfo(float).tiny ** 0.25)
    offset = boxes.centre_xy * boxes.aspect_xy - start
    share = offset @ way.T / length**2
    aside = np.abs(np.outer(offset[:, 0], way[:, 1]) - np.outer(offset[:, 1], way[:, 0])) / length
    width = ACROSS * length + (starts.sides_wh[number].mean() + stops.sides_wh.mean(axis=1)) / 2
    beyond = np.maximum(np.maximum(-share, share - 1), 0)
    fit = np.exp(-(aside**2) / (2 * width**2) - np.minimum(beyond, 9) ** 2 / (2 * ALONG**2))
    return np.asarray(np.where(length < CLOSE, 0, fit))
