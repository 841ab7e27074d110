"""Rasters of what was found are Cloud Optimized GeoTIFFs, in whose overviews a small object is still seen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.outputs.found_objects import PROVENANCE, airport, full_mask
from tests.raster.scenes import UTM
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.write import write
from zeroov.types import Box

rasterio = pytest.importorskip("rasterio")
INFO = SceneInfo("a.tif", (1100, 1700), "EPSG:32633", UTM)
RASTERS = ("geotiff", "geotiff-instances", "geotiff-scores")


def over() -> Found:
    return Found(np.ones((600, 20), np.bool_), (215, 90), Box(215, 90, 235, 690), 0.125, "the road")


def car() -> Found:
    return Found(np.ones((1, 1), np.bool_), (1601, 1001), Box(1601, 1001, 1602, 1002), 0.0, "the car")


@pytest.mark.parametrize("name", RASTERS)
def test_a_raster_is_cloud_optimized_and_keeps_small_objects_in_overviews(tmp_path, name):
    (path,) = write(tmp_path, [name], INFO, [airport(), car()], PROVENANCE)
    with rasterio.open(path) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.overviews(1) == [2, 4]
        assert raster.block_shapes == [(512, 512)]
        assert (raster.crs, tuple(raster.transform)[:6]) == ("EPSG:32633", UTM)
        assert raster.tags()["RECIPE_DIGEST"] == "0123"
    with rasterio.open(path, overview_level=1) as overview:
        assert overview.shape == (275, 425)
        seen = overview.read(1, masked=True)
        assert not seen.mask[1001 // 4, 1601 // 4]
        assert (~seen.mask).sum() < 0.001 * seen.size + full_mask(airport(), hw=INFO.hw).sum() / 8


def test_a_raster_of_scores(tmp_path):
    (path,) = write(tmp_path, ["geotiff-scores"], INFO, [airport(), over(), car()], PROVENANCE)
    assert path.name == "a.scores.tif"
    first = full_mask(airport(), hw=INFO.hw)
    with rasterio.open(path) as raster:
        assert (raster.dtypes, raster.descriptions) == (("float32",), ("score",))
        assert raster.nodata == -1
        scores = raster.read(1)
    np.testing.assert_array_equal(scores[first], 0.75)  # where objects overlap the first keeps its pixels
    np.testing.assert_array_equal(scores == 0.125, full_mask(over(), hw=INFO.hw) & ~first)
    assert scores[1001, 1601] == 0  # a score of 0 is a find, and no nodata
    assert (scores == -1).sum() == scores.size - full_mask(airport(), over(), car(), hw=INFO.hw).sum()
