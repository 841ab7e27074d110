from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import zeroov
from zeroov.batch import batch, images_in, read_expressions
from zeroov.bench.mini import questions
from zeroov.cli.main import app
from zeroov.errors import OutputError, PictureError, UsageError
from zeroov.pipeline import Pipeline
from zeroov.raster.formats import open_writers
from zeroov.raster.scene import Scene
from zeroov.types import Picture

ASKED = ["the ship", "the largest building"]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images" / "deeper").mkdir(parents=True)
    names = ["a.png", "deeper/b c.png", "ü.jpg"]
    pictures = [question.scene.image for question in questions(3) if question.truth]
    for name, rgb in zip(names, pictures, strict=True):
        Image.fromarray(rgb).save(tmp_path / "images" / name)
    (tmp_path / "images" / "notes.txt").write_text("no image")
    return tmp_path / "images"


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["batch", *map(str, arguments), "--recipe", "mini", "--device", "cpu"])


def test_every_expression_of_every_image(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("# ships first\nthe ship\n\nthe largest building\nthe ship\n")
    told = run(folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--format", "coco,yolo")
    assert told.exit_code == 0, told.output
    assert "3 images, 3 of them done now, 0 failed" in told.output
    coco = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert len(coco["images"]) == 3
    assert {category["name"] for category in coco["categories"]} <= set(ASKED)
    assert 1 <= len(coco["annotations"]) <= 6
    items = [json.loads(line) for line in (tmp_path / "out" / "answers.jsonl").read_text().splitlines()]
    pipeline = zeroov.load("mini", device="cpu")
    first = next(item for item in items if item["id"].endswith("a.png"))
    for one in first["found"]:
        assert list(pipeline.ground(folder / "a.png", one["expression"]).box.xyxy) == one["box"]  # type: ignore[union-attr]


def test_it_goes_on_and_another_format_asks_no_model(
    folder: Path, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, out = images_in([folder]), tmp_path / "out"
    original = Pipeline.ground_all
    calls = []

    def dying(self: Pipeline, samples: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, samples)

    monkeypatch.setattr(Pipeline, "ground_all", dying)
    with pytest.raises(KeyboardInterrupt):
        batch(pipeline, files, ASKED, out, None, {})
    assert batch(pipeline, files, ASKED, out, None, {}).done_now == 2
    monkeypatch.setattr(Pipeline, "ground_all", lambda *_: pytest.fail("a model was asked again"))
    outcome = batch(pipeline, files, ASKED, out, open_writers(out, ["geotiff", "png"]), {})
    assert outcome.done_now == 0
    assert len(outcome.files) == 6
    with pytest.raises(OutputError, match="expressions"):
        batch(pipeline, files, ["the plane"], out, None, {})


def test_an_image_that_fails_is_told_and_costs_no_other(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:300])
    (tmp_path / "asked.txt").write_text("the ship\n")
    command = [folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    told = run(*command)
    assert told.exit_code == 1
    report = json.loads(told.stdout)
    assert list(report["failed"]) == [str(folder / "broken.png")]
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["images"]) == 3
    assert run(*command, "--allow-failures").exit_code == 0
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes())
    mended = run(*command, "--retry-failed")
    assert mended.exit_code == 0, mended.output
    assert json.loads(mended.stdout)["done_now"] == 1


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images"):
        images_in([tmp_path])
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    with pytest.raises(UsageError, match="no expression"):
        read_expressions(tmp_path / "empty.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        read_expressions(tmp_path / "bytes.txt")


def test_large_scenes_are_searched(tmp_path: Path, pipeline: Pipeline) -> None:
    rgb = np.concatenate([q.scene.image for q in questions(3) if q.truth], axis=1)
    Image.fromarray(rgb).save(tmp_path / "wide.png")
    outcome = batch(pipeline, [tmp_path / "wide.png"], ["the ship"], tmp_path / "out", None, {})
    assert not outcome.failed


def test_a_tile_that_fails_costs_nothing_that_was_found(
    tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = [q for q in questions(3) if q.truth]
    rgb = np.concatenate([q.scene.image for q in (first, *others)], axis=1)
    Image.fromarray(rgb).save(tmp_path / "wide.png")
    original = Scene.read

    def damaged(self: Scene, x0: int, y0: int, x1: int, y1: int, out_hw: Any = None) -> Picture:
        if x1 == rgb.shape[1] and x0 > 0:
            raise PictureError("the file is damaged there")
        return original(self, x0, y0, x1, y1, out_hw)

    monkeypatch.setattr(Scene, "read", damaged)
    writers = open_writers(tmp_path / "out", ["coco"])
    outcome = batch(pipeline, [tmp_path / "wide.png"], [first.expression.text], tmp_path / "out", writers, {})
    (reason,) = outcome.failed.values()
    assert "1 of 4 tiles failed" in reason
    assert "damaged" in reason
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"]) == 1
