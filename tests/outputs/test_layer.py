"""Many scenes in one layer: who an object is, how large, and how QGIS shows it."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.outputs.found_objects import PROVENANCE, SCENE, airport, loaded, pond
from tests.raster.scenes import DEGREES, ROTATED, SOUTH_UP
from zeroov.errors import OutputError
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.style import qml
from zeroov.outputs.write import open_writers, write
from zeroov.types import Box

pyogrio = pytest.importorskip("pyogrio")
pyproj = pytest.importorskip("pyproj")
shapely = pytest.importorskip("shapely")
ASKED = ["the white terminal", "the ship", pond().expression]


def layer(path, name="masks"):
    meta, _, shapes, columns = pyogrio.raw.read(path, layer=name)
    return meta["crs"], shapely.from_wkb(shapes), dict(zip(meta["fields"], map(list, columns), strict=True))


def written(folder, scenes, **options):
    writers = open_writers(folder, ["gpkg"], expressions=ASKED, **options)
    for info, founds in scenes:
        writers.add(info, founds, PROVENANCE)
    (path,) = writers.finish()
    return path


def test_many_scenes_are_one_layer(tmp_path):
    scenes = [(replace(SCENE, source="a.tif"), [airport(), pond()]), (replace(SCENE, source="b.tif"), [])]
    scenes.append((replace(SCENE, source="c/c.tif", transform=ROTATED), [pond()]))
    path = written(tmp_path, scenes)
    assert path == tmp_path / "objects.gpkg"
    for name in ("masks", "boxes"):
        crs, shapes, columns = layer(path, name)
        assert crs == "EPSG:32633"
        assert len(shapes) == 3
        assert columns["id"] == [1, 2, 3]
        assert columns["class"] == columns["expression"] == [each.expression for each in (airport(), pond(), pond())]
        assert columns["source"] == ["a.tif", "a.tif", "c/c.tif"]
        assert columns["score"] == [0.75, 0.5, 0.5]
        assert list(columns)[:4] == ["id", "class", "area_m2", "length_m"]
    about = pyogrio.read_info(path, layer="masks")["dataset_metadata"]
    assert (about["source"], about["status"]) == ("3 images", "found")


def test_a_label_is_the_class_of_all(tmp_path):
    _, _, columns = layer(written(tmp_path, [(SCENE, [airport(), pond()])], label="thing"))
    assert columns["class"] == ["thing", "thing"]
    assert columns["expression"] == [airport().expression, pond().expression]


def test_scenes_of_several_crss_are_brought_into_degrees(tmp_path, caplog):
    other = SceneInfo("b.tif", SCENE.hw, "EPSG:32632", SCENE.transform)
    with caplog.at_level(logging.WARNING, "zeroov"):
        crs, shapes, columns = layer(written(tmp_path, [(SCENE, [airport()]), (other, [airport(), pond()])]))
    assert crs == "EPSG:4326"
    assert "2 CRSs (EPSG:32633, EPSG:32632)" in caplog.text
    assert "is in EPSG:4326" in caplog.text
    for info, shape, found in zip((SCENE, other, other), shapes, (airport(), airport(), pond()), strict=True):
        back = pyproj.Transformer.from_crs("EPSG:4326", info.crs, always_xy=True)
        on_map = shapely.transform(shape, lambda points, back=back: np.column_stack(back.transform(*points.T)))
        assert on_map.area == pytest.approx(found.pixels * 0.25, rel=0.01)
        x, y = found.mask_box.x0, found.mask_box.y1
        assert on_map.bounds[:2] == pytest.approx((500_000 + x / 2, 5_000_000 - y / 2), abs=0.02)
    assert columns["area_m2"][0] == pytest.approx(columns["area_m2"][1], rel=1e-6)  # zones are alike


def test_boxes_across_the_antimeridian_of_several_crss(tmp_path):
    across = SceneInfo("b.tif", (300, 500), "EPSG:32601", (100.0, 0.0, 142_500.0, 0.0, -100.0, 100_000.0))
    path = written(tmp_path, [(SCENE, [airport()]), (across, [airport()])])
    _, shapes, _ = layer(path, "boxes")
    assert {shape.geom_type for shape in shapes} == {"MultiPolygon"}
    assert len(shapely.get_parts(shapes[1])) == 2
    assert all(shapely.is_valid(shapes))


@pytest.mark.parametrize("first", [True, False])
def test_a_scene_that_cannot_join_the_others_is_refused_alone(tmp_path, first):
    lost = replace(SCENE, source="lost.tif", crs=None)
    order = [SCENE, lost] if first else [lost, SCENE]
    writers = open_writers(tmp_path, ["gpkg"])
    writers.add(order[0], [airport()], PROVENANCE)
    with pytest.raises(OutputError, match=r"latitude, but `[^`]*` has no CRS; write it into a folder of its own"):
        writers.add(order[1], [airport()], PROVENANCE)
    (path,) = writers.finish()
    _, shapes, columns = layer(path)
    assert len(shapes) == 1
    assert columns["source"] == [order[0].source]
    if not first:  # nothing can be measured where nothing says what a unit is
        assert [math.isnan(columns[name][0]) for name in ("area_m2", "length_m")] == [True, True]


@pytest.mark.parametrize(
    ("crs", "why"),
    [('LOCAL_CS["site",UNIT["metre",1]]', "nothing is known that leads"), ("EPSG:4258", "would reach latitude")],
)
def test_a_refused_scene_is_not_sent_to_the_format_that_refuses_it(tmp_path, crs, why):
    writers = open_writers(tmp_path, ["gpkg"])
    writers.add(SCENE, [airport()], PROVENANCE)
    with pytest.raises(OutputError, match=f"but .*{why}.*; write it into a folder of its own") as refused:
        writers.add(replace(SCENE, source="lost.tif", crs=crs), [airport()], PROVENANCE)
    assert "gpkg" not in str(refused.value)


def test_nothing_at_all_is_a_valid_file(tmp_path):
    writers = open_writers(tmp_path, ["gpkg"], expressions=ASKED)
    (path,) = writers.finish()
    crs, shapes, columns = layer(path)
    assert (crs, len(shapes)) == (None, 0)
    assert {"id", "class", "area_m2", "length_m", "expression", "score"} <= columns.keys()


def band_area(south: float, north: float, degrees: float) -> float:
    """The ellipsoid's area between two latitudes, by the closed formula of the authalic sphere."""
    a, flattening = 6_378_137.0, 1 / 298.257223563
    b, e = a * (1 - flattening), math.sqrt(flattening * (2 - flattening))

    def below(latitude: float) -> float:
        s = math.sin(math.radians(latitude))
        return s / (1 - (e * s) ** 2) + math.atanh(e * s) / e

    return b**2 / 2 * math.radians(degrees) * (below(north) - below(south))


