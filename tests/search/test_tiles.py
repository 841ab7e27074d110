from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.candidates.slices import tiles
from zeroov.search.tiles import distinct
from zeroov.types import Box, Window
from zeroov.zoom.closer import is_cut_off


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(32, 1024), st.floats(0, 0.9))
def test_tiles_cover_the_scene_and_overlap_enough(height: int, width: int, side: int, overlap: float) -> None:
    windows = tiles((height, width), side, overlap)
    assert len(set(windows)) == len(windows)
    assert all(0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height for x0, y0, x1, y1 in windows)
    assert {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in windows} == {(min(side, width), min(side, height))}
    for first, second, length in ((0, 2, width), (1, 3, height)):
        spans = sorted({(window[first], window[second]) for window in windows})
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end - start >= overlap * side - 1  # whole pixels


@given(st.integers(200, 2000), st.integers(64, 512), st.floats(0.1, 0.6), st.data())
def test_an_object_no_larger_than_the_overlap_lies_whole_in_a_tile(
    length: int, side: int, overlap: float, data: st.DataObject
) -> None:
    extent = data.draw(st.integers(1, max(1, int(overlap * side) - 1)))
    start = data.draw(st.integers(0, max(0, length - extent)))
    windows = tiles((length, length), side, overlap)
    assert any(x0 <= start and min(start + extent, length) <= x1 for x0, _, x1, _ in windows)


def test_objects_at_inner_edges_are_cut_and_at_the_scenes_own_are_not() -> None:
    tile = Window(100, 0, 200, 100)
    assert is_cut_off(Box(100, 20, 130, 40), tile, (300, 300), 2)
    assert is_cut_off(Box(120, 70, 130, 99), tile, (300, 300), 2)
    assert not is_cut_off(Box(120, 0, 130, 40), tile, (300, 300), 2)  # the scene ends there
    assert not is_cut_off(Box(120, 20, 130, 40), tile, (300, 300), 2)


def test_several_sightings_of_one_object_are_one() -> None:
    boxes = [Box(0, 0, 10, 10), Box(1, 1, 11, 11), Box(50, 50, 60, 60), Box(2, 2, 6, 6)]
    assert distinct(boxes, [0.5, 0.9, 0.1, 0.2]) == [1, 2]


@given(st.lists(st.tuples(*[st.integers(0, 90)] * 2, *[st.integers(1, 40)] * 2), max_size=12), st.randoms())
def test_what_stays_does_not_depend_on_the_order(rows: list[tuple[int, int, int, int]], random: object) -> None:
    boxes = [Box(x, y, x + w, y + h) for x, y, w, h in rows]
    scores = [0.1 + 0.01 * i for i in range(len(boxes))]
    kept = {boxes[i].xyxy for i in distinct(boxes, scores)}
    order = np.random.default_rng(0).permutation(len(boxes))
    again = distinct([boxes[i] for i in order], [scores[i] for i in order])
    assert {boxes[order[i]].xyxy for i in again} == kept


@pytest.mark.parametrize("scene", [(50, 80), (1000, 40)])
def test_a_scene_smaller_than_a_tile_is_one_row_or_column(scene: tuple[int, int]) -> None:
    assert all(x1 - x0 <= scene[1] and y1 - y0 <= scene[0] for x0, y0, x1, y1 in tiles(scene, 256, 0.25))
    assert len(tiles((50, 80), 256, 0.25)) == 1
