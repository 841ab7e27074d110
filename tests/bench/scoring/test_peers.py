from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.bench.scoring.peers import BOX, RUN, answers, first_box
from tests.bench.scoring.runs import HW, record, rectangle, truth
from zeroov.bench.runs.records import Run
from zeroov.bench.scoring.peer_files import Format
from zeroov.bench.scoring.peers import read_peer
from zeroov.errors import UsageError, ZeroovError
from zeroov.outputs.rle import decode_rle, encode_rle


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"s/0": [10, 20, 30, 60]}'),
        ("a.json", '{"s/0": {"box": [10, 20, 30, 60], "score": 0.5}}'),
        ("a.json", '[{"id": "s/0", "bbox": [10, 20, 30, 60]}]'),
        ("a.json", '[{"id": "s/0", "bbox_xywh": [10, 20, 20, 40]}]'),
        ("a.json", '{"boxes": "cxcywh", "predictions": {"s/0": [20, 40, 20, 40]}}'),
        ("a.json", '{"scale": "unit", "predictions": [{"id": "s/0", "box": [0.125, 0.3333333333333333, 0.375, 1]}]}'),
        ("a.json", '{"id": "s/0", "box": [10, 20, 30, 60]}\n{"id": "s/1", "box": null}\n'),  # lines all the same
        ("a.jsonl", '\ufeff{"id": "s/0", "box": [10, 20, 30, 60]}\n\n'),
        ("a.jsonl", '{"boxes": "xywh"}\n{"id": "s/0", "box": [10, 20, 20, 40]}'),
        ("a.jsonl", '{"sample_id": "s/0", "xmin": 10, "ymin": 20, "xmax": 30, "ymax": 60}'),
        ("a.csv", "id,x0,y0,x1,y1\ns/0,10,20,30,60\n"),
        ("a.csv", "id, score, x, y, w, h\r\ns/0, 0.5, 10, 20, 20, 40\r\n"),
        ("a.CSV", "cx,cy,w,h,question_id\n20,40,20,40,s/0\n"),
    ],
)
def test_boxes_in_many_clothes(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert first_box(tmp_path / name) == pytest.approx(BOX)


@pytest.mark.parametrize(
    ("form", "numbers"),
    [
        (Format("xywh"), [10, 20, 20, 40]),
        (Format("cxcywh", "unit"), [0.25, 2 / 3, 0.25, 2 / 3]),
        (Format(scale="hundred"), [12.5, 100 / 3, 37.5, 100]),
        (Format("xywh", "thousand"), [125, 1000 / 3, 250, 2000 / 3]),
    ],
)
def test_formats_by_option(tmp_path, form, numbers):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"s/0": numbers}))
    assert first_box(path, form) == pytest.approx(BOX)


def test_numbers_as_ids(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"question_id": 7, "box": [1, 2, 3, 4]}')
    run = Run("mine", (record(0).__class__(id="7", image="a", expression="b", hw=HW, status="empty"),))
    assert read_peer(tmp_path / "a.jsonl", run).run.records[0].box == (1, 2, 3, 4)


def test_masks_as_run_lengths_and_as_pictures(tmp_path):
    mask = rectangle(5, 5, 20, 30)
    (tmp_path / "a.json").write_text(json.dumps({"s/0": {"mask": encode_rle(mask)}, "s/1": {"mask": None}}))
    counts = [60 * 5 + 5, 25, *[35, 25] * 14]  # columns of 60: the first five and five pixels, then 25 in each
    (tmp_path / "c" / "s").mkdir(parents=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "c" / "s" / "0.png")
    Image.fromarray(np.zeros(HW, np.uint8)).save(tmp_path / "c" / "s" / "1.png")
    counts.append(60 * 80 - sum(counts))
    (tmp_path / "b.json").write_text(json.dumps({"s/0": {"mask": {"size": HW, "counts": counts}}}))
    for name in ("a.json", "b.json", "c"):
        read = answers(tmp_path / name).run.records
        np.testing.assert_array_equal(decode_rle(read[0].mask), mask)
        assert read[0].status == "found"
        assert read[1].mask is None  # an empty mask and none at all are the same answer
    assert answers(tmp_path / "c").run.records[1].status == "empty"
    assert answers(tmp_path / "c").run.records[2].status == "failed"


def test_masks_named_with_their_extension(tmp_path):
    run = Run("mine", (record(0).__class__(id="a.png", image="a", expression="b", hw=HW, status="empty"),))
    Image.fromarray(np.full(HW, 255, np.uint8)).save(tmp_path / "a.png")
    assert read_peer(tmp_path, run).run.records[0].status == "found"


