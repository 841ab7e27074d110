"""Find one object, or every one of its kind, in a scene that is too large for one look.

A glance at the reduced scene is asked the whole expression. Every tile is asked for the kind of thing alone, since
words of place and relation speak of the scene, and for the things that it is said to lie beside. Every good candidate
gets a closer look; what remains is ranked over the scene. There is one referent for the scene, not one for each tile.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from zeroov import frames
from zeroov.candidates.choose import choose
from zeroov.errors import HardwareError
from zeroov.language.phrase import Phrase, parse
from zeroov.language.words import SIZES
from zeroov.look import Look, Looker, Outline
from zeroov.outputs.found import Found, found_of
from zeroov.progress import Progress
from zeroov.raster.scene import Scene
from zeroov.recipe import Recipe
from zeroov.search.glance import by_glance
from zeroov.search.survey import Survey, glance_at, one_each, survey_tiles
from zeroov.search.tiles import distinct
from zeroov.types import Box, Candidate, Choice, Seen, Tile, Window
from zeroov.zoom.closer import Place, Trail, closer_looks
from zeroov.zoom.merge import merged_box

log = logging.getLogger("zeroov")
AS_IN_A_PICTURE = 4.0  # of search.place
ANCHORS = 10  # of a thing beside which the object lies, so many candidates are looked at closer

Chooser = Callable[[Sequence[Candidate]], Choice]


class Other(NamedTuple):
    """What is asked for to find the `part`th other object of an expression's `relation`th relation."""

    relation: int
    part: int
    text: str


@dataclass(frozen=True)
class Plan:
    """What a search asks for: each tile the `kind` and the `others`, a closer look the `near` (without sizes).

    `others` are the objects that it is said to lie beside.
    """

    text: str
    phrase: Phrase
    kind: str
    near: str
    others: tuple[Other, ...]
    every: bool


@dataclass(frozen=True, eq=False)
class Sought:
    """What was found for an expression, the best first, the scene's tiles, and the glance at the whole scene."""

    expression: str
    found: tuple[Found, ...]
    tiles: tuple[Tile, ...]
    glance: Look | None


def search_scene(
    looker: Looker,
    scene: Scene,
    texts: Sequence[str],
    recipe: Recipe,
    *,
    every: bool,
    rounds: int,
    progress: Progress,
) -> list[Sought]:
    """Find what each expression means in a scene, or `every` object of its kind; a tile is read once for all."""
    plans = [plan_of(text, recipe, every) for text in texts]
    asked = dict.fromkeys(text for plan in plans for text in (plan.kind, *(other.text for other in plan.others)))
    survey = survey_tiles(looker, scene, list(asked), recipe, progress)
    if all(tile.status == "nodata" for tile in survey.tiles):
        scene.read(most=recipe.search.glance, tolerant=True)  # an error where no pixel at all is valid
    glances = [glance_at(looker, scene, plan.text, recipe.search, progress.inner()) for plan in plans]
    rounds = max(1, rounds)
    return [
        find(looker, scene, plan, survey, glance, recipe, rounds, progress)
        for plan, glance in zip(plans, glances, strict=True)
    ]


def find(
    looker: Looker,
    scene: Scene,
    plan: Plan,
    survey: Survey,
    glance: Look | None,
    recipe: Recipe,
    rounds: int,
    progress: Progress,
) -> Sought:
    """Look closer at the best candidates of a survey, and choose among what remains."""
    least = recipe.search.least_score

    def closer(candidate: Candidate, text: str) -> Found | None:
        return look_closer(looker, scene, candidate, text, plan.text, recipe, rounds, progress.inner())

    anchors: list[Seen] = []
    for relation, part, text in plan.others:
        best = sorted(one_each(survey.candidates(text, least)), key=lambda each: -each.score)[:ANCHORS]
        confirmed = [found for each in best if (found := closer(each, text)) and found.score >= least]
        anchors.append(Seen(relation, tuple(Candidate(each.box, each.score) for each in confirmed), part))
    pool = one_each(survey.candidates(plan.kind, least))
    if glance and not plan.every:  # what no tile saw is the one object that is meant, or none
        pool = one_each([*(each for each in glance_candidates(glance) if each.score >= least), *pool])
    chosen = chooser(plan, anchors, glance, scene.hw, recipe)
    order = chosen(pool).order[: None if plan.every else recipe.search.candidates]
    drawn: list[Found] = []
    progress.report("closer looks", 0, len(order))
    for done, position in enumerate(order, start=1):
        if not any(covers(found, pool[position].box) for found in drawn):  # it would be drawn a second time
            found = closer(pool[position], plan.near)
            if found and found.score >= least and not (plan.every and is_box(found)):
                drawn.append(found)
        progress.report("closer looks", done, len(order))
    kept = [drawn[position] for position in distinct([each.box for each in drawn], [each.score for each in drawn])]
    if kept and not plan.every:
        choice = chosen([Candidate(each.box, each.score) for each in kept])
        for note in choice.notes:
            log.warning('"%s": %s', plan.text, note)
        kept = [kept[position] for position in choice.group or choice.order[:1]]
    return Sought(plan.text, tuple(kept), survey.tiles, glance)


