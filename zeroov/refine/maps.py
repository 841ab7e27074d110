"""The evolved map in the square of a model of masks: as a prompt, and as a witness for one of its masks."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch

from zeroov.frames import HW, Square
from zeroov.types import Bool, Box, Evolved, Float32

# How sure a mask prompt may be: log-odds of about -7 to 7, the range of SAM's own low-res logits.
LEAST_ODDS = 1e-3
RING = 5  # pixels of SAM's own masks, of 256 a side, around a mask


def agreement(mask: Bool, heat: Float32) -> float:
    """Return how far a map is hotter in a mask than around it, from 0 to 1; a half where they do not differ."""
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((2 * RING + 1, 2 * RING + 1), np.uint8)).astype(bool) & ~mask
    inside = float(heat[mask].mean()) if mask.any() else 0.0
    around = float(heat[ring].mean()) if ring.any() else 0.0
    return inside / (inside + around) if inside + around > 0 else 0.5


def share_inside(mask: Bool, box: Box, image_hw: HW, reach_hw: tuple[float, float]) -> float:
    """Return the share of a mask that lies in a box of the image, which takes `reach_hw` of the mask's square."""
    down, across = reach_hw[0] / image_hw[0], reach_hw[1] / image_hw[1]
    x0, x1 = math.floor(box.x0 * across), math.ceil(box.x1 * across)
    y0, y1 = math.floor(box.y0 * down), math.ceil(box.y1 * down)
    pixels = np.count_nonzero(mask)
    return float(np.count_nonzero(mask[max(0, y0) : y1, max(0, x0) : x1]) / pixels) if pixels else 0.0


def box_grown(box: Box, times: float) -> Box:
    """Return a box with sides so many times as long around the same middle."""
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    wide, high = (box.x1 - box.x0) * times / 2, (box.y1 - box.y0) * times / 2
    return Box(x - wide, y - high, x + wide, y + high)


def mask_prompt(evolved: Evolved, square: Square, low_res_side: int) -> Float32:
    """Return the evolved map as a mask prompt: (low_res_side, low_res_side) log-odds.

    What grew nowhere, and the square's padding, are "surely not".
    """
    return _log_odds(np.where(evolved.region, evolved.fused, np.float32(0)), square, low_res_side)


def earlier_prompt(mask: Bool, square: Square, low_res_side: int) -> Float32:
    """Return a mask (H, W) of the image, drawn before, as a mask prompt: (low_res_side, low_res_side) log-odds."""
    return _log_odds(mask.astype(np.float32), square, low_res_side)


def _log_odds(heat: Float32, square: Square, low_res_side: int) -> Float32:
    odds = square.lay(heat, low_res_side)
    logits: Float32 = torch.logit(torch.from_numpy(odds), eps=LEAST_ODDS).numpy()
    return logits
