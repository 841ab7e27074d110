"""One function: an image of any size and kind and a sentence in, an answer out. All programs call it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from zeroov import frames
from zeroov import recipe as recipes
from zeroov.answers import INVALID, picture_answer, search_answer
from zeroov.errors import RecipeError, UsageError
from zeroov.look import Look, Outline, Question
from zeroov.outputs.answer import Answer, Answers
from zeroov.outputs.decide import UNDECIDED
from zeroov.outputs.found import SceneInfo, found_of
from zeroov.pipeline.run import Stages
from zeroov.progress import SILENT, Progress
from zeroov.raster import decode
from zeroov.raster.scene import Scene, Source, open_source
from zeroov.recipe import Recipe, SearchRecipe
from zeroov.search.area import Aoi, Numbers, area_of, box_of, point_of
from zeroov.search.search import search_scene
from zeroov.types import Box, Picture, Refined, clean_expression
from zeroov.zoom.closer import MOST_TILES, closer_looks, place_of
from zeroov.zoom.crop import window_around

Asked = tuple[Scene, str]
Texts = list[str] | tuple[str, ...]


@overload
def ground(
    pipeline: Stages,
    source: Source | Scene,
    expression: str,
    *,
    every: bool = False,
    bands: tuple[int, ...] | None = None,
    aoi: Aoi | None = None,
    bbox: Numbers | None = None,
    point: Numbers | None = None,
    search: bool | None = None,
    zoom: bool | None = None,
    undecided: bool = False,
    given: str | None = None,
    progress: Progress = SILENT,
) -> Answer: ...
@overload
def ground(
    pipeline: Stages,
    source: Source | Scene,
    expression: Texts,
    *,
    every: bool = False,
    bands: tuple[int, ...] | None = None,
    aoi: Aoi | None = None,
    bbox: Numbers | None = None,
    point: Numbers | None = None,
    search: bool | None = None,
    zoom: bool | None = None,
    undecided: bool = False,
    given: Texts | None = None,
    progress: Progress = SILENT,
) -> list[Answer]: ...
def ground(
    pipeline: Stages,
    source: Source | Scene,
    expression: str | Texts,
    *,
    every: bool = False,
    bands: tuple[int, ...] | None = None,
    aoi: Aoi | None = None,
    bbox: Numbers | None = None,
    point: Numbers | None = None,
    search: bool | None = None,
    zoom: bool | None = None,
    undecided: bool = False,
    given: str | Texts | None = None,
    progress: Progress = SILENT,
) -> Answer | list[Answer]:
    """Find the one object that `expression` describes in an image, or, with `every`, each object of its kind.

    `source` is a path, a PIL image, a uint8 array, a `Picture` or an open scene. Of several expressions each gets an
    answer. A large raster is searched tile by tile; `search` decides otherwise. `zoom` asks for a closer look, or
    forbids the recipe's. `bands`, from 1, are shown as red, green and blue. `undecided` leaves the recipe's `min_score`
    and `said_absent` aside: the answer holds what there is, whatever it scores and whatever the model says of it, and
    who keeps it decides later, by `outputs.decide`. `given` is the language model's answer, or one for each expression,
    where somebody else has it: a recipe with `overview.answer = "given"` reads its attention and decodes nothing.

    `aoi` is the part of the image to look at: a polygon file in its own CRS, or x0,y0,x1,y1 on the map; outside of it
    nothing is found. `bbox`, or a `point` on the object, says where the object is: Segment Anything draws it there, and
    no other model is asked. Numbers are in the image's CRS; a last EPSG number names another one, "px" means pixels.
    """
    start = time.perf_counter()
    if every and search is False:
        raise UsageError("every object of a kind is found by a search; leave out --no-scene (search=False)")
    if sum(hint is not None for hint in (aoi, bbox, point)) > 1 or (every and (bbox or point) is not None):
        raise UsageError(
            "a box or a point says where the one object is: give one of --aoi, --bbox and --point, and the last two "
            "without --all"
        )
    if isinstance(expression, list | tuple) and not expression:
        return Answers()
    texts = [clean_expression(text) for text in (expression if isinstance(expression, list | tuple) else [expression])]
    recipe = pipeline.recipe.with_values(UNDECIDED) if undecided else pipeline.recipe
    rounds = recipe.zoom.rounds if zoom is None else max(1, recipe.zoom.rounds) * zoom
    answered = [given] if isinstance(given, str) else list(given or ())
    with open_source(source, bands, progress=progress) as whole:
        if (hint := bbox if bbox is not None else point) is not None:
            drawn = draw_hinted(pipeline, whole, texts[0], hint, "point" if bbox is None else "box")
            drawn = replace(drawn, seconds=(time.perf_counter() - start) / len(texts))
            answers = [
                replace(drawn, expression=text, found=tuple(replace(each, expression=text) for each in drawn.found))
                for text in texts  # they change nothing of what is drawn
            ]
            return Answers(answers) if isinstance(expression, list | tuple) else answers[0]
        area = None if aoi is None else area_of(aoi, whole)
        scene = whole if area is None else whole.part(area.window, area.inside)
        searching = every or (is_large(scene.hw, recipe.search) if search is None else search)
        if answered and (searching or rounds or len(answered) != len(texts)):
            raise UsageError(
                f"{len(answered)} answers are given for {len(texts)} expressions; each expression has one, about the "
                "whole picture: leave out --zoom, and search nothing (--no-scene)"
            )
        if searching and pipeline.models.limited:  # what is drawn in the middle of a search is in no dump
            raise UsageError(
                f"`{scene.source}` of {scene.hw[1]} x {scene.hw[0]} pixels is searched, which asks all models in turn, "
                "and here each has actors of its own; leave out --staged, or add --no-scene for one look at the whole"
            )
        if searching:
            sought = search_scene(pipeline, scene, texts, recipe, every=every, rounds=rounds, progress=progress)
            answers = [search_answer(scene, each, recipe, pipeline.provenance) for each in sought]
        else:
            require_one_look(scene)
            asked = [(scene, text) for text in texts]
            answers = ground_pictures(pipeline, asked, recipe, rounds=rounds, given=answered, progress=progress)
        if area:
            answers = [answer.in_whole(SceneInfo.of(whole), area.window) for answer in answers]
    seconds = (time.perf_counter() - start) / max(1, len(answers))
    asked_with = recipe.with_values({"zoom.rounds": rounds})
    provenance = pipeline.provenance | {"recipe_digest": asked_with.digest}
    answers = [replace(answer, seconds=seconds, provenance=provenance) for answer in answers]
    return Answers(answers) if isinstance(expression, list | tuple) else answers[0]


class Pipeline(Stages):
    """A recipe on a device, ready to be asked. `close` or a `with` block frees its models."""

    ground = ground

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ground_pictures(
    pipeline: Stages,
    asked: Sequence[Asked],
    recipe: Recipe | None = None,
    *,
    rounds: int = 0,
    given: Sequence[str] = (),
    progress: Progress = SILENT,
) -> list[Answer]:
    """Look once at the whole of each picture, closer where that is due, and draw what was found.

    `recipe` is the pipeline's, unless another one with the same stages and models decides. `given` are the language
    model's answers, where they are known.
    """
    recipe = recipe or pipeline.recipe
    answers: Sequence[str | None] = given or [None] * len(asked)
    questions = [Question(scene.read(), text, given=known) for (scene, text), known in zip(asked, answers, strict=True)]
    firsts = pipeline.look(questions, progress)  # Overview, Focus, Evolve
    firsts = pipeline.select(firsts, progress)  # Select: which of several is meant?
    absent = [first.says_absent and recipe.said_absent == "empty" for first in firsts]  # a closer look asks less
    places = [place_of(scene, first, recipe.zoom) for (scene, _), first in zip(asked, firsts, strict=True)]
    places = [replace(place, box=None) if gone else place for place, gone in zip(places, absent, strict=True)]
    trails = closer_looks(pipeline, places, recipe, rounds, progress)  # Zoom
    believed = [trail.best or first for trail, first in zip(trails, firsts, strict=True)]  # a denial changes nothing
    boxes = [None if gone else look.coarse.box for look, gone in zip(believed, absent, strict=True)]
    drawn = pipeline.refine(believed, boxes, progress)  # Refine
    return [
        picture_answer(scene, text, first, trail, look, draw_others(pipeline, first), recipe, pipeline.provenance)
        for (scene, text), first, trail, look in zip(asked, firsts, trails, drawn, strict=True)
    ]


def draw_others(pipeline: Stages, first: Look) -> list[Outline]:
    """Return the outlines of a group's members but the first, for an expression that means several objects."""
    others = [each.box for each in first.selection.chosen[1:]] if first.selection else []
    return [look.drawn for look in pipeline.refine([first] * len(others), others)]


