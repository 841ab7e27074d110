"""Believe the first look or the second: which part of a closer look is the same object, and what becomes of both."""

from __future__ import annotations

import numpy as np

from zeroov import frames
from zeroov.frames import HW
from zeroov.types import Box, Float32


def near_weights(near: Box, image_hw: HW, grid_hw: HW, pull: float) -> Float32:
    """Return (rows, cols) weights that draw attention to where the first look saw the object.

    A bell over the box, one standard deviation to its edges; `pull` 0 is all ones, 1 the bell alone.
    """
    centres = frames.cell_centres_xy(grid_hw, image_hw)
    half = np.array([near.x1 - near.x0, near.y1 - near.y0], dtype=np.float32) / 2
    cell = np.array([image_hw[1] / grid_hw[1], image_hw[0] / grid_hw[0]], dtype=np.float32)
    middle = np.array([near.x0 + near.x1, near.y0 + near.y1], dtype=np.float32) / 2
    far = ((centres - middle) / np.maximum(half, cell)) ** 2
    bell: Float32 = np.exp(-far.sum(axis=-1) / 2)
    return (1 - np.float32(pull)) + np.float32(pull) * bell


def merged_box(first: Box, second: Box, rule: str, scores: tuple[float, float]) -> Box:
    """Return, by a recipe's `zoom.merge`, the second box, the corners' mean, or that weighted by both looks' scores."""
    if rule == "refined":
        return second
    weight = scores[1] / sum(scores) if rule == "weighted" and sum(scores) > 0 else 0.5
    corners = [(1 - weight) * a + weight * b for a, b in zip(first.xyxy, second.xyxy, strict=True)]
    return Box(*corners)
