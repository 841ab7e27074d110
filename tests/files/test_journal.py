"""What a journal keeps of a file that was damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from zeroov.errors import OutputError
from zeroov.files.journal import Items, Journal, read_items


def journal_of(path: Path, *names: str) -> Path:
    with Journal(path, {"recipe": "mini"}) as journal:
        for name in names:
            journal.add({"id": name, "content": name.upper()})
    return path


@pytest.mark.parametrize("damage", [b'{"id": "b", "content": \x00\xff', b"", b"[" * 5000, b'["b"]'])
def test_a_damaged_line_costs_its_own_item_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    path = journal_of(tmp_path / "answers.jsonl", "a", "b", "c", "d")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + damage + b"\n" + lines[2] + lines[3])
    assert [item["id"] for item in read_items(path)] == ["a", "c", "d"]
    assert "1 lines that are damaged" in caplog.text
    caplog.clear()
    with Journal(path, {"recipe": "mini"}) as journal:
        assert journal.done == {"a": "A", "c": "C", "d": "D"}
        journal.add({"id": "b", "content": "B"})
    assert caplog.text.count("1 lines that are damaged") == 1
    caplog.clear()
    assert [item["id"] for item in read_items(path)] == ["a", "c", "d", "b"]
    assert not caplog.text


def test_a_line_that_was_not_finished_is_cut_off(tmp_path: Path) -> None:
    path = journal_of(tmp_path / "answers.jsonl", "a", "b")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"id": "c", "con')
    with Journal(path, {"recipe": "mini"}) as journal:
        assert set(journal.done) == {"a", "b"}
    assert path.read_bytes() == whole


def test_a_journal_without_an_item_takes_other_settings(tmp_path: Path) -> None:
    path = journal_of(tmp_path / "records.jsonl")
    with Journal(path, {"recipe": "fast"}) as journal:  # the first command failed before its first item
        journal.add({"id": "a"})
    with pytest.raises(OutputError, match="was made with recipe = 'fast' where now it is 'mini'"):
        Journal(path, {"recipe": "mini"})


def test_items_are_read_where_they_lie_also_after_a_rewrite(tmp_path):
    path = tmp_path / "items.jsonl"
    with Journal(path, {}) as journal:
        journal.add({"id": "a", "value": "ä"}, {"id": "b", "value": 2})
        journal.add({"id": "c", "value": 3})
        journal.rewrite({"b", "c"})
        journal.add({"id": "d", "value": 4})
        assert [journal.get(name) and journal.get(name)["value"] for name in "abcd"] == [None, 2, 3, 4]
    items = Items(path)
    assert [item["id"] for item in items] == ["b", "c", "d"]
    assert "a" not in items
    assert len(items) == 3
    path.write_text("something else\n")
    with pytest.raises(OutputError, match="was changed by somebody else"):
        items.get("b")
    path.unlink()
    with pytest.raises(OutputError, match="was changed by somebody else"):
        items.get("b")
