"""An object painted into a georeferenced scene comes out where it lies, in every format that has a map."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.outputs.found_objects import PROVENANCE, airport, full_mask, loaded, pond
from tests.raster.scenes import KINDS, textured, write_scene
from zeroov import frames
from zeroov.errors import OutputError
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.write import open_writers, write
from zeroov.raster.scene import open_source
from zeroov.types import Box, Window

rasterio = pytest.importorskip("rasterio")
pyogrio = pytest.importorskip("pyogrio")
pyproj = pytest.importorskip("pyproj")
shapely = pytest.importorskip("shapely")
from rasterio import features  # noqa: E402

FORMATS = ("geotiff", "geojson", "geojson-boxes", "gpkg")


@pytest.fixture(params=KINDS)
def scene_path(request, tmp_path):
    """A scene of every kind, with the airport painted bright into it."""
    bands = textured(bands=3)
    bands[:, full_mask(airport())] = 60_000
    return write_scene(tmp_path / "Szene ä 1.tif", bands, **KINDS[request.param])


def layer(path, name):
    """Read a GeoPackage layer: shapes and a dict of columns."""
    meta, _, shapes, columns = pyogrio.raw.read(path, layer=name)
    return meta, shapely.from_wkb(shapes), dict(zip(meta["fields"], columns, strict=True))


def test_painted_and_found_where_it_lies(scene_path, tmp_path):
    """The mask is taken from the scene's own pixels, so the whole way is checked: file, window, mask, map, file."""
    with open_source(scene_path, percentiles=(0, 100)) as scene:
        info = SceneInfo.of(scene)
        window = scene.read(Window(190, 90, 290, 190))
    bright = window.rgb[..., 0] > 250
    found = Found(bright, (190, 90), airport().box, 0.75, "the white terminal", extra={"round": 2})
    written = write(tmp_path / "out", FORMATS, info, [found, pond()], PROVENANCE)
    mask_path, masks_json, boxes_json, package = written
    expected = full_mask(airport(), pond())

    with rasterio.open(scene_path) as original, rasterio.open(mask_path) as mask:
        np.testing.assert_array_equal(mask.read(1), expected)
        assert (mask.crs, mask.transform, mask.shape) == (original.crs, original.transform, original.shape)
        crs, transform = original.crs, original.transform
        row, col = 110, 225  # a pixel of the airport, its centre by rasterio's own arithmetic
        inside = shapely.Point(original.xy(row, col))
        corner = shapely.Point(original.xy(110, 220, offset="ul"))
    pixel = math.hypot(transform.a, transform.d)

    meta, shapes, columns = layer(package, "masks")
    assert rasterio.CRS.from_user_input(meta["crs"]) == crs
    drawn = features.rasterize(shapes, expected.shape, transform=transform).astype(bool)
    np.testing.assert_array_equal(drawn, expected)
    assert shapes[0].contains(inside)
    assert shapes[0].area == pytest.approx(bright.sum() * abs(transform.determinant))
    assert columns["expression"].tolist() == [found.expression, pond().expression]
    assert columns["source"].tolist() == [str(scene_path)] * 2
    _, boxes, _ = layer(package, "boxes")
    assert boxes[0].exterior.distance(corner) < pixel * 1e-6

    back = pyproj.Transformer.from_crs("EPSG:4326", pyproj.CRS(crs.to_wkt()), always_xy=True)
    for path, native in ((masks_json, shapes), (boxes_json, boxes)):
        collection = loaded(path)
        for feature, same in zip(collection["features"], native, strict=True):
            degrees = shapely.from_geojson(json.dumps(feature["geometry"]))
            assert degrees.is_valid
            assert np.abs(shapely.get_coordinates(degrees)).max() <= 180
            on_map = shapely.transform(degrees, lambda points: np.column_stack(back.transform(*points.T)))
            assert shapely.hausdorff_distance(on_map, same) < pixel
            assert on_map.area == pytest.approx(same.area, rel=0.05)
            np.testing.assert_allclose(feature["bbox"], degrees.bounds, atol=2e-7)


