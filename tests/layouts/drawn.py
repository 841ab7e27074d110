"""Questions about drawn scenes, and the pictures, masks and texts that every layout writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from zeroov.mini.expressions import FORMS, Expression, ask, expressions_for
from zeroov.mini.scenes import Mask, Scene, SceneStyle, Split, make_scene, seed_for

PRESENT = tuple(form for form in FORMS if form != "absent")
# A benchmark's split -> the split of the miniature world, and the first of its scenes.
SEEDS: dict[str, tuple[str, int]] = {
    "train": ("train", 0),
    "val": ("val", 0),
    "trainval": ("train", 1_000_000),
    "test": ("test", 0),
    "testA": ("test", 0),
    "testB": ("test", 500_000),
    "all": ("test", 0),
}


@dataclass(frozen=True)
class Drawn:
    """One expression about a scene, and the object that it means; the scene is drawn again from its seed."""

    seed: int
    height_width: tuple[int, int]
    expression: str
    form: str
    target: int
    kind: str
    box_xyxy: tuple[int, int, int, int]

    def scene(self) -> Scene:
        """Draw the scene."""
        return make_scene(self.seed, SceneStyle(height_width=self.height_width))

    def mask(self) -> Mask:
        """Draw the object's mask (H, W)."""
        return self.scene().objects[self.target].mask


Scenes = tuple[tuple[Drawn, ...], ...]
"""The expressions of a split, together where they are about one scene."""


def draw(split: str, first: int, count: int, per_scene: int, one_object: bool, height_width: tuple[int, int]) -> Scenes:
    """Draw `count` expressions, `per_scene` at most about one scene, there in the order of the objects they mean."""
    scenes: list[tuple[Drawn, ...]] = []
    left, index = count, first
    while left > 0:
        seed = seed_for(cast(Split, split), index)
        index += 1
        scene = make_scene(seed, SceneStyle(height_width=height_width))
        asked = _about(scene, np.random.default_rng([seed, 5]), min(per_scene, left), one_object)
        about = tuple(
            Drawn(seed, height_width, e.text, e.form, target, thing.kind, thing.box_xyxy)
            for target, thing in enumerate(scene.objects)
            for e in asked
            if e.target == target
        )
        if about:
            scenes.append(about)
            left -= len(about)
    return tuple(scenes)


def _about(scene: Scene, rng: np.random.Generator, wanted: int, one_object: bool) -> list[Expression]:
    """Return expressions of different words about a scene, as many as are wanted or fewer."""
    found: dict[str, Expression] = {}
    for _ in range(wanted):
        expression = ask(scene, rng, PRESENT)
        if expression:
            found.setdefault(expression.text, expression)
    if one_object and found:
        target = next(iter(found.values())).target
        assert target is not None
        found = {expression.text: expression for expression in expressions_for(scene, target)}
    return list(found.values())[:wanted]


def write_picture(path: Path, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """Write a picture (H, W, 3) or a mask (H, W) as the file that its name asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask (H, W) as 0 and 255."""
    write_picture(path, mask.astype(np.uint8) * 255)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file."""
    write_text(path, json.dumps(value))


def outlines(mask: Mask) -> list[list[int]]:
    """Return the outlines of a mask's regions and of their holes along the pixels' edges, as COCO polygons."""
    height, width = mask.shape
    inside = np.zeros((height + 2, width + 2), np.bool_)
    inside[1:-1, 1:-1] = mask
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for y, x in np.argwhere(mask).tolist():
        corners = ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))
        neighbours = inside[y, x + 1], inside[y + 1, x + 2], inside[y + 2, x + 1], inside[y + 1, x]
        for side, neighbour in enumerate(neighbours):
            if not neighbour:
                following.setdefault(corners[side], []).append(corners[(side + 1) % 4])
    polygons = []
    while following:
        start = point = next(iter(following))
        polygon: list[int] = []
        while not polygon or point != start:
            polygon += point
            ways = following[point]
            step = ways.pop()
            if not ways:
                del following[point]
            point = step
        polygons.append(_bends(polygon))
    return polygons


def _bends(polygon: list[int]) -> list[int]:
    """Return a closed outline without the points where it goes straight on."""
    points = np.reshape(polygon, (-1, 2))
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    return [int(value) for value in points[(before != after).any(axis=1)].ravel()]