def sizes(tmp_path, info, found):
    _, _, columns = layer(written(tmp_path, [(info, [found])]))
    return columns["area_m2"][0], columns["length_m"][0]


def block(width, height, hole=False):
    mask = np.ones((height, width), np.bool_)
    if hole:
        mask[2:4, 3:6] = False
    return Found(mask, (10, 20), Box(10, 20, 10 + width, 20 + height), 0.5, "the block")


@pytest.mark.parametrize("south", [0.0, 59.0, -60.0])
def test_an_area_in_degrees_is_the_ellipsoids(tmp_path, south):
    info = SceneInfo("a.tif", (300, 500), "EPSG:4326", (0.1, 0.0, 13.0, 0.0, -0.1, south + 3.0))
    area, length = sizes(tmp_path, info, block(10, 10))  # a degree by a degree
    assert area == pytest.approx(band_area(south, south + 1, 1), rel=1e-4)  # its edges are no parallels
    if south == 0:
        assert area == pytest.approx(12_308_463_894, rel=1e-4)
        assert length == pytest.approx(111_319.5, rel=1e-3)  # a degree of the equator
    less, _ = sizes(tmp_path, info, block(10, 10, hole=True))
    hole = band_area(south + 0.6, south + 0.8, 0.3)
    assert area - less == pytest.approx(hole, rel=1e-3)


@pytest.mark.parametrize("transform", [SCENE.transform, ROTATED, SOUTH_UP])
def test_an_area_in_utm_knows_the_scale_of_its_zone(tmp_path, transform):
    info = replace(SCENE, transform=transform)
    area, length = sizes(tmp_path, info, block(40, 10))
    assert area == pytest.approx(400 * 0.25 / 0.9996**2, rel=1e-5)  # 0.9996 at the middle meridian
    assert length == pytest.approx(20 / 0.9996, rel=1e-4)
    shifted = replace(info, transform=(*transform[:2], 500_000.0 + 180_000, *transform[3:]))
    assert sizes(tmp_path, shifted, block(40, 10))[0] == pytest.approx(400 * 0.25, rel=1e-4)  # 1.0 at 180 km