def test_a_mask_keeps_nodata_tags_and_instances(tmp_path):
    info = SceneInfo("a.tif", (1100, 700), "EPSG:32633", KINDS["utm"]["transform"])
    over = Found(np.ones((600, 20), np.bool_), (215, 90), Box(215, 90, 235, 690), 0.1, "the road")
    mask_path, numbered_path = write(tmp_path, ("geotiff", "geotiff-instances"), info, [airport(), over], PROVENANCE)
    with rasterio.open(mask_path) as mask:
        np.testing.assert_array_equal(mask.read(1), full_mask(airport(), over, hw=info.hw))
        assert (mask.dtypes, mask.nodata, mask.descriptions) == (("uint8",), 0, ("mask",))
        assert mask.profile["tiled"]
        assert mask.profile["compress"] == "deflate"
        assert mask.colormap(1)[1] == (255, 0, 144, 255)
        tags = mask.tags()
        assert tags["EXPRESSION"] == "the white terminal | the road"
        assert (tags["RECIPE_DIGEST"], tags["SOURCE"], tags["MODEL"]) == ("0123", "a.tif", "Qwen/ä")
    with rasterio.open(numbered_path) as numbered:
        values = numbered.read(1)
    first = full_mask(airport(), hw=info.hw)
    np.testing.assert_array_equal(values[first], 1)
    np.testing.assert_array_equal(values == 2, full_mask(over, hw=info.hw) & ~first)


@pytest.mark.parametrize(("count", "dtype"), [(255, "uint8"), (256, "uint16")])
def test_many_instances(tmp_path, count, dtype):
    info = SceneInfo("a.tif", (20, 300), "EPSG:32633", KINDS["utm"]["transform"])
    one = np.ones((2, 1), np.bool_)
    founds = [Found(one, (x, 3), Box(x, 3, x + 1, 5), 0.5, "car") for x in range(count)]
    (path,) = write(tmp_path / "a.tif", ["geotiff-instances"], info, founds, {})
    assert path == tmp_path / "a.tif"
    with rasterio.open(path) as numbered:
        assert numbered.dtypes == (dtype,)
        assert numbered.read(1)[3, :count].tolist() == list(range(1, count + 1))


def test_a_crs_that_tiff_cannot_hold_goes_beside_it(tmp_path):
    odd = pyproj.CRS("+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +datum=WGS84").to_wkt()
    info = SceneInfo("a.tif", (300, 500), odd, (0.001, 0, 1, 0, -0.001, 2))
    mask_path, json_path, package = write(tmp_path / "out", ("geotiff", "geojson", "gpkg"), info, [airport()], {})
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names - {"a.mask.tif.aux.xml"} == {"a.mask.tif", "a.geojson", "objects.gpkg"}
    with rasterio.open(mask_path) as mask:
        assert mask.crs is not None
        assert tuple(mask.transform)[:6] == info.transform
    (feature,) = loaded(json_path)["features"]
    back = pyproj.Transformer.from_crs("EPSG:4326", odd, always_xy=True)
    x, y = back.transform(*np.array(feature["geometry"]["coordinates"][0][0]).T)
    pixels = np.column_stack(((np.array(x) - 1) / 0.001, (2 - np.array(y)) / 0.001))
    assert np.abs(pixels - np.rint(pixels)).max() < 0.01
    assert layer(package, "masks")[0]["crs"] is not None


def test_empty_layers_are_valid_and_say_where_they_come_from(tmp_path):
    info = SceneInfo("a.tif", (300, 500), "EPSG:32633", KINDS["utm"]["transform"])
    mask_path, masks_json, boxes_json, package = write(tmp_path, FORMATS, info, [], PROVENANCE)
    with rasterio.open(mask_path) as mask:
        assert not mask.read(1).any()
        assert mask.crs == "EPSG:32633"
    for path in (masks_json, boxes_json):
        collection = loaded(path)
        assert (collection["type"], collection["features"]) == ("FeatureCollection", [])
        assert collection["zeroov"]["recipe_digest"] == "0123"
        assert "bbox" not in collection
        assert pyogrio.read_info(path)["features"] == 0
    for name, kind in (("masks", "MultiPolygon"), ("boxes", "Polygon")):
        about = pyogrio.read_info(package, layer=name)
        assert (about["features"], about["crs"], about["geometry_type"]) == (0, "EPSG:32633", kind)
        assert {"expression", "score", "status", "source", "model", "revision", "recipe_digest"} <= set(about["fields"])
        assert about["dataset_metadata"]["recipe_digest"] == "0123"


def metadata(paths):
    """Return what layers say of themselves, by format."""
    mask_path, masks_json, boxes_json, package = paths
    with rasterio.open(mask_path) as mask:
        yield {name.lower(): value for name, value in mask.tags().items()}
    yield loaded(masks_json)["zeroov"]
    yield loaded(boxes_json)["zeroov"]
    for name in ("masks", "boxes"):
        yield pyogrio.read_info(package, layer=name)["dataset_metadata"]


