"""First labels beside corrected ones, whichever tool they come from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from zeroov.bench.data import find
from zeroov.bench.data.forms.labels import read_labels
from zeroov.bench.data.masks import read_mask
from zeroov.bench.scoring.labels import compare_labels
from zeroov.cli.main import app
from zeroov.errors import DatasetError
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.write import open_writers
from zeroov.types import Box

HW = (80, 120)
CLASSES = {"the white ship": "ship", "the grey ship": "ship"}


def found(text: str, x0: int, y0: int, side: int = 20) -> Found:
    return Found(np.ones((side, side), np.bool_), (x0, y0), Box(x0, y0, x0 + side, y0 + side), 0.5, text)


FIRST = {
    "a.png": [found("the white ship", 0, 0), found("the grey ship", 60, 40), found("the tank", 90, 5)],
    "sub/b.png": [found("the tank", 10, 10)],
    "sub/c.png": [found("the tank", 50, 50)],
}


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A folder with the first labels in every form that is read back."""
    pytest.importorskip("shapely")
    images = [tmp_path / "images" / name for name in FIRST]
    formats = ["coco", "labelstudio", "labelstudio-boxes", "labelme"]
    writers = open_writers(tmp_path, formats, classes=CLASSES, expressions=[*CLASSES, "the tank"], images=images)
    for image, founds in zip(images, FIRST.values(), strict=True):
        writers.add(SceneInfo(str(image), HW), founds, {})
    writers.finish()
    return tmp_path


def rewritten(path: Path, change: Any) -> Path:
    """Return a copy of a file of labels in which something was corrected."""
    document = json.loads(path.read_text())
    change(document)
    corrected = path.parent / f"corrected.{path.name}"
    corrected.write_text(json.dumps(document))
    return corrected


@pytest.mark.parametrize("name", ["coco.json", "labelstudio.json", "labelstudio-boxes.json", "labelme"])
def test_what_is_written_is_read_back(labels: Path, name: str) -> None:
    read = read_labels(labels / name)
    assert [Path(image).name for image in read.images] == [Path(image).name for image in FIRST]
    assert not read.remarks
    expected = [each for founds in FIRST.values() for each in founds]
    assert [(each.category, each.expression) for each in read.objects] == [
        (CLASSES.get(each.expression, each.expression), each.expression) for each in expected
    ]
    for label, true in zip(read.objects, expected, strict=True):
        assert label.hw == HW
        assert label.corners_xyxy == pytest.approx(true.box.xyxy)
        mask = np.zeros(HW, np.bool_)
        mask[int(true.box.y0) : int(true.box.y1), int(true.box.x0) : int(true.box.x1)] = True
        np.testing.assert_array_equal(read_mask(label.mask, Path(), HW), mask)
    same = compare_labels(labels / "coco.json", labels / name)
    assert (same.images, same.only_first, same.only_corrected) == (3, (), ())
    assert [(row.name, row.proposed, row.true, row.right) for row in same.rows] == [
        ("ship", 2, 2, 2),
        ("the tank", 3, 3, 3),
        ("all", 5, 5, 5),
    ]
    assert same.rows[-1].to_json()["mean_iou"] == 1


def test_corrected_in_label_studio(labels: Path) -> None:
    """A ship is redrawn, a tank deleted, one added, and one image was never opened."""

    def correct(tasks: list[dict[str, Any]]) -> None:
        for task in tasks[:2]:
            task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
        first, second = (task["annotations"][0]["result"] for task in tasks[:2])
        first[0]["value"]["points"] = [[0, 0], [15 / 1.2, 0], [15 / 1.2, 25], [0, 25]]
        del first[2]
        moved = json.loads(json.dumps(second[0]))
        moved["value"]["points"] = [[x + 50, y] for x, y in moved["value"]["points"]]
        second += [moved, {"type": "brushlabels", "value": {"brushlabels": ["ship"]}}]

    corrected = rewritten(labels / "labelstudio.json", correct)
    told = CliRunner().invoke(app, ["bench", "labels", str(labels / "coco.json"), str(corrected), "--json"])
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert (report["images"], report["only_first"]) == (2, ["sub/c.png"])
    ship, tank, whole = report["rows"]
    assert ship == {
        "class": "ship",
        "proposed": 2,
        "right": 2,
        "deleted": 0,
        "added": 0,
        "precision": 1,
        "recall": 1,
        "mean_iou": pytest.approx((0.75 + 1) / 2),
    }
    assert (tank["proposed"], tank["right"], tank["deleted"], tank["added"]) == (2, 1, 1, 1)
    assert (whole["precision"], whole["recall"]) == (0.75, 0.75)
    assert [remark.what for remark in read_labels(corrected).remarks] == ["a region of type brushlabels of `sub/b.png`"]
    table = CliRunner().invoke(app, ["bench", "labels", str(labels / "coco.json"), str(corrected)])
    assert "left out: 1 image only among the first labels (sub/c.png)" in table.output


