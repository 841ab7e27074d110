"""A benchmark of drawn kinds: the mean as in real data beside the plain one, and what is said of absent objects."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.scoring.runs import record, write_run
from zeroov.bench.runs.records import Record, read_run
from zeroov.bench.scoring.protocols import named
from zeroov.bench.scoring.score import score

HARD = {"benchmark": "mini-hard", "split": "test"}


def asked(number: int, kind: str, right: bool) -> Record:
    return replace(record(number, 0 if right else 15), kind=kind, score=0.9 if right else 0.4)


def absent(number: int, status: str, value: float) -> Record:
    return replace(record(number, 0, status), kind="absent", truth_box=None, truth_mask=None, score=value)


def records() -> list[Record]:
    """Return one right answer about a place, three about an order of which one is right, and two absent objects."""
    there = [asked(0, "place", True), *(asked(number, "ordinal", number == 1) for number in (1, 2, 3))]
    return [*there, absent(4, "empty", 0.1), absent(5, "found", 0.5)]


def test_kinds_count_as_much_as_in_real_data(tmp_path: Path) -> None:
    found = score(read_run(write_run(tmp_path / "run", records(), made_with=HARD)), named("honest"), ["kind"])
    rows = {(row.target, row.by, row.group): row for row in found.rows}
    plain, real = rows["box", "", ""], rows["box", "weight", "as in real data"]
    assert plain.samples == real.samples == 4
    assert plain.figures["Pr@0.5"].value == pytest.approx(0.5)
    assert real.figures["Pr@0.5"].value == pytest.approx((54.0 * 1 + 0.2 / 3) / 54.2)
    assert real.figures["Pr@0.5"].low < real.figures["Pr@0.5"].high
    assert ("mask", "weight", "as in real data") in rows
    assert "as in real data" in str(found)


def test_absent_objects_are_told_apart_by_the_score(tmp_path: Path) -> None:
    found = score(read_run(write_run(tmp_path / "run", records(), made_with=HARD)), named("honest"))
    assert found.absent is not None
    assert (found.absent.samples, found.absent.empty, found.absent.empty_when_there) == (2, 0.5, 0.0)
    assert found.absent.auroc == pytest.approx(6 / 8)
    assert "absent objects, n = 2: 50.00 answered with nothing (0.00 of those that are there)" in str(found)
    assert json.loads(json.dumps(found.to_json()))["absent"]["auroc"] == pytest.approx(75)


def test_other_benchmarks_have_one_mean(tmp_path: Path) -> None:
    found = score(read_run(write_run(tmp_path / "run", records())), named("honest"))
    assert found.absent is None
    assert {row.by for row in found.rows} == {""}
    assert "absent" not in found.to_json()
