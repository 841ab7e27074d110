"""Show scenes as the model gets them: drawn at the model's size, larger and reduced, or cut out and enlarged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from zeroov.mini.scenes import Scene, SceneObject, SceneStyle, make_scene

Range = tuple[float, float]


@dataclass(frozen=True)
class View:
    """How the scenes of one step are drawn and brought to one size; ranges are drawn from anew for every scene."""

    hw: tuple[int, int]
    """The picture's height and width in model pixels, multiples of 28."""
    shrink: Range = (1.0, 1.0)
    """A scene's pixels per model pixel."""
    scale: Range = (1.0, 1.0)
    """`SceneStyle.scale`; of a crop, the size of objects in model pixels over that of the plain world."""
    objects: tuple[int, int] = (2, 6)
    stretch: float = 0.0
    """Each side is drawn up to this share longer or shorter, since the processor rounds sides to multiples of 28."""
    crop: bool = False
    """A window of a larger scene, mostly about an object, enlarged or reduced until objects have their `scale`."""


_LOOSE: Range = (0.55, 1.5)
_SMALL: Range = (0.5, 0.9)
_CROP: Range = (0.5, 3.0)
Views = tuple[tuple[float, View | None], ...]
"""Shares of steps and their views; `None` is the plain world of 224 x 224 pixels."""
PLAIN: Views = ((1.0, None),)
MIXED: Views = (
    (0.42, None),
    (0.12, View((448, 448), scale=_LOOSE, objects=(2, 8), stretch=0.03)),
    (0.03, View((308, 392), scale=_LOOSE, stretch=0.04)),
    (0.03, View((224, 448), scale=_LOOSE, stretch=0.04)),
    (0.03, View((448, 224), scale=_LOOSE, stretch=0.04)),
    (0.02, View((168, 280), stretch=0.07)),
    (0.02, View((280, 168), stretch=0.07)),
    (0.07, View((448, 448), (2.5, 2.5), _SMALL)),
    (0.04, View((448, 448), (1.4, 3.5), _SMALL, (2, 10))),
    (0.05, View((448, 448), (5.0, 5.0), _SMALL, (2, 8))),
    (0.04, View((224, 224), (1.5, 5.0), _SMALL, (2, 8))),
    (0.10, View((224, 224), scale=_CROP, objects=(3, 10), crop=True)),
    (0.02, View((308, 392), scale=_CROP, objects=(3, 10), crop=True)),
    (0.01, View((448, 448), scale=_CROP, objects=(3, 10), crop=True)),
)

GOING_ON: Views = (
    (0.42, None),
    (0.14, View((448, 448), scale=_LOOSE, objects=(2, 8), stretch=0.03)),
    (0.10, View((336, 336), scale=_LOOSE, objects=(2, 12), stretch=0.03)),
    (0.05, View((308, 392), scale=_LOOSE, stretch=0.04)),
    (0.04, View((224, 448), scale=_LOOSE, stretch=0.04)),
    (0.04, View((448, 224), scale=_LOOSE, stretch=0.04)),
    (0.07, View((448, 448), (2.5, 2.5), _SMALL)),
    (0.04, View((448, 448), (5.0, 5.0), _SMALL, (2, 8))),
    (0.10, View((224, 224), scale=_CROP, objects=(3, 10), crop=True)),
)
"""`MIXED` with fewer sizes, each of which is compiled for itself: for a course that goes on from a trained model."""
LISTED: Views = (
    (0.35, View((224, 224), scale=(0.7, 1.4), objects=(1, 8))),
    (0.50, View((336, 336), scale=(0.6, 1.2), objects=(2, 24))),
    (0.15, View((448, 448), scale=(0.6, 1.3), objects=(2, 16))),
)
"""Views of the steps that ask for every object of a kind."""
SETTLED: Views = (
    (0.6, None),
    (0.1, View((448, 448), scale=_LOOSE, objects=(2, 8), stretch=0.03)),
    (0.1, View((336, 336), scale=_LOOSE, objects=(2, 12), stretch=0.03)),
    (0.2, View((224, 224), scale=_CROP, objects=(3, 10), crop=True)),
)
"""`GOING_ON` with fewer sizes still."""
HARD_LISTED: Views = ((0.5, View((336, 336), objects=(2, 24))), (0.5, View((196, 196), objects=(2, 24))))
"""The hard split's scenes whole, and windows of them."""

