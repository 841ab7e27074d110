"""Answers without an id of the run's: COCO results, and logs of image, question and answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.scoring.peers import BOX, RUN
from tests.bench.scoring.runs import rectangle
from zeroov.bench.runs.records import Run
from zeroov.bench.scoring.peer_files import Format
from zeroov.bench.scoring.peers import Predictions, read_peer
from zeroov.errors import ZeroovError
from zeroov.outputs.rle import decode_rle, encode_rle


def asked(*questions: tuple[str, str, str]) -> Run:
    """A run of samples with these ids, images and expressions."""
    record = RUN.records[0]
    return Run("mine", tuple(replace(record, id=i, image=image, expression=text) for i, image, text in questions))


ONE_EACH = asked(("a", "images/00012.png", "the plane"), ("b", "images/00013.png", "the ship"))
SEVERAL = asked(
    ("a", "x/1.png", "the plane"), ("b", "x/1.png", "the plane left of the ship"), ("c", "y/1.png", "the ship")
)


def read(tmp_path: Path, run: Run, *answers: dict[str, Any], name: str = "a.json", form: Format | None = None) -> Any:
    path = tmp_path / name
    path.write_text(json.dumps(answers) if name.endswith(".json") else "\n".join(map(json.dumps, answers)))
    return read_peer(path, run, form)


def boxes(found: Predictions) -> dict[str, Any]:
    return {record.id: record.box for record in found.run.records}


@pytest.mark.parametrize("image", [12, "12", "00012", "00012.png", "images/00012.png", "D:\\data\\images\\00012.png"])
def test_coco_results_are_read_by_their_image(tmp_path: Path, image: Any) -> None:
    found = read(tmp_path, ONE_EACH, {"image_id": image, "category_id": 1, "bbox": [10, 20, 20, 40], "score": 0.5})
    assert boxes(found) == {"a": BOX, "b": None}  # COCO's boxes are x, y, width, height
    assert found.run.records[0].score == 0.5
    assert any("1 COCO result, whose boxes are xywh" in remark for remark in found.remarks)
    form = Format("xyxy")
    assert boxes(read(tmp_path, ONE_EACH, {"image_id": image, "bbox": [10, 20, 30, 60]}, form=form))["a"] == BOX


def test_of_several_coco_results_of_an_image_the_best_score_counts(tmp_path: Path) -> None:
    results = [{"image_id": 12, "bbox": [number, 20, 20, 40], "score": s} for number, s in enumerate((0.2, 0.9, 0.3))]
    found = read(tmp_path, ONE_EACH, *results)
    assert boxes(found)["a"] == (1, 20, 21, 60)
    assert any("2 COCO results more" in remark for remark in found.remarks)
    for result in results:
        del result["score"]
    with pytest.raises(ZeroovError, match="answered twice"):
        read(tmp_path, ONE_EACH, *results)


def test_coco_segmentations_are_masks(tmp_path: Path) -> None:
    mask = rectangle(5, 5, 20, 30)
    found = read(tmp_path, ONE_EACH, {"image_id": 13, "segmentation": encode_rle(mask), "score": 1})
    np.testing.assert_array_equal(decode_rle(found.run.records[1].mask), mask)


def test_a_log_is_read_by_image_and_question(tmp_path: Path) -> None:
    log = [
        {"image": "x/1.png", "question": "The plane", "answer": "[10, 20, 30, 60]"},
        {"image": "x/1.png", "question": "the plane  left of the ship", "answer": "[1, 2, 3, 4]"},
        {"image": "/data/y/1.png", "question": "the ship", "answer": "[5, 6, 7, 8]"},
    ]
    for name in ("a.json", "a.jsonl"):
        found = read(tmp_path, SEVERAL, *log, name=name, form=Format(scale="pixels"))
        assert boxes(found) == {"a": BOX, "b": (1, 2, 3, 4), "c": (5, 6, 7, 8)}
        assert found.remarks == ()
    rows = ["image,expression,x0,y0,x1,y1", *(f"{each['image']},{each['question']},10,20,30,60" for each in log)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    assert boxes(read_peer(tmp_path / "a.csv", SEVERAL)) == dict.fromkeys("abc", BOX)


def test_questions_around_the_expression_are_understood_where_all_are_worded_alike(tmp_path: Path) -> None:
    log = [
        {"question_id": n, "image": image, "question": f"<image>\nLocate {text}. Answer in JSON.", "box": [n, 0, 9, 9]}
        for n, (image, text) in enumerate(
            [("x/1.png", "the plane left of the ship"), ("x/1.png", "the plane"), ("y/1.png", "the ship")]
        )
    ]
    found = read(tmp_path, SEVERAL, *log)
    assert boxes(found) == {"b": (0, 0, 9, 9), "a": (1, 0, 9, 9), "c": (2, 0, 9, 9)}
    assert any("`<image> locate {expression}. answer in json.`" in remark for remark in found.remarks)


def test_an_expression_within_a_question_about_something_else_is_no_match(tmp_path: Path) -> None:
    """The run holds a part of the data set, as with --limit; the log answers all of it."""
    run = asked(("a", "1.png", "the plane"), ("b", "2.png", "the ship"), ("c", "3.png", "the car"))
    log = [
        {"image": f"{n}.png", "question": text, "box": [n, 0, 9, 9]}
        for n, text in [(1, "the plane beside the hangar"), (1, "the plane"), (2, "the ship"), (3, "the car there")]
    ]
    found = read(tmp_path, run, *log)
    assert boxes(found) == {"a": (1, 0, 9, 9), "b": (2, 0, 9, 9), "c": None}
    assert any("2 answers to no sample" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("run", "answer", "named"),
    [
        (SEVERAL, {"image": "x/1.png", "box": [1, 2, 3, 4]}, r"a.json, entry 1: image `x/1.png` is that of 2 samples"),
        (SEVERAL, {"image_id": 1, "bbox": [1, 2, 3, 4]}, "image `1` may be `x/1.png`, `y/1.png`"),
        (
            asked(("a", "1.png", "the plane"), ("b", "1.png", "The  plane")),
            {"image": "1.png", "question": "the plane", "box": [1, 2, 3, 4]},
            "image `1.png` with the words `the plane` is that of 2 samples, `a`, `b`; give each answer the `id`",
        ),
        (SEVERAL, {"id": "a", "image": "y/1.png", "box": [1, 2, 3, 4]}, "sample `a` is of image `x/1.png`"),
        (SEVERAL, {"answer": "[1, 2, 3, 4]"}, "the sample's `id`, or its `image` and `expression`, is expected"),
    ],
)
def test_what_is_ambiguous_is_refused_by_name(tmp_path: Path, run: Run, answer: dict[str, Any], named: str) -> None:
    with pytest.raises(ZeroovError, match=named):
        read(tmp_path, run, answer)


def test_answers_to_other_images_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ZeroovError, match=r"its ids are like `z\.png: the car`, the run's like `a`, `b`"):
        read(tmp_path, ONE_EACH, {"image": "z.png", "question": "the car", "box": [1, 2, 3, 4]})
    with pytest.raises(ZeroovError, match="answers none of the samples"):
        read(tmp_path, ONE_EACH, {"image": "9" * 5000, "question": "the car", "box": [1, 2, 3, 4]})
