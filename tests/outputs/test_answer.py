"""An answer saves, shows and converts itself."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.raster.scenes import UTM
from zeroov.cli.report import say_answer
from zeroov.errors import OutputError
from zeroov.look import Look, Question
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.rle import decode_rle
from zeroov.types import Box, Overview, Picture, Tile, Window


def answer_of(*, placed: bool = True, found: int = 1, tiles: bool = False) -> Answer:
    mask = np.zeros((6, 8), np.bool_)
    mask[1:5, 2:7] = True
    objects = tuple(
        Found(mask, (10 * n, 5), Box(10 * n + 2, 6, 10 * n + 7, 10), 0.5, "the plane") for n in range(found)
    )
    info = SceneInfo("folder/a.tif", (40, 60), "EPSG:32633" if placed else None, UTM if placed else None)
    shown = Picture(np.full((40, 60, 3), 90, np.uint8), "folder/a.tif")
    looked = (Tile(Window(0, 0, 60, 40), "looked"), Tile(Window(0, 0, 60, 20), "failed", "damaged")) if tiles else ()
    about = {"recipe": "mini", "recipe_digest": "d", "model": "m", "model_revision": "r"}
    return Answer("the plane", objects, 0.5 * bool(found), "[1, 2]", info, shown, tiles=looked, provenance=about)


def test_it_is_short_in_a_console() -> None:
    answer = answer_of(found=5)
    assert len(repr(answer)) < 300
    assert '"the plane": found' in repr(answer)
    assert "2 more" in repr(answer)
    assert repr(answer_of(found=0)) == '<Answer "the plane": empty, score 0.000, in folder/a.tif>'


def test_it_is_shown_by_the_notebook_or_by_the_systems_program(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, shown = answer_of(), []
    monkeypatch.setattr("PIL.ImageShow.show", lambda image, title: shown.append((image.size, title)) or True)
    answer.show()
    assert shown == [((780, 520), "the plane")]
    monkeypatch.setattr("PIL.ImageShow.show", lambda image, title: False)
    with pytest.raises(OutputError, match=r"overlay\.png"):
        answer.show()
    cell: list[Answer] = []
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: object()))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=cell.append))  # type: ignore[arg-type]
    answer.show()
    assert cell == [answer]


def test_result_json_says_how_the_overlay_is_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = answer_of(found=2).save(tmp_path)
    with Image.open(tmp_path / "overlay.png") as drawn:
        assert drawn.size == (780, 520)
    assert report["overlay"] == {"hw": [520, 780], "factor_xy": [13.0, 13.0], "ringed": []}
    wide = answer_of(tiles=True)
    wide = replace(wide, info=SceneInfo("a.tif", (400, 1200)), shown=replace(wide.shown, part=Window(0, 0, 1200, 400)))
    assert wide.about_overlay() == {"hw": [520, 780], "factor_xy": [0.65, 1.3], "ringed": [1]}
    lines: list[str] = []
    monkeypatch.setattr("zeroov.cli.options.say", lines.append)
    for answer in (answer_of(found=2), wide):
        say_answer(answer, report["files"])
    assert [line for line in lines if "ring " in line] == [lines[-2]]
    assert "white ring" in lines[-2]


@pytest.mark.parametrize(
    ("absent", "score", "reason"),
    [(False, 0.5, ""), (False, 0.1, ""), (False, 0.099, "the score is below 0.1"), (True, 0.3, "no such object")],
)
def test_a_doubtful_find_is_said_to_be_one(absent: bool, score: float, reason: str, tmp_path: Path) -> None:
    answer = answer_of()
    overview = Overview(np.zeros((1, 2, 2), np.float32), (1,), "[]", None, 0.5, (56, 56), 1, "m", "r")
    look = Look(Question(answer.shown, "the plane"), overview, absent, np.zeros((2, 2), np.float32))
    answer = replace(answer, found=(replace(answer.found[0], score=score),), score=score, looks=(look,))
    report = answer.save(tmp_path)
    assert report["status"] == "found"
    for said in (report["doubtful"], report["found"][0]["doubtful"]):
        assert reason in said if reason else said is None
    assert ("doubtful" in repr(answer)) == bool(reason)
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("zeroov.cli.options.say", lines.append)
        say_answer(answer, report["files"])
    assert ("doubtful" in lines[0]) == bool(reason)
    assert reason in lines[0]
    assert answer_of(found=0).to_json()["doubtful"] is None


def test_it_converts_itself() -> None:
    pytest.importorskip("shapely")
    pytest.importorskip("pyproj")
    answer = answer_of(found=2)
    collection = answer.to_geojson()
    assert answer.__geo_interface__ == collection
    assert [feature["properties"]["expression"] for feature in collection["features"]] == ["the plane"] * 2
    coco = answer.to_coco()
    assert [image["file_name"] for image in coco["images"]] == ["a.tif"]
    np.testing.assert_array_equal(decode_rle(coco["annotations"][0]["segmentation"]), answer.mask)
    with pytest.raises(OutputError, match=r"GeoJSON|transform|CRS"):
        answer_of(placed=False).to_geojson()


def test_it_saves_itself_in_the_formats_by_name(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    report = answer_of().save(tmp_path / "out", ["geotiff", "coco"])
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == report
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"mask.png", "overlay.png", "result.json", "a.mask.tif", "coco.json"}
    answer_of(tiles=True).save(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "result.json").read_text())
    assert report["tiles"] == {"looked": 1, "nodata": 0, "failed": 1, "stopped": 0}
    assert report["not_looked_at"] == [{"window_xyxy": [0, 0, 60, 20], "status": "failed", "reason": "damaged"}]


def test_a_searched_scene_has_a_mask_of_all_that_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = answer_of(found=3, tiles=True).save(tmp_path)
    with Image.open(report["files"]["mask"]) as mask:
        assert mask.size == (60, 40)
        assert np.count_nonzero(np.asarray(mask)) == 3 * 20
    monkeypatch.setattr("zeroov.outputs.formats.png.MOST_PIXELS", 2_399)
    report = answer_of(tiles=True).save(tmp_path)
    assert "mask" not in report["files"]
    assert not (tmp_path / "mask.png").exists(), "the mask of another answer"


def test_what_a_format_refuses_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    pytest.importorskip("shapely")
    pytest.importorskip("pyproj")
    with pytest.raises(OutputError):
        answer_of(placed=False).save(tmp_path / "out", ["geojson"])
    assert not (tmp_path / "out" / "mask.png").exists()


def test_nothing_found_is_an_answer(tmp_path: Path) -> None:
    answer = answer_of(found=0)
    assert (answer.status, answer.box, answer.mask.any()) == ("empty", None, False)
    assert answer.save(tmp_path)["box_xyxy"] is None
    assert answer.to_coco()["annotations"] == []
