"""What is seen in the windows of a scene: at the glance, in every tile, and when one sighting is looked at again."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from zeroov import frames
from zeroov.errors import HardwareError, PictureError
from zeroov.outputs.found import Found
from zeroov.pipeline.look import Job, score
from zeroov.pipeline.run import Pipeline
from zeroov.raster.scene import Scene
from zeroov.recipe import LOOK
from zeroov.search.choose import Candidate
from zeroov.search.tiles import cut_by_seam, distinct
from zeroov.types import Bool, Box, Picture, Window
from zeroov.zoom.crop import window_around

log = logging.getLogger("zeroov")

CRUMB = 0.25  # a blob of a tile's mask that covers less of a cell of its map is nothing that the map tells
GROWTHS = 4  # windows at most in which an object that each of them cuts off is looked for, the last 6 tiles wide
LEAST_VALID = 0.5  # of what is seen; the rest may be nodata
MOST_TILES = 2  # a window wider than so many tiles is read reduced


Status = Literal["looked", "nodata", "failed"]


@dataclass(frozen=True)
class Tile:
    """What became of a window of the scene: it was looked at, holds nothing but nodata, or could not be looked at."""

    window: Window
    status: Status
    reason: str = ""
    sightings: dict[str, list[Candidate]] = field(default_factory=dict)
    """By what was asked."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """An object as a closer look drew it: its box in scene pixels, its mask in those of the window as it was read."""

    box: Box
    score: float
    mask: Bool
    window: Window
    is_box: bool = False
    """Segment Anything drew nothing: all that is known of the mask is the box."""

    def holds(self, box: Box) -> bool:
        """Tell whether the middle of a box lies on the object."""
        (x0, y0, x1, y1), (rows, cols) = self.window, self.mask.shape
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        if not (x0 <= x < x1 and y0 <= y < y1):
            return False
        return bool(self.mask[int((y - y0) * rows / (y1 - y0)), int((x - x0) * cols / (x1 - x0))])

    def found(self, expression: str) -> Found:
        """Return it as what is told and written, the mask in scene pixels."""
        x0, y0, x1, y1 = self.window
        mask = frames.resize_mask(self.mask, (y1 - y0, x1 - x0))
        extra = {"mask_is_box": True} if self.is_box else {}
        return Found(mask, (x0, y0), self.box, self.score, expression, extra=extra).trimmed()


def glanced(glance: Job, scene_hw: frames.HW) -> Iterator[Candidate]:
    """Yield the box that the model named at the glance, in scene pixels; a tile's look knows better what is in it."""
    told = glance.overview.answer_box
    box = frames.scale_box(told.xyxy, glance.picture.hw, scene_hw) if told else None
    if box:
        yield Candidate(box, score(glance.overview, told), whole=False)


def look_at(pipeline: Pipeline, scene: Scene, windows: Sequence[Window], asked: Sequence[str]) -> Iterator[Tile]:
    """Look at some tiles; one that cannot be read or does not fit into memory is told, not left out."""
    jobs: dict[Window, list[Job]] = {}
    for window in windows:
        try:
            picture = scene.read(window)
        except PictureError as error:
            yield Tile(window, "failed", str(error))
            continue
        if picture.valid is not None and picture.valid.mean() < pipeline.recipe.search.least_valid:
            yield Tile(window, "nodata")
            continue
        pipeline.warn_if_unknown(picture)
        jobs[window] = [Job(picture, text, window=window) for text in asked]
    try:
        for stage in LOOK:
            pipeline.run(stage, [job for several in jobs.values() for job in several])
    except HardwareError as error:
        if len(jobs) == 1:
            yield Tile(next(iter(jobs)), "failed", str(error))
            return
        for window in jobs:
            yield from look_at(pipeline, scene, [window], asked)
        return
    for window, several in jobs.items():
        seen = {job.expression: list(_sighted(job, scene.hw)) for job in several}
        yield Tile(window, "looked", "", seen)


def one_each(several: Sequence[Candidate]) -> list[Candidate]:
    """Return what is left when of one object one sighting stays: a whole one, if there is, and of these the surest."""
    kept = distinct([one.box for one in several], [one.whole + one.score for one in several])
    return [several[position] for position in sorted(kept)]


