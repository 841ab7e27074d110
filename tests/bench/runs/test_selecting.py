"""A run that chooses among candidates holds one model at a time, and keeps who was a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.own import write_own
from zeroov import recipe as recipes
from zeroov.bench.data import registry
from zeroov.bench.runs.records import read_run
from zeroov.bench.runs.run import run
from zeroov.bench.scoring.oracle import fates
from zeroov.pipeline.models import LoadedModels

CHANGES: dict[str, Any] = {
    "stages": ["overview", "focus", "evolve", "select", "refine"],
    "candidates.sources": ["detector", "vlm", "answer", "evolved"],
    "candidates.max_new_tokens": 12,
    "detector.model": "builtin:tiny",
    "detector.threshold": 0.0,
    "evidence.anchors": "always",
    "evidence.kinds": "always",
    "evidence.attributes": "always",
}


def test_one_model_at_a_time_and_candidates_in_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    held: set[tuple[str, ...]] = set()
    load = LoadedModels.load

    def watched(self: LoadedModels, stage: Any, *progress: Any) -> float:
        seconds = load(self, stage, *progress)
        held.add(tuple(sorted(self._models)))
        return seconds

    monkeypatch.setattr(LoadedModels, "load", watched)
    csv = write_own(tmp_path / "own", 2)
    recipe = recipes.load("tiny", CHANGES)
    done = run(registry.find("file").read(csv, "test"), recipe, tmp_path / "run", device="cpu")
    assert done.failed == 0
    assert all(len(models) == 1 for models in held)
    assert {models[0] for models in held} == {"overview", "focus", "detector", "refine"}
    found = read_run(tmp_path / "run")
    answered = [record for record in found.records if record.status != "failed"]
    assert all(record.candidates for record in answered)
    assert all({"candidates", "overview", "focus"} <= set(record.dumps) for record in answered)
    assert all(record.seconds["select"] > 0 for record in answered)
    assert len(fates(found)) == len(found.records)
