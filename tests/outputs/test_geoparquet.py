"""One GeoParquet of all images: read by pyarrow, its metadata as the standard wants them, its shapes the GeoJSON's."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.outputs.found_objects import PLAIN, PROVENANCE, SCENE, airport, loaded, pond
from zeroov.errors import OutputError
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.write import open_writers, write
from zeroov.types import Box

pyogrio = pytest.importorskip("pyogrio")
shapely = pytest.importorskip("shapely")
pyproj = pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
parquet = pytest.importorskip("pyarrow.parquet")
pyarrow = pytest.importorskip("pyarrow")

ACROSS = SceneInfo("across.tif", (300, 500), "EPSG:4326", (0.01, 0.0, 177.79, 0.0, -0.01, 10.0))  # cuts the airport
SCENES = {
    replace(SCENE, source="utm.tif"): [airport(), pond()],
    replace(SCENE, source="empty.tif"): [],
    ACROSS: [replace(airport(), extra={"geometry": "an L", "Score": 3, "round": "last"})],
}
OPTIONS = {"expressions": ["the ship", airport().expression], "classes": {airport().expression: "terminal"}}


def written(folder, name="geoparquet", scenes=SCENES, **options):
    writers = open_writers(folder, [name], **OPTIONS, **options)
    for info, founds in scenes.items():
        writers.add(info, founds, PROVENANCE)
    (path,) = writers.finish()
    return path


def read(path):
    """Return the table, its metadata, and its shapes."""
    table = parquet.read_table(path)
    about = {key.decode(): json.loads(value) for key, value in table.schema.metadata.items()}
    return table, about, shapely.from_wkb(table["geometry"].to_pylist())


@pytest.mark.parametrize("options", [{}, {"tolerance": 1.0, "square": True}])
def test_shapes_and_values_are_those_of_the_geojson(tmp_path, options):
    path = written(tmp_path, **options)
    assert path == tmp_path / "objects.parquet"
    table, _, shapes = read(path)
    features = []
    for info, founds in SCENES.items():
        (each,) = write(tmp_path / "json", ["geojson"], info, founds, PROVENANCE, **OPTIONS, **options)
        features += loaded(each)["features"]
    assert len(features) == len(shapes) == 3
    for number, (feature, shape, row) in enumerate(zip(features, shapes, table.to_pylist(), strict=True), start=1):
        assert shape.equals_exact(shapely.geometry.shape(feature["geometry"]), 0)
        values = {**feature["properties"], "id": number}
        del values["box_xyxy"]
        if "round" in values:  # a number in one image, text in the other: text
            values["round"] = str(values["round"])
        assert {name: value for name, value in row.items() if name != "geometry" and value is not None} == values
    assert table["class"].to_pylist() == ["terminal", pond().expression, "terminal"]
    assert table["source"].to_pylist() == ["utm.tif", "utm.tif", "across.tif"]
    assert table["extra_geometry"].to_pylist() == [None, None, "an L"]


@pytest.mark.parametrize("scenes", [SCENES, {}], ids=["found", "empty"])
def test_columns_and_their_types_are_those_of_the_geopackage(tmp_path, scenes):
    table, _, _ = read(written(tmp_path, scenes=scenes))
    package = pyogrio.read_info(written(tmp_path, "gpkg", scenes), layer="masks")
    assert table.column_names == [*package["fields"], "geometry"]
    kinds = {"object": pyarrow.string(), "int64": pyarrow.int64(), "float64": pyarrow.float64()}
    assert table.schema.types[:-1] == [kinds[kind] for kind in package["dtypes"]]
    assert table.schema.types[-1] == pyarrow.binary()


def test_the_metadata_is_what_the_standard_wants(tmp_path):
    _, about, shapes = read(written(tmp_path))
    geo = about["geo"]
    assert (geo["version"], geo["primary_column"], list(geo["columns"])) == ("1.1.0", "geometry", ["geometry"])
    column = geo["columns"]["geometry"]
    west, south, east, north = column.pop("bbox")
    # No `crs` is OGC:CRS84, longitude before latitude.
    assert column == {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon", "Polygon"],
        "orientation": "counterclockwise",
    }
    assert {shape.geom_type for shape in shapes} == {"MultiPolygon", "Polygon"}
    parts = shapely.get_parts(shapes)
    assert all(part.exterior.is_ccw and not any(hole.is_ccw for hole in part.interiors) for part in parts)
    assert any(part.interiors for part in parts)
    assert west == pytest.approx(15, abs=0.01)  # of the first scene; from here eastwards, over the antimeridian
    assert -180 < east < -179
    assert (south, north) == pytest.approx((8.5, 45.2), abs=0.1)
    assert about["zeroov"]["source"] == "3 images"
    assert about["zeroov"]["status"] == "found"
    assert about["zeroov"]["model"] == PROVENANCE["model"]
    assert about["zeroov"]["expression"] == f"the ship | {airport().expression} | {pond().expression}"


def test_no_object_is_a_valid_file(tmp_path):
    for scenes in ({}, {SCENE: []}):
        table, about, shapes = read(written(tmp_path, scenes=scenes))
        assert (len(table), len(shapes)) == (0, 0)
        assert about["geo"]["columns"]["geometry"]["geometry_types"] == []
        assert "bbox" not in about["geo"]["columns"]["geometry"]
        assert about["zeroov"]["status"] == "empty"


def test_a_scene_without_a_georeference_is_refused_alone(tmp_path):
    writers = open_writers(tmp_path, ["geoparquet"])
    writers.add(SCENE, [airport()], PROVENANCE)
    for lost, why in ((PLAIN, "no georeference"), (replace(SCENE, crs=None), "no CRS")):
        with pytest.raises(OutputError, match=f"GeoParquet are longitude and latitude, and .* has {why}"):
            writers.add(lost, [airport()], PROVENANCE)
    writers.add(replace(SCENE, source="b.tif"), [pond()], PROVENANCE)
    (path,) = writers.finish()
    assert read(path)[0]["id"].to_pylist() == [1, 2]


@pytest.mark.parametrize("options", [{}, {"tolerance": 1.0, "square": True}])
def test_scenes_added_together_are_those_added_one_by_one_and_a_refused_one_costs_itself_alone(tmp_path, options):
    full_disc = "+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84"
    limb = SceneInfo("limb.tif", (300, 500), pyproj.CRS(full_disc).to_wkt(), (2e4, 0, -56e5, 0, -2e4, 2e6))
    box = Box(0, 0, 60, 50)
    off_earth = Found(np.ones((50, 60), np.bool_), (0, 0), box, 0.5, "the sea")
    images = [
        *((info, founds, PROVENANCE) for info, founds in SCENES.items()),
        (limb, [off_earth], PROVENANCE),
        (PLAIN, [airport()], PROVENANCE),
        (replace(SCENE, source="c.tif"), [pond(), airport(), pond()], PROVENANCE),
    ]
    refusals = ["", "", "", "an object in `limb.tif` has no longitude", "has no georeference", ""]
    together = open_writers(tmp_path / "together", ["geoparquet"], **OPTIONS, **options)
    for failed, why in zip(together.add_all(images), refusals, strict=True):
        assert why in failed.reason if why else failed is None
    kept = {info: founds for (info, founds, _), why in zip(images, refusals, strict=True) if not why}
    one_by_one = read(written(tmp_path / "single", scenes=kept, **options))
    more = open_writers(tmp_path / "more", ["geoparquet"], **OPTIONS, **options)
    assert more.add_all([(info, founds, PROVENANCE) for info, founds in kept.items()]) == [None] * 4
    for writers in (together, more):
        table, about, _ = read(*writers.finish())
        assert table.drop_columns(["area_m2", "length_m"]) == one_by_one[0].drop_columns(["area_m2", "length_m"])
        for name in ("area_m2", "length_m"):  # sums of numbers in another order
            assert table[name].to_pylist() == pytest.approx(one_by_one[0][name].to_pylist(), rel=1e-9)
        assert about == one_by_one[1]