def look_closer(pipeline: Pipeline, scene: Scene, seen: Candidate, text: str) -> Drawn:
    """Look again at a sighting in a window of its own; what agrees with it takes its place.

    Where the window cuts the object off, a wider one follows. Where nothing agrees, the sighting stays, drawn by
    Segment Anything in its own box, or as the box itself. The score is the geometric mean of both looks' scores, so
    that what the closer look denies is worth nothing.
    """
    zoom, tile, box = pipeline.recipe.zoom, pipeline.recipe.search.tile, seen.box
    for growth in range(GROWTHS):
        least = tile if growth else zoom.least_side or tile // 4
        wider = window_around(box, scene.hw, zoom.context, least)
        try:
            job, window = _closer_job(scene, wider, box, text, MOST_TILES * tile), wider
        except PictureError as error:
            log.warning("no closer look at %s: %s", list(wider), error)
            if growth:
                break  # the window before was read
            return _filled(seen.box, scene.hw, seen.score / 2 if seen.whole else 0.0)
        for stage in LOOK:
            pipeline.run(stage, [job])
        agreed = job.agreement() >= zoom.agreement
        found = job.coarse()[1]
        if not agreed or found is None:
            break
        found = _in_scene(found, job.picture, window)
        if not cut_by_seam(found, window, scene.hw, 1.0):
            break
        box = frames.box_hull(box, found)
    if agreed:
        pipeline.run("refine", [job])
        mask, drawn_box = job.refined_or_coarse()
    else:
        drawn = pipeline.draw(job.picture, job.near) if job.near else None
        mask, drawn_box = (drawn.mask, drawn.box) if drawn else (np.zeros(job.picture.hw, dtype=np.bool_), None)
    believed = math.sqrt(seen.score * score(job.overview, drawn_box or job.near))
    if drawn_box is None:
        return _filled(seen.box, scene.hw, believed)
    kept = mask if job.picture.valid is None else mask & job.picture.valid
    if kept.sum() < max(1, LEAST_VALID * mask.sum()):
        return Drawn(seen.box, 0.0, mask, window)
    if kept.sum() < mask.sum():
        drawn_box = frames.mask_to_box(kept) or drawn_box
    return Drawn(_in_scene(drawn_box, job.picture, window), believed, kept, window)


def _closer_job(scene: Scene, window: Window, box: Box, text: str, most: int) -> Job:
    """Return the look at a window whose `box` is near, reduced to `most` pixels a side where it is wider."""
    x0, y0, x1, y1 = window
    picture = scene.read(window, most)
    inside = frames.image_to_crop(box, (x0, y0)).xyxy
    return Job(picture, text, window=window, near=frames.scale_box(inside, (y1 - y0, x1 - x0), picture.hw))


def _in_scene(box: Box, picture: Picture, window: Window) -> Box:
    x0, y0, x1, y1 = window
    down, across = (y1 - y0) / picture.hw[0], (x1 - x0) / picture.hw[1]
    return frames.crop_to_image(Box(box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down), (x0, y0))


def _sighted(job: Job, scene_hw: frames.HW) -> Iterator[Candidate]:
    """Yield what a tile's look saw, in scene pixels: the boxes of its mask's parts, and that of its answer.

    What lies for the most part where nothing is valid is the edge of the scene's data, which is drawn black.
    """
    assert job.window is not None
    mask, valid = job.coarse()[0], job.picture.valid
    boxes = _parts(mask, CRUMB * mask.size / job.evolved.fused.size if job.evolved else 1)
    told = job.overview.answer_box
    if told and not any(frames.box_iou(told, one) > 0.5 for one in boxes):
        boxes.append(told)
    for box in boxes:
        x, y = int(box.x0), int(box.y0)
        if (
            valid is None
            or valid[y : max(y + 1, math.ceil(box.y1)), x : max(x + 1, math.ceil(box.x1))].mean() >= LEAST_VALID
        ):
            in_scene = frames.crop_to_image(box, job.window[:2])
            yield Candidate(in_scene, score(job.overview, box), not cut_by_seam(in_scene, job.window, scene_hw, 1.0))


def _parts(mask: Bool, least: float) -> list[Box]:
    """Return the boxes of a mask's blobs of so many pixels at least."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    blobs = stats[1:].astype(np.float64).tolist()  # the first is the ground
    return [Box(x, y, x + width, y + height) for x, y, width, height, pixels in blobs if pixels >= least]


def _filled(box: Box, scene_hw: frames.HW, believed: float) -> Drawn:
    """Return a box as a drawn object: what is known of its mask is the box itself."""
    x0, y0 = max(0, int(box.x0)), max(0, int(box.y0))
    x1, y1 = min(scene_hw[1], math.ceil(box.x1)), min(scene_hw[0], math.ceil(box.y1))
    return Drawn(box, believed, np.ones((1, 1), dtype=np.bool_), Window(x0, y0, x1, y1), is_box=True)
