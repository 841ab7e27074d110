"""Name the kinds, colours and sizes of the miniature world, and draw one upright sprite of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

SPRITE = 192
"""Side of a sprite in pixels; the object's long side is `REACH` of them, along +x, its nose to the right."""
REACH = 180

Bgr = tuple[int, int, int]
Uint8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Kind:
    """One kind of object: how it is called, how long it is, how wide it is for its length."""

    name: str
    plural: str
    small_px: tuple[float, float]
    large_px: tuple[float, float]
    width_ratio: tuple[float, float]


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("plane", "planes", (34, 48), (66, 94), (0.90, 1.0)),
        Kind("ship", "ships", (36, 52), (70, 98), (0.28, 0.36)),
        Kind("storage tank", "storage tanks", (25, 34), (48, 68), (1.0, 1.0)),
        Kind("building", "buildings", (30, 42), (58, 84), (0.55, 0.85)),
        Kind("tennis court", "tennis courts", (34, 46), (62, 88), (0.48, 0.56)),
        Kind("vehicle", "vehicles", (24, 29), (40, 52), (0.46, 0.54)),
        Kind("bridge", "bridges", (48, 62), (84, 112), (0.22, 0.28)),
        Kind("stadium", "stadiums", (40, 54), (74, 104), (0.70, 0.80)),
    )
}
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (208, 42, 40),
    "blue": (38, 84, 222),
    "white": (240, 240, 238),
    "yellow": (240, 206, 40),
    "black": (38, 38, 44),
    "purple": (156, 52, 196),
}
"""Colour name to RGB."""


def _shade(rgb: tuple[int, int, int], factor: float) -> Bgr:
    """Darken (factor < 1) or lighten (factor > 1) a colour; a factor above 1 moves it towards white."""
    if factor <= 1:
        r, g, b = (int(value * factor) for value in rgb)
    else:
        r, g, b = (int(value + (255 - value) * (factor - 1)) for value in rgb)
    return (r, g, b)


def _points(xy: list[tuple[float, float]]) -> npt.NDArray[np.int32]:
    """Turn points given around the sprite's middle into cv2's 1/16-pixel integers."""
    return np.array([[(SPRITE / 2 + x) * 16, (SPRITE / 2 + y) * 16] for x, y in xy], dtype=np.int32)


class _Brush:
    """Draw on colour and cover together, around the sprite's middle."""

    def __init__(self) -> None:
        self.colour: Uint8 = np.zeros((SPRITE, SPRITE, 3), np.uint8)
        self.cover: Uint8 = np.zeros((SPRITE, SPRITE), np.uint8)

    def polygon(self, xy: list[tuple[float, float]], rgb: tuple[int, int, int]) -> None:
        points = _points(xy)
        cv2.fillPoly(self.colour, [points], rgb, cv2.LINE_AA, 4)
        cv2.fillPoly(self.cover, [points], (255,), cv2.LINE_AA, 4)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, rgb: tuple[int, int, int]) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], rgb)

    def ellipse(self, x: float, y: float, half_x: float, half_y: float, rgb: tuple[int, int, int]) -> None:
        middle = (int((SPRITE / 2 + x) * 16), int((SPRITE / 2 + y) * 16))
        axes = (int(half_x * 16), int(half_y * 16))
        cv2.ellipse(self.colour, middle, axes, 0, 0, 360, rgb, -1, cv2.LINE_AA, 4)
        cv2.ellipse(self.cover, middle, axes, 0, 0, 360, (255,), -1, cv2.LINE_AA, 4)


