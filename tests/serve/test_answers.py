"""What a client gets: pictures, answers, how they came about, and files of every format."""

from __future__ import annotations

import base64
import io
import json
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.raster.scenes import UTM, write_scene
from tests.serve.conftest import png
from tests.serve.running import Running
from zeroov.bench.mini.measure import Question
from zeroov.errors import UsageError
from zeroov.ground import Pipeline
from zeroov.outputs.rle import decode_rle
from zeroov.raster.scene import open_source
from zeroov.serve import models
from zeroov.serve.answer import Asked, parse_asked
from zeroov.serve.clicks import drawn_at

SHIP = {"expressions": ["the ship"]}


def test_a_query_becomes_options() -> None:
    assert parse_asked("expression=the+%20white%20plane%0d%0a&all=1&zoom=0&bands=4,3,2") == Asked(
        "the white plane", every=True, zoom=False, bands=(4, 3, 2)
    )
    assert parse_asked("expression=%E8%88%B9&zoom").expression == "船"
    assert parse_asked("expression=x", "image/png, */*").format == "mask"
    assert parse_asked("expression=x&format=overlay", "image/png").format == "overlay"
    assert parse_asked("expression=x", "text/html, image/png").format == "json"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "no expression"),
        ("expression=", "expression is empty"),
        ("expression=%00%0a", "expression is empty"),
        ("expression=a&expression=b", "given twice"),
        ("expression=x&formt=mask", "did you mean `format`"),
        ("expression=x&format=msk", "did you mean `mask`"),
        ("expression=x&all=perhaps", "all is 1 or 0"),
        ("expression=x&bands=4;3", "bands takes"),
        ("&".join(f"a{n}=1" for n in range(100)), "query cannot be read"),
        ("expression=" + "x" * 20_001, "20001 characters"),
    ],
)
def test_a_wrong_query_is_told(query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_asked(query)


def test_a_picture_is_sent_once_and_asked_about_often(
    server: Running, pipeline: Pipeline, asked: list[Question], photo: bytes
) -> None:
    status, about = server.json("POST", "/v1/pictures?name=a%2Fphoto.png", photo)
    assert status == 201
    models.Picture.model_validate(about)
    assert (about["name"], about["hw"], about["large"], about["place"]) == ("photo.png", [224, 224], False, None)
    assert server.json("POST", "/v1/pictures", photo) == (201, about)  # the same bytes
    assert about["drawn"] is True
    smooth = png(np.add.outer(np.arange(224), np.zeros((224, 3))).astype(np.uint8))  # of a drawn scene's size
    assert server.json("POST", "/v1/pictures", smooth)[1]["drawn"] is False
    texts = [asked[0].expression.text, "the ship"]
    status, document = server.json("POST", f"/v1/pictures/{about['id']}/ground", {"expressions": texts})
    assert status == 200
    models.Results.model_validate(document)
    for text, result in zip(texts, document["results"], strict=True):
        expected = pipeline.ground(asked[0].scene.image, text)
        assert result["expression"] == text
        assert result["status"] == expected.status
        assert result["source"] == "photo.png"
        assert result["score"] == pytest.approx(expected.score, abs=1e-4)
        if expected.box:
            assert tuple(result["box_xyxy"]) == expected.box.xyxy
            np.testing.assert_array_equal(decode_rle(result["found"][0]["mask"]), expected.mask)
        assert server.json("GET", f"/v1/results/{result['id']}") == (200, result)
    assert server.json("GET", f"/v1/pictures/{about['id']}") == (200, about)


def test_the_same_picture_comes_in_four_ways(server: Running, photo: bytes, tmp_path: Path) -> None:
    id = server.upload(photo)
    form = b"--x\r\nContent-Disposition: form-data; name=file; filename=b.png\r\n\r\n" + photo + b"\r\n--x--\r\n"
    status, about = server.json("POST", "/v1/pictures", form, Content_Type="multipart/form-data; boundary=x")
    assert (status, about["id"]) == (201, id)
    text = base64.b64encode(photo).decode()
    assert server.json("POST", "/v1/pictures", {"base64": text, "name": "c"})[1]["id"] == id
    assert server.json("POST", "/v1/pictures?bands=2", photo)[1]["id"] != id
    for wrong in ({"base64": "?"}, {"base64": text, "ref": "a:b"}, {}, {"nope": 1}, [], {"base64": 3}):
        assert server.refused("POST", "/v1/pictures", wrong)[0] == 422
    assert server.refused("POST", "/v1/pictures", {"ref": "a:b"}) == (404, "no_folder")
    broken = server.refused("POST", "/v1/pictures", form[:50], Content_Type="multipart/form-data; boundary=x")
    assert broken[0] in (400, 422)
    assert server.refused("POST", "/v1/pictures", b"x", Content_Type="multipart/form-data")[0] == 400


def test_how_an_answer_came_about_is_explained(server: Running, pipeline: Pipeline, photo: bytes) -> None:
    id = server.upload(photo)
    (result,) = server.json("POST", f"/v1/pictures/{id}/ground", SHIP)[1]["results"]
    status, told = server.json("GET", f"/v1/results/{result['id']}/explain")
    assert status == 200
    models.Explained.model_validate(told)
    look = pipeline.ground(np.asarray(Image.open(io.BytesIO(photo))), "the ship").looks[0]
    assert look.evolved
    for name, values in (
        ("overview", look.attention),
        ("cross_on_grid", look.evolved.cross_on_grid),
        ("fused", look.evolved.fused),
    ):
        sent = np.frombuffer(base64.b64decode(told[name]["f32"]), "<f4").reshape(told[name]["shape"])
        np.testing.assert_allclose(sent, values, atol=1e-5)
    region = np.frombuffer(base64.b64decode(told["region"]["u8"]), np.uint8).reshape(told["region"]["shape"])
    np.testing.assert_array_equal(region > 0, look.evolved.region)
    assert told["recipe"]["alpha"] == pipeline.recipe.evolve.alpha
    status, row = server.json("GET", f"/v1/results/{result['id']}/focus?row=3&col=4")
    assert look.affinity
    sent = np.frombuffer(base64.b64decode(row["f32"]), "<f4").reshape(row["shape"])
    np.testing.assert_allclose(sent, look.affinity.matrix[3 * 32 + 4].reshape(32, 32), atol=1e-6)
    assert server.refused("GET", f"/v1/results/{result['id']}/focus?row=32&col=4")[0] == 422


def test_an_answer_comes_as_files(server: Running, photo: bytes, asked: list[Question]) -> None:
    id = server.upload(photo)
    question = {"expressions": [asked[0].expression.text]}
    (result,) = server.json("POST", f"/v1/pictures/{id}/ground", question)[1]["results"]
    files = f"/v1/results/{result['id']}/files"
    status, headers, archive = server.ask("GET", f"{files}/all.zip")
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert {"mask.png", "overlay.png", "panel.png", "coco.json", "result.json", "found.gpkg.txt"} <= set(names)
    mask = server.ask("GET", f"{files}/mask.png")[2]
    shown = np.asarray(Image.open(io.BytesIO(mask))) > 0
    np.testing.assert_array_equal(shown, decode_rle(result["found"][0]["mask"]))
    assert json.loads(server.ask("GET", f"{files}/outline.geojson?object=0")[2])["features"][0]["geometry"]
    status, document = server.json("GET", f"{files}/found.gpkg")
    assert (status, document["error"]["code"]) == (409, "not_possible")
    assert server.refused("GET", f"{files}/nope.png")[0] == 404
    assert server.refused("GET", f"{files}/mask.png?object=9")[0] == 404
    for format, start in (("mask", b"\x89PNG"), ("overlay", b"\x89PNG")):
        body = json.dumps({**question, "format": format}).encode()
        sent = server.ask("POST", f"/v1/pictures/{id}/ground", body, Content_Type="application/json")
        assert sent[2].startswith(start)
    both = {"expressions": ["a", "b"], "format": "mask"}
    assert server.refused("POST", f"/v1/pictures/{id}/ground", both) == (422, "wrong_value")
    for body, kind in (
        (b"{expr", "application/json"),
        (b'{"expressions": ["a ship"]}', "text/plain"),
        (b"[]", "a/json"),
    ):
        status, document = server.json("POST", f"/v1/pictures/{id}/ground", body, Content_Type=kind)
        assert (status, document["error"]["message"]) == (422, "the body is no JSON object")


def test_a_box_or_points_say_where_the_object_is_and_clicks_change_it(
    server: Running, pipeline: Pipeline, asked: list[Question], photo: bytes
) -> None:
    id, path = server.upload(photo), "/v1/pictures/{}/{}"
    truth = asked[0].truth
    assert truth
    x0, y0, x1, y1 = truth.box_xyxy
    expected = pipeline.ground(asked[0].scene.image, "it", bbox=(x0, y0, x1, y1, "px"))
    (boxed,) = server.json("POST", path.format(id, "ground"), {"expressions": ["it"], "box": [x0, y0, x1, y1]})[1][
        "results"
    ]
    np.testing.assert_array_equal(decode_rle(boxed["found"][0]["mask"]), expected.mask)
    status, refined = server.json("POST", path.format(id, "refine"), {"box": [x0, y0, x1, y1]})
    assert status == 200
    assert refined["found"][0]["mask"] == boxed["found"][0]["mask"]
    middle = [(x0 + x1) / 2, (y0 + y1) / 2]
    pointed = pipeline.ground(asked[0].scene.image, "it", point=(*middle, "px"))
    at_point = server.json("POST", path.format(id, "refine"), {"points": [[*middle, 1]]})[1]
    np.testing.assert_array_equal(decode_rle(at_point["found"][0]["mask"]), pointed.mask)
    changed = {"result": refined["id"], "points": [[*middle, 1], [x0 + 1, y0 + 1, 0]]}
    status, told = server.json("POST", path.format(id, "refine"), changed)
    assert (status, told["derived_from"]) == (200, refined["id"])
    by_mask = {"mask_rle": refined["found"][0]["mask"], "points": changed["points"]}
    assert server.json("POST", path.format(id, "refine"), by_mask)[1]["box_xyxy"] == told["box_xyxy"]
    for wrong in (
        {},
        {"points": [[5, 5, 0]]},
        {"points": [[5000, 5, 1]]},
        {"points": [[1]]},
        {"box": [9, 9, 3, 3]},
        {"box": [900, 900, 930, 930]},
        {"mask_rle": {"size": [2, 2], "counts": "04"}},
        {"mask_rle": {"size": [224, 224], "counts": "x"}},
        {"result": boxed["id"], "object": 7},
    ):
        assert server.refused("POST", path.format(id, "refine"), wrong)[0] == 422, wrong
    assert server.refused("POST", path.format(id, "refine"), {"result": "gone"}) == (404, "result_gone")


def test_today_s_post_ground_stays(server: Running, pipeline: Pipeline, asked: list[Question], photo: bytes) -> None:
    text = asked[0].expression.text
    expected = pipeline.ground(asked[0].scene.image, text)
    path = "/ground?expression=" + text.replace(" ", "+")
    status, headers, body = server.ask("POST", path, photo)
    assert status == 200
    assert headers["X-Content-Type-Options"] == "nosniff"
    report = json.loads(body)
    assert tuple(report["box_xyxy"]) == expected.box.xyxy  # type: ignore[union-attr]
    assert report["recipe_digest"] == pipeline.recipe.digest
    closer = json.loads(server.ask("POST", "/v1" + path + "&zoom=1&pictures=1", photo)[2])
    assert closer["recipe_digest"] == pipeline.recipe.with_values({"zoom.rounds": 1}).digest
    assert base64.b64decode(closer["mask_png"]).startswith(b"\x89PNG")
    assert server.ask("POST", path, photo, Accept="image/png")[2].startswith(b"\x89PNG")
    assert server.refused("POST", path + "&format=geojson", photo) == (409, "not_possible")
    unescaped = f"POST /ground?expression=船 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n"
    assert server.raw(unescaped.encode() + photo).startswith(b"HTTP/1.1 200")


def test_nothing_found_is_an_answer(server: Running, photo: bytes, pipeline: Pipeline, monkeypatch: Any) -> None:
    monkeypatch.setattr(pipeline, "recipe", pipeline.recipe.with_values({"min_score": 1.0}))
    id = server.upload(photo)
    (report,) = server.json("POST", f"/v1/pictures/{id}/ground", SHIP)[1]["results"]
    assert report["status"] == "empty"
    assert report["box_xyxy"] is report["mask"] is report["polygons"] is None
    assert report["found"] == []
    assert report["why"]
    mask = server.ask("GET", f"/v1/results/{report['id']}/files/mask.png")[2]
    assert not np.asarray(Image.open(io.BytesIO(mask))).any()


def test_a_geotiff_has_a_place(server: Running, asked: list[Question], tmp_path: Path) -> None:
    bands = asked[0].scene.image.transpose(2, 0, 1).astype(np.uint16) * 12 + 500
    body = write_scene(tmp_path / "utm.tif", bands, crs="EPSG:32633", transform=UTM).read_bytes()
    status, about = server.json("POST", "/v1/pictures", body)
    assert (status, about["epsg"]) == (201, 32633)
    west, south, east, north = about["place"]["bounds_lonlat"]
    assert 14.99 < west < east < 15.01
    assert 45.1 < south < north < 45.2
    assert about["metres_per_pixel"] == pytest.approx(abs(UTM[0]), rel=0.01)
    status, told = server.json("GET", f"/v1/pictures/{about['id']}/place?points=0,0;224,224")
    assert told["xy"][0] == [UTM[2], UTM[5]]
    assert west <= told["lonlat"][1][0] <= east
    question = {"expressions": [asked[0].expression.text]}
    (report,) = server.json("POST", f"/v1/pictures/{about['id']}/ground", question)[1]["results"]
    [feature] = report["geojson"]["features"]
    assert west <= feature["bbox"][0] < feature["bbox"][2] <= east
    files = f"/v1/results/{report['id']}/files"
    assert json.loads(server.ask("GET", f"{files}/found.geojson")[2])["features"][0]["bbox"] == feature["bbox"]
    assert server.ask("GET", f"{files}/found.gpkg")[2].startswith(b"SQLite format 3")
    assert server.refused("POST", "/v1/pictures?bands=9", body)[0] == 422
    for points in ("", "a", "1,2;3", "nan,1", ";".join(["1,2"] * 2000)):
        assert server.refused("GET", f"/v1/pictures/{about['id']}/place?points={points}")[0] == 422


def test_previews_and_tiles_show_the_picture(server: Running, asked: list[Question], wide: bytes) -> None:
    id = server.upload(wide)
    scene = np.concatenate([question.scene.image for question in asked], axis=1)
    shown = server.ask("GET", f"/v1/pictures/{id}/preview?max=200")
    assert Image.open(io.BytesIO(shown[2])).size == (200, round(200 * scene.shape[0] / scene.shape[1]))
    levels = server.json("GET", f"/v1/pictures/{id}")[1]["tiles"]["levels"]
    assert levels == 3
    status, headers, body = server.ask("GET", f"/v1/pictures/{id}/tiles/{levels - 1}/1/0.png")
    tile = np.asarray(Image.open(io.BytesIO(body)))
    assert (status, tile.shape, headers["Cache-Control"]) == (200, (256, 256, 4), "private, max-age=3600")
    height = scene.shape[0]
    np.testing.assert_array_equal(tile[:height, :, :3], scene[:, 256:512])
    assert tile[:height, :, 3].all()
    assert not tile[height:, :, 3].any()
    for wrong in ("9/0/0", "2/3/0", "2/0/1", "-1/0/0"):
        assert server.refused("GET", f"/v1/pictures/{id}/tiles/{wrong}.png")[0] == 404
    assert server.refused("GET", f"/v1/pictures/{id}/map/1/0/0.png") == (409, "no_place")
    assert server.refused("GET", f"/v1/pictures/{id}/preview?max=0")[0] == 422


def test_examples_are_drawn_and_one_asks_for_what_is_not_there(server: Running) -> None:
    status, examples = server.json("GET", "/v1/examples")
    assert status == 200
    assert [each["absent"] for each in examples] == [False] * 5 + [True]
    assert len({each["picture"] for each in examples}) == 6
    assert len({each["expression"].split()[1] for each in examples}) >= 3
    assert server.json("GET", "/v1/examples") == (200, examples)
    assert server.json("GET", "/v1")[1]["examples"] == 6
    assert [server.json("GET", f"/v1/examples/{place}")[1] for place in range(6)] == examples
    server.json("DELETE", f"/v1/pictures/{examples[2]['picture']}")
    assert server.json("GET", "/v1/examples/2")[1] == examples[2]
    assert server.json("GET", f"/v1/pictures/{examples[2]['picture']}")[0] == 200, "it is drawn again"
    for wrong in (6, -1):
        assert server.refused("GET", f"/v1/examples/{wrong}")[0] == 404


def test_no_reply_names_a_format_that_the_server_does_not_have(server: Running, photo: bytes, tmp_path: Path) -> None:
    beyond = write_scene(tmp_path / "far.tif", np.ones((1, 60, 60), np.uint8), crs="EPSG:4326", transform=UTM)
    id = server.upload(beyond.read_bytes())
    noted = server.json("POST", f"/v1/pictures/{id}/ground", SHIP)[1]["results"][0]["notes"]
    assert noted[0].startswith("`upload` would reach latitude")
    assert not re.search("geotiff|gdal|yolo", " ".join(noted))


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_every_kind_of_image_is_opened(server: Running, asked: list[Question], kind: str) -> None:
    file = io.BytesIO()
    Image.fromarray(asked[0].scene.image).save(file, kind)
    assert server.json("GET", f"/v1/pictures/{server.upload(file.getvalue())}")[1]["hw"] == [224, 224]


def test_a_click_changes_the_object_where_it_is_and_loses_the_rest_no_more(
    pipeline: Pipeline, asked: list[Question]
) -> None:
    """Miniature Segment Anything was never taught masks as prompts: with one it drew next to nothing (IoU 0.01)."""
    truth = asked[0].truth
    assert truth
    scene = open_source(asked[0].scene.image)
    _, y0, x1, y1 = truth.box_xyxy
    beside = (min(223.0, x1 + 4.0), (y0 + y1) / 2, False)
    changed = drawn_at(pipeline, scene, "it", None, [beside], (truth.mask, (0, 0)))
    (found,) = changed.found
    mask = changed.mask
    assert (mask & truth.mask).sum() / (mask | truth.mask).sum() > 0.7
    grown = drawn_at(pipeline, scene, "it", None, [(5.0, 5.0, True)], (truth.mask, (0, 0)))
    assert grown.found
    assert found.extra["hint"] == "clicks"


def _map_tile(server: Running, id: str, z: int, x: int, y: int) -> np.ndarray:
    status, _, body = server.ask("GET", f"/v1/pictures/{id}/map/{z}/{x}/{y}.png")
    assert status == 200, body
    return np.asarray(Image.open(io.BytesIO(body)))


def _tile_at(lon: float, lat: float, z: int) -> tuple[int, int]:
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(y * 2**z)


def test_tiles_of_the_web_s_maps_show_the_picture_where_it_lies(
    server: Running, asked: list[Question], tmp_path: Path
) -> None:
    bands = asked[0].scene.image.transpose(2, 0, 1).astype(np.uint16) * 12 + 500
    bands[:, :50] = 0
    path = write_scene(tmp_path / "a.tif", bands, crs="EPSG:32633", transform=UTM, nodata=0)
    id = server.upload(path.read_bytes())
    about = server.json("GET", f"/v1/pictures/{id}")[1]
    assert about["nodata"]
    small = np.asarray(Image.open(io.BytesIO(server.ask("GET", f"/v1/pictures/{id}/preview?max=100")[2])))
    assert small.shape[2] == 4
    assert small[30:, :, 3].all()
    assert not small[:20, :, 3].any()
    west, south, east, north = about["place"]["bounds_lonlat"]
    x, y = _tile_at((west + east) / 2, (south + north) / 2, 18)
    tile = _map_tile(server, id, 18, x, y)
    shown = tile[..., 3] > 0
    assert 0.1 < shown.mean() < 1
    assert tile[shown][:, :3].std() > 10  # 16 bits, stretched
    x0, y0 = _tile_at(west, north, 20)
    assert not _map_tile(server, id, 20, x0 + 1, y0)[..., 3].any()  # its upper rows are nodata
    for wrong in ("18/0/0", "0/0/1", "30/0/0", "-1/0/0", f"18/{x + 5}/{y}"):
        assert server.refused("GET", f"/v1/pictures/{id}/map/{wrong}.png") == (404, "no_tile")


@pytest.mark.far
def test_tiles_of_the_web_s_maps_are_those_of_rio_tiler(server: Running, asked: list[Question], tmp_path: Path) -> None:
    reader = pytest.importorskip("rio_tiler.io").Reader
    bands = asked[0].scene.image.transpose(2, 0, 1)
    path = write_scene(tmp_path / "b.tif", bands, crs="EPSG:32633", transform=UTM)
    id = server.upload(path.read_bytes())
    west, south, east, north = server.json("GET", f"/v1/pictures/{id}")[1]["place"]["bounds_lonlat"]
    for z in (17, 19):
        x, y = _tile_at((west + east) / 2, (south + north) / 2, z)
        tile = _map_tile(server, id, z, x, y)
        with warnings.catch_warnings(action="ignore"), reader(str(path)) as file:
            theirs = file.tile(x, y, z, resampling_method="bilinear", reproject_method="bilinear")
        both = (theirs.mask > 0) & (tile[..., 3] > 250)
        assert both.sum() > 0.95 * (theirs.mask > 0).sum()
        apart = np.abs(tile[..., :3].astype(int) - theirs.array.data.transpose(1, 2, 0).astype(int))[both]
        assert np.median(apart) <= 6
