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


def test_a_box_edge_weighs_as_one_standard_deviation() -> None:
    weights = near_weights(Box(60, 30, 80, 70), (100, 200), (10, 20), 1.0)  # cells of 10 pixels; the middle is (70, 50)
    centres_x, centres_y = np.arange(20) * 10 + 5.0, np.arange(10) * 10 + 5.0
    far = ((centres_x[None, :] - 70) / 10) ** 2 + ((centres_y[:, None] - 50) / 20) ** 2
    np.testing.assert_allclose(weights, np.exp(-far / 2), rtol=1e-4, atol=1e-9)
    half = near_weights(Box(60, 30, 80, 70), (100, 200), (10, 20), 0.5)
    np.testing.assert_allclose(half, 0.5 + 0.5 * weights, rtol=1e-5)


def test_the_bell_is_never_narrower_than_a_cell() -> None:
    weights = near_weights(Box(104, 24, 106, 26), (100, 200), (10, 10), 1.0)  # cells of 20 by 10 pixels
    np.testing.assert_allclose(weights[2, 4:7], np.exp([-0.28125, -0.03125, -0.78125]), rtol=1e-4)
    np.testing.assert_allclose(weights[3, 5], weights[2, 5] * np.exp(-0.5), rtol=1e-4)


def test_one_score_alone_decides_where_both_are_weighed() -> None:
    first, second = Box(0, 0, 10, 10), Box(4, 4, 6, 8)
    assert merged_box(first, second, "weighted", (0.0, 0.5)) == second
    assert merged_box(first, second, "weighted", (0.5, 0.0)) == first
    assert merged_box(first, second, "mean", (0.0, 0.5)) == Box(2, 2, 8, 9)