def test_an_area_in_web_mercator_is_no_map_area(tmp_path):
    info = SceneInfo("a.tif", (300, 500), "EPSG:3857", (10.0, 0.0, 1_500_000.0, 0.0, -10.0, 8_399_737.0))  # 60 N
    area, length = sizes(tmp_path, info, block(40, 10))
    assert area == pytest.approx(400 * 100 / 4, rel=0.01)
    assert length == pytest.approx(200, rel=0.01)


def test_an_area_around_a_pole(tmp_path):
    info = SceneInfo("a.tif", (300, 500), "EPSG:3413", (1000.0, 0.0, -15_000.0, 0.0, -1000.0, 25_000.0))
    area, _ = sizes(tmp_path, info, block(10, 10))
    assert area == pytest.approx(100e6 / 0.97**2, rel=0.01)  # true to scale at 70 degrees, 0.97 at the pole


def test_geojson_has_the_same_columns(tmp_path):
    info = SceneInfo("a.tif", SCENE.hw, "EPSG:4326", DEGREES)
    options = {"expressions": ASKED, "label": "thing"}
    json_path, boxes_path, package = write(
        tmp_path, ["geojson", "geojson-boxes", "gpkg"], info, [airport(), pond()], PROVENANCE, **options
    )
    _, _, columns = layer(package)
    for path in (json_path, boxes_path):
        for number, feature in enumerate(loaded(path)["features"]):
            properties = feature["properties"]
            assert properties.keys() - {"box_xyxy", "round"} == columns.keys() - {"round"}
            for name in ("id", "class", "area_m2", "length_m", "expression"):
                assert properties[name] == columns[name][number]


def test_every_layer_takes_the_classes_of_a_list(tmp_path):
    info, classes = SceneInfo("a.tif", SCENE.hw, "EPSG:4326", DEGREES), {airport().expression: "flight"}
    json_path, boxes_path, package = write(
        tmp_path, ["geojson", "geojson-boxes", "gpkg"], info, [airport()], PROVENANCE, classes=classes
    )
    assert layer(package)[2]["class"] == ["flight"]
    for path in (json_path, boxes_path):
        assert [each["properties"]["class"] for each in loaded(path)["features"]] == ["flight"]


def test_a_style_shows_each_class_in_a_colour_of_its_own(tmp_path):
    names = ["the ship", 'the pond, with "quotes" & <ä>', *(f"class {number}" for number in range(4))]
    for filled in (True, False):
        root = ElementTree.fromstring(qml(names, filled=filled))
        renderer = root.find("renderer-v2")
        assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "class")
        categories = renderer.findall("categories/category")
        assert [each.get("value") for each in categories] == names
        symbols = {each.get("name"): each for each in renderer.findall("symbols/symbol")}
        colours = set()
        for each in categories:
            options = {one.get("name"): one.get("value") for one in symbols[each.get("symbol")].iter("Option")}
            colours.add(options["outline_color"])
            assert options["style"] == ("solid" if filled else "no")
        assert len(colours) == len(names)


def test_a_style_of_an_odd_name_is_xml():
    root = ElementTree.fromstring(qml(["a\ufffe\uffffb"], filled=True))
    assert root.find("renderer-v2/categories/category").get("value") == "ab"


def test_qgis_finds_the_style_of_each_layer_in_the_file(tmp_path):
    path = written(tmp_path, [(SCENE, [airport()])])
    meta, _, _, columns = pyogrio.raw.read(path, layer="layer_styles")
    rows = dict(zip(meta["fields"], columns, strict=True))
    geometry = {name: pyogrio.read_info(path, layer=name)["geometry_name"] for name in ("masks", "boxes")}
    for number, name in enumerate(("masks", "boxes")):  # what QGIS asks for, in its words
        assert rows["f_table_schema"][number] == ""
        assert (rows["f_table_name"][number], rows["f_geometry_column"][number]) == (name, geometry[name])
        assert rows["useAsDefault"][number]
        classes = [each.get("value") for each in ElementTree.fromstring(rows["styleQML"][number]).iter("category")]
        assert classes == ASKED  # those too of which nothing was found
