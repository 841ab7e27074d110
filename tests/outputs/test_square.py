"""Buildings get right angles where they fit; every outline stays valid, and near to what was found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.outputs.found_objects import PROVENANCE, SCENE, loaded
from zeroov import frames
from zeroov.errors import UsageError
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.polygons import polygons
from zeroov.outputs.square import LEAST_TOLERANCE, MOST_CHANGE
from zeroov.outputs.write import write
from zeroov.types import Box

shapely = pytest.importorskip("shapely")
pytest.importorskip("rasterio")
pyogrio = pytest.importorskip("pyogrio")
pyproj = pytest.importorskip("pyproj")
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)).filter(np.any)
L_SHAPE = np.array([(-40, -30), (40, -30), (40, 10), (5, 10), (5, 35), (-40, 35)], float)


def found(mask: np.ndarray) -> Found:
    return Found(mask.astype(np.bool_), (7, 9), Box(0, 0, 1, 1), 0.5, "the building")


def turned(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    return L_SHAPE @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + 80


def building(degrees: float, seed: int) -> np.ndarray:
    """An L of 80 x 65 pixels with a ragged edge, as models draw them."""
    mask = np.zeros((160, 160), np.uint8)
    cv2.fillPoly(mask, [np.round(turned(degrees) * 16).astype(int)], 1, shift=4)
    ragged = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)
    ragged = (ragged + np.random.default_rng(seed).normal(0, 0.1, mask.shape) > 0.5).astype(np.uint8)
    ragged = cv2.morphologyEx(ragged, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ragged)
    kept: np.ndarray = labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    return kept


def corners_are_right(ring: np.ndarray) -> bool:
    edges = np.diff(ring, axis=0)
    edges /= np.hypot(*edges.T)[:, None]
    return bool((np.abs((edges * np.roll(edges, 1, axis=0)).sum(axis=1)) < 1e-6).all())


@example(degrees=35.0, seed=3, tolerance=0.0)  # a hole of one pixel
@example(degrees=35.0, seed=3, tolerance=2.0)
@given(st.floats(0, 90), st.integers(0, 5), st.sampled_from((0.0, 2.0)))
@settings(deadline=None, max_examples=25)
def test_a_building_has_right_angles_and_few_corners(degrees: float, seed: int, tolerance: float) -> None:
    mask = building(degrees, seed)
    exact, shape = polygons(found(mask)), polygons(found(mask), tolerance, square=True)
    assert shape.is_valid
    rings = shapely.get_rings(shapely.get_parts(shape))
    assert all(corners_are_right(shapely.get_coordinates(ring)) for ring in rings)
    assert shape.symmetric_difference(exact).area <= MOST_CHANGE * exact.area
    if tolerance:
        assert shapely.get_num_coordinates(shape) <= 11  # six corners, and seldom a step or two
        truth = shapely.Polygon(turned(degrees) + np.array((7, 9)))
        assert shape.symmetric_difference(truth).area < 0.1 * truth.area


@pytest.mark.parametrize("degrees", [0, 5, 20, 33, 45])
@pytest.mark.parametrize("square", [False, True])
def test_a_straight_wall_is_one_edge_in_geojson_too(tmp_path: Path, degrees: float, square: bool) -> None:
    mask = np.zeros((200, 200), np.uint8)  # a small scene
    cv2.fillPoly(mask, [np.round((turned(degrees) * 1.2) * 16).astype(int)], 1, shift=4)
    info = SceneInfo("a.tif", (224, 224), "EPSG:32633", (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_000_000.0))
    one = found(mask)
    (path,) = write(tmp_path / "a.geojson", ["geojson"], info, [one], PROVENANCE, tolerance=1.5, square=square)
    (feature,) = loaded(path)["features"]
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert shape.is_valid
    assert shapely.get_num_coordinates(shape) <= 9  # six corners, the first one twice, and a corner cut off
    back = pyproj.Transformer.from_crs("EPSG:4326", info.crs, always_xy=True)
    on_map = shapely.transform(shape, lambda points: np.column_stack(back.transform(*points.T)))
    exact = shapely.transform(polygons(one), lambda points: frames.pixel_to_map(points, info.transform))
    assert on_map.intersection(exact).area > 0.98 * on_map.union(exact).area


@given(MASKS, st.sampled_from((0.0, 0.5, 1.0, 2.5)))
@settings(deadline=None, max_examples=60)
def test_any_mask_stays_valid_and_near(mask: np.ndarray, tolerance: float) -> None:
    exact = polygons(found(mask))
    simple = polygons(found(mask), max(tolerance, LEAST_TOLERANCE))
    shape = polygons(found(mask), tolerance, square=True)
    assert shape.is_valid
    assert not shape.is_empty
    off = simple.symmetric_difference(exact).area
    assert abs(shape.area - exact.area) <= MOST_CHANGE * simple.area + 2 * off + 1e-9


def test_what_is_round_is_only_simplified() -> None:
    y, x = np.mgrid[:200, :200]
    disc = found((x - 100) ** 2 + (y - 90) ** 2 < 80**2)
    assert polygons(disc, 1.5, square=True).equals(polygons(disc, 1.5))


def test_a_courtyard_stays() -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[5:55, 5:55] = True
    mask[20:40, 25:45] = False
    mask[5, 9] = mask[54, 30] = False  # nicks
    shape = polygons(found(mask), 1.5, square=True)
    assert len(shape.interiors) == 1
    assert shapely.get_num_coordinates(shape) == 10
    assert shape.area == pytest.approx(mask.sum(), rel=0.02)


def test_only_the_named_classes_are_squared(tmp_path: Path) -> None:
    one = found(building(20, 0))
    field = replace(one, expression="the field")
    classes = {one.expression: "building", field.expression: "field"}
    options: dict[str, Any] = {"classes": classes, "expressions": list(classes), "tolerance": 2.0}
    formats, founds = ["geojson", "gpkg"], [one, field]
    plain = write(tmp_path / "plain", formats, SCENE, founds, PROVENANCE, **options)
    chosen = write(tmp_path / "chosen", formats, SCENE, founds, PROVENANCE, square=[" building"], **options)

    def corners(paths: tuple[Path, ...]) -> list[list[int]]:
        features = [shapely.from_geojson(json.dumps(each["geometry"])) for each in loaded(paths[0])["features"]]
        rows = shapely.from_wkb(pyogrio.raw.read(paths[1], layer="masks")[2])
        return [shapely.get_num_coordinates(shapes).tolist() for shapes in (features, rows)]

    for before, after in zip(corners(plain), corners(chosen), strict=True):
        assert before[0] == before[1] == after[1]
        assert after[0] < after[1]
    with pytest.raises(UsageError, match=r"`buildings` is no class of what is asked; did you mean `building`\?"):
        write(tmp_path, formats, SCENE, [], PROVENANCE, square=["buildings"], **options)


def test_maps_are_squared_and_measured_exactly(tmp_path: Path) -> None:
    mask = building(20, 0)
    one = found(mask)
    (path,) = write(tmp_path / "a.geojson", ["geojson"], SCENE, [one], PROVENANCE, tolerance=2.0, square=True)
    (plain,) = write(tmp_path / "b.geojson", ["geojson"], SCENE, [one], PROVENANCE)
    (feature,), (exact,) = loaded(path)["features"], loaded(plain)["features"]
    assert len(feature["geometry"]["coordinates"][0]) < len(exact["geometry"]["coordinates"][0]) / 4
    assert feature["properties"]["area_m2"] == exact["properties"]["area_m2"]