def test_masks_of_another_size_are_resized_and_told(tmp_path):
    Image.fromarray(np.full((480, 480), 255, np.uint8)).save(tmp_path / "s_0.png")
    run = Run("mine", (record(0).__class__(id="s_0", image="a", expression="b", hw=HW, status="empty"),))
    read = read_peer(tmp_path, run)
    assert decode_rle(read.run.records[0].mask).all()
    assert "1 mask of another size than the image, resized (`s_0`)" in read.remarks[0]


def test_what_is_missing_unknown_or_reversed_is_told(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"s/0": [10, 20, 30, 60], "s/1": [30, 20, 10, 60], "zzz": [1, 2, 3, 4]}')
    read = answers(path)
    assert [r.status for r in read.run.records] == ["found", "empty", "failed"]
    assert read.run.records[2].error == "no answer in a.json"
    assert [r.truth_box for r in read.run.records] == [r.truth_box for r in RUN.records]
    told = "\n".join(read.remarks)
    assert "1 of 3 samples without an answer, counted as failed (`s/2`)" in told
    assert "1 answer to no sample of the run, passed over (`zzz`)" in told
    assert "1 box of reversed corners, counted as no answer (`s/1`)" in told


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"id": "s/0", "box": [1, 2, 3, 4]}\n{"id": "s/1", ', r"a\.jsonl:2: no JSON"),
        ("a.jsonl", '{"id": "s/0", "box": [1, 2, 3]}', r"a\.jsonl:1: a box is four numbers, got '\[1, 2, 3\]'"),
        ("a.jsonl", '{"id": "s/0", "box": [1, 2, 3, NaN]}', r"a\.jsonl:1: a box is four finite numbers"),
        ("a.jsonl", '{"id": "s/0", "box": "left"}', r"a\.jsonl:1: a box is four numbers"),
        ("a.jsonl", '{"id": "s/0", "box": {"a": 1}}', r"a\.jsonl:1: a box is four numbers"),
        ("a.jsonl", f'{{"id": "s/0", "box": [1, 2, 3, 1{"0" * 400}]}}', r"a\.jsonl:1: a box is four numbers"),
        ("a.jsonl", f'{{"id": "s/0", "score": 1{"0" * 400}}}', r"a\.jsonl:1: int too large"),
        ("a.json", f'{{"s/0": 1{"0" * 5000}}}', r"a\.json:1: no JSON"),
        ("a.jsonl", '{"id": "s/0", "score": "high"}', r"a\.jsonl:1: could not convert"),
        ("a.jsonl", '{"id": "s/0", "mask": [1, 2]}', r"a\.jsonl:1: a mask is run lengths"),
        ("a.jsonl", '{"id": "s/0", "mask": {"size": [60, 80], "counts": "zzz"}}', r"a\.jsonl:1: run lengths"),
        ("a.jsonl", '{"id": "s/0", "mask": {"size": [60, 80], "counts": [1]}}', r"a\.jsonl:1: run lengths"),
        ("a.jsonl", '{"id": "s/0", "mask": {"counts": [1]}}', r"a\.jsonl:1: a mask's size"),
        ("a.jsonl", '{"box": [1, 2, 3, 4]}', r"a\.jsonl:1: the sample's `id`.* is expected, got box"),
        ("a.jsonl", "{}", r"a\.jsonl:1: the sample's `id`.* is expected, got no keys"),
        ("a.jsonl", '{"id": ["s/0"]}', r"a\.jsonl:1: the sample's `id`.* is expected"),
        ("a.jsonl", "[1]", r"a\.jsonl:1: an object is expected"),
        ("a.jsonl", '{"id": "s/0", "box": [1, 2, 3, 4]}\n' * 2, r"a\.jsonl:2: sample `s/0` is answered twice"),
        ("a.jsonl", '{"boxes": "xyhw"}', r"a\.jsonl:1: `boxes` cannot be `xyhw`; did you mean"),
        ("a.jsonl", '{"scale": ["a"]}', r"a\.jsonl:1: "),
        ("a.json", '{\n"s/0": [1, 2\n}', r"a\.json:3: no JSON"),
        ("a.json", "7", "holds no answers"),
        ("a.json", "[" * 100_000, "no JSON"),
        ("a.json", '{"s/0": [1, 2, 3]}', r"a\.json, sample `s/0`: a box is four numbers"),
        ("a.json", "{}", "answers none of the samples of `mine`: its ids are like , the run's like `s/0`, `s/1`"),
        ("a.json", '{"0": [1, 2, 3, 4]}', "its ids are like `0`, the run's like `s/0`"),
        ("a.json", '{"s/0": [0.1, 0.2, 0.3, 0.4]}', "add --scale unit"),
        ("a.json", '{"s/0": [50, 50, 10, 10], "s/1": [60, 50, 10, 10]}', "add --boxes xywh"),
        ("a.csv", "id,x0,y0,x1,y1\ns/0,1,2,3\n", r"a\.csv:2: 5 columns are expected"),
        ("a.csv", "id,x0,y0,x1,y1\ns/0,1,2,3,4,5\n", r"a\.csv:2: 5 columns are expected"),
        ("a.csv", "id,x0,y0,x1,y1\ns/0,1,2,3,four\n", r"a\.csv:2: a box is four numbers"),
        ("a.csv", 'id,x0,y0,x1,y1\ns/0,1,2,3,"4', r"a\.csv:2: no CSV"),
        ("a.csv", "x0,y0,x1,y1\n1,2,3,4\n", r"a\.csv:1: a header with `id`"),
        ("a.csv", "", r"a\.csv:1: a header"),
        ("a.txt", "s/0 1 2 3 4", "name it so"),
    ],
)
def test_what_cannot_be_understood_is_an_error_with_its_place(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ZeroovError, match=message):
        answers(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ZeroovError, match="holds no PNG masks"):
        answers(tmp_path)
    with pytest.raises(ZeroovError, match="cannot be read"):
        answers(tmp_path / "none.json")
    (tmp_path / "latin.csv").write_bytes(b"id,x\n\xe9,1\n")
    with pytest.raises(ZeroovError, match="is not UTF-8"):
        answers(tmp_path / "latin.csv")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "0.png").write_bytes(b"no picture")
    with pytest.raises(ZeroovError, match=r"0\.png` is truncated or no PNG"):
        answers(tmp_path)


