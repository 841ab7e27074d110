from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.bench.scoring.runs import COUNT, record, rectangle, truth, write_images, write_run
from zeroov.bench.report.cases import MOST_BYTES, Ranked, ends, small_jpeg
from zeroov.bench.report.make import make_report
from zeroov.bench.runs.records import Record
from zeroov.bench.scoring.protocols import named
from zeroov.cli.main import app
from zeroov.outputs.images import png
from zeroov.outputs.rle import encode_rle

EVIL = "<script>alert(1)</script> & \"quoted\" 'plane' \x07"
VOID = {"img", "meta", "line", "rect", "circle", "path"}


class Read(HTMLParser):
    """What a browser makes of the file: its elements, its attributes, and its text outside of the style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data + "\n"


def report(run: Path, *arguments: Any, code: int = 0) -> tuple[Read, str]:
    result = CliRunner().invoke(app, ["report", str(run), *map(str, arguments)])
    assert result.exit_code == code, result.output
    page = (run / "report.html").read_text(encoding="utf-8") if code == 0 else ""
    return Read(page), page


def make_run(folder: Path, *odd: Record, **manifest: Any) -> Path:
    """A run of pictures, without maps: answers that are shifted more and more, and one that failed."""
    records = [record(number, shift=number) for number in range(COUNT - 1)]
    records.append(record(COUNT - 1, status="failed"))
    root = write_images(folder / "my data")
    about = {"root": str(root), "device": "a <b>GPU</b>", "command": ["bench", "run", "--root", str(root)]}
    return write_run(folder / "run", [*records, *odd], **about | manifest)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Read, str]:
    made = {"benchmark": "rrsisd", "split": "test", "stages": ["overview"], "evolve.alpha": 0.35}
    paths = {"overview.model": "./secret/qwen", "focus.model": "org/sd", "refine.checkpoint": "secret/sam.pth"}
    made |= paths | {"models": {key.partition(".")[0]: {"model": path} for key, path in paths.items()}}
    evil = replace(record(0), id=EVIL, expression=EVIL, category=EVIL, kind=EVIL, answer=EVIL)
    folder = tmp_path_factory.mktemp("secret report")
    files = f"`/secret/place/a.png` `{folder}/my data/images/b.png` {EVIL}"
    failed = replace(record(1, status="failed"), id="lost", error=f"overview: {files}")
    changes = {"overview.model": "./secret/qwen", "evolve.tau": 0.2}
    run = make_run(folder, evil, failed, made_with=made, recipe=EVIL, changes=changes)
    return run, *report(run, "--cases", 2)


def test_texts_of_others_stay_texts(drawn: tuple[Path, Read, str]) -> None:
    _, read, page = drawn
    assert not read.open  # every element is closed
    assert {tag for tag, _ in read.elements}.isdisjoint({"script", "iframe", "object", "link", "base", "b"})
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert read.text.count("<script>alert(1)</script> & \"quoted\" 'plane' \\x07") >= 4  # expression, group, failure
    assert "\x07" not in page
    assert "a <b>GPU</b>" in read.text


def test_it_needs_nothing_else_and_no_script_can_run(drawn: tuple[Path, Read, str]) -> None:
    _, read, page = drawn
    links = [value for _, attributes in read.elements for name, value in attributes.items() if name in ("src", "href")]
    assert links
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in links)
    anchors = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert "url(" not in page
    assert "@import" not in page
    (policy,) = (attributes["content"] for _, attributes in read.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; ")
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_it_shows_figures_groups_cases_failures_recipe_and_machine(drawn: tuple[Path, Read, str]) -> None:
    run, read, _ = drawn
    found = make_report(run, named("honest"), cases=0).score
    (masks,) = (row for row in found.rows if row.target == "mask" and not row.by)
    assert f"{100 * masks.figures['mIoU'].value:.2f} [" in read.text
    for text in (
        "By kind",
        "By size",
        "By category",
        "plane (n = ",
        "object-relative",
        "Worst answers",
        "Best answers",
    ):
        assert text in read.text
    assert "2 of 14 samples failed: 2 in overview." in read.text
    assert "out of memory" in read.text
    assert "differs from the recipe of that name in overview.model, evolve.tau" in read.text
    assert "evolve.alpha" in read.text
    assert "0.35" in read.text
    assert len([tag for tag, _ in read.elements if tag == "svg"]) == 4  # a histogram, and a plot for each of 3 keys


def test_it_names_no_folder_of_the_machine(drawn: tuple[Path, Read, str]) -> None:
    run, read, page = drawn
    assert "`…/a.png` `…/images/b.png`" in read.text
    assert "secret" not in page
    assert str(run.parent) not in page
    assert "…/my data" in read.text
    assert "overview.model = qwen" in read.text
    for name, times in (("qwen", 3), ("org/sd", 2), ("sam.pth", 2)):  # of the key, and of the table of models
        assert read.text.splitlines().count(name) == times


def test_the_worst_come_first_and_have_their_pictures(drawn: tuple[Path, Read, str]) -> None:
    run, read, _ = drawn
    pictures = [attributes for tag, attributes in read.elements if tag == "img"]
    assert [each["alt"] for each in pictures[:3]] == [f"{part}, sample s/10" for part in ("Picture", "Truth", "Answer")]
    assert len(pictures) == 3 * 4  # without maps: the picture, the truth, the answer
    assert f"{len(pictures)} pictures" in read.text
    assert all(len(each["src"]) < 23 + MOST_BYTES * 4 / 3 + 4 for each in pictures)
    assert "Not all stages are shown: its maps are not there" in read.text
    result = CliRunner().invoke(app, ["report", str(run), "--cases", "2", "--json"])
    size = (run / "report.html").stat().st_size
    assert json.loads(result.stdout) == {"file": str(run / "report.html"), "bytes": size, "pictures": 12}


@pytest.mark.parametrize("hw", [(319, 319), (184, 553)])
def test_a_picture_of_pure_noise_is_small_too(hw: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*hw, 3), dtype=np.uint8)
    data = small_jpeg(png(noise))
    assert len(data) <= MOST_BYTES
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == hw[::-1]


def test_no_sample_is_among_the_worst_and_the_best() -> None:
    samples = [Ranked(record(number), {"mask": number / 10}) for number in range(5)]
    worst, best = ends(samples, 6)
    assert [each.record.id for each in worst] == ["s/0", "s/1", "s/2"]
    assert [each.record.id for each in best] == ["s/4", "s/3"]
    assert ends(samples[:1], 6) == (samples[:1], [])
    assert ends([], 6) == ([], [])


def test_images_and_manifest_may_be_gone(tmp_path: Path) -> None:
    run = make_run(tmp_path, root=str(tmp_path / "gone"))
    read, _ = report(run, "--cases", 1)
    assert "its image cannot be drawn" in read.text
    (run / "manifest.json").unlink()
    report(run, code=1)
    read, _ = report(run, "--partial", "--root", tmp_path / "my data", "--cases", 1)
    assert "Nothing says which recipe made these records." in read.text
    assert [attributes["alt"] for tag, attributes in read.elements if tag == "img"]


def test_boxes_alone_are_drawn_as_boxes(tmp_path: Path) -> None:
    boxed = [
        replace(record(n), truth_mask=None, mask=None, box=(*truth(n)[:2], *map(float, truth(n)[2:]))) for n in range(2)
    ]
    run = write_run(tmp_path / "run", boxed, root=str(write_images(tmp_path / "data")))
    read, _ = report(run, "--cases", 1)
    assert "nothing found" not in read.text
    assert read.text.count("a box\n") == 4
    assert not re.search(r"mask, n =", read.text)


def test_a_benchmark_of_drawn_kinds_shows_both_means_and_absent_objects(tmp_path: Path) -> None:
    boxed = [replace(record(number), kind="place" if number else "ordinal", mask=None) for number in range(COUNT)]
    absent = replace(record(COUNT, 0, "empty"), kind="absent", truth_box=None, truth_mask=None)
    made = {"benchmark": "mini-hard", "split": "val"}
    run = write_run(tmp_path / "run", [*boxed, absent], made_with=made, root=str(write_images(tmp_path / "data")))
    _, text = report(run)
    assert "With the shares that kinds of expression have in real data" in text
    assert "Absent objects, n = 1: 100.00 answered with nothing" in text


def test_many_groups_are_drawn_in_part_and_listed_all(tmp_path: Path) -> None:
    mask = encode_rle(rectangle(0, 0, 20, 20))
    many = [
        replace(record(0), id=f"m{n}", category=f"kind {n:03}", truth_mask=mask, mask=mask, truth_box=(0, 0, 20, 20))
        for n in range(40)
    ]
    read, page = report(make_run(tmp_path, *many), "--cases", 0)
    assert "Drawn are the 30 largest of 42 groups." in read.text
    assert all(f"kind {n:03}" in read.text for n in range(40))
    assert page.count("(n = 1)") < 40
