"""Make a scene of the miniature world from a seed: picture, objects, exact masks and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from zeroov.mini.ground import TERRAINS, lay_pad, paint_ground, texture
from zeroov.mini.kinds import COLOURS, KINDS, RATIO_STEPS, REACH, SPRITE, sprite_levels

Split = Literal["train", "val", "test"]
SPLIT_SEEDS: dict[str, tuple[int, int]] = {
    "test": (0, 1_000_000),
    "val": (1_000_000, 2_000_000),
    "train": (2_000_000, 4_000_000_000),
}
"""Half-open seed ranges: a seed belongs to one split for good."""

Uint8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def seed_for(split: Split, index: int) -> int:
    """Map the index-th scene of a split to its seed."""
    if split not in SPLIT_SEEDS:
        raise ValueError(f"no split {split!r}: expected one of {', '.join(SPLIT_SEEDS)}")
    first, end = SPLIT_SEEDS[split]
    if not 0 <= index < end - first:
        raise ValueError(f"split {split!r} has scenes 0 to {end - first - 1}, got index {index}")
    return first + index


@dataclass(frozen=True)
class SceneStyle:
    """What a scene may hold; the default is the world that is validated and tested."""

    height_width: tuple[int, int] = (224, 224)
    objects: tuple[int, int] = (2, 6)
    """Fewest and most objects, both included; a scene that is full holds fewer."""
    scale: float = 1.0
    """Object sizes are multiplied by this: 2 looks like a crop."""


@dataclass(frozen=True)
class SceneObject:
    """One object: what it is, its exact mask (H, W) and its tight half-open box in scene pixels."""

    kind: str
    colour: str
    large: bool
    box_xyxy: tuple[int, int, int, int]
    mask: Mask = field(repr=False, compare=False)

    @property
    def centre_xy(self) -> tuple[float, float]:
        """Give the box's centre in scene pixels."""
        x0, y0, x1, y1 = self.box_xyxy
        return ((x0 + x1) / 2, (y0 + y1) / 2)

    @property
    def area(self) -> int:
        """Give the mask's area in scene pixels."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class Scene:
    """One picture, RGB uint8 (H, W, 3), and everything in it."""

    seed: int
    image: Uint8 = field(repr=False, compare=False)
    terrain: str
    objects: tuple[SceneObject, ...]

    @property
    def height_width(self) -> tuple[int, int]:
        """Give the picture's height and width in pixels."""
        return (self.image.shape[0], self.image.shape[1])


@dataclass(frozen=True)
class Placed:
    """A sprite turned to its place: RGBA premultiplied (h, w, 4) and the scene pixel of its corner.

    It may reach past the picture's border, and lie over one that was placed before it.
    """

    kind: str
    colour: str
    large: bool
    degrees: float
    long_px: float
    patch: Uint8 = field(repr=False, compare=False)
    corner_xy: tuple[int, int]

    @property
    def box_xyxy(self) -> tuple[int, int, int, int]:
        """Give the half-open box of the whole sprite in scene pixels."""
        x, y = self.corner_xy
        return (x, y, x + self.patch.shape[1], y + self.patch.shape[0])


