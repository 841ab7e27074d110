"""Draw what was found in a large scene on its reduced picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from zeroov import frames
from zeroov.raster.found import Found
from zeroov.raster.write import BOX_RGB, TINT_RGB
from zeroov.types import Uint8

LEAST = 9  # pixels: a smaller box could not be seen


def scene_overlay(rgb: Uint8, scene_hw: frames.HW, founds: Sequence[Found]) -> Uint8:
    """Return a copy of the reduced scene with every object outlined, boxed and numbered in their order."""
    drawn = np.array(rgb)
    height, width = drawn.shape[:2]
    thick = max(1, round(max(drawn.shape) / 700))
    for number, found in enumerate(founds, start=1):
        x0, y0, x1, y1 = (float(v) for v in found.window_xyxy)
        window = frames.scale_box((x0, y0, x1, y1), scene_hw, (height, width))
        box = frames.scale_box(found.box.xyxy, scene_hw, (height, width))
        if window is None or box is None:
            continue
        left, top = int(window.x0), int(window.y0)
        size = max(1, round(window.y1 - window.y0)), max(1, round(window.x1 - window.x0))
        contours, _ = cv2.findContours(
            frames.resize_mask(found.mask, size).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(drawn, contours, -1, TINT_RGB, thick, offset=(left, top))
        grow = max(0.0, LEAST - min(box.x1 - box.x0, box.y1 - box.y0)) / 2
        corner, far = (round(box.x0 - grow), round(box.y0 - grow)), (round(box.x1 + grow) - 1, round(box.y1 + grow) - 1)
        cv2.rectangle(drawn, corner, far, BOX_RGB, thick)
        if len(founds) > 1:
            place = corner[0], max(12, corner[1] - 4)
            cv2.putText(drawn, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, BOX_RGB, thick, cv2.LINE_AA)
    return drawn