def draw_hinted(pipeline: Stages, scene: Scene, text: str, given: Numbers, hint: Literal["box", "point"]) -> Answer:
    """Return the object in a box, or at a point, that somebody has `given`, as Segment Anything draws it.

    Of a large scene it gets a window around it. Its score is what Segment Anything says of its mask.
    """
    recipe = pipeline.recipe
    if "refine" not in recipe.stages:
        raise UsageError(f"a box or a point is for Segment Anything, and recipe {recipe.name} has no stage refine")
    pipeline.models.locate("refine")  # an error for a model that is missing, before the file is read
    if hint == "box":
        place = box_of(given, scene)
    else:
        x, y = point_of(given, scene)
        place = Box(x, y, x + 1, y + 1)
    picture = around(scene, place, recipe)
    near = frames.to_picture(place, picture)
    drawn = None
    if near:
        if hint == "box":
            drawn = pipeline.draw(picture, near, alone=True)[0]
        else:
            drawn = pipeline.draw_at(picture, [(near.x0, near.y0, True)])
    return drawn_answer(pipeline, scene, text, picture, drawn, hint)


def around(scene: Scene, place: Box, recipe: Recipe) -> Picture:
    """Return what Segment Anything is shown of a scene: all of it, or, of a large one, a window around a place."""
    window = None
    if is_large(scene.hw, recipe.search):
        window = window_around(place, scene.hw, recipe.zoom.context, recipe.search.tile)
    return scene.read(window, MOST_TILES * recipe.search.tile)


