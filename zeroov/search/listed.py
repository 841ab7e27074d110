"""List what there is of a kind in the tiles of a scene, and in the look at the whole of it what no tile can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

from zeroov import frames
from zeroov.candidates.parts import is_valid
from zeroov.candidates.pool import MOST_IN_SCENE
from zeroov.candidates.slices import is_cut, once, uncut
from zeroov.look import Look, Looker, Question, Searched
from zeroov.progress import Progress
from zeroov.raster.scene import Scene
from zeroov.recipe import Recipe
from zeroov.search.plan import Plan
from zeroov.search.survey import visited
from zeroov.types import Box, Boxes, Picture, Tile

Lists = dict[tuple[str, str], list[tuple[Box, float]]]
"""Boxes in scene pixels by their source and what it was asked for."""


def listed_scene(
    looker: Looker, scene: Scene, plans: Sequence[Plan], glances: Sequence[Look], recipe: Recipe, progress: Progress
) -> tuple[tuple[Tile, ...], list[Searched]]:
    """Ask every tile for every object of each plan's kinds, and return the tiles and what is known for each plan.

    An object that several tiles hold comes once. One that the edges of all tiles cut off is taken from the look at the
    whole scene, if that sees it, and nothing else is: tiles show things larger.
    """
    kinds = [kinds_of(looker, plan, recipe) for plan in plans]
    texts = [plan.kind for plan in plans] if "answer" in recipe.candidates.sources else []
    asked, answered = list(dict.fromkeys(kind for own in kinds for kind in own)), list(dict.fromkeys(texts))

    def ask(pictures: Sequence[Picture]) -> list[Lists]:
        return seen_in(looker, pictures, asked, answered, recipe, progress.inner())

    reports: list[Tile] = []
    in_tiles: Lists = {}
    for tile, found in visited(scene, recipe, ask, progress):
        reports.append(tile)
        for key, boxes in (found or {}).items():
            whole_ones = uncut(boxes, tile.window, scene.hw)
            in_tiles.setdefault(key, []).extend(whole_ones)
            for box, score in whole_ones:
                progress.made("candidate", (key[1], box, score))
    looked = [tile.window for tile in reports if tile.status == "looked"]

    def too_large(box: Box) -> bool:
        return all(is_cut(box, window, scene.hw) for window in looked)

    def joined(key: tuple[str, str], glanced: Lists) -> Boxes:
        sure = sorted(in_tiles.get(key, ()), key=itemgetter(1), reverse=True)
        return once([*sure, *(each for each in glanced.get(key, ()) if too_large(each[0]))], MOST_IN_SCENE)

    whole = glances[0].picture  # all are looks at it
    (listed,) = [{}] if progress.is_finishing else seen_in(looker, [whole], asked, [], recipe, progress.inner())
    known = []
    for plan, own, glance in zip(plans, kinds, glances, strict=True):
        answer = {("answer", plan.kind): answer_of(glance, recipe)} if texts else {}
        glanced = {
            key: [(frames.to_scene(box, whole), score) for box, score in boxes]
            for key, boxes in {**listed, **answer}.items()
        }
        lists: dict[str, Mapping[str, Boxes]] = {
            kind: {source: joined((source, kind), glanced) for source in recipe.candidates.listing} for kind in own
        }
        if texts:
            lists[own[0]] = {**lists[own[0]], "answer": joined(("answer", plan.kind), glanced)}
        known.append(Searched(scene, {kind: in_picture(by_source, whole) for kind, by_source in lists.items()}))
    return tuple(reports), known


def kinds_of(looker: Looker, plan: Plan, recipe: Recipe) -> tuple[str, ...]:
    """Return the kinds that tiles list for a plan: what is meant, and what it lies beside where that will count."""
    kinds = looker.kinds(plan.text)
    beside = recipe.search.relations and recipe.evidence.anchors != "never" and not plan.every
    return kinds if beside else kinds[:1]


def seen_in(
    looker: Looker,
    pictures: Sequence[Picture],
    kinds: Sequence[str],
    texts: Sequence[str],
    recipe: Recipe,
    progress: Progress,
) -> list[Lists]:
    """Return what each picture shows of `kinds` by every source that lists, and where its answers to `texts` are."""
    questions = [Question(picture, kind, placed=False) for picture in pictures for kind in kinds]
    lists = iter(looker.listed(questions, progress))
    found: list[Lists] = [
        {(source, kind): [*boxes] for kind in kinds for source, boxes in next(lists).items()} for _ in pictures
    ]
    if texts:
        looks = iter(
            looker.glance([Question(each, text, placed=False) for each in pictures for text in texts], progress)
        )
        for own in found:
            own |= {("answer", text): answer_of(next(looks), recipe) for text in texts}
    return [
        {key: [each for each in boxes if is_valid(each[0], picture.valid)] for key, boxes in own.items()}
        for picture, own in zip(pictures, found, strict=True)
    ]


def answer_of(look: Look, recipe: Recipe) -> list[tuple[Box, float]]:
    """Return the box in a look's answer, if there is one that can be believed."""
    box = look.overview.answer_box
    if box is None or look.says_absent or look.score(box) < recipe.search.least_score:
        return []
    return [(box, look.score(box))]


def in_picture(lists: Mapping[str, Boxes], picture: Picture) -> dict[str, Boxes]:
    """Return lists in scene pixels in those of a picture of the whole scene."""
    return {
        source: [(there, score) for box, score in boxes if (there := frames.to_picture(box, picture))]
        for source, boxes in lists.items()
    }
