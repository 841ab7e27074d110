"""Wild annotations in XML, JSON and pickles: told with file and line, handled by the stated rule."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from zeroov.bench.data import find
from zeroov.bench.data.masks import read_mask
from zeroov.bench.data.sample import Split
from zeroov.errors import DatasetError


def told(split: Split) -> list[tuple[str, int | None]]:
    """Return where the remarks stand, but for missing pictures, which these small files have not."""
    return [(r.file, r.line) for r in split.remarks if not r.what.startswith("no such")]


XML = """<?xml version="1.0"?><annotation>{image}<size><width>100</width><height>50</height></size>
<object>
<description>{text}</description><name>ship</name>
<bndbox><ymin>{y0}</ymin><xmax>{x1}</xmax><xmin>{x0}</xmin><ymax>{y1}</ymax></bndbox></object></annotation>"""


def dior(folder: Path, **values: Any) -> Split:
    given = {"image": "<filename>a.jpg</filename>", "text": "a ship", "x0": 1, "y0": 2, "x1": 30, "y1": 40} | values
    (folder / "Annotations").mkdir(exist_ok=True)
    (folder / "Annotations/a.xml").write_bytes(XML.format(**given).encode(values.get("encoding", "utf-8")))
    (folder / "test.txt").write_text("0\n")
    (folder / "train.txt").write_text("")
    (folder / "val.txt").write_text("")
    return find("dior-rsvg").read(folder, "test")


def test_xml_is_read_by_tag_and_never_by_position(tmp_path: Path) -> None:
    split = dior(tmp_path)
    [sample] = split.samples
    assert sample.box
    assert sample.box.xyxy == (1, 2, 30, 40)
    assert (sample.id, sample.image, sample.category) == ("0", "JPEGImages/a.jpg", "ship")
    assert not told(split)


def test_a_number_of_a_list_may_be_followed_by_any_white_space(tmp_path: Path) -> None:
    dior(tmp_path)
    (tmp_path / "test.txt").write_text("0\x1c")  # white space to `str.strip`, but not to `int`
    assert [sample.id for sample in find("dior-rsvg").read(tmp_path, "test").samples] == ["0"]


@pytest.mark.parametrize(
    ("values", "box", "words"),
    [
        ({"x0": "1,5"}, (1.5, 2, 30, 40), "decimal comma"),
        ({"x0": "30", "x1": "1"}, (1, 2, 30, 40), "wrong way round"),
        ({"x1": 130}, (1, 2, 100, 40), "leaves its image of 100 x 50; clipped"),
        ({"x0": -3.5, "y1": "50.5"}, (0, 2, 30, 50), "clipped"),
        ({"x0": 110, "x1": 130}, None, "left out"),
        ({"x1": 1}, None, "has no area; left out"),
        ({"x1": ""}, None, "four numbers is expected"),
        ({"x1": "inf"}, None, "four numbers is expected"),
        ({"x1": "1_0"}, None, "four numbers is expected"),
        ({"text": "  "}, None, "no expression; left out"),
        ({"image": "<filename>../../a.jpg</filename>"}, None, "`..`"),
        ({"text": "caf\xe9", "encoding": "latin-1"}, (1, 2, 30, 40), "read as Latin-1"),
    ],
)
def test_wild_objects(tmp_path: Path, values: dict[str, Any], box: Any, words: str) -> None:
    split = dior(tmp_path, **values)
    assert [sample.box.xyxy for sample in split.samples if sample.box] == ([box] if box else [])
    [remark] = [r for r in split.remarks if not r.what.startswith("no such")]
    assert words in str(remark)
    assert remark.file == "Annotations/a.xml"
    assert remark.line in (2, None)  # where its <object> stands; an encoding is of the whole file


def test_an_xml_without_a_file_name_or_size(tmp_path: Path) -> None:
    assert dior(tmp_path, image="").samples[0].image == "JPEGImages/a.jpg"
    text = (tmp_path / "Annotations/a.xml").read_text()
    (tmp_path / "Annotations/a.xml").write_text(text.replace("<xmax>30", "<xmax>900").replace("<width>100", "<width>x"))
    [sample] = find("dior-rsvg").read(tmp_path, "test").samples
    assert sample.box
    assert sample.box.x1 == 900


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://localhost/a.dtd">',
    ],
)
def test_xml_that_declares_entities_is_refused(tmp_path: Path, declaration: str, encoding: str) -> None:
    dior(tmp_path)
    text = f"{declaration}<annotation><object><description>&b;</description></object></annotation>"
    (tmp_path / "Annotations/a.xml").write_bytes(text.encode(encoding))
    with pytest.raises(DatasetError, match="DOCTYPE"):
        find("dior-rsvg").read(tmp_path, "test")


def test_lists_of_objects(tmp_path: Path) -> None:
    dior(tmp_path)
    (tmp_path / "test.txt").write_text("0\n\n0\nzero\n-1\n")
    split = find("dior-rsvg").read(tmp_path, "test")
    assert [sample.id for sample in split.samples] == ["0", "0#2"]
    assert told(split) == [("test.txt", 4), ("test.txt", 5), ("Annotations/a.xml", 2)]
    (tmp_path / "test.txt").write_text("1\n")
    with pytest.raises(DatasetError, match="hold 1 object and the lists count 2"):
        find("dior-rsvg").read(tmp_path, "test")


def refer(folder: Path, refs: Any = (), images: Any = (), annotations: Any = ()) -> Split:
    (folder / "refs(unc).p").write_bytes(pickle.dumps(list(refs), protocol=2))
    tables = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "ship"}]}
    (folder / "instances.json").write_text(json.dumps(tables))
    return find("rrsisd").read(folder, "test")


REF = {
    "ref_id": 5,
    "ann_id": 7,
    "image_id": 9,
    "category_id": 1,
    "split": "test",
    "file_name": "other.jpg",
    "sentences": [{"raw": "A ship ", "sent": "a ship", "sent_id": 11, "tokens": []}],
}
IMAGE = {"id": 9, "file_name": "9.jpg", "height": 50, "width": 100}
RLE = {"size": [50, 100], "counts": [5000 - 7, 7]}
ANNOTATION = {"id": 7, "image_id": 9, "category_id": 1, "bbox": [99, 43, 100, 50], "segmentation": [RLE]}


def test_refer_is_joined_by_ids(tmp_path: Path) -> None:
    split = refer(tmp_path, [REF], [IMAGE], [ANNOTATION])
    [sample] = split.samples
    assert (sample.id, sample.expression, sample.category) == ("11", "A ship", "ship")
    assert sample.image == "images/rrsisd/JPEGImages/9.jpg"  # not the ref's own file name
    assert sample.box
    assert sample.box.xyxy == (99, 43, 100, 50)
    assert sample.mask
    assert sample.mask.rle == RLE
    assert not told(split)


@pytest.mark.parametrize(
    ("ref", "annotation", "words", "kept"),
    [
        ({"ann_id": 8}, {}, "no annotation 8 in instances.json; left out", False),
        ({"image_id": [9]}, {}, "no image", False),
        ({"sentences": []}, {}, "no expression; left out", False),
        ({"sentences": [{"sent_id": 1, "raw": ""}]}, {}, "no expression", False),
        ({}, {"bbox": [99, 43, 99, 50]}, "no area; kept with its mask alone", True),
        ({}, {"bbox": None}, "kept with its mask alone", True),
        ({}, {"bbox": [90, 43, 120, 50]}, "clipped", True),
        ({}, {"segmentation": [{"size": [50, 100]}]}, "unusable mask", True),
        ({}, {"segmentation": [[1, 2, 3, 4]]}, "unusable mask", True),
        ({}, {"segmentation": "nonsense"}, "unusable mask", True),
        ({}, {"segmentation": [[1, 2, 3, 4], [1, 1, 9, 1, 9, 9]]}, "drawn without it", True),
        ({}, {"segmentation": [[1, 2, 3, 4, "x", 6]]}, "unusable mask", True),
    ],
)
def test_wild_refs(tmp_path: Path, ref: Any, annotation: Any, words: str, kept: bool) -> None:
    split = refer(tmp_path, [REF | {"split": "train"}, REF | ref], [IMAGE], [ANNOTATION | annotation])
    assert len(split.samples) == kept
    [remark] = [r for r in split.remarks if not r.what.startswith("no such")]
    assert words in str(remark)
    assert (remark.file, remark.line) == ("refs(unc).p", 2)


def test_a_ref_of_two_test_splits_is_of_both_as_in_refer(tmp_path: Path) -> None:
    (tmp_path / "instances.json").write_text(
        json.dumps({"images": [IMAGE], "annotations": [ANNOTATION], "categories": []})
    )
    for name in ("refs(unc).p", "refs(berkeley).p"):
        refs = [REF | {"split": split} for split in ("testAB", "testA", "testB", "testC", "val", "train")]
        (tmp_path / name).write_bytes(pickle.dumps(refs))
    counts = {split: len(find("refcoco").read(tmp_path, split).samples) for split in find("refcoco").splits}
    assert counts == {"train": 1, "val": 1, "testA": 2, "testB": 2}
    assert len(find("referit").read(tmp_path, "test").samples) == 4
    assert len(find("referit").read(tmp_path, "trainval").samples) == 2


def test_a_box_and_a_mask_both_unusable_leave_a_ref_out(tmp_path: Path) -> None:
    split = refer(tmp_path, [REF], [IMAGE], [ANNOTATION | {"bbox": [], "segmentation": []}])
    assert not split.samples
    assert "left out" in str(split.remarks[0])


def test_a_mask_in_several_run_lengths_is_what_one_of_them_covers(tmp_path: Path) -> None:
    whole = {"size": [50, 100], "counts": [0, 5000]}
    split = refer(tmp_path, [REF], [IMAGE], [ANNOTATION | {"segmentation": [RLE, whole]}])
    assert split.samples[0].mask
    assert read_mask(split.samples[0].mask, tmp_path, (50, 100)).sum() == 5000 - 7
    bare = refer(tmp_path, [REF], [IMAGE], [ANNOTATION | {"segmentation": RLE}])
    assert bare.samples[0].mask
    assert bare.samples[0].mask.rle == RLE


@pytest.mark.parametrize("content", ["[]", "{}", '{"images": 3}', "{", '{"images": [], "annotations": [3]}'])
def test_an_instances_file_of_another_shape(tmp_path: Path, content: str) -> None:
    refer(tmp_path)
    (tmp_path / "instances.json").write_text(content)
    with pytest.raises(DatasetError, match=r"instances\.json"):
        find("rrsisd").read(tmp_path, "test")


def test_lists_of_transvg(tmp_path: Path) -> None:
    entries = [
        ("a.jpg", "s.pth", [10.9, 20.9, 5.9, 6.9], "the ship", []),
        ("a.jpg", [1, 2, 3, 4], "three values"),
        ("a.jpg", "s.pth", [10, 20, 0.5, 6], "too thin", []),
        ("a.jpg", "the ship"),
        None,
        ("../a.jpg", "s.pth", [1, 2, 3, 4], "x", []),
    ]
    (tmp_path / "unc_testA.pth").write_bytes(pickle.dumps(entries))
    split = find("refcoco").read(tmp_path, "testA")
    # Cut to whole numbers before width and height are added, as TransVG does.
    assert [sample.box.xyxy for sample in split.samples if sample.box] == [(10, 20, 15, 26), (1, 2, 4, 6)]
    assert told(split) == [("unc_testA.pth", line) for line in (3, 4, 5, 6)]
    (tmp_path / "referit_test.pth").write_bytes(pickle.dumps(entries[1:2]))
    [sample] = find("referit").read(tmp_path, "test").samples
    assert sample.box
    assert sample.box.xyxy == (1, 2, 3, 4)
    (tmp_path / "unc_testA.pth").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DatasetError, match="a list of"):
        find("refcoco").read(tmp_path, "testA")


def vrsbench(folder: Path, *records: Any) -> Split:
    (folder / "VRSBench_EVAL_referring.json").write_text(json.dumps(records))
    return find("vrsbench").read(folder, "val")


CORNERS = [0.5, 0.25, 0.5, 0.5, 0.25, 0.5, 0.25, 0.25]
RECORD = {"image_id": "a.png", "question": "q", "ground_truth": "{<25><25><50><50>}", "obj_corner": CORNERS}


@pytest.mark.parametrize(
    ("change", "box", "words"),
    [
        ({}, (128, 128, 256, 256), ""),
        ({"obj_corner": [1.02, -0.01, 1.02, 0.5, 0.25, 0.5, 0.25, -0.01], "ground_truth": ""}, (128, 0, 512, 256), ""),
        ({"ground_truth": "{<25><25><55><50>}"}, (128, 128, 256, 256), "is not the box around obj_corner"),
        ({"obj_corner": None}, (128, 128, 256, 256), "rounded"),
        ({"obj_corner": [0.1] * 7}, (128, 128, 256, 256), "rounded"),
        ({"obj_corner": [float("nan")] * 8}, (128, 128, 256, 256), "rounded"),
        ({"obj_corner": [], "ground_truth": "{<25>}"}, None, "left out"),
        ({"obj_corner": [1.5] * 8, "ground_truth": ""}, None, "no area"),
        ({"question": None}, None, "no expression"),
        ({"image_id": "/a.png"}, None, "absolute"),
    ],
)
def test_wild_references_of_vrsbench(tmp_path: Path, change: Any, box: Any, words: str) -> None:
    split = vrsbench(tmp_path, RECORD | change)
    assert [sample.box.xyxy for sample in split.samples if sample.box] == ([box] if box else [])
    remarks = [str(r) for r in split.remarks if not r.what.startswith("no such")]
    assert len(remarks) == bool(words)
    assert not words or words in remarks[0]


def test_other_records_and_damaged_files_of_vrsbench(tmp_path: Path) -> None:
    split = vrsbench(tmp_path, RECORD, {"type": "cap"}, 3, RECORD | {"question_id": 7}, RECORD | {"question_id": 7})
    assert [sample.id for sample in split.samples] == ["0", "7", "7#2"]
    assert told(split) == [("VRSBench_EVAL_referring.json", 3), ("VRSBench_EVAL_referring.json", 5)]
    (tmp_path / "VRSBench_EVAL_referring.json").unlink()
    folder = tmp_path / "Annotations_val"
    folder.mkdir()
    item = {"obj_cls": "Ship", "referring_sentence": "q", "obj_corner": CORNERS, "is_unique": True}
    (folder / "b.json").write_text(json.dumps({"image": "c.png", "objects": [item, 3]}))
    (folder / "a.json").write_text("{")
    (folder / "c.json").write_text("[]")
    split = find("vrsbench").read(tmp_path, "test")
    [sample] = split.samples
    assert (sample.id, sample.image, sample.category, sample.kind) == ("0", "Images_val/c.png", "ship", "unique")
    assert told(split)[0] == ("Annotations_val/a.json", None)
    assert {file for file, _ in told(split)} == {f"Annotations_val/{name}.json" for name in "abc"}