def test_layers_say_what_was_asked(tmp_path):
    info = SceneInfo("a.tif", (300, 500), "EPSG:32633", KINDS["utm"]["transform"])
    asked = ["the red ship", airport().expression]
    for about in metadata(write(tmp_path / "empty", FORMATS, info, [], PROVENANCE, expressions=asked)):
        assert (about["expression"], about["status"]) == ("the red ship | the white terminal", "empty")
    for about in metadata(write(tmp_path / "found", FORMATS, info, [airport()], PROVENANCE, expressions=asked[:1])):
        assert (about["expression"], about["status"]) == ("the red ship | the white terminal", "found")
    for about in metadata(write(tmp_path / "none", FORMATS, info, [], PROVENANCE)):
        assert about["status"] == "empty"
        assert "expression" not in about


@pytest.mark.parametrize(
    ("crs", "transform", "reason"),
    [
        ("EPSG:4326", (0.001, 0.0, 11.0, 0.0, -0.001, 147.0), "would reach latitude 147.*gdal_edit.py"),
        ("EPSG:4326", (0.5, 0.0, 11.0, 0.0, 0.5, -50.0), "would reach latitude 99.75"),
        ("EPSG:4258", (10.0, 0.0, 5e5, 0.0, -10.0, 5e6), r"would reach latitude 5e\+06"),
        ("+proj=geos +h=35785831 +datum=WGS84", (10.0, 0, -1e7, 0, -10.0, 6e6), "no longitude and latitude"),
        ('LOCAL_CS["site",UNIT["metre",1]]', KINDS["utm"]["transform"], "nothing is known that leads"),
    ],
)
def test_what_has_no_degrees_is_refused_before_the_work(tmp_path, crs, transform, reason):
    info = SceneInfo("a.tif", (300, 500), crs, transform)
    for name in ("geojson", "geojson-boxes"):
        with pytest.raises(OutputError, match=reason):
            open_writers(tmp_path, [name]).check(info)
    assert not any(tmp_path.iterdir())


def test_the_whole_world_and_a_satellites_view_of_it_are_taken(tmp_path):
    everything = Found(np.ones((3, 500), np.bool_), (0, 0), Box(0, 0, 500, 3), 0.5, "the ice")
    for info in (
        SceneInfo("a.tif", (300, 500), "EPSG:4326", (0.72, 0.0, -180.0, 0.0, -0.6, 90.0)),
        SceneInfo("a.tif", (301, 500), "EPSG:4326", (0.72, 0.0, -180.0, 0.0, -0.6, 90.3)),  # centres on the poles
    ):
        (path,) = write(tmp_path / "a.geojson", ["geojson"], info, [everything], {})
        _, _, _, north = loaded(path)["bbox"]
        assert north == 90
    disc = "+proj=geos +h=35785831 +datum=WGS84"
    open_writers(tmp_path, ["geojson"]).check(SceneInfo("a.tif", (300, 300), disc, (40_000, 0, -6e6, 0, -40_000, 6e6)))


def test_attributes_of_every_kind(tmp_path):
    info = SceneInfo("a.tif", (300, 500), "EPSG:32633", KINDS["utm"]["transform"])
    first, second = airport(), pond()
    mixed = {"FID": 7, "n": np.int64(3), "good": True, "parts": [1, "ä"], "Score": 9, "x": math.nan, "mixed": 1}
    mixed["long"] = 2**63
    founds = [
        Found(first.mask, first.origin_xy, first.box, math.inf, "one", extra=mixed),
        Found(second.mask, second.origin_xy, second.box, 0.5, "two", extra={"mixed": "text", "n": 0.5}),
    ]
    json_path, package = write(tmp_path, ("geojson", "gpkg"), info, founds, PROVENANCE)
    first_row, second_row = (feature["properties"] for feature in loaded(json_path)["features"])
    assert first_row["extra_FID"] == 7
    assert (first_row["score"], first_row["x"], first_row["parts"]) == (None, None, '[1, "ä"]')
    assert "n" in second_row
    _, _, columns = layer(package, "masks")
    assert columns["extra_Score"][0] == 9
    assert columns["n"].tolist() == [3, 0.5]
    assert columns["mixed"].tolist() == ["1", "text"]
    assert columns["tiles"].tolist() == [9, 9]
    assert columns["long"].tolist() == [str(2**63), None]
    assert np.isnan(columns["score"][0])
    assert columns["pixels"].tolist() == [first.pixels, second.pixels]


