from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.bench.runs.records import Record, Run, is_run, read_records, read_run, reading_named
from zeroov.errors import UsageError, ZeroovError

BARE = {"id": "1", "image": "a/b.png", "expression": "the plane", "hw": [3, 4]}
EMPTY = {**BARE, "status": "empty"}
RLE = {"size": [3, 4], "counts": "000"}

numbers = st.floats(allow_nan=False, allow_infinity=False)
corners = st.none() | st.tuples(numbers, numbers, numbers, numbers)


@st.composite
def records(draw):
    box, mask = draw(corners), draw(st.none() | st.just(RLE))
    status = "found" if box or mask else draw(st.sampled_from(["empty", "failed"]))
    return Record(
        id=draw(st.text(min_size=1)),
        image=draw(st.text()),
        expression=draw(st.text()),
        hw=(3, 4),
        status=status,
        category=draw(st.text()),
        truth_box=draw(corners),
        truth_mask=draw(st.none() | st.just(RLE)),
        box=box,
        mask=mask,
        score=draw(numbers),
        answer=draw(st.text()),
        point=draw(st.none() | st.tuples(numbers, numbers)),
        error="it broke" if status == "failed" else "",
        seconds=draw(st.dictionaries(st.text(), numbers)),
        dumps=draw(st.dictionaries(st.text(), st.text())),
    )


@given(records())
def test_a_record_survives_json_exactly(record):
    text = json.dumps(record.to_json(), allow_nan=False)
    assert Record.from_json(json.loads(text)) == record


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "no field `colour`"),
        ({"status": "lost"}, "one of found, empty, failed"),
        ({"status": "found"}, "a box or a mask goes with `found`"),
        ({"box": [0, 0, 1, 1]}, "a box or a mask goes with `found`"),
        ({"status": "failed"}, "an `error` goes with `failed`"),
        ({"error": "x"}, "an `error` goes with `failed`"),
        ({"id": ""}, "`id` names the sample"),
        ({"id": 1}, "`id` is text"),
        ({"hw": [3.5, 4]}, "`hw` is"),
        ({"hw": [0, 4]}, "`hw` is"),
        ({"hw": 3}, "`hw` is"),
        ({"truth_box": [0, 0, 1]}, "`truth_box` is null or 4 finite numbers"),
        ({"truth_box": [0, 0, 1, float("nan")]}, "4 finite numbers"),
        ({"truth_box": [0, 0, 1, True]}, "4 finite numbers"),
        ({"answer_box": {"x0": 1}}, "4 finite numbers"),
        ({"point": [1]}, "`point` is null or 2 finite numbers"),
        ({"truth_mask": {"size": [4, 3], "counts": "0"}}, r"an RLE of size \(3, 4\)"),
        ({"truth_mask": {"size": [3, 4], "counts": "0o"}}, "an RLE"),  # its last number would not end
        ({"truth_mask": {"size": [3, 4], "counts": "\u00e9"}}, "an RLE"),
        ({"truth_mask": {"size": [3, 4], "counts": [12]}}, "an RLE"),
        ({"truth_mask": "000"}, "an RLE"),
        ({"score": "0.5"}, "`score` is a finite number"),
        ({"seconds": {"overview": "1"}}, "`seconds` maps"),
        ({"dumps": ["a"]}, "`dumps` maps"),
    ],
)
def test_what_is_no_record_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Record.from_json(EMPTY | changes)


def test_a_field_that_is_missing():
    with pytest.raises(ValueError, match="needs the field `status`"):
        Record.from_json(BARE)


def write(path, *lines, end="\n"):
    path.write_text("\n".join(json.dumps(line) if isinstance(line, dict) else line for line in lines) + end)
    return path


@pytest.mark.parametrize("half", ['{"id": "2", "ima', "{", '"'])
def test_a_line_that_was_not_finished_is_told_and_dropped(tmp_path, caplog, half, monkeypatch):
    monkeypatch.setattr(logging.getLogger("zeroov"), "propagate", True)
    path = write(tmp_path / "records.jsonl", EMPTY, half, end="")
    assert [record.id for record in read_records(path)] == ["1"]
    assert "records.jsonl:2: the last line was not finished" in caplog.text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{", EMPTY], r"records\.jsonl:1: no record"),
        ([EMPTY, "[]"], r"records\.jsonl:2: no record: a record is a JSON object"),
        ([EMPTY, "", {**EMPTY, "id": "2", "hw": None}], r"records\.jsonl:3: `hw`"),
        ([EMPTY, EMPTY], "holds sample `1` twice"),
        (["[" * 100_000, EMPTY], "no record"),
    ],
)
def test_anything_else_is_an_error_with_its_line(tmp_path, lines, message):
    with pytest.raises(ZeroovError, match=message):
        read_records(write(tmp_path / "records.jsonl", *lines))


def test_a_run_is_finished_when_its_manifest_says_so(tmp_path):
    write(tmp_path / "records.jsonl", EMPTY)
    with pytest.raises(ZeroovError, match="not finished \\(no manifest yet\\)"):
        read_run(tmp_path)
    assert len(read_run(tmp_path, partial=True).records) == 1
    (tmp_path / "manifest.json").write_text('{"samples": 2, "recipe": "fast"}')
    with pytest.raises(ZeroovError, match="not finished \\(1 of 2 records\\)"):
        read_run(tmp_path)
    (tmp_path / "manifest.json").write_text('{"samples": 1, "recipe": "fast"}')
    run = read_run(tmp_path)
    assert (run.name, run.manifest["recipe"]) == (tmp_path.name, "fast")
    assert read_run(tmp_path / "records.jsonl") == Run("records", run.records)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ZeroovError, match="is no manifest"):
        read_run(tmp_path)
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(ZeroovError, match="is no manifest"):
        read_run(tmp_path)


def test_shards_are_read_together(tmp_path):
    write(tmp_path / "records-1.jsonl", EMPTY)
    write(tmp_path / "records-2.jsonl", {**EMPTY, "id": "2"})
    assert [record.id for record in read_run(tmp_path, partial=True).records] == ["1", "2"]
    write(tmp_path / "records-3.jsonl", EMPTY)
    with pytest.raises(ZeroovError, match="sample `1` twice"):
        read_run(tmp_path, partial=True)


def test_what_is_a_run(tmp_path):
    assert not is_run(tmp_path)
    assert is_run(write(tmp_path / "records.jsonl", EMPTY))
    assert is_run(tmp_path)
    for name, text in (("a.json", '{"1": [0, 0, 1, 1]}'), ("b.jsonl", ""), ("c.jsonl", "[")):
        (tmp_path / name).write_text(text)
        assert not is_run(tmp_path / name)
        with pytest.raises(ZeroovError, match="holds no records of a run"):
            read_run(tmp_path / name)
    with pytest.raises(ZeroovError, match="cannot be read"):
        read_run(tmp_path / "nothing")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ZeroovError, match="is no run"):
        read_run(empty)


def test_readings_by_name():
    assert reading_named("coarse") == "coarse"
    with pytest.raises(UsageError, match="did you mean `coarse`"):
        reading_named("course")
