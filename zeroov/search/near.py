"""Look again at a candidate from near, and draw it."""

from __future__ import annotations

import logging
import math

import numpy as np

from zeroov import frames
from zeroov.errors import HardwareError
from zeroov.look import Looker, Outline
from zeroov.outputs.found import Found, found_of
from zeroov.progress import Progress
from zeroov.raster.scene import Scene
from zeroov.recipe import Recipe
from zeroov.types import Box, Candidate, Window
from zeroov.zoom.closer import Place, Trail, closer_looks
from zeroov.zoom.merge import merged_box

log = logging.getLogger("zeroov")


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
