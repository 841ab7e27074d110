"""The candidates of one look: the blobs of its map, and the box in its answer."""

from __future__ import annotations

import math

import cv2
import numpy as np

from zeroov import frames
from zeroov.types import Bool, Box

CRUMB = 0.25  # a blob that covers less of a cell of the map is nothing that the map can show
LEAST_VALID = 0.5  # of a candidate's box; the rest may be nodata


def boxes_of(mask: Bool, cells: int | None, answer_box: Box | None, valid: Bool | None) -> list[Box]:
    """Return where a look saw something, in pixels of its picture: its mask's blobs, and the box in its answer.

    `cells` is how many the map has that the mask was cut from, `None` without one. What lies for the most part on
    pixels that are not `valid` (`None`: all are) is left out: it is the edge of the data, which is drawn black.
    """
    boxes = blobs(mask, CRUMB * mask.size / cells if cells else 1)
    if answer_box and not any(frames.box_iou(answer_box, box) > 0.5 for box in boxes):
        boxes.append(answer_box)
    return [box for box in boxes if is_valid(box, valid)]


def blobs(mask: Bool, least: float) -> list[Box]:
    """Return the boxes of a mask's blobs of so many pixels at least."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    found = stats[1:].astype(np.float64).tolist()  # the first is the ground
    return [Box(x, y, x + width, y + height) for x, y, width, height, pixels in found if pixels >= least]


def is_valid(box: Box, valid: Bool | None) -> bool:
    """Return whether enough of a box lies on valid pixels (H, W); `None`: all are."""
    if valid is None:
        return True
    x, y = int(box.x0), int(box.y0)
    part = valid[y : max(y + 1, math.ceil(box.y1)), x : max(x + 1, math.ceil(box.x1))]
    return float(part.mean()) >= LEAST_VALID
