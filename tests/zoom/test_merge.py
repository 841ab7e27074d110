from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.frames import share_of_smaller
from zeroov.look import blob_near
from zeroov.types import Box
from zeroov.zoom.merge import merged_box, near_weights


def test_weights_are_highest_where_the_first_look_saw_the_object() -> None:
    weights = near_weights(Box(60, 20, 80, 40), (100, 200), (10, 20), 1.0)
    assert np.unravel_index(int(weights.argmax()), weights.shape) in {(2, 6), (2, 7), (3, 6), (3, 7)}
    assert weights.max() <= 1
    assert weights[9, 19] < 1e-6


@given(st.floats(0, 1), st.integers(1, 40), st.integers(1, 40))
def test_pull_blends_with_ones(pull: float, rows: int, cols: int) -> None:
    weights = near_weights(Box(10, 10, 30, 30), (90, 70), (rows, cols), pull)
    assert weights.shape == (rows, cols)
    assert (weights >= 1 - pull - 1e-6).all()
    assert (weights <= 1 + 1e-6).all()
    np.testing.assert_allclose(near_weights(Box(10, 10, 30, 30), (90, 70), (rows, cols), 0.0), 1)


def test_of_several_blobs_the_one_near_is_kept() -> None:
    mask = np.zeros((40, 60), dtype=np.bool_)
    mask[2:20, 2:20] = True  # larger, and not meant
    mask[25:35, 40:50] = True
    kept = blob_near(mask, Box(38, 22, 52, 38))
    assert kept[25:35, 40:50].all()
    assert kept.sum() == 100
    np.testing.assert_array_equal(blob_near(mask, Box(55, 0, 60, 5)), mask)  # near none: nothing is thrown away
    empty = np.zeros_like(mask)
    np.testing.assert_array_equal(blob_near(empty, Box(0, 0, 5, 5)), empty)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (Box(2, 2, 4, 4), 1.0),
        (Box(-10, -10, 30, 30), 1.0),
        (Box(5, 0, 15, 10), 0.5),
        (Box(10, 0, 20, 10), 0.0),
        (Box(8, 8, 12, 12), 0.25),
    ],
)
def test_agreement_is_the_share_of_the_smaller_box(second: Box, expected: float) -> None:
    assert share_of_smaller(Box(0, 0, 10, 10), second) == pytest.approx(expected)
    assert share_of_smaller(second, Box(0, 0, 10, 10)) == pytest.approx(expected)


def test_boxes_are_merged_as_asked() -> None:
    first, second = Box(0, 0, 10, 10), Box(4, 4, 6, 8)
    assert merged_box(first, second, "refined", (0.9, 0.1)) == second
    assert merged_box(first, second, "mean", (0.9, 0.1)) == Box(2, 2, 8, 9)
    assert merged_box(first, second, "weighted", (1.0, 3.0)).xyxy == pytest.approx((3, 3, 7, 8.5))
    assert merged_box(first, second, "weighted", (0.0, 0.0)) == Box(2, 2, 8, 9)
