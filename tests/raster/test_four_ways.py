"""One file, four ways to ask about it: Python, the command, a batch and the server give one answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import zeroov
from tests.raster.test_kinds import KINDS
from tests.serve.running import Running, running
from zeroov.batch import batch, one_by_one
from zeroov.cli.main import app
from zeroov.ground import Pipeline
from zeroov.outputs.answer import Answer
from zeroov.serve.service import Limits

TEXT = "the building"
NOT_SERVED = {".vrt", ".img", ".avif", ".pgm"}  # the first two may name other files: the server refuses them unopened

Told = Mapping[str, Any]


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    cheapest: dict[str, Any] = {
        "stages": ("overview", "evolve"),
        "overview__max_new_tokens": 3,
    }  # that reads the pixels
    with zeroov.load("tiny", device="cpu", **cheapest) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind, in a folder of its own."""
    folder = tmp_path_factory.mktemp("kinds")
    found = {}
    for name, write in KINDS.items():
        (folder / name).mkdir()
        found[name] = write(folder / name).path
    return found


@pytest.fixture(scope="module")
def batched(pipeline: Pipeline, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """What a batch over all kinds of file answers, by kind."""
    out = tmp_path_factory.mktemp("batch")
    images = list(files.values())
    batch(pipeline, images, [TEXT], out, one_by_one(out, [], [TEXT], images))
    items = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert len(items) == len(files)
    return dict(zip(files, items, strict=True))


@pytest.fixture(scope="module")
def server(pipeline: Pipeline) -> Iterator[Running]:
    with running(pipeline, Limits()) as made:
        yield made


def commanded(pipeline: Pipeline, path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return what the command answers; the models are loaded once for all files."""

    class Loaded(Pipeline):
        def __new__(cls, *_: Any) -> Any:
            return pipeline

    monkeypatch.setattr("zeroov.ground.Pipeline", Loaded)
    monkeypatch.setattr(pipeline, "close", lambda: None)
    asked = ["ground", str(path), TEXT, "--recipe", "tiny", "--out", str(out), "--json", "--no-panel"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    told: Told = json.loads(result.stdout)
    return told


def served(server: Running, path: Path) -> tuple[int, Told]:
    status, told = server.json("POST", "/v1/ground?expression=the+building", path.read_bytes())
    return status, told


def same(told: Told, answer: Answer) -> None:
    """Check what a program tells against the answer that Python gets."""
    expected = answer.to_json()
    for name in ("status", "score", "image_hw", "crs", "transform"):
        assert told[name] == expected[name], name
    assert objects(told) == objects(expected)


def objects(told: Told) -> list[tuple[Any, ...]]:
    return [(each["box_xyxy"], each["score"], each["mask_pixels"]) for each in told["found"]]


@pytest.mark.parametrize("name", KINDS)
def test_four_ways_one_answer(
    name: str,
    pipeline: Pipeline,
    files: dict[str, Path],
    batched: dict[str, Told],
    server: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = files[name]
    answer = pipeline.ground(path, TEXT)
    same(commanded(pipeline, path, tmp_path / "out", monkeypatch), answer)
    item = batched[name]
    assert tuple(item["hw"]) == answer.info.hw
    assert item["transform"] == (answer.info.transform and list(answer.info.transform))
    assert [(each["box"], each["score"]) for each in item["found"]] == [
        (list(each.box.xyxy), pytest.approx(each.score)) for each in answer.found
    ]
    status, told = served(server, path)
    if path.suffix in NOT_SERVED:
        assert status == 400
        assert "no image of a kind that is taken" in told["error"]["message"]
        return
    assert status == 200, told
    (tmp_path / "alone").mkdir()
    alone = Path(shutil.copy(path, tmp_path / "alone"))  # the world file beside it was not sent
    same(told, pipeline.ground(alone, TEXT))
