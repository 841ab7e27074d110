"""The closer look through the whole pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zeroov
from zeroov import frames
from zeroov.bench.mini.measure import questions
from zeroov.mini.expressions import ask
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.outputs.answer import Answer
from zeroov.pipeline.models import MODEL_STAGES, LoadedModels

pytestmark = pytest.mark.usefixtures("kept_models")
LARGE = SceneStyle(height_width=(400, 448))
CLOSER: dict[str, Any] = {"zoom__rounds": 1, "zoom__least_side": 200, "zoom__until": 0.6}


@pytest.fixture(scope="module")
def asked() -> list[tuple[Scene, str, int]]:
    found = []
    for index in range(30):
        scene = make_scene(seed_for("test", 3000 + index), LARGE)
        expression = ask(scene, np.random.default_rng(index), ("colour", "category"))
        if expression and expression.target is not None:
            found.append((scene, expression.text, expression.target))
        if len(found) == 6:
            break
    return found


def ground(asked: list[tuple[Scene, str, int]], **changes: Any) -> list[Answer]:
    with zeroov.load("mini", device="cpu", **changes) as pipeline:
        return [pipeline.ground(scene.image, text, search=False) for scene, text, _ in asked]


def is_believed(answer: Answer) -> bool:
    return any(closer.verdict == "agrees" for closer in answer.closer)


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Maps of the scenes and of crops, asked once: what the recipes here change is made of them."""
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def coarse(asked: list[tuple[Scene, str, int]], maps: Path, kept_models: None) -> list[Answer]:
    return ground(asked, dumps=maps)


@pytest.fixture(scope="module")
def zoomed(asked: list[tuple[Scene, str, int]], maps: Path, kept_models: None) -> list[Answer]:
    return ground(asked, dumps=maps, **CLOSER)


def test_a_closer_look_asks_the_category_of_a_crop_of_the_original_pixels(
    asked: list[tuple[Scene, str, int]], zoomed: list[Answer]
) -> None:
    looks = [(scene, each.look) for (scene, _, _), answer in zip(asked, zoomed, strict=True) for each in answer.closer]
    assert len(looks) >= 4
    for scene, look in looks:
        x0, y0, x1, y1 = look.picture.window
        np.testing.assert_array_equal(look.picture.rgb, scene.image[y0:y1, x0:x1])
        assert x1 - x0 >= 200
        text = look.question.expression
        assert not any(colour in text for colour in ("red", "blue", "yellow", "white", "black", "purple"))
        assert set(look.costs) >= {"overview", "focus", "evolve"}


def test_the_answer_is_mapped_back(zoomed: list[Answer]) -> None:
    believed = [result for result in zoomed if is_believed(result)]
    assert len(believed) >= 3
    for result in believed:
        look, box = result.closer[-1].look, result.box
        assert box
        assert look.drawn.box
        x0, y0, x1, y1 = look.picture.window
        rows, cols = np.nonzero(result.mask)
        assert x0 <= cols.min() <= cols.max() < x1
        assert y0 <= rows.min() <= rows.max() < y1
        assert box == frames.to_scene(look.drawn.box, look.picture)
        assert result.mask.shape == (400, 448)


def test_zooming_does_not_make_it_worse(
    asked: list[tuple[Scene, str, int]], coarse: list[Answer], zoomed: list[Answer]
) -> None:
    def miou(results: list[Answer]) -> float:
        truths = [scene.objects[target].mask for scene, _, target in asked]
        return float(np.mean([(r.mask & t).sum() / (r.mask | t).sum() for r, t in zip(results, truths, strict=True)]))

    assert miou(zoomed) >= miou(coarse) - 0.02


