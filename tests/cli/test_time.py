"""`bench run` and `batch` say what their time was spent on, and show it over time where they are asked to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.bench.own import write_own
from zeroov.cli.main import app
from zeroov.ground import Pipeline

pytestmark = pytest.mark.usefixtures("kept_models")
STAGES = {"overview", "focus", "evolve", "refine"}
BESIDE = {"reading", "writing", "loading", "rest"}


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("own"), 1)


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments), "--recipe", "mini", "--device", "cpu"])


def spans(trace: Path) -> set[str]:
    return {event["name"] for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"}


def test_a_run_says_where_its_time_went(csv: Path, tmp_path: Path) -> None:
    command = ["bench", "run", "file", "--root", csv, "--out", tmp_path / "run"]
    trace = tmp_path / "traces" / "run.json"
    told = run(*command, "--profile", trace)
    assert told.exit_code == 0, told.output
    line = next(line for line in told.stdout.splitlines() if line.startswith("time "))
    assert all(f"{name} " in line for name in STAGES | BESIDE), line
    assert spans(trace) == STAGES | BESIDE - {"rest"}
    again = json.loads(run(*command, "--json").stdout)["time"]
    assert not STAGES & set(again), "nothing was left to do"
    assert again["all"] == pytest.approx(sum(seconds for name, seconds in again.items() if name != "all"), abs=0.01)


def test_a_batch_says_where_its_time_went(csv: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("the ship\n")
    command = ["batch", csv.parent / "images", "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out"]
    told = run(*command, "--profile", tmp_path / "batch.json")
    assert told.exit_code == 0, told.output
    assert "overview " in next(line for line in told.stdout.splitlines() if line.startswith("time "))
    assert spans(tmp_path / "batch.json") >= {"overview", "focus", "evolve", "reading", "writing", "loading"}


def test_a_trace_that_cannot_be_written_is_refused_before_the_work(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pipeline, "look", lambda *_: pytest.fail("it began to work"))
    told = run("bench", "run", "file", "--root", csv, "--out", tmp_path / "run", "--profile", tmp_path)
    assert told.exit_code == 1
    assert "a folder of that name is in the way" in told.output


def test_work_that_ends_early_leaves_its_trace(csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "look", stopped)
    told = run("bench", "run", "file", "--root", csv, "--out", tmp_path / "run", "--profile", tmp_path / "t.json")
    assert told.exit_code
    assert "reading" in spans(tmp_path / "t.json")
