"""Paint the ground of a scene: grass, soil, sand, concrete or water, with texture, fields and roads."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

TERRAINS: dict[str, tuple[int, int, int]] = {
    "grass": (96, 134, 78),
    "soil": (150, 122, 90),
    "sand": (196, 180, 142),
    "concrete": (150, 152, 152),
    "water": (64, 112, 132),
}
"""Terrain name to its mean RGB."""
_FIELDS = ((120, 146, 84), (158, 146, 92), (104, 120, 70), (176, 160, 110), (132, 108, 80))


def rolling_noise(rng: np.random.Generator, height_width: tuple[int, int], cell_px: int) -> Float:
    """Make smooth noise of unit variance or so, (H, W), that changes over `cell_px` pixels."""
    height, width = height_width
    coarse = rng.standard_normal((height // cell_px + 2, width // cell_px + 2), dtype=np.float32)
    smooth: Float = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth


def _field(canvas: Float, rng: np.random.Generator) -> None:
    """Lay one rotated field, half of them ploughed into stripes."""
    height, width = canvas.shape[:2]
    middle = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
    sides = (float(rng.uniform(0.25, 0.6)) * width, float(rng.uniform(0.25, 0.6)) * height)
    corners = cv2.boxPoints((middle, sides, float(rng.uniform(0, 90)))).astype(np.float32)
    tint = _FIELDS[int(rng.integers(len(_FIELDS)))]
    cv2.fillConvexPoly(canvas, (corners * 16).astype(np.int32), tint, cv2.LINE_8, 4)
    if rng.random() < 0.5:
        darker = tuple(0.9 * value for value in tint)
        count = int(rng.integers(4, 9))
        for step in range(count):
            at = (step + 0.5) / count
            start, end = corners[0] + (corners[1] - corners[0]) * at, corners[3] + (corners[2] - corners[3]) * at
            cv2.line(canvas, _pixel(start), _pixel(end), darker, 2)


def _pixel(xy: Float) -> tuple[int, int]:
    return (int(xy[0]), int(xy[1]))


def _road(canvas: Float, rng: np.random.Generator) -> None:
    """Lay one straight road from border to border, with a dashed middle line."""
    height, width = canvas.shape[:2]
    breadth = int(rng.integers(9, 16))
    if rng.random() < 0.5:
        start, end = (0.0, rng.uniform(0, height)), (float(width), rng.uniform(0, height))
    else:
        start, end = (rng.uniform(0, width), 0.0), (rng.uniform(0, width), float(height))
    first, last = np.array(start, np.float32), np.array(end, np.float32)
    cv2.line(canvas, _pixel(first), _pixel(last), (98, 98, 100), breadth)
    dashes = max(2, int(np.linalg.norm(last - first) / 16))
    for step in range(dashes):
        a, b = first + (last - first) * (step / dashes), first + (last - first) * ((step + 0.5) / dashes)
        cv2.line(canvas, _pixel(a), _pixel(b), (190, 190, 180), 1)


def paint_ground(rng: np.random.Generator, height_width: tuple[int, int], terrain: str) -> Float:
    """Paint the ground alone: float32 RGB (H, W, 3), 0 to 255, not yet textured."""
    height, width = height_width
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = TERRAINS[terrain]
    if terrain in ("grass", "soil", "sand"):
        for _ in range(int(rng.integers(0, 4))):
            _field(canvas, rng)
    if terrain != "water":
        for _ in range(int(rng.integers(0, 3))):
            _road(canvas, rng)
    return canvas


def texture(rng: np.random.Generator, height_width: tuple[int, int]) -> Float:
    """Make the ground's texture: one float32 (H, W, 1) offset in grey levels, coarse and fine."""
    coarse = rolling_noise(rng, height_width, 32) * 7 + rolling_noise(rng, height_width, 6) * 4
    return np.asarray(coarse[..., None], dtype=np.float32)


def lay_pad(
    canvas: Float, centre_xy: tuple[float, float], half_xy: tuple[float, float], degrees: float, wet: bool
) -> None:
    """Lay a basin of water (under a ship or bridge on land) or a slab of concrete (under the rest at sea)."""
    middle = (int(centre_xy[0] * 16), int(centre_xy[1] * 16))
    axes = (int(half_xy[0] * 16), int(half_xy[1] * 16))
    rgb = TERRAINS["water"] if wet else TERRAINS["concrete"]
    cv2.ellipse(canvas, middle, axes, degrees, 0, 360, rgb, -1, cv2.LINE_8, 4)
