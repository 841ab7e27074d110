"""The shipped miniature models through the whole pipeline, on test scenes that they never saw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zeroov
from zeroov.bench.mini.measure import VARIANTS, column, measure, questions
from zeroov.bench.mini.report import CHAIN, markdown, report
from zeroov.errors import OutputError
from zeroov.files.journal import about_path, read_items
from zeroov.mini.expressions import expressions_for
from zeroov.mini.scenes import make_scene, seed_for
from zeroov.progress import SILENT

SCENES = 60
SHIPPED = VARIANTS[0]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return measure(tmp_path_factory.mktemp("mini"), SHIPPED, SCENES, "cpu", SILENT)


def test_quality_on_unseen_scenes(rows: list[dict[str, Any]]) -> None:
    told = report({"mini": rows})
    stages = {stage["reading"]: stage for stage in told["stages"]}
    print(markdown(told))
    assert told["scenes"] == SCENES
    assert stages["answer"]["box_pr50"] >= 0.70
    assert stages["overview"]["pointing"] >= 0.70
    assert stages["+sam"]["mask_miou"] >= 0.60
    assert told["absent"]["score_auroc"] >= 0.75


def test_every_stage_raises_the_masks(rows: list[dict[str, Any]]) -> None:
    figures = [float(column(rows, reading, "mask_iou").mean()) for reading in CHAIN]
    assert figures == sorted(figures), dict(zip(CHAIN, figures, strict=True))


def test_a_run_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    whole = measure(tmp_path, SHIPPED, 3, "cpu", SILENT)
    path = tmp_path / "mini.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:40])  # killed in the middle of a line
    again = measure(tmp_path, SHIPPED, 3, "cpu", SILENT)
    for before, after in zip(whole, again, strict=True):
        assert before["id"] == after["id"]
        assert before.get("readings") == after.get("readings")
    assert path.read_bytes().splitlines(keepends=True)[:2] == lines[:2]
    assert [item["id"] for item in read_items(path)] == [row["id"] for row in whole]


def test_rows_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    measure(tmp_path, SHIPPED, 1, "cpu", SILENT)
    about = about_path(tmp_path / "mini.jsonl")
    about.write_text(json.dumps(json.loads(about.read_text()) | {"evolve.tau": 0.25}))
    with pytest.raises(OutputError, match=r"evolve.tau = 0.25 where now it is 0.3"):
        measure(tmp_path, SHIPPED, 1, "cpu", SILENT)


def test_questions_are_the_same_every_time_and_take_every_form() -> None:
    first, second = list(questions(12)), list(questions(12))
    assert [(q.id, q.expression) for q in first] == [(q.id, q.expression) for q in second]
    assert len({q.expression.form for q in first}) >= 6
    assert sum(q.truth is None for q in first) == 12


def test_two_expressions_on_one_scene_find_two_objects() -> None:
    for index in range(50):
        scene = make_scene(seed_for("test", index))
        asked = [next((e for e in expressions_for(scene, i) if e.form == "colour"), None) for i in (0, 1)]
        if all(asked):
            break
    with zeroov.load("mini", device="cpu") as pipeline:
        found = pipeline.ground(scene.image, [expression.text for expression in asked if expression])
    for position, result in enumerate(found):
        ious = [(result.mask & thing.mask).sum() / (result.mask | thing.mask).sum() for thing in scene.objects]
        assert int(np.argmax(ious)) == position
        assert max(ious) > 0.5