def test_a_look_that_is_not_believed_changes_nothing(
    asked: list[tuple[Scene, str, int]], coarse: list[Answer], maps: Path
) -> None:
    unbelieving = ground(asked, dumps=maps, zoom__agreement=1.0, zoom__pull=0.0, **CLOSER)
    assert not all(is_believed(other) for other in unbelieving)
    for one, other in zip(coarse, unbelieving, strict=True):
        if not is_believed(other):
            assert other.box == one.box
            np.testing.assert_array_equal(other.mask, one.mask)
            assert other.score == pytest.approx(one.score)


def test_a_large_object_needs_no_closer_look(
    asked: list[tuple[Scene, str, int]], coarse: list[Answer], maps: Path
) -> None:
    results = ground(asked, dumps=maps, zoom__rounds=3, zoom__until=0.01)
    assert not any(result.closer for result in results)
    for one, other in zip(coarse, results, strict=True):
        np.testing.assert_array_equal(other.mask, one.mask)


@pytest.mark.parametrize("merge", ["mean", "weighted"])
def test_merging_lies_between_both_looks(
    asked: list[tuple[Scene, str, int]], coarse: list[Answer], zoomed: list[Answer], maps: Path, merge: str
) -> None:
    results = ground(asked, dumps=maps, zoom__merge=merge, **CLOSER)
    for first, second, result in zip(coarse, zoomed, results, strict=True):
        if first.looks[0].coarse.box and second.box and result.box and is_believed(result):
            for low, high, corner in zip(first.looks[0].coarse.box.xyxy, second.box.xyxy, result.box.xyxy, strict=True):
                assert min(low, high) - 1e-6 <= corner <= max(low, high) + 1e-6
            if merge == "mean":
                assert result.box.x0 == pytest.approx((first.looks[0].coarse.box.x0 + second.box.x0) / 2)


def test_rounds_come_from_dumps_the_second_time(
    asked: list[tuple[Scene, str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ground(asked[:2], dumps=tmp_path, **CLOSER)
    monkeypatch.setattr("zeroov.overview.stage.look", lambda *_: pytest.fail("the model was asked again"))
    again = ground(asked[:2], dumps=tmp_path, **CLOSER)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        assert len(one.closer) == len(other.closer)


def test_every_round_is_reported_and_drawn(zoomed: list[Answer]) -> None:
    from zeroov.show.panel import draw_panel

    answer = next(answer for answer in zoomed if answer.closer)
    report = answer.to_json()["zoom"][0]
    assert report["window_xyxy"] == list(answer.closer[0].look.picture.window)
    keys = {"window_xyxy", "expression", "answer", "box_xyxy", "agreement", "verdict", "believed", "stages"}
    assert set(report) == keys
    assert len(draw_panel(answer)) > 1.2 * len(draw_panel(replace(answer, closer=())))


def test_a_run_of_a_benchmark_zooms_with_one_model_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.bench.own import write_own
    from zeroov import recipe as recipes
    from zeroov.bench.data import find
    from zeroov.bench.runs.run import run
    from zeroov.files.journal import read_items

    held: list[int] = []
    original = LoadedModels.load

    def watched(self: LoadedModels, stage: Any, *progress: Any) -> float:
        seconds = original(self, stage, *progress)
        held.append(sum(self.holds(name) for name in MODEL_STAGES))
        return seconds

    monkeypatch.setattr(LoadedModels, "load", watched)
    csv = write_own(tmp_path / "own", 3)
    changes = {"zoom.rounds": 1, "zoom.until": 0.6, "zoom.least_side": 120}
    run(find("file").read(csv, "test"), recipes.load("mini", changes), tmp_path / "run", device="cpu")
    assert max(held) == 1
    records = {item["id"]: item for item in read_items(tmp_path / "run" / "records.jsonl")}
    with zeroov.load(recipes.load("mini", changes), device="cpu") as pipeline:
        for question in questions(3):
            if question.truth:
                result = pipeline.ground(question.scene.image, question.expression.text)
                assert records[f"s{question.id}"]["box"] == (list(result.box.xyxy) if result.box else None)
