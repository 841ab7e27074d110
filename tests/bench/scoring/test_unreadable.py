"""Samples that were asked with a true mask that nobody can read: they failed, and they count as misses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.bench.scoring.runs import HW, rectangle
from tests.bench.scoring.runs import record as recorded
from zeroov.bench.data.sample import MaskTruth, Sample
from zeroov.bench.runs.recording import failed_record
from zeroov.bench.runs.records import Record, Run
from zeroov.bench.scoring.compare import compare
from zeroov.bench.scoring.overlaps import overlaps
from zeroov.bench.scoring.peers import read_peer
from zeroov.bench.scoring.protocols import PROTOCOLS, TARGETS, Protocol, named
from zeroov.bench.scoring.score import score
from zeroov.errors import UsageError
from zeroov.outputs.rle import encode_rle
from zeroov.types import Box

HONEST = named("honest")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, mask in (("fine.png", rectangle(10, 10, 30, 30)), ("other.png", np.ones((5, 5), np.bool_))):
        Image.fromarray(mask).save(tmp_path / name)
    (tmp_path / "damaged.png").write_bytes((tmp_path / "fine.png").read_bytes()[:50])
    Image.fromarray(np.zeros((*HW, 3), np.uint8)).save(tmp_path / "image.png")
    return tmp_path


def failed(root: Path, mask: MaskTruth | None = None, box: Box | None = None) -> Record:
    return failed_record(Sample("s/9", "image.png", "the plane", box=box, mask=mask), "", root, "overview: memory")


UNREADABLE = [
    MaskTruth(file="missing.png"),
    MaskTruth(file="other.png"),
    MaskTruth(file="damaged.png"),
    MaskTruth(rle={"size": list(HW), "counts": "0o"}),
]


def figures(run: Run, protocol: Protocol = HONEST) -> dict[str, dict[str, float]]:
    """The figures of all samples by target, with their number."""
    return {
        row.target: {"n": row.samples, **{name: figure.value for name, figure in row.figures.items()}}
        for row in score(run, protocol).rows
        if not row.by
    }


def test_a_failed_sample_counts_although_its_true_mask_cannot_be_read(root: Path) -> None:
    masks = [MaskTruth(file="fine.png"), *UNREADABLE[:2]]
    broken = [replace(failed(root, mask), id=str(number)) for number, mask in enumerate(masks)]
    found = figures(Run("a", (replace(recorded(0), truth_box=None), *broken)))
    assert found["mask"]["n"] == found["box"]["n"] == 4
    assert found["mask"]["Pr@0.5"] == found["box"]["Pr@0.5"] == found["mask"]["mIoU"] == 0.25
    assert found["mask"]["oIoU"] == 400 / (400 + 400)  # of the truths that are known


@pytest.mark.parametrize("mask", UNREADABLE)
def test_a_record_says_that_its_true_mask_could_not_be_read(root: Path, mask: MaskTruth) -> None:
    with_mask, with_both = failed(root, mask), failed(root, mask, Box(1, 2, 3, 4))
    assert with_mask.truth_mask_unreadable
    assert with_mask.truth_box is None
    assert with_mask.truth_mask is None
    assert with_both.truth_mask_unreadable
    assert with_both.truth_box == (1, 2, 3, 4)
    assert not failed(root).truth_mask_unreadable
    assert not failed(root, MaskTruth(file="fine.png")).truth_mask_unreadable
    assert Record.from_json(json.loads(json.dumps(with_mask.to_json()))) == with_mask
    with pytest.raises(ValueError, match="truth_mask_unreadable"):
        replace(with_mask, truth_mask=encode_rle(rectangle(0, 0, 1, 1)))


def test_a_question_without_a_truth_counts_nowhere(root: Path) -> None:
    assert figures(Run("a", (recorded(0), failed(root))))["mask"]["n"] == 1


def test_box_and_mask_count_by_what_was_asked(root: Path) -> None:
    unreadable = failed(root, UNREADABLE[0], Box(0, 0, 10, 10))
    found = figures(Run("a", (recorded(0), unreadable)))
    assert found["mask"]["n"] == found["box"]["n"] == 2
    assert found["mask"]["oIoU"] == 1.0
    assert found["box"]["oIoU"] == 400 / (400 + 100)  # the true box is known


def unreadable(number: int, **values: Any) -> Record:
    bare = {"truth_box": None, "truth_mask": None, "truth_mask_unreadable": True}
    return replace(recorded(number, status="failed"), **(bare | values))


@given(
    drawn=st.lists(st.sampled_from(["found", "shifted", "empty", "failed", "unreadable"]), min_size=1, max_size=10),
    protocol=st.sampled_from(PROTOCOLS),
)
def test_under_every_protocol_they_are_misses_and_nothing_else(drawn: list[str], protocol: Protocol) -> None:
    """The figures of the others, beside them: shares go down as the number of samples goes up, oIoU stays."""
    makers = {
        "found": lambda number: replace(recorded(number), point=(15.0, 15.0)),
        "shifted": lambda number: recorded(number, shift=4),
        "empty": lambda number: recorded(number, status="empty"),
        "failed": lambda number: recorded(number, status="failed"),
        "unreadable": unreadable,
    }
    records = [makers[what](number) for number, what in enumerate(drawn)]
    known = [record for record in records if not record.truth_mask_unreadable]
    for target in TARGETS:
        counted, without = (overlaps(some, protocol, target) for some in (records, known))
        if protocol.skips_failed or protocol.rule(target) is None or (target == "point" and "found" not in drawn):
            assert (counted is None) == (without is None)
            assert counted is None or len(counted.columns) == len(without.columns)
            continue
        assert counted.positions.tolist() == list(range(len(records)))
        misses = [record.truth_mask_unreadable for record in records]
        assert not counted.columns[misses].any()
        if without is not None:
            np.testing.assert_array_equal(counted.columns[~np.array(misses)], without.columns)


def test_they_are_misses_where_an_empty_union_is_a_hit_and_where_the_sample_before_is_repeated() -> None:
    run = Run("a", (recorded(0), unreadable(1), recorded(2, status="empty")))
    assert figures(run, named("segearth-r1"))["mask"]["mIoU"] == pytest.approx(1 / 3)
    assert figures(run, named("remotesam"))["box"]["Pr@0.9"] == 2 / 3  # the first one, which the third one repeats


def test_where_none_can_be_read_all_are_misses() -> None:
    run = Run("a", (unreadable(0), unreadable(1)))
    found = figures(run)
    assert {target: (values["n"], values["mIoU"], values["oIoU"]) for target, values in found.items()} == {
        "box": (2, 0, 0),
        "mask": (2, 0, 0),
    }
    with pytest.raises(UsageError, match="every sample of `a` failed"):
        figures(run, named("rsvg-zeroov"))


def test_their_size_is_unknown() -> None:
    rows = score(Run("a", (recorded(0), unreadable(1))), HONEST, ["size"]).rows
    groups = [(row.group, row.samples) for row in rows if row.by == "size" and row.target == "mask"]
    assert groups == [("large", 1), ("unknown", 1)]


@pytest.mark.parametrize("protocol", ["honest", "rsvg-zeroov"])
def test_runs_and_other_systems_are_compared_on_the_same_samples(tmp_path: Path, protocol: str) -> None:
    run = Run("a", (recorded(0), unreadable(1), recorded(2)))
    path = tmp_path / "peer.json"
    path.write_text(json.dumps({f"s/{number}": [0, 0, 9, 9] for number in range(3)}))
    peer = read_peer(path, run).run
    counts = [figures(one, named(protocol))["box"]["n"] for one in (run, peer)]
    assert counts == ([3, 3] if protocol == "honest" else [2, 2])
    found = compare([run, run, peer], named(protocol))
    assert found.systems[1].against["mask"]["mIoU"].difference == 0
    assert found.systems[2].against["box"]["mIoU"].difference == -found.systems[0].values["box"]["mIoU"] + 0
    assert {case.record.id for case in found.worst} == {"s/0", "s/2"}


def test_a_run_that_does_not_know_of_the_truth_is_not_compared_and_the_way_out_is_named() -> None:
    now, before = (
        Run(name, (recorded(0), unreadable(1, truth_mask_unreadable=known)))
        for name, known in (("now", True), ("before", False))
    )
    for runs in ((now, before), (before, now)):
        with pytest.raises(UsageError, match=r"sample `s/1` has another truth .* --retry-failed"):
            compare(runs, HONEST)