def test_unknown_formats_have_suggestions():
    with pytest.raises(UsageError, match="`scale` cannot be `units`; did you mean `unit`"):
        Format(scale="units")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["id", "box", "mask", "size", "counts", "answer", "score", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=plain, suffix=st.sampled_from([".json", ".jsonl", ".csv"]))
def test_no_content_makes_a_traceback(tmp_path, value, suffix):
    path = tmp_path / f"a{suffix}"
    for wrapped in (value, {"s/0": value}, {"id": "s/0", "box": value}, {"id": "s/0", "mask": value}):
        path.write_text(json.dumps(wrapped))
        with contextlib.suppress(ZeroovError):
            assert len(answers(path).run.records) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=200), suffix=st.sampled_from([".json", ".jsonl", ".csv"]))
def test_no_text_makes_a_traceback(tmp_path, text, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ZeroovError):
        answers(path)


def scaled(parts: float, count: int = 12) -> dict[str, list[float]]:
    """Return boxes that are right, written in parts of the image."""
    height, width = HW
    return {
        f"s/{n}": [x0 * parts / width, y0 * parts / height, x1 * parts / width, y1 * parts / height]
        for n in range(count)
        for x0, y0, x1, y1 in [truth(n)]
    }


@pytest.mark.parametrize("written", [100, 1000])
@pytest.mark.parametrize("read", ["pixels", "hundred", "thousand"])
def test_a_scale_that_is_wrong_for_one_of_several_files_is_pointed_out(tmp_path, written, read):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(scaled(written)))
    run = Run("mine", tuple(record(number) for number in range(12)))
    told = [remark for remark in read_peer(path, run, Format(scale=read)).remarks if "instead of" in remark]
    name = {100: "hundred", 1000: "thousand"}[written]
    if read == name:
        assert told == []
    else:
        assert f"with --boxes xyxy --scale {name} its boxes would have a mean IoU of 100.00 instead of" in told[0]


def test_an_order_that_is_wrong_is_pointed_out_and_a_bad_system_is_not(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"s/0": [10, 10, 20, 20], "s/1": [11, 10, 20, 20], "s/2": [12, 10, 20, 20]}')
    assert "--boxes xywh --scale pixels" in answers(path).remarks[-1]
    path.write_text('{"s/0": [50, 30, 80, 60], "s/1": [50, 30, 80, 60], "s/2": [50, 30, 80, 60]}')
    assert answers(path).remarks == ()


def test_boxes_beyond_their_image_are_counted(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"s/0": [90, 20, 130, 60], "s/1": [10, 20, 500, 600], "s/2": [-9, 10, -1, 20]}')
    assert "2 boxes wholly beyond the image (`s/0`, `s/2`)" in "\n".join(answers(path).remarks)
