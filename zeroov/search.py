"""Find one object, or every one of its kind, in a scene that is too large for one look.

A glance at the reduced scene hears the whole expression; every tile is asked for the kind of thing alone, since words
of place and relation speak of the scene; the candidates are ranked over the scene, and the best get a closer look. One
referent for the scene, not one for each tile; an object across a seam is looked at again in a window of its own.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.errors import HardwareError, PictureError
from zeroov.job import Job, score
from zeroov.pipeline import Pipeline
from zeroov.raster.found import Found
from zeroov.raster.scene import Scene
from zeroov.recipe import LOOK
from zeroov.types import Bool, Box, clean_expression
from zeroov.zoom.choose import Candidate, rank
from zeroov.zoom.crop import Window, window_around
from zeroov.zoom.phrase import Phrase, parse
from zeroov.zoom.tiles import cut_by_seam, distinct, tiles
from zeroov.zoom.words import SIZES

log = logging.getLogger("zeroov")

AT_ONCE = 16  # tiles whose maps are in memory together
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Tile:
    """What became of a window of the scene: it was looked at, holds nothing but nodata, or could not be looked at."""

    window: Window
    status: Literal["looked", "nodata", "failed"]
    reason: str = ""
    candidates: int = 0


@dataclass(frozen=True)
class SceneAnswer:
    """What was found in a scene, the best first (one object at most, unless every one was asked for), and its tiles."""

    expression: str
    found: tuple[Found, ...]
    tiles: tuple[Tile, ...]
    answer: str
    """What the model said to the glance."""

    @property
    def failed(self) -> tuple[Tile, ...]:
        """The tiles that could not be looked at."""
        return tuple(tile for tile in self.tiles if tile.status == "failed")


def search(
    pipeline: Pipeline,
    scene: Scene,
    expression: str,
    *,
    every: bool = False,
    tell: Tell = lambda stage, done, total: None,
) -> SceneAnswer:
    """Find the object that `expression` describes in `scene`, or `every` object of its kind."""
    how, phrase = pipeline.recipe.search, parse(expression)
    glance = Job(scene.overview(how.glance), clean_expression(expression))
    pipeline.run("overview", [glance])
    attention = None if every else pipeline.seen(glance)

    def value(seen: Sequence[Found]) -> NDArray[np.float64]:
        candidates = [Candidate(found.box, found.score) for found in seen]
        return rank(candidates, phrase, attention, scene.hw, how.place, glance.overview.resized_hw[0] / scene.hw[0])

    seen = list(_glanced(glance, scene, expression))
    reports: list[Tile] = []
    windows = tiles(scene.hw, how.tile, how.overlap)
    tell("tiles", 0, len(windows))
    for start in range(0, len(windows), AT_ONCE):
        for tile, more in _look_at(pipeline, scene, windows[start : start + AT_ONCE], _described(phrase), every):
            reports.append(tile)
            seen += more
        tell("tiles", len(reports), len(windows))
    seen = _one_each([found for found in seen if found.score >= how.least_score])
    values = value(seen)
    order = np.argsort(-values, kind="stable")[: None if every else how.candidates]
    closer: list[Found] = []
    best = 0.0
    for done, position in enumerate(order):
        if not every and best >= values[position]:
            break  # a second look is seldom surer than the first: none of those left would outrank it
        tell("closer looks", done, len(order))
        one = _look_closer(pipeline, scene, seen[position], phrase)
        if one.score >= how.least_score:
            closer.append(one)
            best = max(best, values[position] * one.score / seen[position].score)
    tell("closer looks", len(order), len(order))
    closer = [found for found in _one_each(closer) if found.score >= pipeline.recipe.min_score]
    if closer and not every:
        closer = [closer[int(value(closer).argmax())]]
    named = tuple(replace(found, expression=glance.expression) for found in closer)
    return SceneAnswer(glance.expression, named, tuple(reports), glance.overview.answer)


def _described(phrase: Phrase, sizes: bool = True) -> str:
    """Return what a window is asked for: the kind of thing with what can be seen of it, nothing of where it lies."""
    attributes = [word for word in phrase.attributes if sizes or word not in SIZES]
    return " ".join(("the", *attributes, phrase.category))


def _glanced(glance: Job, scene: Scene, expression: str) -> Iterator[Found]:
    """Yield the box that the model named at the glance, in scene pixels."""
    told = glance.overview.answer_box
    box = frames.scale_box(told.xyxy, glance.picture.hw, scene.hw) if told else None
    if told and box:
        yield _filled(box, scene.hw, score(glance.overview, told), expression)


def _filled(box: Box, scene_hw: frames.HW, believed: float, expression: str) -> Found:
    """Return a box as a found object: what is known of its mask is the box itself."""
    x0, y0 = max(0, int(box.x0)), max(0, int(box.y0))
    x1, y1 = min(scene_hw[1], math.ceil(box.x1)), min(scene_hw[0], math.ceil(box.y1))
    return Found(np.ones((y1 - y0, x1 - x0), dtype=np.bool_), (x0, y0), box, believed, expression)


def _look_at(
    pipeline: Pipeline, scene: Scene, windows: Sequence[Window], expression: str, every: bool
) -> Iterator[tuple[Tile, list[Found]]]:
    """Look at some tiles; one that cannot be read or does not fit into memory is reported, not left out."""
    jobs: dict[Window, Job] = {}
    for window in windows:
        try:
            if scene.valid_share(*window) < pipeline.recipe.search.least_valid:
                yield Tile(window, "nodata"), []
                continue
            jobs[window] = Job(scene.read(*window), expression, window=window)
            pipeline.warn_if_unknown(jobs[window].picture)
        except PictureError as error:
            yield Tile(window, "failed", str(error)), []
    try:
        for stage in LOOK:
            pipeline.run(stage, list(jobs.values()))
    except HardwareError as error:
        if len(jobs) == 1:
            yield Tile(next(iter(jobs)), "failed", str(error)), []
            return
        for window in jobs:
            yield from _look_at(pipeline, scene, [window], expression, every)
        return
    for window, job in jobs.items():
        seen = list(_candidates(job, window, scene.hw, every))
        yield Tile(window, "looked", "", len(seen)), seen


def _candidates(job: Job, window: Window, scene_hw: frames.HW, every: bool) -> Iterator[Found]:
    """Yield what a tile's look found, in scene pixels: its blobs one by one if every object is asked for."""
    mask, _ = job.coarse()
    told = job.overview.answer_box
    boxes = []
    for part in _blobs(mask) if every else [mask]:
        if box := frames.mask_to_box(part):
            boxes.append(box)
            in_scene = frames.crop_to_image(box, window[:2])
            yield Found(part, window[:2], in_scene, score(job.overview, box), job.expression).trimmed()
    if told and not any(frames.box_iou(told, one) > 0.5 for one in boxes):
        in_scene = frames.crop_to_image(told, window[:2])
        yield _filled(in_scene, scene_hw, score(job.overview, told), job.expression)


