"""Candidates of several sources become one list, and the maps' word about them becomes factors."""

from __future__ import annotations

import numpy as np
import pytest

from zeroov.candidates.evidence import by_answer, by_attention, by_ratio
from zeroov.candidates.marks import marked
from zeroov.candidates.pool import pool_of
from zeroov.types import Box, Candidate, Picture

SHIP, TANK, FAR = Box(10, 10, 50, 30), Box(60, 60, 80, 80), Box(0, 80, 10, 90)


def test_who_saw_the_same_object_is_remembered_and_the_surest_score_kept() -> None:
    moved = Box(12, 10, 52, 30)
    pool = pool_of({"answer": [(moved, 0.9)], "vlm": [(SHIP, 0.6), (TANK, 0.8)], "evolved": [(FAR, 0.3)]}, 0.5, 10)
    assert [(each.box, each.score, each.sources) for each in pool] == [
        (TANK, 0.8, ("vlm",)),
        (SHIP, 0.9, ("vlm", "answer")),
        (FAR, 0.3, ("evolved",)),
    ]


def test_a_part_of_the_map_that_lies_on_a_listed_object_is_none_of_its_own() -> None:
    half = Box(10, 10, 25, 30)  # IoU 0.375 with the ship
    assert len(pool_of({"vlm": [(SHIP, 0.6)], "evolved": [(half, 0.3)]}, 0.5, 10)) == 1
    assert len(pool_of({"vlm": [(SHIP, 0.6)], "answer": [(half, 0.3)]}, 0.5, 10)) == 2


def test_no_more_than_asked_for_and_none_of_nothing() -> None:
    many = [(Box(x, 0, x + 5, 5), x / 1000) for x in range(0, 900, 6)]
    assert [each.score for each in pool_of({"vlm": many}, 0.5, 3)] == [0.894, 0.888, 0.882]
    assert pool_of({}, 0.5, 3) == ()


def test_attention_counts_by_means_so_that_large_boxes_do_not_win() -> None:
    heat = np.zeros((10, 10), np.float32)
    heat[1:3, 1:5] = 1
    small, large = Candidate(SHIP, 1.0), Candidate(Box(0, 0, 100, 100), 1.0)
    first, second = by_attention(heat, [small, large], (100, 100))
    assert first == 1.0
    assert second == pytest.approx(0.1)
    assert by_attention(heat * 0, [small, large], (100, 100)) == (1.0, 1.0)
    assert by_attention(heat, [], (100, 100)) == ()


def test_a_candidate_in_a_corner_or_smaller_than_a_cell_has_a_finite_factor() -> None:
    heat = np.full((4, 4), 0.5, np.float32)
    edges = [Candidate(Box(99.5, 99.5, 100, 100), 1.0), Candidate(Box(0, 0, 0.2, 0.2), 1.0)]
    assert by_attention(heat, edges, (100, 100)) == (1.0, 1.0)


def test_the_answers_own_box_and_the_ratio_of_two_questions() -> None:
    assert by_answer(SHIP, [Candidate(SHIP, 1.0), Candidate(FAR, 1.0)]) == (1.0, 0.3)
    grey, blue, nothing = by_ratio([0.9, 0.1, 0.0], [0.9, 0.9, 0.0])
    assert (grey, blue) == (1.0, pytest.approx(1 / 3))
    assert nothing == pytest.approx(1 / 3)


def test_every_number_is_drawn_outside_of_its_box_and_inside_the_picture() -> None:
    rgb = np.full((120, 160, 3), 90, np.uint8)
    boxes = [Box(0, 0, 40, 40), Box(100, 70, 160, 120), Box(60, 40, 70, 50)]
    drawn = marked(Picture(rgb), boxes).rgb
    changed = (drawn != rgb).any(axis=2)
    for box in boxes:
        inner = changed[int(box.y0) + 3 : int(box.y1) - 3, int(box.x0) + 3 : int(box.x1) - 3]
        assert inner.mean() < 0.2
    alone = [(marked(Picture(rgb), [box]).rgb != rgb).any(axis=2).sum() for box in boxes]
    assert min(alone) > 60  # a frame and a number each
    assert (rgb == 90).all()
