"""Boxes as other systems write them: four numbers, their order, what they count; and whether they were read so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zeroov.bench.runs.records import Corners
from zeroov.bench.scoring.peer_files import ORDERS, SCALES, Format
from zeroov.bench.scoring.tables import percent
from zeroov.frames import box_iou
from zeroov.types import Box

GAIN = 0.2  # of the mean IoU, from which another way of reading is pointed out; large boxes gain half of it by chance


@dataclass(frozen=True)
class Written:
    """Four numbers of an answer, how they were read, the image's size, and the true box in its pixels."""

    numbers: Any
    form: Format
    hw: tuple[int, int]
    truth: Corners

    def iou(self, form: Format) -> float:
        """Return the IoU of the box with the true one, where its numbers are read in this way."""
        box = corners(self.numbers, self.hw, form)
        return box_iou(Box(*box), Box(*self.truth)) if _encloses(box) and _encloses(self.truth) else 0.0


def corners(numbers: Any, hw: tuple[int, int], form: Format) -> Corners:
    """Return a box as (x0, y0, x1, y1) in pixels of an image of `hw`; it is xyxy in pixels where that is not given."""
    if not isinstance(numbers, (list, tuple)) or len(numbers) != 4:
        raise ValueError(f"a box is four numbers, got {str(numbers)[:60]!r}")
    try:
        a, b, c, d = (float(number) for number in numbers)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a box is four numbers, got {str(numbers)[:60]!r}") from error
    if not all(map(math.isfinite, (a, b, c, d))):
        raise ValueError(f"a box is four finite numbers, got {str(numbers)[:60]!r}")
    if form.order == "cxcywh":
        a, b = a - c / 2, b - d / 2
    if form.order not in (None, "xyxy"):
        c, d = a + c, b + d
    parts = SCALES[form.scale or "pixels"]
    fy, fx = (hw[0] / parts, hw[1] / parts) if parts else (1.0, 1.0)
    return a * fx, b * fy, c * fx, d * fy


def better_read(boxes: Sequence[Written]) -> str:
    """Say in which way the boxes of a file lie far nearer the truth than as they were read; "" where in none.

    A system that is right at all shows by this that its order or its scale was taken for another one. Nothing is read
    in another way by itself.
    """
    if not boxes:
        return ""
    now = sum(box.iou(box.form) for box in boxes) / len(boxes)
    ways = [Format(order, scale) for order in ORDERS for scale in SCALES] if now + GAIN <= 1 else []
    means = {way: sum(box.iou(way) for box in boxes) / len(boxes) for way in ways}
    best = max(means, key=lambda way: means[way], default=None)
    if best is None or means[best] < now + GAIN:
        return ""
    return (
        f"with --boxes {best.order} --scale {best.scale} its boxes would have a mean IoU of {percent(means[best])} "
        f"instead of {percent(now)}: were they read as they were written? The options hold for all files; a .json or "
        ".jsonl file may state its own `boxes` and `scale`"
    )


def _encloses(box: Corners) -> bool:
    return all(map(math.isfinite, box)) and box[2] > box[0] and box[3] > box[1]
