"""Polygons are exact outlines of masks: valid, with holes, of the same area."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from zeroov.errors import OutputError, UsageError
from zeroov.outputs import polygons as outlines_of
from zeroov.outputs.found import Found
from zeroov.outputs.polygons import box_polygon, each_exact_polygons, on_map, one_ring, polygons
from zeroov.types import Box

shapely = pytest.importorskip("shapely")
features = pytest.importorskip("rasterio.features")
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)).filter(np.any)
ORIGINS = st.tuples(st.integers(0, 30_000), st.integers(0, 30_000))


def found(mask: np.ndarray, origin_xy: tuple[int, int] = (0, 0)) -> Found:
    return Found(mask, origin_xy, Box(0, 0, 1, 1), 0.5, "the lake")


def drawn(geometry: object, hw: tuple[int, int]) -> np.ndarray:
    return features.rasterize([geometry], hw).astype(bool)


@given(MASKS, ORIGINS)
@settings(deadline=None)
def test_a_polygon_is_its_mask(mask: np.ndarray, origin_xy: tuple[int, int]) -> None:
    shape = polygons(found(mask, origin_xy))
    assert shape.is_valid
    assert shape.area == mask.sum()
    at_zero = shapely.transform(shape, lambda points: points - origin_xy)
    np.testing.assert_array_equal(drawn(at_zero, mask.shape), mask)


@pytest.mark.parametrize("mosaic", [2**20, 1000, 1])
def test_outlines_made_together_are_those_made_alone(mosaic: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    founds = []
    for height, width, filled in [(1, 1, 1.0), (9, 30, 0.5), (30, 9, 0.8), (12, 12, 0.3), (40, 40, 0.95), (1, 7, 0.6)]:
        mask = random.random((height, width)) < filled
        mask[0, 0] = True
        founds.append(found(mask, (int(random.integers(500)), int(random.integers(500)))))
    monkeypatch.setattr(outlines_of, "MOSAIC", mosaic)
    together = each_exact_polygons(founds)
    assert [shape.geom_type for shape in together] == [polygons(each).geom_type for each in founds]
    assert all(shape.equals_exact(polygons(each), 0) for shape, each in zip(together, founds, strict=True))
    assert [shape.area for shape in together] == [each.pixels for each in founds]
    assert each_exact_polygons([]) == []


@given(MASKS, st.sampled_from((0.3, 0.5, 1.0, 2.5, 10.0)))
@settings(deadline=None)
def test_a_simpler_polygon_is_valid_and_near(mask: np.ndarray, tolerance: float) -> None:
    exact, simple = polygons(found(mask)), polygons(found(mask), tolerance)
    assert simple.is_valid
    assert not simple.is_empty
    assert shapely.get_num_coordinates(simple) <= shapely.get_num_coordinates(exact)
    assert shapely.hausdorff_distance(exact, simple) <= tolerance + 1e-9


def test_what_is_small_or_thin_is_no_triangle() -> None:
    """A ring of three corners near to a pixel's four is half of the pixel."""
    mask = np.zeros((40, 40), bool)
    mask[5:30, 5:30] = True
    mask[10, 10] = False  # a hole of one pixel
    mask[35, 35] = mask[35, 2:20] = True
    for square in (False, True):
        shape = polygons(found(mask), 1.0, square)
        assert shape.is_valid
        outlines = shapely.polygons(shapely.get_rings(shapely.get_parts(shape)))
        assert sorted(outline.area for outline in outlines) == [1, 1, 18, 625]
        assert {shapely.get_num_coordinates(outline) for outline in outlines} == {5}


def test_smoother_edges_are_simpler() -> None:
    y, x = np.mgrid[:200, :200]
    disc = (x - 100) ** 2 + (y - 90) ** 2 < 80**2
    exact, simple = polygons(found(disc)), polygons(found(disc), 1.0)
    assert shapely.get_num_coordinates(simple) < shapely.get_num_coordinates(exact) / 4
    assert simple.area == pytest.approx(exact.area, rel=0.01)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(UsageError, match="tolerance"):
            polygons(found(disc), wrong)


def test_holes_corners_and_parts() -> None:
    ring = np.ones((5, 5), bool)
    ring[1:4, 1:4] = False
    ring[2, 2] = True
    shape = polygons(found(ring, (10, 20)))
    assert shape.geom_type == "MultiPolygon"
    assert sorted(len(part.interiors) for part in shape.geoms) == [0, 1]
    assert shape.bounds == (10, 20, 15, 25)
    corner = polygons(found(np.eye(2, dtype=bool)))  # pixels that touch at a corner do not belong together
    assert [part.area for part in corner.geoms] == [1, 1]
    assert polygons(found(np.ones((2, 3), bool))).geom_type == "Polygon"


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any))
@settings(deadline=None)
def test_one_ring_covers_the_same_pixels_by_either_rule(mask: np.ndarray) -> None:
    ring = one_ring(polygons(found(mask)))
    assert (ring[0] != ring[-1]).any()
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    turns = np.zeros(mask.shape, int)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y0 != y1:
            across = x0 + (y - y0) * (x1 - x0) / (y1 - y0) > x
            turns += np.where(across & (y0 <= y) & (y < y1), 1, 0) - np.where(across & (y1 <= y) & (y < y0), 1, 0)
    np.testing.assert_array_equal(np.abs(turns), mask)


def test_one_ring_as_opencv_fills_it() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:30, 5:30] = True
    mask[10:20, 10:20] = False
    ring = one_ring(polygons(found(mask)))
    canvas = np.zeros((400, 400), np.uint8)
    cv2.fillPoly(canvas, [np.rint(ring * 10).astype(np.int32)], 1)
    wrong = canvas.astype(bool) != np.kron(mask, np.ones((10, 10), bool))
    assert wrong.mean() < 0.01  # it draws the edges, and so the bridge, one pixel wide


def test_boxes_and_the_map() -> None:
    shape = on_map(box_polygon(Box(2, 4, 6, 8)), (0.5, 0, 100, 0, -0.5, 200))
    assert shape.equals(shapely.box(101, 196, 103, 198))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shapely", None)
    with pytest.raises(OutputError, match=r"shapely.*pip install 'zeroov\[geo\]'"):
        polygons(found(np.ones((2, 2), bool)))
