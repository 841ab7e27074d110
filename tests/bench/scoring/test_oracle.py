"""Every sample of a run that chooses among candidates has one fate, and the losses add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zeroov.bench.runs.records import Record, Run
from zeroov.bench.scoring.oracle import fates, oracle_json
from zeroov.errors import UsageError
from zeroov.outputs.rle import encode_rle

TRUTH = (10.0, 10.0, 30.0, 30.0)


def rle(x0: int, y0: int, x1: int, y1: int) -> Any:
    mask = np.zeros((100, 100), np.bool_)
    mask[y0:y1, x0:x1] = True
    return encode_rle(mask)


def candidate(box: tuple[float, ...], chosen: bool = False) -> dict[str, Any]:
    return {"box": list(box), "value": 0.5, "sources": ["vlm"], "chosen": chosen}


def sample(name: str, candidates: list[dict[str, Any]], mask: Any, **others: Any) -> Record:
    values: dict[str, Any] = {"image": "a.png", "expression": "the ship", "hw": (100, 100), "status": "found"}
    values |= {"truth_box": TRUTH, "truth_mask": rle(10, 10, 30, 30), "mask": mask, "kind": "place"} | others
    return Record(id=name, candidates=tuple(candidates), **values)


OTHER = (60.0, 60.0, 80.0, 80.0)
RIGHT = sample("right", [candidate(TRUTH, True), candidate(OTHER)], rle(10, 10, 30, 30))
UNSEEN = sample("unseen", [candidate(OTHER, True)], rle(60, 60, 80, 80))
WRONG = sample("wrong", [candidate(OTHER, True), candidate(TRUTH)], rle(60, 60, 80, 80), kind="ordinal")
SPILT = sample("spilt", [candidate(TRUTH, True)], rle(10, 10, 90, 90))


def test_each_loss_has_its_cause() -> None:
    found = fates(Run("a", (RIGHT, UNSEEN, WRONG, SPILT)))
    assert [fate.loss for fate in found] == ["", "no candidate", "wrong choice", "bad mask"]
    assert [fate.best for fate in found] == [1, 0, 1, 1]


def test_shares_of_all_and_of_each_kind() -> None:
    rows = {row["group"]: row for row in oracle_json(fates(Run("a", (RIGHT, UNSEEN, WRONG, SPILT))), "a")["rows"]}
    assert rows["all"]["recall"] == 75
    assert rows["all"]["chosen"] == 50
    assert rows["all"]["answer"] == 25
    assert rows["all"]["no candidate"] + rows["all"]["wrong choice"] + rows["all"]["bad mask"] == 75
    assert rows["ordinal"]["wrong choice"] == 100
    assert rows["place"]["n"] == 3


def test_a_group_is_seen_where_the_candidates_inside_it_fill_its_box() -> None:
    left, right = (10.0, 10.0, 18.0, 30.0), (22.0, 10.0, 30.0, 30.0)
    group = sample("group", [candidate(left, True), candidate(right, True), candidate(OTHER)], rle(10, 10, 30, 30))
    assert fates(Run("a", (group,)))[0].best == 1
    assert fates(Run("a", (group,)))[0].chosen == 1


def test_a_failed_sample_lost_its_candidates_and_a_run_without_any_is_refused() -> None:
    failed = sample("failed", [], None, status="failed", error="out of memory")
    assert fates(Run("a", (RIGHT, failed)))[1].loss == "no candidate"
    with pytest.raises(UsageError, match="records no candidates"):
        fates(Run("a", (failed,)))


def test_a_record_with_candidates_is_the_same_when_read_back_and_a_damaged_one_is_refused() -> None:
    assert Record.from_json(RIGHT.to_json()) == RIGHT
    with pytest.raises(ValueError, match="candidates"):
        Record.from_json(RIGHT.to_json() | {"candidates": [{"box": [1, 2, 3]}]})
