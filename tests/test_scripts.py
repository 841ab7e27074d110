"""The scripts that measure run, at a small size."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from scripts import bench_gpu
from scripts.changes import changes_of

ROOT = Path(__file__).parents[1]


@pytest.mark.usefixtures("tiny")
def test_every_stage_of_a_recipe_has_its_row_and_one_that_cannot_run_costs_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_gpu, "BATCHES", (2,))
    out = tmp_path / "speed"
    small = ["--small", "--device=cpu", "--dtype=float32", "--rounds=1", f"--out={out}"]
    bench_gpu.main([*small, "--recipes=fast,sam2,qwen-sam,select-detector"])
    rows = json.loads(out.with_suffix(".json").read_text())["rows"]
    assert [(row["recipe"], row["expressions"]) for row in rows[:2]] == [("fast", 1), ("fast", 4)]
    assert {*rows[0]["stages"]} == {"overview", "focus", "evolve", "refine"}
    assert {*rows[4]["stages"]} == {"overview", "refine"}, "random words name a box"
    assert rows[0]["stages"]["overview"] > 0
    assert all(row["seconds"] > 0 for row in rows[:6])
    assert "no random model for stage detector" in rows[6]["failed"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["failed"] == 2
    lines = out.with_suffix(".md").read_text().splitlines()
    assert len(lines) == 4 + len(rows)
    assert len({line.count("|") for line in lines[2:]}) == 1


def test_each_change_that_is_set_aside_as_equivalent_can_be_made() -> None:
    """One that names what was renamed sets nothing aside, and is counted as left."""
    for module, reasons in tomllib.loads((ROOT / "scripts" / "equivalent.toml").read_text(encoding="utf-8")).items():
        labels = {change.label for change in changes_of(module, (ROOT / module).read_text(encoding="utf-8"))}
        assert reasons.keys() <= labels, module