def test_geojson_is_as_the_standard_says(tmp_path):
    info = SceneInfo("a.tif", (300, 500), "EPSG:32633", KINDS["utm"]["transform"])
    (path,) = write(tmp_path / "a.geojson", ["geojson"], info, [airport(), pond()], PROVENANCE)
    collection = loaded(path)
    assert "crs" not in collection
    for feature in collection["features"]:
        geometry = feature["geometry"]
        parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        for rings in parts:
            assert [shapely.LinearRing(ring).is_ccw for ring in rings] == [True] + [False] * (len(rings) - 1)
            assert all(ring[0] == ring[-1] for ring in rings)
            numbers = [number for ring in rings for point in ring for number in point]
            assert all(round(number, 7) == number for number in numbers)
            assert 14.9 < min(numbers[::2]) < max(numbers[::2]) < 15.1
            assert 45 < min(numbers[1::2]) < max(numbers[1::2]) < 46
    assert sorted(map(len, collection["features"][0]["geometry"]["coordinates"]))[-1] == 2  # the courtyard
    box = shapely.box(*collection["bbox"])
    assert all(box.buffer(1e-6).contains(shapely.box(*feature["bbox"])) for feature in collection["features"])


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32601", (10.0, 0.0, 346_000.0, 0.0, -10.0, 7_000_000.0)),
        ("EPSG:4326", (0.0001, 0.0, 179.98, 0.0, -0.0001, 63.0)),
        ("EPSG:4326", (0.0001, 0.0, -180.02, 0.0, -0.0001, 63.0)),
        ("EPSG:3832", (10.0, 0.0, 3_337_500.0, 0.0, -10.0, 9_000_000.0)),
    ],
)
def test_across_the_antimeridian(tmp_path, crs, transform):
    mask = np.ones((30, 500), np.bool_)
    mask[10:20, 100:120] = False
    wide = Found(mask, (0, 100), Box(0, 100, 500, 130), 0.5, "the convoy")
    info = SceneInfo("a.tif", (300, 500), crs, transform)
    masks, boxes = write(tmp_path, ("geojson", "geojson-boxes"), info, [wide, airport()], {})
    for path in (masks, boxes):
        collection = loaded(path)
        shape = shapely.from_geojson(json.dumps(collection["features"][0]["geometry"]))
        assert shape.is_valid
        assert [part.bounds[2] - part.bounds[0] < 1 for part in shape.geoms] == [True, True]
        west, _, east, _ = collection["features"][0]["bbox"]
        assert west > 179
        assert east < -179
        assert collection["bbox"][0] > 179
        assert collection["bbox"][2] < -179


def test_longitudes_beyond_180_are_turned_back(tmp_path):
    info = SceneInfo("a.tif", (300, 500), "EPSG:4326", (0.01, 0.0, 200.0, 0.0, -0.01, 40.0))
    (path,) = write(tmp_path / "a.geojson", ["geojson"], info, [airport()], {})
    west, south, east, north = loaded(path)["bbox"]
    assert (west, east) == pytest.approx((-157.8, -157.49))
    assert (south, north) == pytest.approx((38.54, 38.9))


def world_mask(name):
    rows, cols = np.mgrid[:20, :20]
    away = np.hypot(rows - 9.5, cols - 9.5)
    random = np.random.default_rng({"ragged": 12, "full of holes": 21}.get(name, 0)).random((20, 20))
    masks = {"ragged": random > 0.5, "full of holes": random > 0.2, "ring": (away < 8.2) & (away > 3)}
    return masks.get(name, np.ones((20, 20), np.bool_))


@pytest.mark.parametrize("name", ["whole", "ring", "ragged", "full of holes"])
@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:3031", (1000, 0, -10_000, 0, -1000, 10_000)),  # a pole at the corner of four pixels
        ("EPSG:3031", (1000, 0, -9870, 0, -1000, 10_130)),  # a pole inside a pixel
        ("EPSG:3413", (25_000, 0, -250_000, 0, -25_000, 260_000)),
        ("EPSG:4326", (18, 0, -180, 0, -9, 90)),
        ("EPSG:4326", (18, 0, 0, 0, -9, 90)),
        ("EPSG:3857", (2_003_750.8342789244, 0, -20_037_508.342789244, 0, -2_003_750.8342789244, 20_037_508.342789244)),
        ("+proj=aeqd +lat_0=50 +lon_0=10 +datum=WGS84", (1.2e6, 0, -1.2e7, 0, -1.2e6, 1.2e7)),
        ("EPSG:3832", (100_000, 0, 2_337_500, 0, -100_000, 1_000_000)),
    ],
)
def test_around_a_pole_and_around_the_earth(tmp_path, crs, transform, name):
    """Points of the scene lie in the polygons where the mask is set, and nowhere else."""
    info, mask = SceneInfo("ice.tif", (20, 20), crs, transform), world_mask(name)
    (path,) = write(tmp_path / "a.geojson", ["geojson"], info, [Found(mask, (0, 0), Box(0, 0, 20, 20), 0.5, "ice")], {})
    shape = shapely.from_geojson(json.dumps(loaded(path)["features"][0]["geometry"]))
    assert shape.is_valid
    assert (np.abs(shapely.get_coordinates(shape)) <= (180, 90)).all()
    random = np.random.default_rng(3)
    pixels = random.integers(0, 20, (2000, 2))
    placed = frames.pixel_to_map(pixels + random.uniform(0.03, 0.97, pixels.shape), transform)
    longitudes, latitudes = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*placed.T)
    inside = shapely.contains_xy(shape, (longitudes + 180) % 360 - 180, latitudes)
    np.testing.assert_array_equal(inside, mask[pixels[:, 1], pixels[:, 0]])


