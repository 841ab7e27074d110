from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zeroov.frames import min_max
from zeroov.look import Question
from zeroov.types import Box, Picture
from zeroov.zoom.pyramid import average_maps, scale_questions, scales

sides = st.integers(1, 12)
maps = hnp.arrays(np.float32, st.tuples(sides, sides), elements=st.floats(0, 1, width=32))
images = st.tuples(st.integers(20, 200), st.integers(20, 200))


@given(maps, images)
def test_a_map_of_the_whole_image_comes_back_unchanged(values: np.ndarray, image_hw: tuple[int, int]) -> None:
    average = average_maps([(values, (0, 0, image_hw[1], image_hw[0]))], image_hw, values.shape)
    assert average.dtype == np.float32
    np.testing.assert_allclose(average, min_max(values), atol=1e-5)


@given(images, st.tuples(sides, sides), st.floats(0, 1))
def test_constant_maps_stay_constant(image_hw: tuple[int, int], grid_hw: tuple[int, int], level: float) -> None:
    flat = np.full((5, 7), level, dtype=np.float32)
    average = average_maps([(flat, window) for window in scales(image_hw)], image_hw, grid_hw)
    np.testing.assert_array_equal(average, np.zeros(grid_hw))


@given(st.lists(maps, min_size=5, max_size=5), st.permutations(range(5)))
def test_order_does_not_matter_and_the_result_is_a_map(values: list[np.ndarray], order: list[int]) -> None:
    image_hw, grid_hw = (90, 130), (9, 13)
    pairs = list(zip(values, scales(image_hw), strict=True))
    average = average_maps(pairs, image_hw, grid_hw)
    np.testing.assert_allclose(average_maps([pairs[i] for i in order], image_hw, grid_hw), average, atol=1e-6)
    assert average.shape == grid_hw
    assert average.min() >= 0
    assert average.max() <= 1 + 1e-6


def test_cells_that_no_window_covers_are_0() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    average = average_maps([(values, (50, 0, 100, 60))], (60, 100), (6, 10))
    assert (average[:, :5] == 0).all()
    assert (average[1:, 5:] > 0).all()
    assert not average_maps([], (60, 100), (6, 10)).any()
    assert not average_maps([(values, (200, 0, 300, 60))], (60, 100), (6, 10)).any()


def test_a_windows_edge_leaves_no_seam() -> None:
    dark = np.zeros((40, 40), dtype=np.float32)
    dark[0, 0] = 1  # else it were constant
    bright = 1 - dark
    both = average_maps([(dark, (0, 0, 400, 400)), (bright, (100, 100, 300, 300))], (400, 400), (40, 40))
    assert both[20, 20] == pytest.approx(0.5)
    assert both[20, 5] == 0
    assert abs(np.diff(both[20])).max() < 0.2  # the step would be 0.5


def test_a_window_counts_fully_at_the_images_own_edges() -> None:
    dark = np.zeros((40, 40), dtype=np.float32)
    dark[20, 20] = 1
    bright = 1 - dark
    for window, cell in (((300, 0, 400, 400), (5, -1)), ((0, 0, 100, 400), (-5, 0)), ((0, 0, 400, 100), (0, 5))):
        both = average_maps([(dark, (0, 0, 400, 400)), (bright, window)], (400, 400), (40, 40))
        assert both[cell] == pytest.approx(0.5)


def test_an_object_in_a_crop_lands_where_it_lies_in_the_image() -> None:
    crop = np.zeros((10, 10), dtype=np.float32)
    crop[2, 7] = 1
    average = average_maps([(crop, (40, 20, 60, 40))], (80, 100), (40, 50))
    row, col = np.unravel_index(average.argmax(), average.shape)
    assert (row, col) == ((20 + 2 * 2.5) // 2, (40 + 2 * 7.5) // 2)


@given(images, st.lists(st.floats(0.2, 1), min_size=1, max_size=3))
def test_the_windows_of_each_size_cover_the_image_and_overlap(image_hw: tuple[int, int], sizes: list[float]) -> None:
    height, width = image_hw
    for size in sizes:
        windows = scales(image_hw, [size])
        covered = np.zeros(image_hw, dtype=bool)
        for x0, y0, x1, y1 in windows:
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            covered[y0:y1, x0:x1] = True
        assert covered.all()
        lefts = sorted({window[0] for window in windows})
        half = (windows[0][2] - windows[0][0]) / 2
        assert all(following - left <= half + 1 for left, following in pairwise(lefts))
    assert len(scales(image_hw, sizes)) == len(set(scales(image_hw, sizes)))


def test_the_scales_that_are_named() -> None:
    assert scales((60, 90), [1]) == [(0, 0, 90, 60)]
    assert scales((60, 90)) == [(0, 0, 90, 60), (0, 0, 60, 40), (30, 0, 90, 40), (0, 20, 60, 60), (30, 20, 90, 60)]
    assert len(scales((60, 90), [0.5])) == 9
    with pytest.raises(ValueError, match="fraction of the image"):
        scales((60, 90), [2.0])


def test_a_windows_weight_rises_smoothly_over_a_quarter_of_its_side() -> None:
    left, right = np.ones((2, 8), np.float32), np.zeros((2, 8), np.float32)
    left[1, 0], right[1, 7] = 0, 1  # far from where the windows overlap, so that each map keeps its scale
    mean = average_maps([(left, (0, 0, 40, 10)), (right, (20, 0, 60, 10))], (10, 60), (2, 12))
    for column in range(4, 8):  # of 5 pixels each; both windows hold them
        middle = 5 * column + 2.5
        falls, rises = min((40 - middle) / 10, 1), min((middle - 20) / 10, 1)
        of_left, of_right = (share * share * (3 - 2 * share) for share in (falls, rises))
        assert mean[0, column] == pytest.approx(of_left / (of_left + of_right), rel=1e-5)


def test_each_window_is_asked_with_its_own_pixels(rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 256, (30, 60, 3), dtype=np.uint8)
    asked = Question(Picture(rgb, "a.png"), "the plane")
    found = scale_questions(asked, (1.0, 2 / 3))
    assert [each.picture.part for each in found] == scales((30, 60), (1.0, 2 / 3))
    for each in found:
        x0, y0, x1, y1 = each.picture.window
        np.testing.assert_array_equal(each.picture.rgb, rgb[y0:y1, x0:x1])
        assert (each.expression, each.picture.source) == ("the plane", "a.png")
    assert scale_questions(asked, ()) == []
    assert scale_questions(replace(asked, near=Box(1, 1, 5, 5)), (1.0,)) == []
    assert scale_questions(found[1], (1.0,)) == []  # of a part, there is no part
