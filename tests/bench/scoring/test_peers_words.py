"""Boxes in the words of an answer: what is a number, in what it counts, and that no reading is guessed in silence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.bench.scoring.peers import BOX, RUN, answers, first_box
from tests.bench.scoring.runs import truth, write_run
from zeroov.bench.runs.records import Run
from zeroov.bench.scoring.peer_files import Format
from zeroov.bench.scoring.peers import read_peer
from zeroov.bench.scoring.protocols import named
from zeroov.bench.scoring.score import score
from zeroov.cli.main import app
from zeroov.errors import ZeroovError


@pytest.mark.parametrize(
    ("answer", "box"),
    [
        ("{<25><40><33><60>}", (20, 24, 26.4, 36)),
        ("It is at 25, 40, 33, 60 (and 99).", (20, 24, 26.4, 36)),
        ("[0.25, 0.4, 0.33, 0.6]", None),  # a decimal breaks the published reading: it is (0, 25, 0, 4)
        ("<25><40><33>", None),
        ("none", None),
    ],
)
def test_answers_in_words_as_vrsbench_reads_them(tmp_path, answer, box):
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "s/0", "answer": answer}))
    read = answers(tmp_path / "a.jsonl").run.records[0]
    assert read.box == (pytest.approx(box) if box else None)
    assert read.answer == answer
    assert read.status == ("found" if box else "empty")
    told = "1 answer in words without a box (`s/0`)"
    assert any(told in remark for remark in answers(tmp_path / "a.jsonl").remarks) == (box is None)


@pytest.mark.parametrize(
    ("form", "answer", "box"),
    [
        (Format(scale="pixels"), "[10, 20, 30, 60]", BOX),
        (Format(scale="pixels"), '```json\n[{"bbox_2d": [10, 20, 30, 60], "label": "plane"}]```', BOX),
        (Format(scale="pixels"), "x1=10.0, y1=20., x2=3e1 and y2=60 (Qwen2.5-VL)", BOX),
        (Format(scale="pixels"), "10-20-30-60", BOX),  # a dash between two numbers is no minus
        (Format(scale="pixels"), "from (-5, -2.5) to (.5, 60)", (-5, -2.5, 0.5, 60)),
        (Format(scale="pixels"), "25px, 2d, x1, <loc0100> and 3", None),
        (Format("xywh", "pixels"), "{<10><20><20><40>}", BOX),
        (Format(scale="unit"), "[0.125, 0.25, 0.375, 1.0]", (10, 15, 30, 60)),
        (Format(scale="thousand"), "(125,250),(375,1000)", (10, 15, 30, 60)),
        (Format("xywh"), "{<25><40><8><20>}", (20, 24, 26.4, 36)),  # the scale is not given: hundredths
        (Format("xywh", "hundred"), "{<25><40><8><20>}", (20, 24, 26.4, 36)),
    ],
)
@pytest.mark.parametrize("stated", [False, True])
def test_a_format_holds_for_answers_in_words_too(tmp_path, form, answer, box, stated):
    head = {name: value for name, value in (("boxes", form.order), ("scale", form.scale)) if value}
    path = tmp_path / "a.jsonl"
    path.write_text((json.dumps(head) + "\n") * stated + json.dumps({"id": "s/0", "answer": answer}))
    assert first_box(path, None if stated else form) == (pytest.approx(box) if box else None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-500, 500), st.floats(2, 500), *[st.floats(0.001, 500)] * 2).map(
            lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
        ),
        min_size=3,
        max_size=3,
    )
)
def test_a_perfect_system_in_words_is_perfect(tmp_path, boxes):
    records = [replace(r, truth_box=box, truth_mask=None) for r, box in zip(RUN.records, boxes, strict=True)]
    run, path = Run("mine", tuple(records)), tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"id": r.id, "answer": f"It is at {[*r.truth_box]}."}) + "\n" for r in records))
    [row] = [row for row in score(read_peer(path, run, Format(scale="pixels")).run, named("honest")).rows if not row.by]
    assert {name: figure.value for name, figure in row.figures.items()} == dict.fromkeys(row.figures, 1.0)


def in_words(path, *texts):
    path.write_text("".join(json.dumps({"id": f"s/{n}", "answer": text}) + "\n" for n, text in enumerate(texts)))
    return path


def test_words_in_pixels_are_not_read_as_hundredths_in_silence(tmp_path):
    outside, inside, reversed_ = "[65, 99, 162, 187]", "[10, 20, 30, 60]", "[165, 99, 62, 87]"
    path = tmp_path / "a.jsonl"
    for texts in ((outside,), (outside, outside, inside), (outside, reversed_, "nothing")):
        with pytest.raises(ZeroovError, match=r"hundredths .* 1?[0-9] of .* --scale pixels"):
            answers(in_words(path, *texts))
    remarks = answers(in_words(path, outside, inside, "nothing")).remarks
    assert any("2 boxes in words read as hundredths of the image, 1 of them leaving it" in r for r in remarks)
    remarks = answers(in_words(path, inside)).remarks
    assert any("1 box in words read as hundredths of the image; " in r for r in remarks)
    for form in (Format(scale="pixels"), Format(scale="hundred")):
        assert not any("hundredths" in r for r in answers(in_words(path, outside, outside, outside), form).remarks)


def test_words_have_the_order_that_is_asked_for_and_not_that_of_empty_columns(tmp_path):
    (tmp_path / "a.csv").write_text('id,x,y,w,h,answer\ns/0,,,,,"[10, 20, 30, 60]"\n')
    assert first_box(tmp_path / "a.csv", Format(scale="pixels")) == BOX
    assert first_box(tmp_path / "a.csv", Format("xywh", "pixels")) == (10, 20, 40, 80)


def test_words_with_reversed_corners_are_told_as_boxes_are(tmp_path):
    path, form = in_words(tmp_path / "a.jsonl", "[50, 50, 10, 10]", "[60, 50, 10, 10]"), Format(scale="pixels")
    with pytest.raises(ZeroovError, match="add --boxes xywh"):
        answers(path, form)
    assert first_box(path, Format("xywh", "pixels")) == (50, 50, 60, 60)


def test_the_command_reads_words_as_it_is_asked_to(tmp_path):
    run = write_run(tmp_path / "run", list(RUN.records))
    texts = (str([100 + x for x in truth(n)]) for n in range(3))
    command = ["bench", "compare", str(run), str(in_words(tmp_path / "words.jsonl", *texts))]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 1
    assert "--scale pixels" in found.stderr
    in_words(tmp_path / "words.jsonl", *(str([*truth(n)]) for n in range(3)))
    found = CliRunner().invoke(app, [*command, "--scale", "pixels", "--boxes", "xyxy", "--json"])
    values = json.loads(found.stdout)["systems"][1]["figures"]["box"]
    assert {value["value"] for value in values.values()} == {100.0}
    shown = CliRunner().invoke(app, ["bench", "compare", "--help"]).stdout
    assert "(xyxy)" in shown
    assert "(pixels; hundred" in shown
