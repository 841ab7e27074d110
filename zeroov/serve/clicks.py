"""Draw the object that a client points at: a box, points on it and beside it, an earlier mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroov import frames
from zeroov.errors import UsageError
from zeroov.frames import XYXY
from zeroov.ground import Pipeline, around, drawn_answer
from zeroov.outputs.answer import Answer
from zeroov.raster.scene import Scene
from zeroov.types import Bool, Box, Window

Point = tuple[float, float, bool]


def drawn_at(
    pipeline: Pipeline,
    scene: Scene,
    text: str,
    box: Sequence[float] | None,
    points: Sequence[Point],
    before: tuple[Bool, tuple[int, int]] | None = None,
) -> Answer:
    """Return the object in a box and at points (pixels of the scene) as Segment Anything draws it; no other model runs.

    A point that is not on the object says what does not belong to it. `before` is a mask that is to be changed, with
    its upper left pixel: its box, as far as the points on the object reach, is the box, unless one is given. The mask
    itself is a prompt where the recipe's `refine.prompt` is "box+mask"; not every model of masks was taught that. Of a
    large scene a window around them is drawn in; the picture's encoding is kept.
    """
    recipe = pipeline.recipe
    if "refine" not in recipe.stages:
        raise UsageError(f"a box or a point is for Segment Anything, and recipe {recipe.name} has no stage refine")
    place = _place(scene, box, points, before)
    picture = around(scene, place, recipe)
    if box is None and before is not None:
        box = _box_of(before, points)
    near = frames.to_picture(Box(*box), picture) if box is not None else None
    at = [(*_in_picture(x, y, picture.window, picture.hw), on) for x, y, on in points]
    if near and not at:
        drawn = pipeline.draw(picture, near, alone=True)[0]
    else:
        asked = before if recipe.refine.prompt == "box+mask" else None
        mask = None if asked is None else _mask_in(asked, picture.window, picture.hw)
        drawn = pipeline.draw_at(picture, at, near, mask)
    return drawn_answer(pipeline, scene, text, picture, drawn, "clicks" if points else "box")


def _place(
    scene: Scene, box: Sequence[float] | None, points: Sequence[Point], before: tuple[Bool, tuple[int, int]] | None
) -> Box:
    """Return the box around all that is given, or refuse what lies beside the scene."""
    height, width = scene.hw
    corners = [(x, y) for x, y, _ in points]
    if box is not None:
        if not (box[2] > box[0] and box[3] > box[1]):
            raise UsageError(f"a box has x0 < x1 and y0 < y1, got {list(box)}")
        corners += [(box[0], box[1]), (box[2], box[3])]
    if before is not None:
        mask, (left, top) = before
        corners += [(left, top), (left + mask.shape[1], top + mask.shape[0])]
    if not corners or (before is None and box is None and not any(on for _, _, on in points)):
        raise UsageError("nothing says where the object is; give a box, a point on it, or the mask that is to change")
    for x, y, _ in points:
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(f"the point {x:g}, {y:g} misses the picture of {width} x {height} pixels")
    xs, ys = zip(*corners, strict=True)
    place = frames.clip_box((min(xs), min(ys), max(max(xs), min(xs) + 1), max(max(ys), min(ys) + 1)), scene.hw)
    if place is None or (box is not None and frames.clip_box(tuple(box), scene.hw) is None):  # type: ignore[arg-type]
        raise UsageError(f"the box misses the picture of {width} x {height} pixels")
    return place


def _box_of(before: tuple[Bool, tuple[int, int]], points: Sequence[Point]) -> XYXY:
    """Return the box of a mask, grown to the points that are on the object, in pixels of the scene."""
    mask, (left, top) = before
    tight = frames.mask_to_box(mask)
    assert tight is not None
    x0, y0, x1, y1 = frames.crop_to_image(tight, (left, top)).xyxy
    on = [(x, y) for x, y, is_on in points if is_on]
    xs, ys = [x for x, _ in on], [y for _, y in on]
    return min([x0, *xs]), min([y0, *ys]), max([x1, *(x + 1 for x in xs)]), max([y1, *(y + 1 for y in ys)])


def _in_picture(x: float, y: float, window: Window, hw: frames.HW) -> tuple[float, float]:
    """Return a point of the scene in pixels of a picture that shows a window of it, reduced."""
    return (x - window.x0) * hw[1] / window.hw[1], (y - window.y0) * hw[0] / window.hw[0]


def _mask_in(before: tuple[Bool, tuple[int, int]], window: Window, hw: frames.HW) -> Bool:
    """Return a mask of the scene in pixels of a picture that shows a window of it, reduced."""
    mask, (x, y) = before
    whole = np.zeros(window.hw, dtype=np.bool_)
    x0, y0 = max(x, window.x0), max(y, window.y0)
    x1, y1 = min(x + mask.shape[1], window.x1), min(y + mask.shape[0], window.y1)
    if x0 < x1 and y0 < y1:
        whole[y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0] = mask[y0 - y : y1 - y, x0 - x : x1 - x]
    return frames.resize_mask(whole, hw)