HELD_OUT: dict[str, View] = {
    "448": View((448, 448)),
    "oblong": View((224, 448)),
    "1120": View((448, 448), (2.5, 2.5), (0.65, 0.65)),
    "2240": View((448, 448), (5.0, 5.0), (0.65, 0.65)),
    "crop": View((224, 224), scale=_CROP, objects=(3, 10), crop=True),
}
"""What validation looks at besides the plain world."""


def _between(bounds: Range, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def draw(seed: int, view: View, rng: np.random.Generator) -> Scene:
    """Draw the scene of a seed and return it in model pixels, its objects' masks still in the scene's own."""
    scale, (height, width) = _between(view.scale, rng), view.hw
    if view.crop:
        own = float(rng.uniform(0.5, 1.1))
        shrink = max(own / scale, 0.22)
        window_hw = (round(height * shrink), round(width * shrink))
        around = int(rng.integers(80, 240))
        style = SceneStyle((window_hw[0] + around, window_hw[1] + around), view.objects, own)
        return _crop(make_scene(seed, style), window_hw, view.hw, rng)
    shrink = _between(view.shrink, rng)
    drawn_hw = [round(side * shrink * (1 + view.stretch * rng.uniform(-1, 1))) for side in view.hw]
    scene = make_scene(seed, SceneStyle((drawn_hw[0], drawn_hw[1]), view.objects, scale))
    return show(scene, (0, 0, drawn_hw[1], drawn_hw[0]), view.hw)[0]


def cut(scene: Scene, hw: tuple[int, int], rng: np.random.Generator) -> Scene:
    """Return a window of a scene, somewhere; the whole scene where it is no larger."""
    height, width = scene.height_width
    y0, x0 = (int(rng.integers(0, max(0, side - own) + 1)) for side, own in zip((height, width), hw, strict=True))
    return show(scene, (x0, y0, min(width, x0 + hw[1]), min(height, y0 + hw[0])), hw)[0]


def _crop(scene: Scene, window_hw: tuple[int, int], hw: tuple[int, int], rng: np.random.Generator) -> Scene:
    """Cut a window about some object, trying a few times for one in which no object shows next to nothing."""
    height, width = scene.height_width
    for _ in range(8):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        if scene.objects and rng.random() < 0.8:
            x, y = scene.objects[int(rng.integers(len(scene.objects)))].centre_xy
        off = rng.uniform(-0.5, 0.5, 2) * (0.3 if rng.random() < 0.5 else 0.8)
        x0 = int(np.clip(x + (off[0] - 0.5) * window_hw[1], 0, width - window_hw[1]))
        y0 = int(np.clip(y + (off[1] - 0.5) * window_hw[0], 0, height - window_hw[0]))
        shown, unclear = show(scene, (x0, y0, x0 + window_hw[1], y0 + window_hw[0]), hw)
        if not unclear:
            break
    return shown


def show(scene: Scene, window_xyxy: tuple[int, int, int, int], hw: tuple[int, int]) -> tuple[Scene, int]:
    """Show a window of a scene at the model's size, resized as the product does, boxes tight about what is visible.

    Objects of which next to nothing is visible are left out; the second value says how many.
    """
    x0, y0, x1, y1 = window_xyxy
    image = scene.image[y0:y1, x0:x1]
    if image.shape[:2] != hw:
        image = np.asarray(Image.fromarray(image).resize((hw[1], hw[0])))
    per_pixel = np.array([hw[1] / (x1 - x0), hw[0] / (y1 - y0)] * 2)
    kept: list[SceneObject] = []
    unclear = 0
    for thing in scene.objects:
        left, top, right, bottom = thing.box_xyxy
        box = (max(left, x0), max(top, y0), min(right, x1), min(bottom, y1))
        if box[0] >= box[2] or box[1] >= box[3]:
            continue
        if box != thing.box_xyxy:
            inside = thing.mask[box[1] : box[3], box[0] : box[2]]
            visible, whole = int(inside.sum()), thing.area
            if visible < 0.35 * whole and visible < 0.08 * (x1 - x0) * (y1 - y0):
                unclear += visible > 0
                continue
            rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
            box = (box[0] + columns[0], box[1] + rows[0], box[0] + columns[-1] + 1, box[1] + rows[-1] + 1)
        shown = np.rint((np.array(box) - (x0, y0, x0, y0)) * per_pixel).astype(int)
        shown[2:] = np.maximum(shown[2:], shown[:2] + 1)
        box_xyxy = (int(shown[0]), int(shown[1]), int(shown[2]), int(shown[3]))
        kept.append(replace(thing, box_xyxy=box_xyxy, mask=thing.mask[y0:y1, x0:x1]))
    return Scene(scene.seed, np.asarray(image), scene.terrain, tuple(kept)), unclear
