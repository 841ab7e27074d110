from __future__ import annotations

import numpy as np

from zeroov.candidates.parts import blobs, boxes_of
from zeroov.types import Bool, Box

HW = (40, 60)


def drawn(*boxes: tuple[int, int, int, int]) -> Bool:
    mask = np.zeros(HW, dtype=np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def test_each_blob_has_its_box_and_corners_that_touch_join() -> None:
    assert blobs(drawn((2, 3, 10, 8), (10, 8, 14, 20), (30, 5, 31, 6)), 1) == [Box(2, 3, 14, 20), Box(30, 5, 31, 6)]
    assert blobs(drawn(), 1) == []


def test_a_blob_needs_so_many_pixels() -> None:
    mask = drawn((0, 0, 4, 2), (20, 20, 23, 23))  # 8 and 9 pixels
    assert blobs(mask, 9) == [Box(20, 20, 23, 23)]
    assert blobs(mask, 8) == [Box(0, 0, 4, 2), Box(20, 20, 23, 23)]


def test_a_quarter_of_a_cell_of_the_map_is_seen_and_less_is_not() -> None:
    mask = drawn((0, 0, 4, 1), (20, 20, 25, 21))  # 4 and 5 pixels; a map of 120 cells has 20 pixels a cell
    assert boxes_of(mask, 120, None, None) == [Box(20, 20, 25, 21)]
    assert boxes_of(mask, 150, None, None) == [Box(0, 0, 4, 1), Box(20, 20, 25, 21)]
    assert boxes_of(drawn((7, 7, 8, 8)), None, None, None) == [Box(7, 7, 8, 8)]  # no map: a pixel is enough


def test_the_answers_box_is_a_candidate_unless_a_blob_is_the_same() -> None:
    mask, answer = drawn((0, 0, 10, 10)), Box(0, 0, 10, 20)
    assert boxes_of(mask, None, answer, None) == [Box(0, 0, 10, 10), answer]  # half of it: another object
    assert boxes_of(mask, None, Box(0, 0, 10, 19), None) == [Box(0, 0, 10, 10)]
    assert boxes_of(drawn(), None, answer, None) == [answer]


def test_what_lies_for_the_most_part_on_nodata_is_left_out() -> None:
    mask, valid = drawn((0, 0, 10, 10), (20, 0, 30, 10)), np.ones(HW, dtype=np.bool_)
    valid[:, :5] = False
    valid[:, 20:26] = False
    assert boxes_of(mask, None, None, valid) == [Box(0, 0, 10, 10)]  # half of it is valid, of the other less


def test_a_box_between_pixels_is_judged_by_the_pixels_that_it_touches() -> None:
    valid = np.zeros(HW, dtype=np.bool_)
    valid[10:12, 5:8] = True
    assert boxes_of(drawn(), None, Box(5.2, 10.3, 7.1, 11.2), valid) == [Box(5.2, 10.3, 7.1, 11.2)]
    assert boxes_of(drawn(), None, Box(5.6, 10.6, 5.9, 10.9), valid) == [Box(5.6, 10.6, 5.9, 10.9)]
    assert boxes_of(drawn(), None, Box(8.2, 12.1, 12.0, 15.0), valid) == []
