"""What is asked and what is answered, without a socket."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.raster.scenes import UTM, write_scene, write_sparse
from zeroov.bench.mini.measure import Question
from zeroov.errors import OutputError, PictureError, UsageError
from zeroov.ground import Pipeline
from zeroov.outputs.rle import decode_rle
from zeroov.progress import SILENT
from zeroov.serve.answer import Asked, Reply, answer, open_upload, parse_asked, preview

Ask = Callable[..., Reply]
MOST = 10**6  # pixels


@pytest.fixture
def ask(pipeline: Pipeline, tmp_path: Path) -> Ask:
    def asking(body: bytes, expression: str, **options: Any) -> Reply:
        (tmp_path / "image").write_bytes(body)
        return answer(pipeline, tmp_path / "image", Asked(expression, **options), MOST, SILENT)

    return asking


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


def test_the_answer_is_the_pipelines(ask: Ask, pipeline: Pipeline, asked: list[Question], photo: bytes) -> None:
    text = asked[0].expression.text
    expected = pipeline.ground(asked[0].scene.image, text)
    report = json.loads(ask(photo, text, pictures=True).body)
    assert report["status"] == expected.status == "found"
    assert tuple(report["box_xyxy"]) == expected.box.xyxy  # type: ignore[union-attr]
    assert report["score"] == round(expected.score, 6)
    assert report["answer"] == expected.words
    assert report["image_hw"] == [224, 224]
    about = pipeline.provenance
    assert {name: report[name] for name in about} == about
    np.testing.assert_array_equal(decode_rle(report["mask"]), expected.mask)
    assert report["found"] == [{name: report[name] for name in report["found"][0]}]
    assert report["geojson"] is None
    assert not report["searched"]
    mask = ask(photo, text, format="mask")
    assert mask.kind == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(mask.body))) > 0, expected.mask)
    assert Image.open(io.BytesIO(ask(photo, text, format="overlay").body)).size == (896, 896)


def test_nothing_found_is_an_answer(
    photo: bytes, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "image").write_bytes(photo)
    monkeypatch.setattr(pipeline, "recipe", pipeline.recipe.with_values({"min_score": 1.0}))
    reply = answer(pipeline, tmp_path / "image", Asked("the ship", pictures=True), MOST, SILENT)
    report = json.loads(reply.body)
    assert report["status"] == "empty"
    assert report["box_xyxy"] is report["mask"] is report["polygons"] is None
    assert report["found"] == []
    mask = answer(pipeline, tmp_path / "image", Asked("the ship", format="mask"), MOST, SILENT)
    assert not np.asarray(Image.open(io.BytesIO(mask.body))).any()


def test_a_geotiff_is_answered_in_degrees(ask: Ask, asked: list[Question], tmp_path: Path) -> None:
    bands = asked[0].scene.image.transpose(2, 0, 1).astype(np.uint16) * 12 + 500
    body = write_scene(tmp_path / "utm.tif", bands, crs="EPSG:32633", transform=UTM).read_bytes()
    report = json.loads(ask(body, asked[0].expression.text).body)
    [feature] = report["geojson"]["features"]
    west, south, east, north = feature["bbox"]
    assert 14.99 < west < east < 15.01
    assert 45.1 < south < north < 45.2
    assert feature["properties"]["source"] == "upload"
    alone = ask(body, asked[0].expression.text, format="geojson")
    assert alone.kind == "application/geo+json"
    assert json.loads(alone.body) == report["geojson"]
    assert json.loads(ask(body, "the ship", bands=(3, 2, 1)).body)["status"] in ("found", "empty")
    with pytest.raises(UsageError, match="bands 9"):
        ask(body, "the ship", bands=(9,))
    shown = preview(tmp_path / "image", (2,), MOST, SILENT)
    assert Image.open(io.BytesIO(shown.body)).size == (224, 224)


def test_without_a_georeference_there_is_no_geojson(ask: Ask, photo: bytes) -> None:
    with pytest.raises(OutputError, match=r"no georeference; ask for format=json, which counts in pixels$"):
        ask(photo, "the ship", format="geojson")


def test_no_refusal_and_no_note_names_a_format_that_the_server_does_not_have(
    ask: Ask, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond = write_scene(tmp_path / "far.tif", np.ones((1, 60, 60), np.uint8), crs="EPSG:4326", transform=UTM)
    noted = json.loads(ask(beyond.read_bytes(), "the ship").body)["notes"]
    assert noted[0].startswith("`upload` would reach latitude")
    monkeypatch.setattr("zeroov.outputs.formats.png.fits_png", lambda info: False)
    with pytest.raises(OutputError, match="held in memory whole; ask for format=json") as refused:
        ask(photo, "the ship", format="mask")
    noted += json.loads(ask(photo, "the ship", pictures=True).body)["notes"]
    assert len(noted) == 2
    assert not re.search("gpkg|geotiff|gdal|coco|yolo", " ".join((*noted, str(refused.value))))


@pytest.mark.parametrize("every", [False, True])
def test_large_rasters_are_searched(
    ask: Ask, pipeline: Pipeline, asked: list[Question], wide: bytes, tmp_path: Path, every: bool
) -> None:
    text = asked[0].expression.text
    report = json.loads(ask(wide, text, every=every, pictures=True).body)
    assert report["searched"]
    assert report["tiles"]["looked"] > 1
    expected = pipeline.ground(tmp_path / "image", text, every=every)
    assert [one["box_xyxy"] for one in report["found"]] == [list(one.box.xyxy) for one in expected.found]
    for one in report["found"]:
        assert decode_rle(one["mask"]).shape == (224, 672)
    assert report["overlay_png"]
    assert report["mask_png"]


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"<VRTDataset rasterXSize='1' rasterYSize='1'><SourceFilename>/etc/passwd</SourceFilename></VRTDataset>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"II*\x00" + b"\x00" * 60,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 60,
        b"BM PDS_VERSION_ID = PDS3\r\n^IMAGE = 'x'\r\n",
        b"RIFF\x00\x00\x00\x00WAVE",
    ],
)
def test_what_is_no_image_is_refused(ask: Ask, body: bytes) -> None:
    with pytest.raises(PictureError):
        ask(body, "the ship")


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_every_kind_of_image_is_opened(asked: list[Question], tmp_path: Path, kind: str) -> None:
    Image.fromarray(asked[0].scene.image).save(tmp_path / "image", kind)
    assert Image.open(io.BytesIO(preview(tmp_path / "image", None, MOST, SILENT).body)).size == (224, 224)


def test_gdal_does_not_touch_what_pil_decodes(
    asked: list[Question], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.setattr(rasterio, "open", lambda *_, **__: pytest.fail("GDAL opens the upload"))
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        Image.fromarray(asked[0].scene.image).save(tmp_path / "image", kind)
        with open_upload(tmp_path / "image", None, MOST, SILENT) as scene:
            assert scene.hw == (224, 224)
    (tmp_path / "image").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>")
    with pytest.raises(PictureError, match="kind that is taken"):
        open_upload(tmp_path / "image", None, MOST, SILENT)


def test_few_bytes_of_many_pixels_are_refused_unread(tmp_path: Path) -> None:
    image = write_sparse(tmp_path / "image", 10**6)
    assert image.stat().st_size < 2**20
    with pytest.raises(PictureError, match=r"1,000,000,000,000 pixels, at most 1,000,000 are taken.*--max-mpixels"):
        open_upload(image, None, MOST, SILENT)
