"""How much attention the look at a whole scene paid to candidates, as far as it could see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroov import frames
from zeroov.frames import HW
from zeroov.types import Candidate, Float32

LEAST = 0.3  # what the glance says is never all: small things it may not have seen
VISIBLE = 24  # pixels of the glance: what is as long as that is surely seen in it


def by_glance(
    attention: Float32, candidates: Sequence[Candidate], scene_hw: HW, reduced: float = 1.0
) -> tuple[float, ...]:
    """Return a factor in [LEAST, 1] for each candidate: the highest attention (rows, cols) in its box.

    The glance saw the scene `reduced` to that share of its sides: what was too small in it to be seen is not held
    against a candidate.
    """
    heat = frames.min_max(attention)
    longest = np.array([max(c.box.x1 - c.box.x0, c.box.y1 - c.box.y0) for c in candidates])
    trust = np.clip(longest * reduced / VISIBLE, 0, 1) * (1 - LEAST)
    highest = np.array([_highest_inside(heat, candidate, scene_hw) for candidate in candidates])
    return tuple((1 - trust * (1 - highest)).tolist())


def _highest_inside(heat: Float32, candidate: Candidate, scene_hw: HW) -> float:
    """Return the highest value of a map over the cells that a box touches; 0 beside the scene."""
    on_grid = frames.scale_box(candidate.box.xyxy, scene_hw, (heat.shape[0], heat.shape[1]))
    if on_grid is None:
        return 0.0
    x0, y0 = int(on_grid.x0), int(on_grid.y0)
    x1, y1 = max(x0 + 1, int(np.ceil(on_grid.x1))), max(y0 + 1, int(np.ceil(on_grid.y1)))
    return float(heat[y0:y1, x0:x1].max())