def test_the_bbox_of_a_polar_cap_holds_all_longitudes(tmp_path):
    pole = SceneInfo("a.tif", (300, 500), "EPSG:3413", (1000.0, 0.0, -250_000.0, 0.0, -1000.0, 150_000.0))
    cap = Found(np.ones((100, 100), np.bool_), (200, 100), Box(200, 100, 300, 200), 0.5, "the ice")
    (path,) = write(tmp_path / "a.geojson", ["geojson"], pole, [cap], {})
    west, south, east, north = loaded(path)["bbox"]
    assert (west, east, north) == (-180, 180, 90)
    assert south == pytest.approx(89.36, abs=0.02)  # a corner, 71 km from the pole


def test_beyond_the_world_geojson_is_refused(tmp_path):
    space = SceneInfo("a.tif", (300, 500), "+proj=geos +h=35785831 +datum=WGS84", (40_000, 0, -1e7, 0, -40_000, 6e6))
    corner = Found(np.ones((9, 9), np.bool_), (0, 0), Box(0, 0, 9, 9), 0.5, "the dark")
    with pytest.raises(OutputError, match=r"`a\.tif`.*no longitude and latitude.*write gpkg"):
        write(tmp_path / "a.geojson", ["geojson"], space, [corner], {})
    local = SceneInfo("a.tif", (300, 500), 'LOCAL_CS["site",UNIT["metre",1]]', KINDS["utm"]["transform"])
    with pytest.raises(OutputError, match="nothing is known that leads"):
        write(tmp_path / "a.geojson", ["geojson"], local, [airport()], {})
    write(tmp_path, ["gpkg", "geotiff"], local, [airport()], {})
    assert not (tmp_path / "a.geojson").exists()


def test_a_long_edge_stays_straight_on_the_map(tmp_path):
    info = SceneInfo("a.tif", (20_000, 20_000), "EPSG:32633", (0.5, 0, 300_000, 0, -0.5, 7_000_000))
    wide = Found(np.ones((1, 1), np.bool_), (5, 5), Box(0, 10, 20_000, 30), 0.5, "the runway")
    (path,) = write(tmp_path / "a.geojson", ["geojson-boxes"], info, [wide], {})
    shape = shapely.from_geojson(json.dumps(loaded(path)["features"][0]["geometry"]))
    back = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32633", always_xy=True)
    between = shapely.segmentize(shape, 0.0001)
    on_map = shapely.transform(between, lambda points: np.column_stack(back.transform(*points.T)))
    assert shapely.hausdorff_distance(on_map, shapely.box(300_000, 6_999_985, 310_000, 6_999_995)) < 0.1


def test_without_a_georeference(tmp_path):
    half = SceneInfo("a.tif", (300, 500), None, KINDS["utm"]["transform"])
    plain = SceneInfo("photo.jpg", (300, 500))
    crs_only = SceneInfo("a.tif", (300, 500), "EPSG:32633")
    for info, what in ((half, "no CRS.*-a_srs EPSG"), (plain, "no georeference"), (crs_only, "no transform.*-a_ullr")):
        with pytest.raises(OutputError, match=what):
            write(tmp_path / "a.geojson", ["geojson"], info, [], {})
    for info in (plain, crs_only):
        with pytest.raises(OutputError, match=r"no transform.*gdal_edit\.py"):
            write(tmp_path / "a.gpkg", ["gpkg"], info, [], {})
    (package,) = write(tmp_path / "a.gpkg", ["gpkg"], half, [airport()], {})
    assert shapely.MultiPolygon(layer(package, "masks")[1][0]).bounds[0] == 500_110
    (mask_path,) = write(tmp_path / "b.tif", ["geotiff"], plain, [airport()], {})
    with open_source(mask_path) as scene:
        assert (scene.crs, scene.transform) == (None, None)
        assert scene.hw == (300, 500)
