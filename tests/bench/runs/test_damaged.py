"""Files of runs that another program, a disk or an editor has damaged: one line says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zeroov.bench.runs.manifest import note_dumps
from zeroov.bench.runs.merging import merge
from zeroov.bench.runs.records import read_records
from zeroov.bench.sweeps.truths import read_truths
from zeroov.errors import DatasetError, OutputError, ZeroovError
from zeroov.files.journal import Journal
from zeroov.shards import Shard

RECORD = {"id": "1", "image": "a.png", "expression": "the ship", "hw": [3, 4], "status": "empty"}
LONG = 10**400  # more than a float holds
DEEP = "[" * 100_000


def shards(folder: Path) -> None:
    for number in (1, 2):
        name = f"-000{number}-of-0002"
        (folder / f"records{name}.jsonl").write_text(json.dumps(RECORD | {"id": str(number)}) + "\n")
        (folder / f"records{name}.made-with.json").write_text(json.dumps({"samples": 2, "shard": f"{number}/2"}))
        (folder / f"manifest{name}.json").write_text(json.dumps({"peak_bytes": {"overview": 5}, "dumps": []}))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("records-0001-of-0002.made-with.json", None, "nothing says what"),
        ("records-0001-of-0002.made-with.json", "{", "nothing says what"),
        ("records-0001-of-0002.made-with.json", DEEP, "nothing says what"),
        ("records-0001-of-0002.jsonl", '{"id": "1"}\n', "needs the field"),
        ("manifest-0001-of-0002.json", "{", "is no manifest"),
        ("manifest-0001-of-0002.json", DEEP, "is no manifest"),
        ("manifest-0001-of-0002.json", "{}", "is no shard's manifest"),
        ("manifest-0001-of-0002.json", '{"peak_bytes": {"overview": null}, "dumps": []}', "is no shard's manifest"),
    ],
)
def test_a_damaged_shard_is_refused(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    shards(tmp_path)
    (tmp_path / name).unlink() if text is None else (tmp_path / name).write_text(text)
    with pytest.raises(ZeroovError, match=message):
        merge([tmp_path], tmp_path)


def test_shards_without_their_number_of_samples_are_refused(tmp_path: Path) -> None:
    shards(tmp_path)
    for number in (1, 2):
        (tmp_path / f"records-000{number}-of-0002.made-with.json").write_text('{"recipe": "fast"}')
    with pytest.raises(ZeroovError, match="hold 2 records, the split has None"):
        merge([tmp_path], tmp_path)


def test_shards_with_names_that_are_not_utf8_are_joined(tmp_path: Path) -> None:
    shards(tmp_path)
    odd = json.dumps(RECORD | {"id": "1", "image": "\udce9.png"})
    (tmp_path / "records-0001-of-0002.jsonl").write_text(odd + "\n")
    assert merge([tmp_path], tmp_path) == 2
    assert [record.image for record in read_records(tmp_path / "records.jsonl")] == ["\udce9.png", "a.png"]


@pytest.mark.parametrize("changes", [{"score": LONG}, {"truth_box": [0, 0, LONG, 1]}, {"seconds": {"overview": LONG}}])
def test_a_number_that_no_float_holds_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD | changes) + "\n")
    with pytest.raises(ZeroovError, match=r"a\.jsonl:1: "):
        read_records(tmp_path / "a.jsonl")


@pytest.mark.parametrize("line", [f'{{"image": "a.png", "expression": "x", "box": [0, 0, {LONG}, 1]}}', DEEP])
def test_a_truth_that_cannot_be_read_is_an_error_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "truth.jsonl").write_text(line)
    with pytest.raises(DatasetError, match=r"truth\.jsonl:1: "):
        read_truths(tmp_path / "truth.jsonl")


def test_a_journal_that_is_nested_too_deep_goes_on_without_that_line(tmp_path: Path) -> None:
    path, about = tmp_path / "a.jsonl", tmp_path / "a.made-with.json"
    path.write_text('{"id": "1"}\n' + DEEP + "\n")
    about.write_text('{"k": 7}')
    with Journal(path, {"k": 7}) as journal:
        assert set(journal.done) == {"1"}
    about.write_text(DEEP)
    with pytest.raises(OutputError, match="cannot be continued"):
        Journal(path, {"k": 7})


@pytest.mark.parametrize("text", ["{", DEEP, "7", f"[1{'0' * 5000}]"])
def test_a_damaged_list_of_folders_of_maps_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dumps.json").write_text(text)
    with pytest.raises(OutputError, match="is no list of folders"):
        note_dumps(tmp_path, Shard(), tmp_path)
