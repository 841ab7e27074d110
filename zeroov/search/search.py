"""Find one object, or every one of its kind, in a scene that is too large for one look.

A glance at the reduced scene is asked the whole expression. Every tile is asked for the kind of thing alone, since
words of place and relation speak of the scene, and for the things that it is said to lie beside. Every good candidate
gets a closer look; what remains is ranked over the scene. There is one referent for the scene, not one for each tile.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from zeroov import frames
from zeroov.candidates.choose import choose
from zeroov.candidates.glance import by_glance
from zeroov.candidates.pool import MOST_IN_SCENE, pool_of
from zeroov.look import Look, Looker
from zeroov.outputs.found import Found
from zeroov.progress import Progress
from zeroov.raster.scene import Scene
from zeroov.recipe import Recipe
from zeroov.search.listed import listed_scene
from zeroov.search.near import box_alone, covers, is_box, look_closer
from zeroov.search.plan import Plan, plan_of
from zeroov.search.survey import Survey, glance_at, one_each, survey_tiles
from zeroov.search.tiles import distinct
from zeroov.types import Anchor, Candidate, Choice, Tile

log = logging.getLogger("zeroov")
ANCHORS = 10  # of a thing beside which the object lies, so many candidates are looked at closer

Chooser = Callable[[Sequence[Candidate]], Choice]


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
    plans, rounds = [plan_of(text, recipe, every) for text in texts], max(1, rounds)
    if "select" in recipe.stages and recipe.candidates.listing:
        tried = [glance_at(looker, scene, plan.text, recipe.search, progress.inner()) for plan in plans]
        if len(glanced := [glance for glance in tried if glance]) == len(plans):
            return search_listed(looker, scene, plans, glanced, recipe, rounds, progress)
    asked = dict.fromkeys(text for plan in plans for text in (plan.kind, *(other.text for other in plan.others)))
    survey = survey_tiles(looker, scene, list(asked), recipe, progress)
    if all(tile.status == "nodata" for tile in survey.tiles):
        scene.read(most=recipe.search.glance, tolerant=True)  # an error where no pixel at all is valid
    glances = [
        None if progress.is_finishing else glance_at(looker, scene, plan.text, recipe.search, progress.inner())
        for plan in plans
    ]
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
    """Look closer at the best candidates of a survey, and choose among what remains.

    A search that is to finish looks no closer.
    """
    least = recipe.search.least_score

    def closer(candidate: Candidate, text: str) -> Found | None:
        if progress.is_finishing:
            return None
        return look_closer(looker, scene, candidate, text, plan.text, recipe, rounds, progress.inner())

    anchors: list[Anchor] = []
    for relation, part, text in plan.others:
        best = sorted(one_each(survey.candidates(text, least)), key=lambda each: -each.score)[:ANCHORS]
        confirmed = [found for each in best if (found := closer(each, text)) and found.score >= least]
        anchors.append(Anchor(relation, tuple(Candidate(each.box, each.score) for each in confirmed), part))
    pool = one_each(survey.candidates(plan.kind, least))
    if glance and not plan.every:  # what no tile saw is the one object that is meant, or none
        pool = one_each([*(each for each in glance_candidates(glance) if each.score >= least), *pool])
    chosen = chooser(plan, anchors, glance, scene.hw, recipe)
    order = chosen(pool).order[: None if plan.every else recipe.search.candidates]
    kept = each_once(drawn_from(looker, scene, plan, [pool[at] for at in order], recipe, rounds, progress))
    if kept and not plan.every:
        choice = chosen([Candidate(each.box, each.score) for each in kept])
        for note in choice.notes:
            log.warning('"%s": %s', plan.text, note)
        kept = [kept[position] for position in choice.group or choice.order[:1]]
    return Sought(plan.text, tuple(kept), survey.tiles, glance)


def search_listed(
    looker: Looker,
    scene: Scene,
    plans: Sequence[Plan],
    glances: Sequence[Look],
    recipe: Recipe,
    rounds: int,
    progress: Progress,
) -> list[Sought]:
    """Find what each plan means among all that the tiles list, as in a picture; a closer look draws what was chosen."""
    reports, searched = listed_scene(looker, scene, plans, glances, recipe, progress)
    every = plans[0].every
    choosing = not every and not progress.is_finishing
    looks = looker.select(glances, progress.inner(), searched) if choosing else glances
    done = []
    for plan, look, there in zip(plans, looks, searched, strict=True):
        if chosen := look.selection:
            pool = [replace(each, score=chosen.belief_in(at)) for at, each in enumerate(chosen.pool.candidates)]
            order = chosen.choice.group or chosen.choice.order[: recipe.search.candidates]
        else:  # all of the kind are meant
            pool = list(pool_of(there.lists[looker.kinds(plan.text)[0]], recipe.candidates.same, MOST_IN_SCENE))
            order = tuple(range(len(pool)))
        to_check = [replace(pool[at], box=frames.to_scene(pool[at].box, look.picture)) for at in order]
        drawn = drawn_from(looker, scene, plan, to_check, recipe, rounds, progress)
        is_one = chosen is not None and not chosen.choice.group
        found = each_once(itertools.islice(drawn, 1) if is_one else drawn)
        progress.report("closer looks", len(to_check), len(to_check))  # those that were not needed are done, too
        done.append(Sought(plan.text, tuple(found), reports, look))
    return done


def drawn_from(
    looker: Looker,
    scene: Scene,
    plan: Plan,
    candidates: Sequence[Candidate],
    recipe: Recipe,
    rounds: int,
    progress: Progress,
) -> Iterator[Found]:
    """Look closer at candidates, one by one, and yield the objects that this shows; none twice.

    Once the search is to finish, those that are left come as their boxes: all of them, or, where one object is meant,
    the best one if nothing was drawn yet.
    """
    drawn: list[Found] = []
    progress.report("closer looks", 0, len(candidates))
    for done, candidate in enumerate(candidates, start=1):
        found = None
        if any(covers(each, candidate.box) for each in drawn):  # it would be drawn a second time
            pass
        elif not progress.is_finishing:
            found = look_closer(looker, scene, candidate, plan.near, plan.text, recipe, rounds, progress.inner())
            if found and (found.score < recipe.search.least_score or (plan.every and is_box(found))):
                found = None
        elif plan.every or not drawn:
            found = box_alone(candidate.box, scene.hw, plan.text, candidate.score)
        if found:
            drawn.append(found)
            progress.made("found", found)
            yield found
        progress.report("closer looks", done, len(candidates))


def each_once(drawn: Iterable[Found]) -> list[Found]:
    """Return of all views of one object the one with the highest score, the best object first."""
    found = list(drawn)
    return [found[position] for position in distinct([each.box for each in found], [each.score for each in found])]


def glance_candidates(glance: Look) -> list[Candidate]:
    """Return the box that the model named at the glance, in scene pixels; a tile's look knows better what is in it."""
    box = glance.overview.answer_box
    return [Candidate(frames.to_scene(box, glance.picture), glance.score(box), whole=False)] if box else []


def chooser(plan: Plan, anchors: Sequence[Anchor], glance: Look | None, scene_hw: frames.HW, recipe: Recipe) -> Chooser:
    """Return a function that says which of some candidates the expression means."""
    attention = glance.attention if glance and not plan.every else None
    reduced = glance.overview.resized_hw[0] / scene_hw[0] if glance else 1.0

    def chosen(candidates: Sequence[Candidate]) -> Choice:
        extra = {} if attention is None else {"attention": by_glance(attention, candidates, scene_hw, reduced)}
        return choose(candidates, plan.phrase, scene_hw, anchors, extra, recipe.select_in_scene)

    return chosen
