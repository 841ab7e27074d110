"""Wild lines of text: told with file and line, handled by the stated rule, never a crash, never in silence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layouts import write_layout
from zeroov.bench.data import find
from zeroov.bench.data.draft import Draft, Place
from zeroov.bench.data.files import contained, missing_files
from zeroov.bench.data.sample import Split
from zeroov.errors import DatasetError, UsageError

HW = (160, 224)


def told(split: Split) -> list[tuple[str, int | None]]:
    """Where the remarks stand, but for missing pictures, which most of these small files have not."""
    return [(r.file, r.line) for r in split.remarks if not r.what.startswith("no such")]


def rsvg_hr(folder: Path, text: str | bytes) -> Split:
    data = text.encode() if isinstance(text, str) else text
    (folder / "rsvg_hr_test.txt").write_bytes(data)
    return find("rsvg-hr").read(folder, "test")


def test_every_wild_line_of_rsvg_hr(tmp_path: Path) -> None:
    lines = [
        "a.jpg,1.0,2.0,30.0,40.0,a pool, a court, and a road",
        "a.jpg,10.5,20.0,216,00,340.25,find a pool",
        "a.jpg,30.0,2.0,1.0,40.0,a pool",
        "a.jpg,1000.0,2.0,1032.12,40.0,a pool",
        "a.jpg,5.0,2.0,5.0,40.0,a pool",
        "a.jpg,5.0,2.0,40.0,a pool",
        "a.jpg,1,2,30,40",
        "a.jpg,1,2,30,40,   ",
        "",
        "../a.jpg,1,2,30,40,a pool",
        "a.jpg,1,2,3,4,5,6,a pool",
        "a.jpg,nan,2,3,4,a pool",
        "a.jpg,1e3,2,1100,4e1,4 ships",
    ]
    split = rsvg_hr(tmp_path, "\n".join(lines) + "\n")
    by_id = {sample.id: sample for sample in split.samples}
    assert list(by_id) == ["1", "2", "3", "4", "13"]
    assert by_id["1"].expression == "a pool, a court, and a road"
    assert by_id["2"].box
    assert by_id["2"].box.xyxy == (10.5, 20.0, 216.0, 340.25)
    assert by_id["3"].box
    assert by_id["3"].box.xyxy == (1.0, 2.0, 30.0, 40.0)
    assert by_id["4"].box
    assert by_id["4"].box.xyxy == (1000.0, 2.0, 1032.12, 40.0)
    assert by_id["13"].expression == "4 ships"
    assert told(split) == [("rsvg_hr_test.txt", line) for line in (2, 3, 5, 6, 7, 8, 9, 10, 11, 12)]
    remarks = {remark.line: f"{remark.what}; {remark.rule}" for remark in split.remarks}
    assert "decimal comma" in remarks[2]
    assert "216.00" in remarks[2]
    assert "exchanged" in remarks[3]
    assert "no area; left out" in remarks[5]
    assert "no expression; left out" in remarks[7]
    assert "`..`" in remarks[10]
    assert "6 numbers" in remarks[11]
    assert str(split.remarks[0]).startswith("rsvg_hr_test.txt:2: ")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks_are_no_remark(tmp_path: Path, end: str, mark: bytes) -> None:
    text = end.join(["a.jpg,1,2,3,4,a\u2028pool\x0bé", "a.jpg,1,2,3,4,two", ""])
    split = rsvg_hr(tmp_path, mark + text.encode())
    assert [sample.expression for sample in split.samples] == ["a\u2028pool\x0bé", "two"]
    assert split.samples[0].image == "images/a.jpg"
    assert not told(split)


def test_other_encodings(tmp_path: Path) -> None:
    lines = ["a.jpg,1,2,3,4,plain", "a.jpg,1,2,3,4,café € “x”", "a.jpg,1,2,3,4,naïve"]
    split = rsvg_hr(tmp_path, "\r\n".join(lines).encode("utf-16"))
    assert [sample.expression for sample in split.samples] == ["plain", "café € “x”", "naïve"]
    mixed = b"\n".join([lines[0].encode(), lines[1].encode("cp1252"), lines[2].encode(), b"a.jpg,1,2,3,4,\x81"])
    split = rsvg_hr(tmp_path, mixed)
    assert [sample.expression for sample in split.samples] == ["plain", "café € “x”", "naïve", "\x81"]
    assert told(split) == [("rsvg_hr_test.txt", 2), ("rsvg_hr_test.txt", 4)]
    with pytest.raises(DatasetError, match="UTF-16"):
        rsvg_hr(tmp_path, b"\xff\xfea")


@given(st.lists(st.text(max_size=60), max_size=5))
@settings(deadline=None)
def test_every_line_of_any_text_is_a_sample_or_a_remark(tmp_path_factory: Any, lines: list[str]) -> None:
    folder = tmp_path_factory.mktemp("wild")
    text = "\n".join(line.replace("\r", "").replace("\n", "") for line in [*lines, "a.jpg,1,2,3,4,end"])
    split = rsvg_hr(folder, text.encode("utf-8", "surrogatepass"))
    seen = {int(sample.id) for sample in split.samples} | {r.line for r in split.remarks}
    assert seen >= set(range(1, len(lines) + 2))


def test_lists_of_phrases(tmp_path: Path) -> None:
    (tmp_path / "output_phrase_test.txt").write_text(
        "test_0_0.png The  small ship .\n\ntest_0_0.png again\ntest_0_1.png\n/etc/passwd the ship\ntest_0_2 no suffix\n"
    )
    split = find("risbench").read(tmp_path, "test")
    assert [sample.id for sample in split.samples] == ["test_0_0.png", "test_0_0.png#2", "test_0_2.png"]
    assert split.samples[0].expression == "The  small ship ."
    assert told(split) == [("output_phrase_test.txt", line) for line in (2, 3, 4, 5, 5)]
    assert {r.file for r in split.remarks if r.what == "no such folder"} == {"img_rgb", "mask"}


def test_a_missing_picture_is_told_and_keeps_its_questions(tmp_path: Path) -> None:
    write_layout("risbench", tmp_path, {"test": 5}, HW)
    gone = sorted(path.name for path in (tmp_path / "img_rgb").iterdir())[0]
    (tmp_path / "img_rgb" / gone).unlink()
    split = find("risbench").read(tmp_path, "test")
    assert len(split.samples) == 5
    assert [(r.file, r.what) for r in split.remarks] == [(f"img_rgb/{gone}", "no such file")]
    assert missing_files(tmp_path, [f"img_rgb/{gone}", f"mask/{gone}", "nowhere/x.png", "x.png"]) == [
        f"img_rgb/{gone}",
        "nowhere/x.png",
        "x.png",
    ]


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "/a", "C:/a", "c:a", "a\\b", "..\\a", "a\0b", "a\nb", "", " ", ".", "./", "\x7f"],
)
def test_names_that_could_leave_the_root_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"holds|empty|absolute|names no file"):
        contained(name)
    draft = Draft(Path("root"))
    assert draft.path(Place("f", 3), name) is None
    assert "below the root" in str(draft.remarks[0])


@given(st.text(max_size=20))
def test_a_name_that_is_admitted_stays_below_the_root(name: str) -> None:
    try:
        path = contained(name)
    except ValueError:
        return
    root = Path("/root/of/data")
    assert Path(os.path.normpath(root / path)).is_relative_to(root)


def test_what_is_not_there_is_told_with_where_it_was_looked_for_and_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as error:
        find("rrsisd").read(tmp_path, "test")
    for part in ("RRSIS-D", str(tmp_path), "`rrsisd/refs(unc).p`", "`rrsisd/instances.json`", "Lsan2401/RMSIN"):
        assert part in str(error.value)
    with pytest.raises(DatasetError, match="does not exist"):
        find("rrsisd").read(tmp_path / "none", "test")
    with pytest.raises(UsageError, match="no split `tets`; did you mean `test`"):
        find("rrsisd").read(tmp_path, "tets")
    with pytest.raises(UsageError, match="no benchmark `risbnch`; did you mean `risbench`"):
        find("risbnch")
    assert find("DIOR_RSVG") == find("dior-rsvg")
    assert find("unc+").name == "refcoco+"