def _plane(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    edge, h = _shade(rgb, 0.62), REACH / 2
    wing = [(18.0, 0.0), (-26.0, -half), (-46.0, -half), (-26.0, 0.0), (-46.0, half), (-26.0, half)]
    tail = [(-58.0, 0.0), (-80.0, -34.0), (-90.0, -34.0), (-82.0, 0.0), (-90.0, 34.0), (-80.0, 34.0)]
    brush.polygon([(x * 1.0 + 4, y) for x, y in wing], edge)
    brush.polygon([(x + 8, y * 0.93) for x, y in wing], rgb)
    brush.polygon(tail, edge)
    brush.polygon([(x + 3, y * 0.85) for x, y in tail], rgb)
    brush.ellipse(0, 0, h, 15, edge)
    brush.ellipse(0, 0, h - 5, 11, _shade(rgb, 1.15))
    brush.ellipse(h - 22, 0, 9, 6, (40, 50, 60))
    for side in (-1, 1):
        brush.rectangle(-14, side * half * 0.45 - 5, 12, side * half * 0.45 + 5, edge)


def _ship(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    h = REACH / 2
    hull = [(-h, -half * 0.8), (h * 0.45, -half), (h, 0.0), (h * 0.45, half), (-h, half * 0.8)]
    brush.polygon(hull, _shade(rgb, 0.55))
    brush.polygon([(x * 0.94, y * 0.8) for x, y in hull], rgb)
    brush.rectangle(-h * 0.82, -half * 0.6, -h * 0.45, half * 0.6, (225, 225, 220))
    brush.rectangle(-h * 0.74, -half * 0.3, -h * 0.56, half * 0.3, (90, 95, 100))
    for x in (-0.25, 0.05, 0.35):
        brush.rectangle(h * x, -half * 0.5, h * (x + 0.2), half * 0.5, _shade(rgb, 0.72))


def _storage_tank(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    brush.ellipse(0, 0, half, half, _shade(rgb, 0.5))
    brush.ellipse(0, 0, half * 0.88, half * 0.88, rgb)
    brush.ellipse(half * 0.1, half * 0.1, half * 0.62, half * 0.62, _shade(rgb, 0.78))
    brush.ellipse(half * 0.1, half * 0.1, half * 0.52, half * 0.52, _shade(rgb, 1.12))
    brush.ellipse(half * 0.1, half * 0.1, half * 0.12, half * 0.12, _shade(rgb, 0.5))


def _building(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    h = REACH / 2
    ridge = h - half * 0.7
    brush.rectangle(-h, -half, h, half, _shade(rgb, 0.5))
    brush.polygon([(-h + 4, -half + 4), (h - 4, -half + 4), (ridge, 0), (-ridge, 0)], _shade(rgb, 1.22))
    brush.polygon([(-h + 4, half - 4), (h - 4, half - 4), (ridge, 0), (-ridge, 0)], _shade(rgb, 0.66))
    brush.polygon([(-h + 4, -half + 4), (-ridge, 0), (-h + 4, half - 4)], _shade(rgb, 0.9))
    brush.polygon([(h - 4, -half + 4), (ridge, 0), (h - 4, half - 4)], _shade(rgb, 0.9))
    brush.rectangle(-ridge * 0.6 - 8, -half * 0.55 - 8, -ridge * 0.6 + 8, -half * 0.55 + 8, (92, 84, 80))


def _tennis_court(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    h = REACH / 2
    line = (246, 246, 246) if sum(rgb) < 600 else (70, 110, 80)
    brush.rectangle(-h, -half, h, half, _shade(rgb, 0.7))
    x, y = h * 0.84, half * 0.78
    brush.rectangle(-x - 5, -y - 5, x + 5, y + 5, line)
    brush.rectangle(-x, -y, x, y, rgb)
    for row in (-0.55, 0.55):
        brush.rectangle(-x, half * row - 2, x, half * row + 2, line)
    for column in (-0.42, 0.42):
        brush.rectangle(h * column - 2, -half * 0.55, h * column + 2, half * 0.55, line)
    brush.rectangle(-h * 0.42, -2, h * 0.42, 2, line)
    brush.rectangle(-3, -half * 0.95, 3, half * 0.95, line)


def _vehicle(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    h, glass = REACH / 2, (58, 74, 92) if sum(rgb) > 130 else (150, 170, 186)
    for x in (-0.58, 0.5):
        brush.rectangle(h * x - 16, -half, h * x + 16, half, (24, 24, 26))
    body = [(-h, -half * 0.8), (-h + 10, -half * 0.92), (h - 24, -half * 0.92), (h, -half * 0.5)]
    brush.polygon(body + [(x, -y) for x, y in reversed(body)], _shade(rgb, 0.85))
    brush.rectangle(-h * 0.92, -half * 0.7, h * 0.86, half * 0.7, rgb)
    front, back = h * 0.42, h * 0.18
    brush.polygon([(front, -half * 0.74), (back, -half * 0.6), (back, half * 0.6), (front, half * 0.74)], glass)
    brush.rectangle(-h * 0.78, -half * 0.62, -h * 0.56, half * 0.62, glass)
    for y in (-0.62, 0.62):
        brush.rectangle(h * 0.86, half * y - 7, h, half * y + 7, (255, 240, 170))


def _bridge(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    h = REACH / 2
    brush.rectangle(-h, -half, h, half, _shade(rgb, 0.5))
    brush.rectangle(-h, -half * 0.78, h, half * 0.78, rgb)
    for x in (-0.99, -0.5, 0.0, 0.5, 0.91):
        brush.rectangle(h * x, -half, h * x + 14, half, _shade(rgb, 0.6))
    line = (250, 250, 250) if sum(rgb) < 600 else (60, 60, 60)
    for x in (-0.8, -0.3, 0.2, 0.7):
        brush.rectangle(h * x, -3, h * x + 20, 3, line)


def _stadium(brush: _Brush, rgb: tuple[int, int, int], half: float) -> None:
    h = REACH / 2
    brush.ellipse(0, 0, h, half, _shade(rgb, 0.5))
    brush.ellipse(0, 0, h * 0.94, half * 0.92, rgb)
    brush.ellipse(0, 0, h * 0.72, half * 0.66, _shade(rgb, 0.66))
    brush.ellipse(0, 0, h * 0.62, half * 0.54, (66, 158, 74))
    brush.rectangle(-2, -half * 0.5, 2, half * 0.5, (240, 245, 240))
    brush.ellipse(0, 0, h * 0.14, half * 0.18, (150, 205, 150))


_DRAW = {
    "plane": _plane,
    "ship": _ship,
    "storage tank": _storage_tank,
    "building": _building,
    "tennis court": _tennis_court,
    "vehicle": _vehicle,
    "bridge": _bridge,
    "stadium": _stadium,
}
RATIO_STEPS = 4


@lru_cache(maxsize=1024)
def sprite_levels(kind: str, colour: str, ratio_step: int) -> tuple[Uint8, ...]:
    """Draw a sprite once at 192, 96 and 48 px: RGBA uint8, straight alpha, the nose towards +x.

    `ratio_step` in [0, RATIO_STEPS) chooses the width for the length within the kind's range.
    """
    low, high = KINDS[kind].width_ratio
    ratio = low + (high - low) * ratio_step / (RATIO_STEPS - 1)
    brush = _Brush()
    _DRAW[kind](brush, COLOURS[colour], REACH / 2 * ratio)
    cover = brush.cover.astype(np.float32)[..., None] / 255
    premultiplied = np.concatenate([brush.colour.astype(np.float32), cover * 255], axis=2)
    levels = []
    for divisor in (1, 2, 4):
        side = SPRITE // divisor
        level = premultiplied if divisor == 1 else cv2.resize(premultiplied, (side, side), interpolation=cv2.INTER_AREA)
        levels.append(np.clip(level + 0.5, 0, 255).astype(np.uint8))
    return tuple(levels)
