"""Boxes as other systems write them: four numbers, their order, and what they count."""

from __future__ import annotations

import math
from typing import Any

from zeroov.bench.runs.records import Corners
from zeroov.bench.scoring.peer_files import SCALES, Format


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
