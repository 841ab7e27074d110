"""What `zeroov ground` leaves in its folder, and what it refuses before any model is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_cli import PHRASE, TINY, run
from tests.raster.scenes import UTM, write_scene
from zeroov.cli.options import format_names
from zeroov.errors import OutputError, PictureError, UsageError
from zeroov.ground import Pipeline
from zeroov.version import __version__

pytestmark = pytest.mark.usefixtures("kept_models")
ABOUT = {"recipe", "recipe_digest", "model", "model_revision", "zeroov_version", "crs", "transform", "bands", "seconds"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    bands = np.random.default_rng(0).integers(1, 256, (3, 60, 90), dtype=np.uint8)
    return write_scene(tmp_path / "raster.tif", bands, crs="EPSG:32633", transform=UTM, nodata=0)


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("a model was asked")

    for work in ("overview", "focus", "refine"):
        monkeypatch.setattr(Pipeline, work, asked)


@pytest.mark.parametrize("how", [[], ["--scene", "--set=search.tile=64"]])
def test_result_json_says_what_made_it_and_what_was_written(
    how: list[str], raster: Path, tmp_path: Path, tiny: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("mask.png", "panel.png", "mine.png"):
        (out / name).write_text("of an older answer")
    command = ["ground", raster, PHRASE, "--out", out, *TINY, *how, "--no-panel", "--format", "coco,geojson", "--json"]
    command += ["--figure", tmp_path / "figure.svg"]
    report = json.loads(run(*command).stdout)
    assert report.keys() >= ABOUT
    assert report["zeroov_version"] == __version__
    assert report["crs"] == "EPSG:32633"
    assert report["transform"] == list(UTM)
    assert report["bands"] == [1, 2, 3]
    assert report["seconds"] > 0
    assert {Path(path).name for path in report["files"]["formats"]} == {"coco.json", "raster.geojson"}
    own = {"overlay.png", "result.json", "mask.png"}
    assert {path.name for path in out.iterdir()} == {*own, "coco.json", "raster.geojson", "mine.png"}
    assert json.loads((out / "result.json").read_text()) == report
    assert (tmp_path / "figure.svg").read_text().rstrip().endswith("</svg>")


def test_what_an_older_answer_wrote_does_not_stay(photo: Path, tmp_path: Path, tiny: Path) -> None:
    command = ["ground", photo, PHRASE, "--out", tmp_path / "out", *TINY, "--no-panel"]
    run(*command, "--format", "coco,png")
    told = run(*command, "--format", "png")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "mask.png",
        "overlay.png",
        "result.json",
        "photo.mask.png",
    }
    assert "removed, of an older answer: " in told.stderr
    assert "coco.json" in told.stderr
    assert "photo.mask.png" not in told.stderr


@pytest.mark.parametrize("how", [[], ["--scene", "--set=search.tile=64"]])
def test_a_failed_run_leaves_no_older_result_beside_its_files(
    how: list[str], raster: Path, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zeroov.outputs.write import Writers

    def full(*_: Any) -> None:
        raise OutputError("the disk is full")

    out = tmp_path / "out"
    out.mkdir()
    (out / "result.json").write_text("{}")
    monkeypatch.setattr(Writers, "add", full)
    told = run("ground", raster, PHRASE, "--out", out, *TINY, *how, "--format", "coco", code=1)
    assert "disk is full" in told.stderr
    assert (out / "overlay.png").exists()
    assert not (out / "result.json").exists()


@pytest.mark.parametrize("how", [[], ["--scene"]])
def test_a_format_that_refuses_the_image_is_told_before_the_work(
    how: list[str], photo: Path, tmp_path: Path, tiny: Path, unasked: None
) -> None:
    told = run("ground", photo, PHRASE, "--out", tmp_path / "out", *TINY, *how, "--format", "geojson", code=1)
    assert "no georeference" in told.stderr


@pytest.mark.parametrize("how", [[], ["--bands", "1"]])
def test_a_raster_without_a_valid_pixel_is_refused(
    how: list[str], tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scene(tmp_path / "empty.tif", np.zeros((3, 60, 90), np.uint8), nodata=0)
    told = [
        run("ground", path, PHRASE, "--out", tmp_path / "out", *TINY, *how, *more, code=1).stderr
        for more in ([], ["--scene", "--set=search.tile=64"])
    ]
    assert "holds no valid pixel" in told[0]
    assert told[0] == told[1]


def test_a_raster_too_large_for_one_look_is_sent_to_the_search(
    raster: Path, tmp_path: Path, tiny: Path, unasked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zeroov.raster.decode.MOST_PIXELS", 5_000)
    told = run("ground", raster, PHRASE, "--out", tmp_path / "out", *TINY, "--no-scene", code=2)
    assert "leave out --no-scene" in told.stderr


def test_a_picture_that_is_searched_by_itself_says_how_to_look_once(photo: Path, tmp_path: Path, tiny: Path) -> None:
    command = ["ground", photo, PHRASE, "--out", tmp_path / "out", *TINY, "--no-panel", "--set=search.tile=40"]
    told = run(*command)
    assert "of 40 x 40 pixels" in told.stdout
    assert "--no-scene looks once" in told.stderr
    assert "--no-scene" not in run(*command, "--all").stderr


def test_zoom_with_a_search_is_told(raster: Path, tmp_path: Path, tiny: Path) -> None:
    told = run("ground", raster, PHRASE, "--out", tmp_path / "out", *TINY, "--scene", "--zoom", "--no-panel")
    assert "a search looks closer" in told.stderr


def test_an_image_is_not_replaced_by_its_answer(photo: Path, tmp_path: Path, tiny: Path, unasked: None) -> None:
    photo.rename(tmp_path / "mask.png")
    told = run("ground", tmp_path / "mask.png", PHRASE, "--out", tmp_path, *TINY, code=2)
    assert "name another folder" in told.stderr
    assert (tmp_path / "mask.png").exists()


def test_a_figure_of_another_kind_is_refused_before_the_work(
    photo: Path, tmp_path: Path, tiny: Path, unasked: None
) -> None:
    told = run("ground", photo, PHRASE, "--out", tmp_path / "out", *TINY, "--figure", tmp_path / "a.jpg", code=2)
    assert "is drawn as .png, .pdf or .svg" in told.stderr


def test_names_of_formats() -> None:
    assert format_names(None) == []
    assert format_names(" coco, ,yolo,coco") == ["coco", "yolo"]
    for nothing in ("", ",,", " "):
        with pytest.raises(UsageError, match="without a name"):
            format_names(nothing)


def test_a_part_that_misses_the_image_leaves_the_older_answer(
    raster: Path, tmp_path: Path, tiny: Path, unasked: None
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "result.json").write_text("{}")
    for option in ("--aoi=1,2,3,4", "--bbox=1,2,3,4", "--point=1,2"):
        told = run("ground", raster, PHRASE, "--out", out, *TINY, option, code=2)
        assert "misses" in told.stderr
    assert (out / "result.json").exists()


def test_a_box_is_drawn_by_the_command(raster: Path, tmp_path: Path, tiny: Path, unasked: None) -> None:
    command = ["ground", raster, PHRASE, "--out", tmp_path / "out", *TINY]
    told = run(*command, "--bbox", "10,10,60,50,px")
    assert "answer " not in told.stdout
    assert (tmp_path / "out" / "panel.png").exists()
    assert json.loads(run(*command, "--point", "30,30,px", "--json").stdout)["answer"] == ""


def test_an_address_is_passed_on_as_it_is(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refused(name: str, _: Any) -> None:
        asked.append(name)
        raise PictureError("no such address")

    monkeypatch.setattr("zeroov.raster.web.opened", refused)
    run("ground", "https://example.com/a.tif", PHRASE, "--out", tmp_path / "out", *TINY, code=1)
    assert asked == ["https://example.com/a.tif"]