def drawn_answer(
    pipeline: Stages, scene: Scene, text: str, picture: Picture, drawn: Refined | None, hint: str
) -> Answer:
    """Return what Segment Anything has drawn where somebody said that the object is; `None`: it was not asked."""
    located = pipeline.models.locate("refine")
    score, found = 0.0, None
    if drawn:
        score = min(1.0, max(0.0, drawn.predicted_iou))
        found = found_of(picture, Outline(drawn.mask, drawn.box), text, score, hint=hint)
    return Answer(
        expression=text,
        found=(found,) if found else (),
        score=score,
        words="",
        info=SceneInfo.of(scene),
        shown=picture,
        provenance={
            "recipe": pipeline.recipe.name,
            "recipe_digest": pipeline.recipe.digest,
            "model": located.reference,
            "model_revision": located.revision,
        },
        why_empty="" if found else INVALID if drawn and drawn.box else "Segment Anything drew nothing there",
        area=picture.part,
    )


def is_large(scene_hw: frames.HW, recipe: SearchRecipe) -> bool:
    """Return whether a scene is searched tile by tile: its longer side is more than two tiles."""
    return max(scene_hw) > 2 * recipe.tile


def require_one_look(scene: Scene) -> None:
    """Refuse a raster that cannot be held in memory whole."""
    if int(np.prod(scene.hw)) > decode.MOST_PIXELS:
        raise UsageError(
            f"`{scene.source}` of {scene.hw[1]} x {scene.hw[0]} pixels is too large for one look, which takes "
            f"{decode.MOST_PIXELS:,}; leave out --no-scene (search=False) to search it"
        )


def load(
    recipe: str | Path | Recipe = recipes.DEFAULT,
    *,
    device: str = "auto",
    dumps: str | Path | None = None,
    **changes: Any,
) -> Pipeline:
    """Return a pipeline for a recipe's name, file, or value.

    `changes` override recipe keys, a double underscore for the dot: `load("fast", evolve__alpha=0.35)`. With a
    `dumps` folder every stage's maps are kept there and used again.
    """
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    chosen = recipe if isinstance(recipe, Recipe) else recipes.load(recipe)
    sections = {name: keys for name, keys in chosen.to_dict().items() if isinstance(keys, dict)}
    for key in changes:
        section, _, name = key.partition("_")
        if name in sections.get(section, {}):
            raise RecipeError(f"recipe key `{key}` is unknown; did you mean `{section}__{name}`?")
    return Pipeline(chosen.with_values(dotted), device, dumps)