def _blobs(mask: Bool) -> Iterator[Bool]:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    yield from (labels == label for label in range(1, count))


def _one_each(several: Sequence[Found]) -> list[Found]:
    """Return what is left when, of one object seen several times, the sighting with the best score stays."""
    kept = distinct([found.box for found in several], [found.score for found in several])
    return [several[position] for position in sorted(kept)]


def _look_closer(pipeline: Pipeline, scene: Scene, seen: Found, phrase: Phrase) -> Found:
    """Look again at a sighting in a window of its own; what agrees with it takes its place.

    Where nothing does, the sighting stays, drawn by Segment Anything in its own box. Its score is the geometric mean of
    both looks' scores, so that one which the closer look denies is worth nothing.
    """
    recipe, box = pipeline.recipe, seen.box
    text = _described(phrase, sizes=False)  # how large it is cannot be seen beside nothing else
    for _ in range(2):  # a second time where the window cut the object off
        window = window_around(box, scene.hw, recipe.zoom.context, recipe.zoom.least_side or recipe.search.tile // 4)
        x0, y0, x1, y1 = window
        near = frames.clip_box((box.x0 - x0, box.y0 - y0, box.x1 - x0, box.y1 - y0), (y1 - y0, x1 - x0))
        try:
            job = Job(scene.read(*window), text, window=window, near=near)
        except PictureError as error:
            log.warning("no closer look at [%d:%d, %d:%d]: %s", x0, x1, y0, y1, error)
            return seen
        for stage in LOOK:
            pipeline.run(stage, [job])
        found = job.coarse()[1]
        if found is None or not cut_by_seam(frames.crop_to_image(found, (x0, y0)), window, scene.hw, 1.0):
            break
        box = frames.crop_to_image(found, (x0, y0))
    if job.agreement() >= recipe.zoom.agreement:
        pipeline.run("refine", [job])
        mask, drawn_box = job.refined_or_coarse()
    else:
        drawn = pipeline.draw(job.picture, near) if near else None
        mask, drawn_box = (drawn.mask, drawn.box) if drawn else (np.zeros(job.picture.hw, dtype=np.bool_), None)
    believed = math.sqrt(seen.score * score(job.overview, drawn_box or near))
    if drawn_box is None:
        return replace(seen, score=believed)
    return Found(mask, (x0, y0), frames.crop_to_image(drawn_box, (x0, y0)), believed, seen.expression).trimmed()
