"""The pictures on which the stages are checked, each with a sentence and with the object's box."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zeroov.mini.expressions import expressions_for
from zeroov.mini.scenes import make_scene, seed_for
from zeroov.recipe import Recipe
from zeroov.types import Box, Picture

PICTURES = Path(__file__).parent / "pictures"
# File, sentence, and the object's box in the file's pixels, drawn by hand: good to a few pixels.
SHIPPED = (
    ("lake", "the large green lake in the middle", Box(114, 130, 480, 428)),
    ("cloud", "the largest white cloud", Box(75, 45, 327, 339)),
)
SCENES = (7, 3)  # of the test split, which the miniature models never saw


@dataclass(frozen=True, eq=False)
class Case:
    """A picture, what is asked of it, and where the object is, in its pixels."""

    name: str
    picture: Picture
    expression: str
    box: Box


def cases(recipe: Recipe) -> list[Case]:
    """Return two pictures for a recipe: those that ship, or drawn scenes where one of its models knows nothing else."""
    models = (recipe.overview.model, recipe.focus.model, recipe.refine.model or recipe.refine.checkpoint)
    if any(model.startswith("builtin:mini") for model in models):
        return [drawn(index) for index in SCENES]
    return [shipped(*each) for each in SHIPPED]


def shipped(name: str, expression: str, box: Box) -> Case:
    """Return one of the pictures of `PICTURES`."""
    with Image.open(PICTURES / f"{name}.jpg") as image:
        rgb = np.asarray(image.convert("RGB"))
    return Case(name, Picture(rgb, source=name), expression, box)


def drawn(index: int) -> Case:
    """Return a scene of the miniature world and its largest object."""
    scene = make_scene(seed_for("test", index))
    target = max(range(len(scene.objects)), key=lambda number: scene.objects[number].area)
    x0, y0, x1, y1 = scene.objects[target].box_xyxy
    name = f"drawn scene {index}"
    return Case(name, Picture(scene.image, source=name), expressions_for(scene, target)[0].text, Box(x0, y0, x1, y1))