def test_another_class_or_place_is_not_right(labels: Path) -> None:
    def correct(document: dict[str, Any]) -> None:
        document["annotations"][0]["category_id"] = 2
        document["annotations"][3] |= {"bbox": [80, 10, 20, 20], "segmentation": [[80, 10, 100, 10, 100, 30, 80, 30]]}

    rows = compare_labels(labels / "coco.json", rewritten(labels / "coco.json", correct)).rows
    assert [(row.name, row.proposed, row.true, row.right) for row in rows] == [
        ("ship", 2, 1, 1),
        ("the tank", 3, 4, 2),
        ("all", 5, 5, 3),
    ]


def test_corrected_labels_are_the_truth_of_a_benchmark(labels: Path) -> None:
    split = find("file").read(labels / "coco.json", "test")
    asked = [(sample.image, sample.expression, sample.category, sample.box) for sample in split.samples]
    assert asked == [
        (image, each.expression, CLASSES.get(each.expression, each.expression), each.box)
        for image, founds in FIRST.items()
        for each in founds
    ]

    def nameless(document: dict[str, Any]) -> None:
        for each in document["annotations"]:
            del each["attributes"]

    without = find("file").read(rewritten(labels / "coco.json", nameless), "test")
    assert [sample.expression for sample in without.samples] == ["the tank"] * 3
    assert any("`ship` is several objects of `a.png`; left out" in str(remark) for remark in without.remarks)


@pytest.mark.parametrize("name", ["coco.json", "labelstudio.json"])
@pytest.mark.parametrize(
    ("spoken", "old", "new", "asked"),
    [
        ("the building", "building", "storage tank", "the storage tank"),
        ("the grey building on the left", "building", "storage tank", "the storage tank"),
        ("the red plane", "the red plane", "the white plane", "the white plane"),
        ("the airliner", "plane", "plane", "the airliner"),
        ("the plane beside the building", "plane", "plane", "the plane beside the building"),
    ],
)
def test_a_corrected_class_is_what_is_asked(
    tmp_path: Path, name: str, spoken: str, old: str, new: str, asked: str
) -> None:
    pytest.importorskip("shapely")
    classes = {spoken: old, "the house": "building", "the silo": new, "the other": old}
    founds = [found(text, 30 * place, 0) for place, text in enumerate(classes)]
    form = name.removesuffix(".json")
    writers = open_writers(tmp_path, [form], classes=classes, expressions=[*classes], images=[tmp_path / "a.png"])
    writers.add(SceneInfo(str(tmp_path / "a.png"), HW), founds, {})
    writers.finish()

    def correct(document: Any) -> None:
        if isinstance(document, dict):
            numbers = {each["name"]: each["id"] for each in document["categories"]}
            document["annotations"][0]["category_id"] = numbers[new]
        else:
            value = document[0]["predictions"][0]["result"][0]["value"]
            value["polygonlabels"] = [new]

    split = find("file").read(rewritten(tmp_path / name, correct), "test")
    assert [(sample.expression, sample.category) for sample in split.samples] == [
        (asked, new),
        ("the house", "building"),
        ("the silo", new),
        ("the other", old),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no whole file of labels"),
        ('{"annotations": [{"image_id": 1}], "images": [], "categories": []}', "is no whole file of labels"),
        ('{"a": 1}', "holds no labels; COCO, Label Studio's JSON export, or labelme's"),
        ("[]", "have no image in common"),
    ],
)
def test_what_is_no_file_of_labels_is_refused(labels: Path, text: str, message: str) -> None:
    (labels / "odd.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        compare_labels(labels / "coco.json", labels / "odd.json")
    (labels / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"holds no \.json file"):
        read_labels(labels / "empty")


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value of a JSON document."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*way, key)
        yield from places(value[key], (*way, key))


@pytest.mark.parametrize("name", ["coco.json", "labelstudio.json", "labelme/a.json"])
def test_a_wrong_value_anywhere_is_one_line_and_no_traceback(labels: Path, name: str) -> None:
    text = (labels / name).read_text()
    for way in places(json.loads(text)):
        for odd in (None, "x", float("inf")):
            document = inside = json.loads(text)
            for key in way[:-1]:
                inside = inside[key]
            inside[way[-1]] = odd
            (labels / "odd.json").write_text(json.dumps(document))
            with contextlib.suppress(DatasetError):
                read = read_labels(labels / "odd.json")
                for each in read.objects[:1]:
                    read_mask(each.mask, Path(), each.hw)
                find("file").read(labels / "odd.json", "test")
