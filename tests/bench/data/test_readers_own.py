"""The generic reader: a user's own CSV, TSV or JSONL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zeroov.bench.data import find
from zeroov.bench.data.sample import Split
from zeroov.errors import DatasetError, UsageError

FILE = find("file")


def table(folder: Path, text: str, name: str = "test.csv") -> Split:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return FILE.read(folder, "test")


def told(split: Split) -> list[tuple[int | None, str]]:
    return [(r.line, f"{r.what}; {r.rule}") for r in split.remarks if not r.what.startswith("no such")]


def boxes(split: Split) -> list[Any]:
    return [sample.box.xyxy if sample.box else None for sample in split.samples]


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("x0,y0,x1,y1", "1,2,11,22"),
        ("xmin,ymin,xmax,ymax", "1,2,11,22"),
        ("ymax,xmax,ymin,xmin", "22,11,2,1"),
        ("x1,y1,x2,y2", "1,2,11,22"),
        ("x,y,w,h", "1,2,10,20"),
        ("X,Y,Width,Height", "1,2,10,20"),
        ("box", "1 2 11 22"),
        ("box_xyxy", '"[1, 2, 11, 22]"'),
        ("box_xywh", '"1,2,10,20"'),
    ],
)
def test_the_columns_names_say_what_the_box_is(tmp_path: Path, columns: str, values: str) -> None:
    split = table(tmp_path, f"image,expression,{columns}\na.png,the ship,{values}\n")
    assert boxes(split) == [(1, 2, 11, 22)]
    assert not told(split)


def test_a_bbox_could_be_either_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="box_xyxy or box_xywh"):
        table(tmp_path, "image,expression,bbox\na.png,the ship,1 2 3 4\n")
    (tmp_path / "test.csv").unlink()
    with pytest.raises(UsageError, match="box_xyxy or box_xywh"):
        table(tmp_path, '{"image": "a.png", "expression": "x", "bbox": [1, 2, 3, 4]}', "test.jsonl")


def test_quotes_line_breaks_marks_and_semicolons(tmp_path: Path) -> None:
    first = 'q1;a.png;"the ship; on\r\nthe left";1,5;2;3;4'
    text = f"\ufeffid;image;expression;x0;y0;x1;y1\r\n{first}\r\n\r\nq2;b.png;ü;1;2;3;4\r\n"
    split = table(tmp_path, text)
    assert [(s.id, s.image, s.expression) for s in split.samples] == [
        ("q1", "a.png", "the ship; on\nthe left"),
        ("q2", "b.png", "ü"),
    ]
    assert boxes(split) == [(1.5, 2, 3, 4), (1, 2, 3, 4)]
    assert told(split) == [(2, "a decimal comma in '1,5'; read as a point")]
    assert boxes(table(tmp_path, "image\texpression\tbox\na.png\tx\t1 2 3 4\n")) == [(1, 2, 3, 4)]


def test_what_has_no_truth_is_a_question_and_what_has_a_broken_one_is_left_out(tmp_path: Path) -> None:
    lines = [
        "image,x0,y0,x1,y1,mask,image_width,image_height,expression",
        "a.png,,,,,,,,no truth",
        "a.png,1,,3,4,,,,half a box",
        "a.png,5,2,3,4,,,,reversed",
        "a.png,1,2,3,4,,2,9,clipped",
        "a.png,1,2,1,4,m.png,,,no area but a mask",
        "a.png,1,2,3,4,../m.png,,,a mask elsewhere",
        "a.png,1,2,3,4,m.png,,,ships, many, of them",
        "a.png,1,2,3,4,m.png,,,",
        "a.png,1,2,3",
        ",1,2,3,4,,,,no image",
        'a.png,,,,,"{""size"": [4, 4], ""counts"": ""0P1""}",,,run lengths',
        'a.png,,,,,{"size": [4 4]},,,no run lengths',
    ]
    split = table(tmp_path, "\n".join(lines))
    assert [(sample.id, sample.expression) for sample in split.samples] == [
        ("2", "no truth"),
        ("4", "reversed"),
        ("5", "clipped"),
        ("6", "no area but a mask"),
        ("7", "a mask elsewhere"),
        ("8", "ships, many, of them"),
        ("12", "run lengths"),
    ]
    assert boxes(split) == [None, (3, 2, 5, 4), (1, 2, 2, 4), None, (1, 2, 3, 4), (1, 2, 3, 4), None]
    assert [bool(sample.mask) for sample in split.samples] == [False, False, False, True, False, True, True]
    assert [line for line, _ in told(split)] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 13]
    words = dict(told(split))
    assert "left out" in words[3]
    assert "kept with its mask alone" in words[6]
    assert "rest of the line is the expression" in words[8]
    assert "9 fields are expected, got 4" in words[10]


def test_json_lines(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"image": "a.png", "expression": "x", "box_xywh": [1, 2, 10, 20], "mask": "m.png", "kind": "relation"},
        {"file_name": "a.png", "phrase": "y", "box": [1, 2, 3, 4], "label": "ship", "id": 7},
        {"image": "a.png", "expression": "z", "mask": {"size": [4, 4], "counts": "0P1"}, "box": None},
        {"image": "a.png", "expression": "w", "mask": {"counts": "0"}},
        {"image": 3, "expression": ["x"]},
        [1, 2],
    ]
    text = "\n".join([*(json.dumps(row) for row in rows), "{", "", "[" * 100_000])
    split = table(tmp_path, text, "test.jsonl")
    assert [(s.id, s.expression, s.category, s.kind) for s in split.samples] == [
        ("1", "x", "", "relation"),
        ("7", "y", "ship", ""),
        ("3", "z", "", ""),
    ]
    assert boxes(split) == [(1, 2, 11, 22), (1, 2, 3, 4), None]
    assert [line for line, _ in told(split)] == [4, 5, 6, 7, 9]


def test_a_file_itself_as_root(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("image,expression\na.png,x\n")
    split = FILE.read(tmp_path / "mine.csv", "all")
    assert split.root == tmp_path
    assert [sample.image for sample in split.samples] == ["a.png"]
    assert [remark.file for remark in split.remarks] == ["a.png"]


def test_files_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"test\.csv`, `test\.tsv`, `test\.jsonl"):
        FILE.read(tmp_path, "test")
    with pytest.raises(DatasetError, match="is empty"):
        table(tmp_path, "")
    with pytest.raises(UsageError, match="no column `expression`; did you mean `expresion`"):
        table(tmp_path, "image,expresion\na.png,x\n")
    with pytest.raises(DatasetError, match="no CSV"):
        table(tmp_path, "image,expression\na.png," + "x" * 200_000)
