from __future__ import annotations

import io
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.layouts import write_layout
from zeroov.bench.data import find, names
from zeroov.bench.data.check import check, spread
from zeroov.bench.data.patches import export_patches
from zeroov.bench.data.sample import Sample
from zeroov.cli.main import app
from zeroov.show.contact import ContactTile, draw_contact_sheet
from zeroov.types import Box

HW = (160, 224)
YELLOW = np.array([255, 221, 0])


def run(*arguments: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["bench", "data", *map(str, arguments)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def report(*arguments: Any, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def rrsisd(tmp_path: Path) -> Path:
    write_layout("rrsisd", tmp_path / "rrsisd", {"train": 3, "val": 4, "test": 5}, HW)
    return tmp_path / "rrsisd"


def test_questions_say_what_a_peer_must_answer_and_nothing_that_is_true(rrsisd: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "questions.jsonl"
    assert "questions" in run("rrsisd", "--root", rrsisd, "--split", "val", "--questions", out).stdout
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    samples = find("rrsisd").read(rrsisd, "val").samples
    assert lines == [
        {"id": s.id, "image": s.image, "expression": s.expression, "width": HW[1], "height": HW[0], "split": "val"}
        for s in samples
    ]
    (rrsisd / samples[0].image).write_bytes(b"no picture")
    result = run("rrsisd", "--root", rrsisd, "--split", "val", "--questions", out, code=1)
    assert re.search("no size in .* for 1 image that cannot be opened", result.stderr)
    assert json.loads(out.read_text().splitlines()[0])["width"] is None
    assert "name it with --split" in run("rrsisd", "--root", rrsisd, "--questions", out, code=2).stderr


def test_the_list_of_benchmarks() -> None:
    listed = json.loads(run("--json").stdout)
    assert [item["name"] for item in listed] == list(names())
    assert {"name", "title", "aliases", "splits", "has_masks", "layout", "source"} <= listed[0].keys()
    text = run().stdout
    for item in listed:
        assert item["name"] in text
        assert item["source"] in text
    assert "test 3,481" in text


def test_a_complete_folder(rrsisd: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "out" / "sheet.png"
    result = run("rrsisd", "--root", rrsisd, "--sheet", sheet)
    assert "test      5 samples, 3,481 published; every file is there; 4 opened\n" in result.stdout
    assert "warning: val has 4 samples, 1,740 are published" in result.stderr
    with Image.open(sheet) as image:
        assert image.format == "PNG"
        assert image.width > 1000
    found = report("RRSIS-D", "--root", rrsisd, "--split", "test")
    assert found["complete"] is True
    assert found["sheet"] is None
    [test] = found["splits"]
    assert (test["name"], test["samples"], test["published"], test["missing_count"]) == ("test", 5, 3481, 0)
    assert len(test["opened"]) == 5
    assert all(opened["mask_pixels"] > 0 and not opened["problem"] for opened in test["opened"])


def test_a_missing_picture_is_exit_code_1(rrsisd: Path) -> None:
    pictures = sorted((rrsisd / "images/rrsisd/JPEGImages").iterdir())
    for path in pictures[-2:]:
        path.unlink()
    found = report("rrsisd", "--root", rrsisd, code=1)
    assert [split["missing_count"] for split in found["splits"]] == [0, 0, 2]
    assert found["splits"][2]["missing"] == [f"images/rrsisd/JPEGImages/{path.name}" for path in pictures[-2:]]
    assert found["complete"] is False
    assert "FILES MISSING: 2" in run("rrsisd", "--root", rrsisd, code=1).stdout
    run("rrsisd", "--root", rrsisd, "--split", "val")


def test_boxes_read_by_the_wrong_convention_are_seen(rrsisd: Path) -> None:
    path = rrsisd / "rrsisd/instances.json"
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        x0, y0, x1, y1 = annotation["bbox"]
        annotation["bbox"] = [x0, y0, x1 - x0, y1 - y0]
    path.write_text(json.dumps(content))
    found = report("rrsisd", "--root", rrsisd, code=1)
    assert sum("is not that of the mask" in o["problem"] for split in found["splits"] for o in split["opened"]) > 5


def test_masks_of_another_size_and_empty_ones_are_seen(tmp_path: Path) -> None:
    write_layout("risbench", tmp_path, {"test": 2}, HW)
    first, second = sorted((tmp_path / "mask").iterdir())
    Image.new("L", (80, 224), 255).save(first)
    Image.new("L", (224, 160), 0).save(second)
    [test] = report("risbench", "--root", tmp_path, "--split", "test", code=1)["splits"]
    problems = [opened["problem"] for opened in test["opened"]]
    assert "80 x 224 pixels and its image 224 x 160" in problems[0]
    assert problems[1] == "the mask is empty"
    assert "2 WRONG" in run("risbench", "--root", tmp_path, "--split", "test", code=1).stdout


def test_remarks_are_cut_unless_all_are_asked_for(tmp_path: Path) -> None:
    lines = ["image,x0,y0,x1,y1,expression", *(f"a.png,9,2,3,{n + 4},q" for n in range(15))]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    text = run("file", "--root", tmp_path).stdout
    assert text.count("  remark: test.csv:") == 10
    assert "  remark: and 5 more; --all-remarks prints them" in text
    assert run("file", "--root", tmp_path, "--all-remarks").stdout.count("  remark: test.csv:") == 15
    [test] = report("file", "--root", tmp_path)["splits"]
    assert (test["remark_count"], len(test["remarks"])) == (15, 10)
    assert test["remarks"][0] == {
        "file": "test.csv",
        "line": 2,
        "what": "corners the wrong way round in (9, 2, 3, 4)",
        "rule": "exchanged",
    }


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    write_layout("risbench", tmp_path, {"test": 2}, HW)
    found = report("risbench", "--root", tmp_path, code=1)
    assert [split["samples"] for split in found["splits"]] == [None, None, 2]
    assert "output_phrase_train.txt" in found["splits"][0]["problem"]
    assert "train     NOT READ: " in run("risbench", "--root", tmp_path, code=1).stdout
    # Of the user's own data any split may be absent.
    write_layout("file", tmp_path / "own", {"val": 2}, HW)
    assert [split["name"] for split in report("file", "--root", tmp_path / "own")["splits"]] == ["val"]
    assert [s["samples"] for s in report("file", "--root", tmp_path / "own/val.csv")["splits"]] == [2]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["risbnch"], 2, "did you mean `risbench`"),
        (["rrsisd"], 2, "--root DIR"),
        (["rrsisd", "--root", "{}", "--split", "tset"], 2, "did you mean `test`"),
        (["rrsisd", "--root", "{}"], 1, "`rrsisd/refs(unc).p`"),
        (["rrsisd", "--root", "{}/none"], 1, "does not exist"),
        (["rrsisd", "--root", "{}", "--export-patches", "x"], 2, "--split"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    result = run(*(argument.format(tmp_path) for argument in arguments), code=code)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_an_evil_download_is_refused(rrsisd: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    (rrsisd / "rrsisd/refs(unc).p").write_bytes(pickle.dumps([Evil()]))
    result = run("rrsisd", "--root", rrsisd, code=1)
    assert "nothing of it was run" in result.stderr
    assert not (tmp_path / "ran").exists()


def test_what_annotations_hold_cannot_play_with_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps({"image": "\x1b[2Ja.png", "expression": "x"}))
    assert "\x1b" not in run("file", "--root", tmp_path).stdout


def test_patches_are_one_picture_and_one_crop_per_object(tmp_path: Path) -> None:
    drawn = write_layout("dior-rsvg", tmp_path / "dior", {"train": 3, "val": 3, "test": 6}, HW)["test"]
    out = tmp_path / "out"
    run("dior-rsvg", "--root", tmp_path / "dior", "--split", "test", "--export-patches", out)
    lines = [json.loads(line) for line in (out / "test.jsonl").read_text().splitlines()]
    assert len({line["image"] for line in lines}) == len(lines) == 6
    for line, question in zip(lines, drawn, strict=True):
        image, crop = (np.asarray(Image.open(out / line[key])) for key in ("image", "crop"))
        x0, y0, x1, y1 = line["crop_xyxy"]
        assert np.array_equal(image[y0:y1, x0:x1], crop)
        bx0, by0, bx1, by1 = question.box_xyxy
        assert line["box_xyxy"] == [bx0, by0, bx1, by1]
        assert line["box_in_crop_xyxy"] == [bx0 - x0, by0 - y0, bx1 - x0, by1 - y0]
        assert x0 == max(0, np.floor(bx0 - 0.25 * (bx1 - bx0)))
        assert y1 == min(HW[0], np.ceil(by1 + 0.25 * (by1 - by0)))
    again = find("file").read(out, "test")
    assert not again.remarks
    assert [(s.id, s.box.xyxy if s.box else None) for s in again.samples] == [
        (line["id"], tuple(line["box_xyxy"])) for line in lines
    ]


def test_patches_tell_what_they_cannot_cut(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    lines = [
        "id,image,expression,box",
        "a/b,a.png,x,1 2 3 4",
        "c,none.png,x,1 2 3 4",
        "d,a.png,x,",
        "e,a.png,x,50 2 60 4",
    ]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    problems = export_patches(find("file").read(tmp_path, "test"), tmp_path / "out")
    assert [problem.partition(":")[0] for problem in problems] == ["c", "d", "e"]
    assert [path.name for path in (tmp_path / "out/crops/test").iterdir()] == ["a_b-0.png"]
    result = run("file", "--root", tmp_path, "--split", "test", "--export-patches", tmp_path / "again", code=1)
    assert "not exported: d: no box to cut around" in result.stderr


def test_samples_that_are_opened_are_spread_over_the_split() -> None:
    samples = [Sample(str(number), "a.png", "x") for number in range(100)]
    assert [sample.id for sample in spread(samples, 4)] == ["12", "37", "62", "87"]
    assert spread(samples[:2], 4) == samples[:2]
    assert spread([], 4) == []


def test_the_contact_sheet_draws_the_box_where_it_is() -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    mask = np.zeros((100, 200), np.bool_)
    mask[10:30, 150:190] = True
    plain, drawn = (
        np.asarray(Image.open(io.BytesIO(draw_contact_sheet("x", [tile]))).convert("RGB"))
        for tile in (
            ContactTile("id", "words", rgb),
            ContactTile("id", "words", rgb, mask, Box(150, 10, 190, 30)),
        )
    )
    assert plain.shape == drawn.shape
    rows, columns = np.nonzero((plain < 5).all(axis=2))
    top, left, right = rows.min(), columns.min(), columns.max()
    scale = (right - left) / 200
    yellow_rows, yellow_columns = np.nonzero((np.abs(drawn.astype(int) - YELLOW) < 12).all(axis=2))
    found = (yellow_columns.min() - left, yellow_rows.min() - top, yellow_columns.max() - left)
    assert np.array(found) / scale == pytest.approx((150, 10, 190), abs=3)
    changed = (drawn != plain).any(axis=2)
    assert not changed[int(top + 20 * scale), int(left + 170 * scale)]  # what is marked keeps its colour


def test_a_contact_sheet_of_problems_letters_and_odd_shapes() -> None:
    tiles = [
        ContactTile(
            "a", "die Brücke $x_1$ 船 " + "long " * 60, np.zeros((10, 300, 3), np.uint8), box=Box(-9, 2, 400, 8)
        ),
        ContactTile("b", "", None, problem="the picture is not there $" * 10),
        *(ContactTile(str(n), "x", np.zeros((1, 1, 3), np.uint8), np.ones((9, 9), np.bool_)) for n in range(4)),
    ]
    image = Image.open(io.BytesIO(draw_contact_sheet("sheet", tiles)))
    assert image.width < 2000


def test_help_and_list_import_nothing_heavy() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from zeroov.cli.main import app\n"
        "assert CliRunner().invoke(app, ['bench', 'data', '--help']).exit_code == 0\n"
        "heavy = {'torch', 'matplotlib', 'pycocotools', 'cv2', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert CliRunner().invoke(app, ['bench', 'data']).exit_code == 0\n"
        "heavy = {'torch', 'matplotlib', 'pycocotools'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_check_reads_without_opening_more_than_it_shows(rrsisd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda path, *a, **k: opened.append(str(path)) or real(path, *a, **k))
    find("rrsisd").read(rrsisd, "test")
    assert not opened
    check(find("rrsisd"), rrsisd, "test", 2)
    assert len(opened) == 2
