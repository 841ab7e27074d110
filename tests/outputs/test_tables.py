"""Tables of other libraries: without them an error that says what to install; with them (far) what was found."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.outputs.test_answer import answer_of
from zeroov.errors import OutputError


@pytest.mark.parametrize(("module", "call"), [("geopandas", "to_geodataframe"), ("supervision", "to_detections")])
def test_what_is_missing_is_named_with_the_command_that_installs_it(
    module: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OutputError, match=f"needs {module}, which is not installed; `pip install {module}`"):
        getattr(answer_of(), call)()


@pytest.mark.far
def test_a_geodataframe_is_in_the_crs_of_the_image_and_measures_what_the_geojson_measures() -> None:
    geopandas = pytest.importorskip("geopandas")
    answer = answer_of(found=2)
    answer = replace(answer, found=(answer.found[0], replace(answer.found[1], score=0.05)))
    table = answer.to_geodataframe()
    assert isinstance(table, geopandas.GeoDataFrame)
    assert table.crs == "EPSG:32633"
    assert list(table.score) == [0.5, 0.05]
    a, _, _, _, e, _ = answer.info.transform or (0.0,) * 6
    assert list(table.geometry.area) == pytest.approx([each.pixels * abs(a * e) for each in answer.found])
    features = answer.to_geojson()["features"]
    assert list(table.area_m2) == [each["properties"]["area_m2"] for each in features]
    in_degrees = geopandas.GeoDataFrame.from_features(answer, crs="EPSG:4326")
    brought = table.to_crs("EPSG:4326").geometry.normalize()
    assert brought.geom_equals_exact(in_degrees.geometry.normalize(), 1e-7).all()
    nothing = answer_of(found=0).to_geodataframe()
    assert len(nothing) == 0
    assert list(nothing.columns) == list(table.columns)
    assert nothing.crs == table.crs


@pytest.mark.far
def test_a_geodataframe_needs_a_place_and_no_crs_stays_none() -> None:
    pytest.importorskip("geopandas")
    with pytest.raises(OutputError, match=r"no transform; use to_coco\(\) or to_detections\(\)"):
        answer_of(placed=False).to_geodataframe()
    answer = answer_of()
    table = replace(answer, info=replace(answer.info, crs=None)).to_geodataframe()
    assert table.crs is None
    assert table.area_m2.isna().all()
    assert table.geometry.area.iloc[0] > 0
    site = 'LOCAL_CS["site",UNIT["metre",1],AXIS["X",EAST],AXIS["Y",NORTH]]'  # nothing leads from it to degrees
    local = replace(answer, info=replace(answer.info, crs=site)).to_geodataframe()
    assert (local.crs.name, local.area_m2.isna().all()) == ("site", True)


@pytest.mark.far
def test_detections_hold_boxes_masks_scores_and_doubt() -> None:
    supervision = pytest.importorskip("supervision")
    answer = answer_of(placed=False, found=2)
    answer = replace(answer, found=(answer.found[0], replace(answer.found[1], score=0.05, expression="the ship")))
    found = answer.to_detections()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.xyxy, [each.box.xyxy for each in answer.found])
    np.testing.assert_array_equal(found.mask[0], answer.mask)
    assert found.mask.shape == (2, *answer.info.hw)
    np.testing.assert_allclose(found.confidence, [0.5, 0.05])
    assert found.class_id.tolist() == [0, 1]
    assert found.data["class_name"].tolist() == ["the plane", "the ship"]
    assert found.data["doubt"].tolist() == ["", "the score is below 0.1"]
    assert len(found[found.confidence > 0.1]) == 1
    nothing = answer_of(found=0).to_detections()
    assert len(nothing) == 0
    assert nothing.mask.shape == (0, *answer.info.hw)


@pytest.mark.far
def test_masks_that_memory_cannot_hold_are_refused() -> None:
    pytest.importorskip("supervision")
    answer = answer_of()
    large = replace(answer, info=replace(answer.info, hw=(50_000, 50_000)))
    with pytest.raises(OutputError, match=r"2\.5 GB .* to_geodataframe\(\)"):
        large.to_detections()
