"""Make a closer look of a look: the crop that is asked, and what it is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zeroov import frames
from zeroov.pipeline.look import Job
from zeroov.recipe import ZoomRecipe
from zeroov.types import Box, Picture
from zeroov.zoom.crop import is_small, window_around
from zeroov.zoom.merge import agreement

CLOSER = 0.8  # a crop wider than this share of the picture before shows nothing new


def closer_look(first: Job, before: Job, recipe: ZoomRecipe, category: Callable[[str], str]) -> Job | None:
    """Return the job of a closer look, cut from the pixels of the first look's picture, or `None` where none is due.

    `category` says what kind of thing an expression speaks of. None is due when the look before found nothing, or
    something that fills enough of its picture, or when the crop would be hardly smaller than that.
    """
    box = place(before, recipe)
    if box is None or not is_small(box, before.picture.hw, recipe.until):
        return None
    corner = before.window[:2] if before.window else (0, 0)
    box = frames.crop_to_image(box, corner)
    window = window_around(box, first.picture.hw, recipe.context, recipe.least_side)
    x0, y0, x1, y1 = window
    if max(x1 - x0, y1 - y0) > CLOSER * max(before.picture.hw):
        return None
    crop = np.ascontiguousarray(first.picture.rgb[y0:y1, x0:x1])
    text = category(first.expression) if recipe.ask != "expression" else ""
    return Job(
        picture=Picture(crop, f"{first.picture.source} [{x0}:{x1}, {y0}:{y1}]"),
        expression=f"the {text}" if text else first.expression,
        window=window,
        near=frames.clip_box(frames.image_to_crop(box, (x0, y0)).xyxy, (y1 - y0, x1 - x0)),
    )


def place(look: Job, recipe: ZoomRecipe) -> Box | None:
    """Return where a look saw the object: the map's box, the answer's, or what holds both where they overlap.

    Where they lie apart, `both` takes the answer's: words name one object, a map may be hot on several.
    """
    seen, told = look.coarse()[1], look.overview.answer_box
    if recipe.at == "map" or told is None:
        return seen
    if recipe.at == "answer" or seen is None or not agreement(seen, told):
        return told
    return frames.box_hull(seen, told)