def turned_sprite(kind: str, colour: str, ratio_step: int, degrees: float, long_px: float) -> Uint8:
    """Turn and scale a sprite: RGBA premultiplied uint8, cropped tight to its mask (alpha of at least one half)."""
    levels = sprite_levels(kind, colour, ratio_step)
    level = 0 if long_px > 80 else 1 if long_px > 36 else 2
    sprite = levels[level]
    factor = long_px / (REACH >> level)
    side = int(np.ceil(long_px * 1.45)) + 2
    matrix = cv2.getRotationMatrix2D(((SPRITE >> level) / 2 - 0.5, (SPRITE >> level) / 2 - 0.5), degrees, factor)
    matrix[:, 2] += (side - (SPRITE >> level)) / 2
    turned = cv2.warpAffine(sprite, matrix, (side, side), flags=cv2.INTER_LINEAR)
    inside = turned[..., 3] >= 128
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return np.asarray(turned[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _place(rng: np.random.Generator, style: SceneStyle) -> list[Placed]:
    """Choose objects, a few kinds and colours so that several look alike, and find free places for them."""
    height, width = style.height_width
    wanted = int(rng.integers(style.objects[0], style.objects[1] + 1))
    kinds = rng.permutation(len(KINDS))[: int(rng.integers(1, 4)) if wanted > 1 else 1]
    colours = rng.permutation(len(COLOURS))[: int(rng.integers(2, 5))]
    names, colour_names = list(KINDS), list(COLOURS)
    placed: list[Placed] = []
    for _ in range(wanted):
        kind = KINDS[names[int(rng.choice(kinds))]]
        colour = colour_names[int(rng.choice(colours))]
        large = bool(rng.random() < 0.5)
        ratio_step = int(rng.integers(RATIO_STEPS))
        degrees = float(rng.uniform(0, 360)) if rng.random() < 0.6 else float(rng.integers(4) * 90)
        low, high = kind.large_px if large else kind.small_px
        for attempt in range(8):
            long_px = float(rng.uniform(low, high)) * style.scale
            long_px = min(long_px, 0.92 * min(height, width))
            if attempt == 0 or long_px < 0.5 * min(height, width):
                patch = turned_sprite(kind.name, colour, ratio_step, degrees, long_px)
            h, w = patch.shape[:2]
            if h > height - 2 or w > width - 2:
                low, high = low * 0.8, high * 0.8
                continue
            x, y = int(rng.integers(1, width - w)), int(rng.integers(1, height - h))
            if all(
                x >= box[2] + 4 or box[0] >= x + w + 4 or y >= box[3] + 4 or box[1] >= y + h + 4
                for box in (other.box_xyxy for other in placed)
            ):
                placed.append(Placed(kind.name, colour, large, degrees, long_px, patch, (x, y)))
                break
    return placed


def _lay_pads(canvas: Float, placed: Sequence[Placed], terrain: str) -> None:
    """Give every ship and bridge its water, and everything else at sea its slab."""
    for item in placed:
        floats = item.kind in ("ship", "bridge")
        if floats == (terrain == "water"):
            continue
        x0, y0, x1, y1 = item.box_xyxy
        long = item.long_px / 2
        half = (long * 0.8, long * 0.7) if item.kind == "bridge" else (long * 1.2, long * (0.62 if floats else 1.1))
        lay_pad(canvas, ((x0 + x1) / 2, (y0 + y1) / 2), half, -item.degrees, floats)


def _compose(canvas: Float, item: Placed, shadow_xy: tuple[int, int], gain: float) -> Mask:
    """Draw what of one object and its shadow lies in the picture; return its mask (H, W)."""
    height, width = canvas.shape[:2]
    x0, y0, x1, y1 = item.box_xyxy
    alpha = item.patch[..., 3:].astype(np.float32) / 255
    dx, dy = shadow_xy
    sx0, sy0, sx1, sy1 = max(x0 + dx, 0), max(y0 + dy, 0), min(x1 + dx, width), min(y1 + dy, height)
    shade = alpha[sy0 - y0 - dy : sy1 - y0 - dy, sx0 - x0 - dx : sx1 - x0 - dx]
    canvas[sy0:sy1, sx0:sx1] *= 1 - 0.45 * shade
    rows, columns = slice(max(y0, 0), min(y1, height)), slice(max(x0, 0), min(x1, width))
    shown = (slice(rows.start - y0, rows.stop - y0), slice(columns.start - x0, columns.stop - x0))
    region = canvas[rows, columns]
    region *= 1 - alpha[shown]
    region += item.patch[shown][..., :3].astype(np.float32) * gain
    mask = np.zeros((height, width), np.bool_)
    mask[rows, columns] = item.patch[shown][..., 3] >= 128
    return mask


def tight_box(mask: Mask) -> tuple[int, int, int, int]:
    """Return the tight half-open box of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def make_scene(seed: int, style: SceneStyle | None = None) -> Scene:
    """Draw the scene of a seed; the same seed and style always give the same picture."""
    style = style or SceneStyle()
    rng = np.random.default_rng(seed)
    terrain = list(TERRAINS)[int(rng.choice(len(TERRAINS), p=[0.3, 0.2, 0.15, 0.2, 0.15]))]
    return paint_scene(seed, rng, style.height_width, terrain, _place(rng, style))


def paint_scene(
    seed: int, rng: np.random.Generator, height_width: tuple[int, int], terrain: str, placed: Sequence[Placed]
) -> Scene:
    """Paint the ground and the objects on it, in their order; a mask holds what of its object is visible."""
    canvas = paint_ground(rng, height_width, terrain)
    _lay_pads(canvas, placed, terrain)
    canvas += texture(rng, height_width)
    shadow_xy = (int(rng.integers(-3, 4)), int(rng.integers(1, 4)))
    masks: list[Mask] = []
    for item in placed:
        mask = _compose(canvas, item, shadow_xy, float(rng.uniform(0.92, 1.06)))
        for below in masks:
            below &= ~mask
        masks.append(mask)
    canvas *= float(rng.uniform(0.92, 1.06))
    canvas += rng.standard_normal((*height_width, 1), dtype=np.float32) * float(rng.uniform(2, 6))
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    objects = [
        SceneObject(item.kind, item.colour, item.large, tight_box(mask), mask)
        for item, mask in zip(placed, masks, strict=True)
    ]
    return Scene(seed, image, terrain, tuple(objects))
