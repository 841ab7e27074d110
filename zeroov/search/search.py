"""Find one object, or every one of its kind, in a scene that is too large for one look.

A glance at the reduced scene hears the whole expression; every tile is asked for the kind of thing alone, since words
of place and relation speak of the scene, and for the things that it is said to lie beside. Every good sighting gets a
closer look; what stands is ranked over the scene. One referent for the scene, not one for each tile.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import PictureError
from zeroov.language.phrase import Phrase, parse
from zeroov.language.words import SIZES
from zeroov.outputs.found import Found
from zeroov.pipeline.look import Job
from zeroov.pipeline.run import Pipeline, in_turn
from zeroov.pipeline.stages import Progress
from zeroov.raster.scene import Scene
from zeroov.search.choose import Candidate, rank
from zeroov.search.relation import relation_weights
from zeroov.search.sightings import Drawn, Status, Tile, glanced, look_at, look_closer, one_each
from zeroov.search.tiles import distinct, tiles
from zeroov.types import clean_expression

log = logging.getLogger("zeroov")

_AND_A = re.compile(r" and (?:the|an?) ")
ANCHORS = 10  # of a thing beside which the object lies, so many sightings are looked at closer
AT_ONCE = 16  # tiles whose maps are in memory together


@dataclass(frozen=True)
class SceneAnswer:
    """What was found in a scene, the best first (one object at most, unless every one was asked for), and its tiles."""

    expression: str
    found: tuple[Found, ...]
    tiles: tuple[Tile, ...]
    answer: str
    """What the model said to the glance; empty where the scene is too narrow for one."""

    @property
    def failed(self) -> tuple[Tile, ...]:
        """The tiles that could not be looked at."""
        return tuple(tile for tile in self.tiles if tile.status == "failed")

    @property
    def counts(self) -> dict[str, int]:
        """How many tiles there are of each status."""
        return {status: sum(tile.status == status for tile in self.tiles) for status in get_args(Status)}

    def not_looked_at(self) -> list[dict[str, Any]]:
        """Return the other tiles as plain values."""
        return [
            {"window_xyxy": list(tile.window), "status": tile.status, "reason": tile.reason}
            for tile in self.tiles
            if tile.status != "looked"
        ]


@in_turn
def search(
    pipeline: Pipeline,
    scene: Scene,
    expression: str,
    *,
    every: bool = False,
    tell: Progress = lambda stage, done, total: None,
) -> SceneAnswer:
    """Find the object that `expression` describes in `scene`, or `every` object of its kind."""
    how, phrase, expression = pipeline.recipe.search, parse(expression), clean_expression(expression)
    kind = described(phrase)
    others = [] if every or not how.relations else neighbours(phrase)
    reports = _tiles(pipeline, scene, list(dict.fromkeys([kind, *(other for _, other in others)])), tell)
    if all(tile.status == "nodata" for tile in reports):
        scene.read(most=how.glance, tolerant=True)  # refuses a scene without any valid pixel

    def seen(asked: str) -> list[Candidate]:
        sightings = (one for tile in reports for one in tile.sightings.get(asked, ()))
        return [one for one in sightings if one.score >= how.least_score]

    beside = [(words, _confirmed(pipeline, scene, one_each(seen(other)), other)) for words, other in others]
    first, glance = one_each(seen(kind)), _glance(pipeline, scene, expression)
    if glance and not every:  # what no tile saw is the one object that is meant, or none
        glimpsed = [one for one in glanced(glance, scene.hw) if one.score >= how.least_score]
        first = one_each([*glimpsed, *first])

    attention = pipeline.seen(glance) if glance and not every else None
    reduced = glance.overview.resized_hw[0] / scene.hw[0] if glance else 1.0

    def value(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        values = rank(candidates, phrase, attention, scene.hw, how.place, reduced)
        for words, anchors in beside:
            values *= relation_weights(candidates, anchors, words, scene.hw)
        return values

    order = np.argsort(-value(first), kind="stable")[: None if every else how.candidates]
    closer: list[Drawn] = []
    least = max(how.least_score, pipeline.recipe.min_score)
    tell("closer looks", 0, len(order))
    for done, position in enumerate(order, start=1):
        if not any(one.holds(first[position].box) for one in closer):  # it would be drawn a second time
            one = look_closer(pipeline, scene, first[position], described(phrase, sizes=False))
            closer += [one] if one.score >= least and not (every and one.is_box) else []
        tell("closer looks", done, len(order))
    kept = [closer[position] for position in distinct([one.box for one in closer], [one.score for one in closer])]
    if kept and not every:
        kept = [kept[int(value([Candidate(one.box, one.score) for one in kept]).argmax())]]
    found = tuple(one.found(expression) for one in kept)
    return SceneAnswer(expression, found, tuple(reports), glance.overview.answer if glance else "")


def described(phrase: Phrase, sizes: bool = True) -> str:
    """Return what a window is asked for: the kind of thing with what can be seen of it, nothing of where it lies.

    How large something is cannot be seen of it alone: a closer look is asked without `sizes`. An expression that names
    no kind of thing ("on the left") is asked as it is.
    """
    if not phrase.named:
        return phrase.text
    attributes = [word for word in phrase.attributes if sizes or word not in SIZES]
    return " ".join(("the", *attributes, phrase.category))


def neighbours(phrase: Phrase) -> list[tuple[str, str]]:
    """Return each relation's words and what a window is asked for to find its other object, two where it names two."""
    return [(relation.words, f"the {other}") for relation in phrase.relations for other in _AND_A.split(relation.other)]


def _glance(pipeline: Pipeline, scene: Scene, expression: str) -> Job | None:
    """Return the look at the whole scene, reduced; `None` for a strip that no model takes in one piece."""
    job = Job(scene.read(most=pipeline.recipe.search.glance, tolerant=True), expression)
    try:
        pipeline.run("overview", [job])
    except PictureError as error:
        log.info("no glance at the whole scene: %s", error)
        return None
    return job


def _confirmed(pipeline: Pipeline, scene: Scene, several: Sequence[Candidate], text: str) -> list[Candidate]:
    """Return of the best sightings of a thing those that a closer look sees too."""
    best = sorted(several, key=lambda one: -one.score)[:ANCHORS]
    closer = [look_closer(pipeline, scene, one, text) for one in best]
    return [Candidate(one.box, one.score) for one in closer if one.score >= pipeline.recipe.search.least_score]


def _tiles(pipeline: Pipeline, scene: Scene, asked: Sequence[str], tell: Progress) -> list[Tile]:
    windows = tiles(scene.hw, pipeline.recipe.search.tile, pipeline.recipe.search.overlap)
    reports: list[Tile] = []
    tell("tiles", 0, len(windows))
    for start in range(0, len(windows), AT_ONCE):
        reports += look_at(pipeline, scene, windows[start : start + AT_ONCE], asked)
        tell("tiles", len(reports), len(windows))
    return reports