def look_closer(
    looker: Looker,
    scene: Scene,
    candidate: Candidate,
    text: str,
    expression: str,
    recipe: Recipe,
    rounds: int,
    progress: Progress,
) -> Found | None:
    """Look again at a candidate in a window of its own; what agrees with it takes its place.

    Where nothing agrees, the candidate stays, drawn by Segment Anything in its own box, or as the box itself. The score
    is the geometric mean of both looks' scores, so that what the closer look denies is worth next to nothing.
    """
    whole = Window(0, 0, *scene.hw[::-1])
    place = Place(scene, whole, candidate.box, expression, text=text, always=True)
    try:
        (trail,) = closer_looks(looker, [place], recipe, rounds, progress)
    except HardwareError as error:
        log.warning("no closer look at %s: %s", [round(corner) for corner in candidate.box.xyxy], error)
        trail = Trail(place, place.box, verdict="unread")
    if not trail.looks:  # its window cannot be read, or does not fit into memory
        return box_alone(candidate.box, scene.hw, expression, candidate.score / 2 if candidate.whole else 0.0)
    look = trail.best or trail.looks[-1]
    near = look.coarse.box if trail.best else look.question.near
    (drawn,) = looker.refine([look], [near], progress)
    outline: Outline | None = drawn.drawn
    if not trail.best:
        outline = Outline(drawn.refined.mask, drawn.refined.box) if drawn.refined and drawn.refined.box else None
    box = outline.box if outline else None
    near_score = look.score(box or look.question.near)
    score = math.sqrt(candidate.score * near_score)
    if outline is None or box is None:
        return box_alone(candidate.box, scene.hw, expression, score)
    in_scene = frames.to_scene(box, drawn.picture)
    if trail.best and candidate.whole:  # a box that a tile's edge cut off says nothing of the object's size
        in_scene = merged_box(candidate.box, in_scene, recipe.zoom.merge, (candidate.score, near_score))
    return found_of(drawn.picture, outline, expression, score, in_scene)


def glance_candidates(glance: Look) -> list[Candidate]:
    """Return the box that the model named at the glance, in scene pixels; a tile's look knows better what is in it."""
    box = glance.overview.answer_box
    return [Candidate(frames.to_scene(box, glance.picture), glance.score(box), whole=False)] if box else []


def chooser(plan: Plan, anchors: Sequence[Seen], glance: Look | None, scene_hw: frames.HW, recipe: Recipe) -> Chooser:
    """Return a function that says which of some candidates the expression means."""
    attention = glance.attention if glance and not plan.every else None
    reduced = glance.overview.resized_hw[0] / scene_hw[0] if glance else 1.0
    weights = replace(recipe.select, place=recipe.select.place * recipe.search.place / AS_IN_A_PICTURE)

    def chosen(candidates: Sequence[Candidate]) -> Choice:
        extra = {} if attention is None else {"attention": by_glance(attention, candidates, scene_hw, reduced)}
        return choose(candidates, plan.phrase, scene_hw, anchors, extra, weights)

    return chosen


def plan_of(text: str, recipe: Recipe, every: bool) -> Plan:
    """Return what a search for an expression asks for."""
    phrase = parse(text)
    others = () if every or not recipe.search.relations else neighbours(phrase)
    return Plan(text, phrase, described(phrase), described(phrase, sizes=False), tuple(others), every)


def described(phrase: Phrase, sizes: bool = True) -> str:
    """Return what a window is asked for: the kind of thing with what can be seen of it, nothing of where it lies.

    How large something is cannot be seen of it alone: a closer look is asked without `sizes`. An expression that names
    no kind of thing ("on the left") is asked as it is.
    """
    if not phrase.named:
        return phrase.text
    attributes = [word for word in phrase.attributes if sizes or word not in SIZES]
    return " ".join(("the", *attributes, phrase.category))


def neighbours(phrase: Phrase) -> list[Other]:
    """Return what windows are asked for to find the other objects of each relation, two where it names two.

    Things of the expression's own kind are the candidates, unless they are described: "left of the black plane".
    """
    return [
        Other(relation, part, described(anchor))
        for relation, anchors in enumerate(phrase.anchors)
        for part, anchor in enumerate(anchors)
        if not phrase.same_kind(anchor) or (anchor.named and anchor.attributes)
    ]


def covers(found: Found, box: Box) -> bool:
    """Return whether the middle of a box lies on an object, both in scene pixels."""
    x0, y0, x1, y1 = found.window_xyxy
    x, y = int((box.x0 + box.x1) / 2), int((box.y0 + box.y1) / 2)
    return x0 <= x < x1 and y0 <= y < y1 and bool(found.mask[y - y0, x - x0])


def box_alone(box: Box, scene_hw: frames.HW, expression: str, score: float) -> Found:
    """Return a box as an object: what is known of its mask is the box itself."""
    x0, y0 = max(0, int(box.x0)), max(0, int(box.y0))
    x1, y1 = min(scene_hw[1], math.ceil(box.x1)), min(scene_hw[0], math.ceil(box.y1))
    mask = np.ones((y1 - y0, x1 - x0), dtype=np.bool_)
    return Found(mask, (x0, y0), box, score, expression, extra={"mask_is_box": True})


def is_box(found: Found) -> bool:
    """Return whether all that is known of an object's mask is its box."""
    return bool(found.extra.get("mask_is_box"))
