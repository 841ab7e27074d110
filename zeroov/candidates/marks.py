"""A picture with numbered boxes, to ask which number is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from zeroov.types import Box, Picture

COLOURS = ((255, 0, 255), (0, 255, 255), (255, 255, 0), (255, 0, 0))  # the one that is furthest from the picture's
FONT, HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 0.03  # a number's height, as a share of the picture's shorter side


def marked(picture: Picture, boxes: Sequence[Box]) -> Picture:
    """Return the picture with a thin box around each place, and its number, from 1, outside of it."""
    rgb = picture.rgb.copy()
    mean = rgb.reshape(-1, 3).mean(axis=0)
    colour = max(COLOURS, key=lambda each: float(np.abs(np.array(each) - mean).sum()))
    height, width = picture.hw
    thin = max(1, round(min(height, width) / 400))
    scale = max(0.35, HEIGHT * min(height, width) / 22)  # the font's digits are 22 pixels high
    for number, box in enumerate(boxes, start=1):
        x0, y0, x1, y1 = (round(side) for side in box.xyxy)
        cv2.rectangle(rgb, (x0, y0), (x1 - 1, y1 - 1), colour, thin)
        (wide, high), _ = cv2.getTextSize(str(number), FONT, scale, thin)
        x = min(max(0, x0), width - wide)
        y = y0 - 2 - thin if y0 - 2 - thin - high >= 0 else min(height - 1, y1 + high + 2 + thin)
        cv2.putText(rgb, str(number), (x, y), FONT, scale, (0, 0, 0), thin + 2, cv2.LINE_AA)
        cv2.putText(rgb, str(number), (x, y), FONT, scale, colour, thin, cv2.LINE_AA)
    return replace(picture, rgb=rgb)
