"""What the maps and the answer of a look say of candidates, as factors: the best one has 1. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zeroov import frames
from zeroov.types import Box, Candidate, Float32

FLOOR = 0.1  # of a candidate that a map does not show: it may be too small for its cells
DISAGREES = 0.3  # of a candidate that the answer's own box does not touch
RATIO = 3.0  # an attribute counts at most so many times for or against a candidate


def by_attention(heat: Float32, candidates: Sequence[Candidate], hw: frames.HW) -> tuple[float, ...]:
    """Return how much more of a map (rows, cols) lies in each box than around it, by means, beside the best one."""
    rows, cols = heat.shape
    total, cells = float(heat.sum()), heat.size
    ratios = []
    for candidate in candidates:
        on_grid = frames.scale_box(candidate.box.xyxy, hw, (rows, cols))
        if on_grid is None:
            ratios.append(0.0)
            continue
        x0, y0 = int(on_grid.x0), int(on_grid.y0)
        part = heat[y0 : max(y0 + 1, math.ceil(on_grid.y1)), x0 : max(x0 + 1, math.ceil(on_grid.x1))]
        outside = (total - float(part.sum())) / max(1, cells - part.size)
        ratios.append(float(part.mean()) / max(outside, 1e-6))
    return _beside_best(ratios, FLOOR)


def by_answer(answer_box: Box, candidates: Sequence[Candidate]) -> tuple[float, ...]:
    """Return how well each candidate agrees with the box in the model's own answer."""
    return tuple(DISAGREES + (1 - DISAGREES) * frames.box_iou(answer_box, each.box) for each in candidates)


def by_ratio(with_it: Sequence[float], without: Sequence[float]) -> tuple[float, ...]:
    """Return how much likelier each crop shows the thing with an attribute than the bare thing, beside the best one."""
    ratios = [min(RATIO, max(1 / RATIO, a / max(b, 1e-6))) for a, b in zip(with_it, without, strict=True)]
    return _beside_best(ratios, 1 / RATIO**2)


def _beside_best(values: Sequence[float], floor: float) -> tuple[float, ...]:
    best = max(values, default=0.0)
    if best <= 0:
        return tuple(1.0 for _ in values)
    return tuple(float(np.clip(value / best, floor, 1.0)) for value in values)
