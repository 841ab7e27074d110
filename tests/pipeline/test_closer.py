"""The closer look through the whole pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zeroov
from zeroov.bench.mini.measure import questions
from zeroov.ground import Pipeline
from zeroov.mini.expressions import ask
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.types import Grounding

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


def ground(asked: list[tuple[Scene, str, int]], **changes: Any) -> list[Grounding]:
    with zeroov.load("mini", device="cpu", **changes) as pipeline:
        return pipeline.ground_all([(scene.image, text) for scene, text, _ in asked])


@pytest.fixture(scope="module")
def coarse(asked: list[tuple[Scene, str, int]]) -> list[Grounding]:
    return ground(asked)


@pytest.fixture(scope="module")
def zoomed(asked: list[tuple[Scene, str, int]]) -> list[Grounding]:
    return ground(asked, **CLOSER)


def test_a_closer_look_asks_the_category_of_a_crop_of_the_original_pixels(
    asked: list[tuple[Scene, str, int]], zoomed: list[Grounding]
) -> None:
    looks = [(scene, look) for (scene, _, _), result in zip(asked, zoomed, strict=True) for look in result.looks]
    assert len(looks) >= 4
    for scene, look in looks:
        x0, y0, x1, y1 = look.window
        np.testing.assert_array_equal(look.picture.rgb, scene.image[y0:y1, x0:x1])
        assert x1 - x0 >= 200
        assert not any(colour in look.expression for colour in ("red", "blue", "yellow", "white", "black", "purple"))
        assert set(look.stages) >= {"overview", "focus", "evolve"}


def test_the_answer_is_mapped_back(zoomed: list[Grounding]) -> None:
    believed = [result for result in zoomed if any(look.believed for look in result.looks)]
    assert len(believed) >= 3
    for result in believed:
        look, box = result.looks[-1], result.box
        assert box
        x0, y0, x1, y1 = look.window
        rows, cols = np.nonzero(result.mask)
        assert x0 <= cols.min() <= cols.max() < x1
        assert y0 <= rows.min() <= rows.max() < y1
        assert box == look.box
        assert result.mask.shape == (400, 448)


def test_zooming_does_not_make_it_worse(
    asked: list[tuple[Scene, str, int]], coarse: list[Grounding], zoomed: list[Grounding]
) -> None:
    def miou(results: list[Grounding]) -> float:
        truths = [scene.objects[target].mask for scene, _, target in asked]
        return float(np.mean([(r.mask & t).sum() / (r.mask | t).sum() for r, t in zip(results, truths, strict=True)]))

    assert miou(zoomed) >= miou(coarse) - 0.02


def test_a_look_that_is_not_believed_changes_nothing(
    asked: list[tuple[Scene, str, int]], coarse: list[Grounding]
) -> None:
    for one, other in zip(coarse, ground(asked, zoom__agreement=1.0, zoom__pull=0.0, **CLOSER), strict=True):
        if not any(look.believed for look in other.looks):
            assert other.box == one.box
            np.testing.assert_array_equal(other.mask, one.mask)
            assert other.score == pytest.approx(one.score)


def test_a_large_object_needs_no_closer_look(asked: list[tuple[Scene, str, int]], coarse: list[Grounding]) -> None:
    results = ground(asked, zoom__rounds=3, zoom__until=0.01)
    assert not any(result.looks for result in results)
    for one, other in zip(coarse, results, strict=True):
        np.testing.assert_array_equal(other.mask, one.mask)


@pytest.mark.parametrize("merge", ["mean", "weighted"])
def test_merging_lies_between_both_looks(
    asked: list[tuple[Scene, str, int]], coarse: list[Grounding], zoomed: list[Grounding], merge: str
) -> None:
    results = ground(asked, zoom__merge=merge, **CLOSER)
    for first, second, result in zip(coarse, zoomed, results, strict=True):
        if first.box and second.box and result.box and any(look.believed for look in result.looks):
            for low, high, corner in zip(first.box.xyxy, second.box.xyxy, result.box.xyxy, strict=True):
                assert min(low, high) - 1e-6 <= corner <= max(low, high) + 1e-6
            if merge == "mean":
                assert result.box.x0 == pytest.approx((first.box.x0 + second.box.x0) / 2)


def test_rounds_come_from_dumps_the_second_time(
    asked: list[tuple[Scene, str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ground(asked[:2], dumps=tmp_path, **CLOSER)
    monkeypatch.setattr("zeroov.overview.stage.look", lambda *_: pytest.fail("the model was asked again"))
    again = ground(asked[:2], dumps=tmp_path, **CLOSER)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        assert len(one.looks) == len(other.looks)


def test_every_round_is_told_and_drawn(
    asked: list[tuple[Scene, str, int]], zoomed: list[Grounding], tmp_path: Path
) -> None:
    from zeroov.show.panel import write_panel

    position = next(i for i, result in enumerate(zoomed) if result.looks)
    told = zoomed[position].to_json()["zoom"][0]
    assert told["window_xyxy"] == list(zoomed[position].looks[0].window)
    assert set(told) == {"window_xyxy", "expression", "answer", "box_xyxy", "agreement", "believed", "stages"}
    picture = zeroov.open_picture(asked[position][0].image)
    write_panel(tmp_path / "with.png", picture, zoomed[position])
    write_panel(tmp_path / "without.png", picture, Grounding(**(vars(zoomed[position]) | {"looks": ()})))
    assert (tmp_path / "with.png").stat().st_size > 1.2 * (tmp_path / "without.png").stat().st_size


def test_a_run_of_a_benchmark_zooms_with_one_model_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.bench.own import write_own
    from zeroov import recipe as recipes
    from zeroov.bench.data import find
    from zeroov.bench.runs.run import run
    from zeroov.files.journal import read_items

    held: list[int] = []
    original = Pipeline.run

    def watched(self: Pipeline, stage: str, jobs: Any) -> None:
        original(self, stage, jobs)
        held.append(sum(self.models.holds(name) for name in ("overview", "focus", "refine")))

    monkeypatch.setattr(Pipeline, "run", watched)
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
