"""Run lengths and polygons, against pycocotools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from tests.layouts.drawn import outlines
from zeroov.errors import DatasetError
from zeroov.mini.scenes import make_scene
from zeroov.outputs.rle import covered_once, decode_rle, draw_polygons, encode_rle

# pycocotools 2.0.11 warns of itself where NumPy is of version 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RING = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 0]], dtype=np.bool_)


@st.composite
def masks(draw: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Noise, blocks, nothing, and everything.
    share = draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
    mask: Any = rng.random((height, width)) < share
    if draw(st.booleans()):
        mask[height // 3 : height // 2 + 1, width // 4 :] = True
    return mask


@given(masks())
@settings(deadline=None)
def test_run_lengths_go_round_and_agree_with_pycocotools(mask: Any) -> None:
    rle = encode_rle(mask)
    assert json.loads(json.dumps(rle)) == rle
    assert np.array_equal(decode_rle(rle), mask)
    assert np.array_equal(coco.decode({**rle, "counts": rle["counts"].encode()}), mask)
    # Uncompressed: columns first, the first length is of what is not set.
    edges = np.flatnonzero(np.diff(mask.T.ravel().astype(int), prepend=0)).tolist()
    counts = np.diff([0, *edges, mask.size]).tolist()
    assert np.array_equal(decode_rle({"size": list(mask.shape), "counts": counts}), mask)
    assert np.array_equal(decode_rle({"size": list(mask.shape), "counts": rle["counts"].encode()}), mask)


@pytest.mark.parametrize(
    "rle",
    [
        {},
        {"size": [4, 5]},
        {"counts": "0"},
        {"size": [4, 5], "counts": 7},
        {"size": [4, 5], "counts": [20.0]},
        {"size": [4, 5], "counts": [True, 19]},
        {"size": [4, 5], "counts": [25, -5]},
        {"size": [4, 5], "counts": [19]},
        {"size": [4, 5], "counts": [21]},
        {"size": [4, 5], "counts": "é"},
        {"size": [4, 5], "counts": "PP"},
        {"size": [31, 1], "counts": "/0"},  # the character before the first that counts
        {"size": [4, 5], "counts": "o" * 40},
        {"size": [4, 5], "counts": encode_rle(np.ones((4, 6), np.bool_))["counts"]},
        {"size": [4, 5, 1], "counts": [20]},
        {"size": [-4, -5], "counts": [20]},
        {"size": [0, 5], "counts": []},
        {"size": [1_000_000, 1_000_000], "counts": [1_000_000_000_000]},
        {"size": "45", "counts": [20]},
    ],
)
def test_damaged_run_lengths_are_told(rle: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match=r"expected|run length|size"):
        decode_rle(rle)


@given(st.text(alphabet=[chr(c) for c in range(40, 120)], max_size=12), st.integers(1, 30), st.integers(1, 30))
def test_no_text_of_run_lengths_makes_a_mask_of_another_size_or_a_crash(text: str, height: int, width: int) -> None:
    try:
        mask = decode_rle({"size": [height, width], "counts": text})
    except DatasetError:
        return
    assert mask.shape == (height, width)
    # pycocotools may have written it differently (a length of 0 in the middle), but means the same.
    assert np.array_equal(coco.decode({"size": [height, width], "counts": text.encode()}), mask)


def test_polygons_draw_what_the_pixels_edges_enclose_and_leave_holes_out() -> None:
    assert len(outlines(RING)) == 2
    assert np.array_equal(draw_polygons(outlines(RING), (4, 5)), RING)
    for seed in range(3):
        for thing in make_scene(seed).objects:
            assert np.array_equal(draw_polygons(outlines(thing.mask), (224, 224)), thing.mask)


def test_what_two_parts_cover_is_not_the_object() -> None:
    left, right = np.zeros((2, 4), np.bool_), np.zeros((2, 4), np.bool_)
    left[:, :3], right[:, 2:] = True, True
    assert covered_once([left, right]).astype(int).tolist() == [[1, 1, 0, 1]] * 2
    squares = ((0, 0, 3, 0, 3, 2, 0, 2), (2, 0, 4, 0, 4, 2, 2, 2))
    assert draw_polygons(squares, (2, 4)).astype(int).tolist() == [[1, 1, 0, 1]] * 2
    with pytest.raises(DatasetError, match="different sizes"):
        covered_once([left, right[:1]])


@pytest.mark.parametrize(
    "polygons",
    [(), ((0, 0, 3, 3),), ((0, 0, 3, 0, 3),), ((0, 0, 3, 0, float("nan"), 3),), ((0, 0, 1e9, 0, 3, 3),)],
)
def test_a_polygon_that_is_none_is_told(polygons: Any) -> None:
    # Four numbers would be a box to pycocotools, and a far point an outline that takes all memory.
    with pytest.raises(DatasetError, match="polygon"):
        draw_polygons(polygons, (4, 4))


def test_real_masks_of_dior_and_of_sam(shared: Path) -> None:
    folder = shared / "data/dior_images"
    annotations = json.loads((folder / "dior_mini_ann.json").read_text())["annotations"]
    assert len(annotations) == 34
    for annotation in annotations:
        mask = decode_rle(annotation["segmentation"])
        assert mask.shape == (800, 800)
        assert mask.sum() == coco.area(annotation["segmentation"])
    proposals = json.loads((folder / "sam2_hiera_l_region_proposals.json").read_text())
    segmentations = [rle for of_one in proposals.values() for rle in of_one["segmentations"]]
    assert len(segmentations) == 366
    assert all(decode_rle(rle).sum() == coco.area(rle) for rle in segmentations)
