"""An answer shows itself in a notebook: one picture, one table, all text escaped, bounded in size."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from tests.outputs.test_answer import answer_of
from zeroov.outputs.answer import Answer, Answers
from zeroov.outputs.html import MOST_ROWS
from zeroov.types import Picture

SCRIPT = "<script>alert(1)</script> & \"quoted\" 'single'"


class Seen(HTMLParser):
    """What a browser would see: the tags with their attributes, and the text of each cell of the table's body."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "td" in self.open:
            self.rows[-1][-1] += data

    @property
    def picture(self) -> Image.Image:
        [source] = [attrs["src"] for tag, attrs in self.tags if tag == "img"]
        assert source
        kind, _, data = source.removeprefix("data:image/").partition(";base64,")
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.format
        assert kind == image.format.lower()
        return image


def test_a_notebook_shows_the_overlay_and_a_row_for_each_object() -> None:
    answer = answer_of(found=3)
    answer = replace(answer, found=(*answer.found[:2], replace(answer.found[2], score=0.04)))
    seen = Seen(answer._repr_html_())
    np.testing.assert_array_equal(np.asarray(seen.picture.convert("RGB")), answer.overlay())
    assert seen.rows[1:] == [
        ["1", "the plane", "0.50", "", "2, 6, 7, 10", "20", "the model answered: [1, 2]"],
        ["2", "the plane", "0.50", "", "12, 6, 17, 10", "20", ""],
        ["3", "the plane", "0.04", "the score is below 0.1", "22, 6, 27, 10", "20", ""],
    ]
    assert "folder/a.tif, 60 x 40 pixels, recipe mini" in seen.text
    assert Seen(answer_of(tiles=True)._repr_html_()).rows[1][-1] == "a search over 2 tiles"


def test_nothing_found_is_said_with_its_reason() -> None:
    seen = Seen(replace(answer_of(found=0), why_empty="no region stands out")._repr_html_())
    assert seen.rows[1:] == [["", "the plane", "0.00", "nothing found", "", "", "no region stands out"]]


def test_text_of_others_is_no_html() -> None:
    answer = answer_of()
    answer = replace(
        answer,
        expression=SCRIPT,
        words=SCRIPT,
        info=replace(answer.info, source=f"{SCRIPT}.tif"),
        provenance={"recipe": SCRIPT},
    )
    empty = replace(answer, found=(), why_empty=SCRIPT)
    for html in (answer._repr_html_(), empty._repr_html_(), Answers([answer, empty])._repr_html_()):
        seen = Seen(html)
        assert {tag for tag, _ in seen.tags} <= {"div", "img", "p", "table", "thead", "tbody", "tr", "th", "td"}
        assert {name for _, attrs in seen.tags for name in attrs} <= {"alt", "src", "style", "scope"}
        assert seen.text.count(SCRIPT) >= 2
        assert "http" not in html


def test_a_name_that_is_no_utf8_can_be_sent_to_a_notebook() -> None:
    answer = answer_of()
    html = replace(answer, info=replace(answer.info, source="caf\udce9.tif"))._repr_html_()
    assert b"caf\\udce9.tif" in html.encode("utf-8")


def test_a_notebook_stays_small_whatever_the_answer(rng: np.random.Generator) -> None:
    noise = Picture(rng.integers(0, 256, (1100, 2100, 3), np.uint8), "noise.png")
    answer = answer_of(found=5)
    long = replace(answer, shown=noise, expression="plane " * 3000, words="x" * 9000, found=answer.found * 12)
    html = long._repr_html_()
    seen = Seen(html)
    assert len(html) < 1_100_000
    assert seen.picture.format == "JPEG"
    assert seen.picture.size == (1200, 629)
    assert len(seen.rows) == 1 + MOST_ROWS
    assert "10 more rows" in seen.text
    assert seen.rows[1][1].endswith("…")


def test_several_expressions_are_one_picture_and_one_table() -> None:
    first, none = answer_of(found=2), replace(answer_of(found=0), expression="the ship", why_empty="no ship")
    third = replace(answer_of(), expression="the tower")
    answers = Answers([first, none, third])
    assert answers == [first, none, third]
    seen = Seen(answers._repr_html_())
    assert [row[:2] for row in seen.rows[1:]] == [
        ["1", "the plane"],
        ["2", "the plane"],
        ["", "the ship"],
        ["3", "the tower"],
    ]
    assert len(re.findall("<img", answers._repr_html_())) == 1
    assert Seen(Answers()._repr_html_()).rows == [[]]


def test_several_questions_of_a_pipeline_are_answers_that_show_themselves() -> None:
    from zeroov import ground

    class Stages:
        """Refuses to be asked."""

    assert isinstance(ground.ground(Stages(), "none.png", []), Answers)  # type: ignore[call-overload]


def test_the_overlay_of_a_part_shows_that_part() -> None:
    answer = answer_of()
    assert isinstance(answer, Answer)
    area = (0, 0, 60, 40)
    moved = answer.in_whole(replace(answer.info, hw=(90, 100)), type(answer.shown.window)(*area))
    assert Seen(moved._repr_html_()).picture.size == (780, 520)
