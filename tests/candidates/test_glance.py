from __future__ import annotations

import numpy as np
import pytest

from zeroov.candidates.glance import by_glance
from zeroov.types import Box, Candidate

HW = (1000, 2000)
UPPER, LOWER = Candidate(Box(100, 100, 150, 140), 0.5), Candidate(Box(90, 850, 160, 900), 0.4)


def test_attention_is_the_highest_in_the_box() -> None:
    glance = np.zeros((10, 20), dtype=np.float32)
    glance[8:10, 0:3] = 1
    assert by_glance(glance, [UPPER, LOWER], HW) == pytest.approx((0.3, 1.0))


def test_what_the_glance_could_not_see_it_cannot_deny() -> None:
    glance = np.zeros((10, 20), dtype=np.float32)
    glance[8:10, 0:3] = 1
    upper, lower = by_glance(glance, [UPPER, LOWER], HW, reduced=0.02)
    assert upper == pytest.approx(1 - 0.7 * 50 * 0.02 / 24)
    assert lower == 1


def test_a_factor_step_by_step(rng: np.random.Generator) -> None:
    glance = rng.random((9, 14), dtype=np.float32)
    low, high = glance.min(), glance.max()
    corners, sides = rng.uniform(0, 1, (6, 2)) * (1800, 900), rng.uniform(2, 100, (6, 2))
    boxes = [Box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sides, strict=True)]
    found = by_glance(glance, [Candidate(box, 0.5) for box in boxes], HW, reduced=0.4)
    for box, factor in zip(boxes, found, strict=True):
        trust = 0.7 * min(1, 0.4 * max(box.x1 - box.x0, box.y1 - box.y0) / 24)
        rows = range(int(box.y0 * 9 / 1000), int(np.ceil(box.y1 * 9 / 1000)))
        cols = range(int(box.x0 * 14 / 2000), int(np.ceil(box.x1 * 14 / 2000)))
        attention = max((glance[r, c] - low) / (high - low) for r in rows for c in cols)
        assert factor == pytest.approx(1 - trust * (1 - attention), rel=1e-5)


def test_a_candidate_at_the_edge_or_thinner_than_a_cell_is_weighed_by_the_cell_that_it_is_in() -> None:
    glance = np.zeros((2, 2), dtype=np.float32)
    glance[1, 1] = 1
    candidates = [
        Candidate(Box(1999.5, 999.5, 2000, 1000), 0.5),
        Candidate(Box(998, 0, 999, 30), 0.5),
        Candidate(Box(2050, 1010, 2090, 1040), 0.5),  # beside the scene: nothing was seen of it
    ]
    found = by_glance(glance, candidates, HW, reduced=24.0)
    assert found == pytest.approx([1 - 0.7 * (1 - a) * t for a, t in ((1, 0.5), (0, 1), (0, 1))])


def test_no_candidates() -> None:
    assert by_glance(np.ones((2, 2), dtype=np.float32), [], HW) == ()
