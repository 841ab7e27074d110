"""A part of a scene, a box and a point, on the map or in pixels: outside of the part nothing is seen or found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zeroov
from tests.raster.scenes import ROTATED, UTM, textured, write_scene
from zeroov import frames
from zeroov.batch import batch, one_by_one
from zeroov.errors import PictureError, UsageError, ZeroovError
from zeroov.ground import Pipeline
from zeroov.mini.scenes import Scene as Drawn
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for
from zeroov.raster.scene import Scene, open_source
from zeroov.raster.whole import Whole
from zeroov.search.area import area_of, box_of, identity_of, point_of
from zeroov.types import Box, Picture, Refined, Window

pyproj = pytest.importorskip("pyproj")
pyogrio = pytest.importorskip("pyogrio")
shapely = pytest.importorskip("shapely")
HW = (300, 500)
pytestmark = pytest.mark.usefixtures("kept_models")
# Pixels (100, 40) to (300, 200) of UTM, 0.5 m each.
ON_MAP = "500050,4999900,500150,4999980"
WINDOW = Window(100, 40, 300, 200)


def scene(crs: str | None = "EPSG:32633", transform: Any = UTM) -> Scene:
    rgb = np.full((*HW, 3), 90, np.uint8)
    return open_source(Picture(rgb, "a.tif", crs, transform))


def in_degrees(x: float, y: float) -> tuple[float, float]:
    longitude, latitude = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True).transform(x, y)
    return float(longitude), float(latitude)


def geojson(path: Path, *polygons: Any) -> Path:
    features = [{"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(each)} for each in polygons]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.mark.parametrize("given", [ON_MAP, f"{ON_MAP},32633", f"{ON_MAP}, EPSG:32633", "100,40,300,200,px"])
def test_four_numbers_are_a_window(given: str) -> None:
    area = area_of(given, scene())
    assert (area.window, area.outline) == (WINDOW, None)
    assert area_of(tuple(given.split(",")), scene()).window == WINDOW


def test_corners_may_be_given_in_any_order_and_are_cut_to_the_scene() -> None:
    assert area_of("500150,4999980,500050,4999900", scene()).window == WINDOW
    assert area_of("0,0,500150,4999980", scene()).window == Window(0, 40, 300, 300)
    assert area_of("-50,-50,1000,30,px", scene()).window == Window(0, 0, 500, 30)


def test_pixels_need_nothing_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("shapely", "pyproj", "pyogrio", "rasterio"):
        monkeypatch.setitem(sys.modules, module, None)
    plain = scene(None, None)
    assert area_of("100,40,300,200,px", plain).window == WINDOW
    assert area_of("100,40,300,200,px", plain).inside is None
    assert box_of("300,40,100,200,px", plain) == Box(*map(float, WINDOW))
    assert point_of("5,6,px", plain) == (5, 6)


def test_an_area_in_another_crs() -> None:
    west, south = in_degrees(500_050, 4_999_900)
    east, north = in_degrees(500_150, 4_999_980)
    window = area_of((west, south, east, north, 4326), scene()).window
    np.testing.assert_allclose(window, WINDOW, atol=1)


def test_an_area_on_a_rotated_scene_is_no_box_of_pixels() -> None:
    area = area_of("500100,4999950,500150,5000000", scene(transform=ROTATED))
    inside = area.inside
    assert inside is not None
    mask = inside(Window(0, 0, 500, 300), HW)
    x, y = np.moveaxis(frames.pixel_to_map(frames.cell_centres_xy(HW, HW), ROTATED), -1, 0)
    expected = (x > 500_100) & (x < 500_150) & (y > 4_999_950) & (y < 5_000_000)
    assert mask.any()
    assert (mask ^ expected).sum() <= 2  # centres on the edge


@pytest.mark.parametrize("ending", ["geojson", "gpkg"])
def test_a_file_of_polygons_in_its_own_crs(tmp_path: Path, ending: str) -> None:
    corners = [(500_050, 4_999_980), (500_150, 4_999_980), (500_150, 4_999_960), (500_070, 4_999_960)]
    l_shape = shapely.Polygon([*corners, (500_070, 4_999_900), (500_050, 4_999_900)])
    degrees = shapely.transform(l_shape, lambda points: np.array([in_degrees(*point) for point in points]))
    path = tmp_path / f"aoi.{ending}"
    if ending == "geojson":
        geojson(path, degrees)
    else:
        geometry = np.array([shapely.to_wkb(degrees)], dtype=object)
        empty: dict[str, Any] = {"field_data": [], "fields": np.array([], dtype=object)}
        pyogrio.raw.write(path, geometry=geometry, geometry_type="Polygon", crs="EPSG:4326", driver="GPKG", **empty)
    area = area_of(path, scene())
    np.testing.assert_allclose(area.window, WINDOW, atol=1)
    inside = area.inside
    assert inside is not None
    seen = inside(WINDOW, WINDOW.hw)
    assert seen[20, 100]
    assert seen[100, 20]
    assert not seen[100, 100]  # in the notch
    assert seen.sum() == pytest.approx(l_shape.area / 0.25, rel=0.01)
    assert inside(Window(100, 40, 300, 200), (16, 20)).sum() == pytest.approx(seen.sum() / 100, rel=0.1)  # reduced


@pytest.mark.parametrize(
    ("given", "place", "reason"),
    [
        ("600000,1,600001,2", {}, r"area 600000.*misses `a.tif`, which covers 500 x 300 pixels, x 500000 to 500250"),
        (
            "45,15,45.1,15.1,4326",
            {},
            r"covers 500 x 300 pixels, x 15 to 15\.00\d+ and y 45\.15\d+ to 45\.15\d+ in EPSG:4326; x comes before y",
        ),
        ("600,0,700,100,px", {}, "misses"),
        ("10,20,30,40", {"transform": None}, "has no georeference.*10,20,300,400,px"),
        ("10,20,30,40,4326", {"crs": None}, "has no CRS.*-a_srs"),
        ("1,2,3", {}, "an area is x0,y0,x1,y1.*got `1,2,3`"),
        ("1,2,3,x", {}, "an area is"),
        ("1,2,3,nan", {}, "an area is"),
        ("1,2,3,4,m", {}, "an area is"),
        ("1,2,3,4,5,6", {}, "an area is"),
        ("1,2,3,4,999999", {}, "nothing leads from EPSG:999999"),
        ("none.geojson", {}, "`none.geojson` is no file, and no numbers either"),
    ],
)
def test_an_area_that_is_no_part_of_the_scene_is_refused(given: str, place: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        area_of(given, scene(**place))


def test_a_file_that_is_no_area_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no polygon"):
        area_of(geojson(tmp_path / "a.geojson", shapely.Point(15, 45)), scene())
    (tmp_path / "b.geojson").write_text("nothing")
    with pytest.raises(UsageError, match=r"b\.geojson` cannot be read as polygons"):
        area_of(tmp_path / "b.geojson", scene())
    with pytest.raises(UsageError, match=r"`.*c\.geojson` misses `a\.tif`"):
        area_of(geojson(tmp_path / "c.geojson", shapely.box(1, 2, 3, 4)), scene())


def test_an_area_is_known_by_its_numbers_or_by_what_its_file_holds(tmp_path: Path) -> None:
    assert identity_of("1,2,3,4") == identity_of((1, 2, 3, 4)) != identity_of("1,2,3,5")
    first, second = (geojson(tmp_path / name, shapely.box(1, 2, 3, 4)) for name in ("a.geojson", "b.geojson"))
    assert identity_of(first) == identity_of(second)
    assert identity_of(first) != identity_of(geojson(second, shapely.box(1, 2, 3, 5)))


def test_boxes_and_points() -> None:
    assert box_of(ON_MAP, scene()) == Box(*map(float, WINDOW))
    assert box_of("-5,10,20.5,30,px", scene()) == Box(0, 10, 20.5, 30)
    assert point_of((500_050, 4_999_980), scene()) == (100, 40)
    np.testing.assert_allclose(point_of((*in_degrees(500_050, 4_999_980), 4326), scene()), (100, 40), atol=0.01)
    for refused in (lambda: box_of("600,0,700,100,px", scene()), lambda: point_of("500,299,px", scene())):
        with pytest.raises(UsageError, match=r"misses `a\.tif`"):
            refused()
    with pytest.raises(UsageError, match="a point is x,y in the scene's CRS"):
        point_of("1,2,3,4", scene())


def test_a_box_on_a_turned_scene_is_around_all_its_corners() -> None:
    turned = scene(transform=ROTATED)
    corners = frames.box_corners_xy(Box(500_100, 4_999_950, 500_150, 5_000_000))
    pixels = frames.map_to_pixel(corners, ROTATED)
    expected = (*pixels.min(axis=0), *pixels.max(axis=0))
    clipped = frames.clip_box(expected, HW)
    assert clipped
    np.testing.assert_allclose(box_of("500100,4999950,500150,5000000", turned).xyxy, clipped.xyxy)


def test_a_part_of_a_scene_is_a_scene(tmp_path: Path) -> None:
    write_scene(tmp_path / "a.tif", textured("uint8", 3), crs="EPSG:32633", transform=UTM)
    with open_source(tmp_path / "a.tif") as whole:
        everything = whole.read()

        def left(window: Window, out_hw: tuple[int, int]) -> Any:
            mask = np.zeros(out_hw, np.bool_)
            mask[:, : (200 - window.x0) * out_hw[1] // window.hw[1]] = True
            return mask

        plain, cut = whole.part(WINDOW), whole.part(WINDOW, left)
        assert (plain.hw, plain.source, plain.crs) == ((160, 200), whole.source, whole.crs)
        np.testing.assert_array_equal(plain.read().rgb, everything.rgb[40:200, 100:300])
        window = plain.read(Window(10, 20, 50, 60))
        np.testing.assert_array_equal(window.rgb, everything.rgb[60:100, 110:150])
        assert (window.window, window.file_window) == (Window(10, 20, 50, 60), Window(110, 60, 150, 100))
        assert window.transform == whole.read(window.file_window).transform
        picture = cut.read()
        assert picture.valid is not None
        assert picture.valid[:, :100].all()
        assert not picture.valid[:, 100:].any()
        np.testing.assert_array_equal(picture.rgb[:, :100], everything.rgb[40:200, 100:200])
        assert not picture.rgb[:, 100:].any()
        inner = plain.part(Window(10, 20, 50, 60)).read()
        assert (inner.origin_xy, inner.file_window) == ((110, 60), Window(110, 60, 150, 100))
        with pytest.raises(PictureError, match="holds no valid pixel; name another area"):
            whole.part(Window(300, 0, 400, 100), lambda _, hw: np.zeros(hw, np.bool_)).read()


def test_what_lies_outside_of_a_part_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def left(window: Window, out_hw: tuple[int, int]) -> Any:
        return np.arange(out_hw[1])[None] * window.hw[1] // out_hw[1] + window.x0 < np.full((out_hw[0], 1), 200)

    read = Whole.read

    def readable(pixels: Whole, window: Window, *options: Any) -> Any:
        if window.x0 >= 200:
            raise PictureError("is damaged there")
        return read(pixels, window, *options)

    monkeypatch.setattr(Whole, "read", readable)
    part = scene().part(WINDOW, left)
    inside, outside = part.read(Window(0, 0, 80, 60)), part.read(Window(120, 40, 200, 100), 40)
    assert inside.rgb.all()
    assert inside.valid is None
    assert outside.rgb.shape == (30, 40, 3)
    assert not outside.rgb.any()
    assert outside.valid is not None
    assert not outside.valid.any()


# With the miniature models


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return make_scene(seed_for("test", 6000), SceneStyle(height_width=(560, 640), scale=0.8, objects=(3, 6)))


def placed(path: Path, drawn: Drawn) -> Path:
    return write_scene(path, drawn.image.transpose(2, 0, 1), crs="EPSG:32633", transform=UTM)


def test_a_search_finds_nothing_outside_of_its_area(pipeline: Pipeline, drawn: Drawn, tmp_path: Path) -> None:
    path, thing = placed(tmp_path / "a.tif", drawn), drawn.objects[0]
    x0, y0, x1, y1 = thing.box_xyxy
    aoi = (max(0, x0 - 30), max(0, y0 - 30), min(640, x1 + 30), min(560, y1 + 30), "px")
    answer = pipeline.ground(path, f"the {thing.colour} {thing.kind}", aoi=aoi, search=True)
    assert answer.area == Window(*aoi[:4])
    assert answer.info.hw == (560, 640)
    assert answer.to_json()["area_xyxy"] == list(aoi[:4])
    for tile in answer.tiles:
        assert aoi[0] <= tile.window.x0 < tile.window.x1 <= aoi[2]
        assert aoi[1] <= tile.window.y0 < tile.window.y1 <= aoi[3]
    (found,) = answer.found
    assert frames.box_iou(found.box, Box(*map(float, thing.box_xyxy))) > 0.5  # in pixels of the whole
    inside = np.zeros((560, 640), np.bool_)
    inside[aoi[1] : aoi[3], aoi[0] : aoi[2]] = True
    assert not (answer.mask & ~inside).any()
    across, down = answer.about_overlay()["factor_xy"]
    assert answer.overlay().shape == ((aoi[3] - aoi[1]) * down, (aoi[2] - aoi[0]) * across, 3)


@pytest.mark.parametrize("zoom", [False, True])
def test_one_look_at_a_polygon_of_a_picture(pipeline: Pipeline, drawn: Drawn, tmp_path: Path, zoom: bool) -> None:
    from zeroov.show.panel import draw_panel

    path, thing = placed(tmp_path / "a.tif", drawn), drawn.objects[0]
    x, y = thing.centre_xy
    corners = [(x - 80, y - 80), (x + 60, y - 80), (x + 80, y - 60), (x + 80, y + 80), (x - 80, y + 80)]
    cut = shapely.Polygon([in_degrees(*xy) for xy in frames.pixel_to_map(np.array(corners), UTM).tolist()])
    options: dict[str, Any] = {"aoi": geojson(tmp_path / "aoi.geojson", cut), "search": False, "zoom": zoom}
    answer = pipeline.ground(path, f"the {thing.colour} {thing.kind}", **options)
    assert answer.area
    assert answer.looks[0].picture.window == answer.area
    assert answer.box
    assert frames.box_iou(answer.box, Box(*map(float, thing.box_xyxy))) > 0.5
    assert bool(answer.closer) == zoom
    for each in answer.closer:
        x0, y0, x1, y1 = each.to_json()["window_xyxy"]
        assert answer.area.x0 <= x0 < x1 <= answer.area.x1
        assert answer.area.y0 <= y0 < y1 <= answer.area.y1
    x0, y0, x1, y1 = answer.area
    np.testing.assert_array_equal(answer.outline.mask, answer.mask[y0:y1, x0:x1])
    assert draw_panel(answer)
    report = answer.save(tmp_path / "out", ["geojson"])
    assert report["area_xyxy"] == list(answer.area)


@pytest.mark.parametrize("large", [False, True])
def test_a_box_or_a_point_is_drawn_without_a_language_model(
    pipeline: Pipeline, drawn: Drawn, tmp_path: Path, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("a model was asked")

    monkeypatch.setattr(Pipeline, "overview", asked)
    path, thing = placed(tmp_path / "a.tif", drawn), drawn.objects[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroov.ground.is_large", lambda *_: large)
        box = ",".join(map(str, thing.box_xyxy))
        x, y = frames.pixel_to_map(np.array(thing.centre_xy), UTM)
        answers = [
            pipeline.ground(path, "the thing", bbox=f"{box},px"),
            pipeline.ground(path, ["the thing"], point=(x, y))[0],
        ]
    for answer, hint, least in zip(answers, ("box", "point"), (0.6, 0.3), strict=True):
        (found,) = answer.found
        truth = thing.mask
        assert (answer.mask & truth).sum() / (answer.mask | truth).sum() > least
        assert (answer.words, answer.looks, found.extra["hint"]) == ("", (), hint)
        assert answer.to_json()["stages"] == {}
        assert answer.save(tmp_path / hint, ["geojson"])["model"] == "builtin:mini"


@pytest.mark.parametrize("hint", ["bbox", "point"])
def test_a_hint_without_an_object_says_why_and_is_drawn_once(
    pipeline: Pipeline, drawn: Drawn, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x0, y0, x1, y1 = drawn.objects[0].box_xyxy
    centre = (x0 + x1) // 2, (y0 + y1) // 2
    options: dict[str, Any] = {hint: (x0, y0, x1, y1, "px") if hint == "bbox" else (*centre, "px")}
    texts, name = ["the thing", "another"], "draw" if hint == "bbox" else "draw_at"
    draw, calls = getattr(Pipeline, name), []

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return draw(*args, **kwargs)

    monkeypatch.setattr(Pipeline, name, counted)
    for found in (True, False):
        valid = np.ones(drawn.image.shape[:2], np.bool_)
        valid[y0 - 9 : y1 + 9, x0 - 9 : x1 + 9] = found  # nodata, with what lies below it left as it is
        answers = pipeline.ground(Picture(drawn.image, valid=valid), texts, **options)
        assert [answer.expression for answer in answers] == texts
        assert [[each.expression for each in answer.found] for answer in answers] == [[text] * found for text in texts]
        why = "" if found else "most of what was found lies on invalid pixels"
        assert [answer.why_empty for answer in answers] == [why] * 2
        assert answers[0].score == answers[1].score > 0
    assert len(calls) == 2, "once for all texts"
    with pytest.MonkeyPatch.context() as patch:  # the hint holds no pixel of what was read
        patch.setattr(frames, "to_picture", lambda *_: None)
        answer = pipeline.ground(drawn.image, texts[0], **options)
    assert (answer.found, answer.score, len(calls)) == ((), 0, 2)
    assert answer.why_empty == "Segment Anything drew nothing there"
    nothing = Refined(np.zeros(drawn.image.shape[:2], np.bool_), None, 0.5)
    monkeypatch.setattr(Pipeline, name, lambda *_, **__: (nothing, None) if hint == "bbox" else nothing)
    assert pipeline.ground(drawn.image, texts[0], **options).why_empty == "Segment Anything drew nothing there"


def test_hints_exclude_one_another(pipeline: Pipeline, drawn: Drawn) -> None:
    for options in ({"bbox": "1,2,3,4,px", "aoi": "1,2,3,4,px"}, {"point": "1,2,px", "every": True}):
        with pytest.raises(UsageError, match="give one of --aoi, --bbox and --point"):
            pipeline.ground(drawn.image, "the ship", **options)


def test_a_batch_looks_at_the_part_alone_and_knows_another_one(
    pipeline: Pipeline, drawn: Drawn, tmp_path: Path
) -> None:
    x0, y0, x1, y1 = drawn.objects[0].box_xyxy
    path, thing = placed(tmp_path / "a.tif", drawn), drawn.objects[0]
    aoi = (x0 - 30, y0 - 30, x1 + 30, y1 + 30, "px")
    options: dict[str, Any] = {"aoi": aoi}
    asked, out = [f"the {thing.colour} {thing.kind}"], tmp_path / "out"
    outcome = batch(pipeline, [path], asked, out, one_by_one(out, ["gpkg"], asked, [path]), **options)
    assert (outcome.failed, outcome.answers["found"]) == ({}, 1)
    (shape,) = shapely.from_wkb(pyogrio.raw.read(out / "objects.gpkg", layer="masks")[2])
    corners = frames.pixel_to_map(np.array([aoi[:2], aoi[2:4]], dtype=float), UTM)
    assert shapely.box(*corners.min(axis=0), *corners.max(axis=0)).buffer(1e-6).contains(shape)
    with pytest.raises(ZeroovError, match="aoi"):
        batch(pipeline, [path], asked, out, {}, aoi="1,2,30,40,px")
    with pytest.raises(UsageError, match="is no file"):
        batch(pipeline, [path], asked, tmp_path / "other", {}, aoi=tmp_path / "none.gpkg")
