"""What `select` asks the models: every object of a kind, and how likely an answer is to a question about a picture."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from zeroov import dumps, frames
from zeroov.candidates.slices import joined, slices_of
from zeroov.dumps import values as dumped
from zeroov.look import Question, Readable
from zeroov.pipeline.cache import Work, fill
from zeroov.pipeline.models import ModelStage
from zeroov.pipeline.talking import served_lists
from zeroov.progress import Progress
from zeroov.recipe import Recipe
from zeroov.types import Box, Boxes, Candidate, Listing, Picture, Window
from zeroov.zoom.closer import MOST_TILES
from zeroov.zoom.crop import window_around

if TYPE_CHECKING:
    from zeroov.pipeline.run import Stages

T = TypeVar("T")


def boxes_by_source(
    stages: Stages, questions: Sequence[Question], progress: Progress, *, sliced: bool = True
) -> list[dict[str, Boxes]]:
    """Return, for each question, the boxes and scores of every source that lists whole kinds.

    The kind is the question's expression. `sliced`: slices of the picture are looked at too, where the recipe says so.
    """
    ask = listings if sliced else _listings
    lists = {source: ask(stages, source, questions, progress) for source in stages.recipe.candidates.listing}
    return [
        {source: list(zip(found[at].boxes, found[at].scores, strict=True)) for source, found in lists.items()}
        for at in range(len(questions))
    ]


def listings(stages: Stages, source: str, questions: Sequence[Question], progress: Progress) -> list[Listing]:
    """Return every object of each question's kind that a source sees, in the whole picture and in slices of it."""
    recipe = stages.recipe.candidates
    windows = [
        [Window(0, 0, *each.picture.hw[::-1]), *slices_of(each.picture.hw, recipe.slices, recipe.overlap)]
        for each in questions
    ]
    asked = [
        question if window.hw == question.picture.hw else replace(question, picture=part(question.picture, window))
        for question, own in zip(questions, windows, strict=True)
        for window in own
    ]
    found = iter(_listings(stages, source, asked, progress))
    return [
        joined(question.picture.hw, [(window, next(found)) for window in own], recipe.most)
        for question, own in zip(questions, windows, strict=True)
    ]


def _listings(stages: Stages, source: str, questions: Sequence[Question], progress: Progress) -> list[Listing]:
    """Return every object of each question's kind, its expression, that a source sees in its picture as a whole."""
    recipe, models = stages.recipe, stages.models
    model: ModelStage = "overview" if source == "vlm" else "detector"
    settings = dumps.listing_settings(recipe, source, models.locate(model).revision, models.dtype_name(model))

    def compute(batch: Sequence[Question]) -> list[Listing]:
        pictures, kinds = [each.picture for each in batch], [each.expression for each in batch]
        if source == "detector":
            from zeroov.candidates.detector import detect

            return detect(models.detector(), pictures, kinds, recipe.detector, recipe.candidates.most)
        if recipe.overview.served_model:
            return served_lists(stages, batch)
        from zeroov.overview.listing import list_objects

        return list_objects(models.overview(), pictures, stages.read(pictures), kinds, recipe.candidates)

    def key(question: Question) -> str:
        return dumps.digest("listing", question.picture.digest, question.expression, settings)

    work = Work("listing", model, settings, key, compute, dumped.from_listing, dumped.to_listing, reads=source == "vlm")
    return answers_of(stages, work, questions, progress)


def weighed(
    stages: Stages, asked: Sequence[tuple[Picture, str]], answers: Sequence[str], progress: Progress
) -> list[tuple[float, ...]]:
    """Return how likely the language model holds each of `answers` to each picture's question."""
    recipe, models = stages.recipe, stages.models
    settings = dumps.weighed_settings(recipe, models.locate("overview").revision, models.dtype_name("overview"))

    def compute(batch: Sequence[Question]) -> list[tuple[float, ...]]:
        from zeroov.overview.weigh import weigh

        prefixes = stages.read([each.picture for each in batch])
        return weigh(models.overview(), prefixes, [each.expression for each in batch], answers)

    def key(question: Question) -> str:
        return dumps.digest("weighed", question.picture.digest, f"{question.expression}\n{list(answers)}", settings)

    def to_dump(shares: tuple[float, ...]) -> dumped.Parts:
        return {}, {"answers": list(answers), "shares": list(shares)}

    work = Work("weighed", "overview", settings, key, compute, to_dump, dumped.to_shares, reads=True)
    return answers_of(stages, work, [Question(picture, text) for picture, text in asked], progress)


def answers_of(stages: Stages, work: Work[T], questions: Sequence[Question], progress: Progress) -> list[T]:
    """Return what a work makes of each question; one that was asked before in this call of `select` is not again."""
    keys = [work.key(question) for question in questions]
    new = [question for key, question in zip(keys, questions, strict=True) if key not in stages.asked]
    stages.asked |= {made.key: made for made in fill(work, new, stages.store, stages.models, stages.kept, progress)}
    return [stages.asked[key].value for key in keys]


def crop(picture: Picture, candidate: Candidate, recipe: Recipe, scene: Readable | None = None) -> Picture:
    """Return the square around a candidate, as a picture of its own, in the pixels of the scene that was searched."""
    context, least_side = recipe.evidence.crop, recipe.evidence.least_side
    if scene is None:
        return part(picture, window_around(candidate.box, picture.hw, context, least_side))
    window = window_around(frames.to_scene(candidate.box, picture), scene.hw, context, least_side)
    return scene.read(window, MOST_TILES * recipe.search.tile, tolerant=True)


def around(boxes: Sequence[Box], recipe: Recipe, scene: Readable) -> tuple[Picture, list[Box]]:
    """Return the part of a scene that holds boxes, reduced where it is large, and the boxes in its pixels."""
    hull = functools.reduce(frames.box_hull, boxes)
    window = window_around(hull, scene.hw, recipe.evidence.crop, recipe.search.tile)
    picture = scene.read(window, MOST_TILES * recipe.search.tile, tolerant=True)
    return picture, [there for box in boxes if (there := frames.to_picture(box, picture))]


def part(picture: Picture, window: Window) -> Picture:
    """Return a window of a picture, in its pixels, as a picture of its own."""
    x0, y0, x1, y1 = window
    shown = picture.window
    across, down = shown.hw[1] / picture.hw[1], shown.hw[0] / picture.hw[0]
    left, top = shown.x0 + round(x0 * across), shown.y0 + round(y0 * down)
    right, bottom = shown.x0 + round(x1 * across), shown.y0 + round(y1 * down)
    valid = None if picture.valid is None else picture.valid[y0:y1, x0:x1]
    there = Window(left, top, max(left + 1, right), max(top + 1, bottom))
    return replace(picture, rgb=picture.rgb[y0:y1, x0:x1], valid=valid, part=there)
