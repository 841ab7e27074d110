"""Show answers as HTML, for notebooks: the picture, what was found, and why; nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING

from PIL import Image

from zeroov import frames
from zeroov.errors import count_of
from zeroov.outputs.images import png, scene_overlay
from zeroov.outputs.selection import why
from zeroov.types import Uint8

if TYPE_CHECKING:
    from zeroov.outputs.answer import Answer

LONGEST_SIDE = 1200  # pixels of the picture in a notebook
MOST_BYTES = 700_000  # of that picture: in base64 it stays below 1 MB
MOST_ROWS = 50
MOST_LETTERS = 300  # of one cell's text
CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
HEADS = ("", "asked", "score", "doubt", "box (x0, y0, x1, y1)", "pixels", "why")


def answers_html(answers: Sequence[Answer]) -> str:
    """Return answers about one image as HTML: one picture with all that was found, and a table with a row for each.

    What was found is numbered as in the picture, over all answers. An answer that found nothing has a row that says so.
    """
    found = [(answer, number) for answer in answers for number in range(max(1, len(answer.found)))]
    rows: list[str] = []
    number = 0
    for answer, at in found:
        number += bool(answer.found)
        if len(rows) < MOST_ROWS:
            rows.append(_row(answer, at, number))
    more = f"<p>{count_of(len(found) - MOST_ROWS, 'more row')}: see <code>answer.found</code></p>"
    heads = "".join(f'<th scope="col" style="{CELL}">{head}</th>' for head in HEADS)
    return (
        f"<div>{_picture(answers) if answers else ''}"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{more if len(found) > MOST_ROWS else ''}</div>"
    )


def _picture(answers: Sequence[Answer]) -> str:
    """Return the image with everything that was found, and a line that says which image, and which recipe."""
    first = answers[0]
    founds = [each for answer in answers for each in answer.in_shown()]
    rgb, hw = first.shown.rgb, first.shown.hw
    factor = LONGEST_SIDE / max(hw)
    if factor < 1:
        rgb = frames.resize_rgb(rgb, (max(1, round(hw[0] * factor)), max(1, round(hw[1] * factor))), "bilinear")
    data, kind = encoded(scene_overlay(rgb, first.shown.window.hw, founds))
    alt = f"{PurePath(first.source).name} with {count_of(len(founds), 'outline')}"
    recipe = f", recipe {first.provenance['recipe']}" if "recipe" in first.provenance else ""
    height, width = first.info.hw
    source = base64.b64encode(data).decode()
    return (
        f'<img alt="{_short(alt)}" src="data:image/{kind};base64,{source}" style="max-width:100%;max-height:560px">'
        f"<p>{_short(first.source)}, {width:,} x {height:,} pixels{_short(recipe)}</p>"
    )


def encoded(rgb: Uint8) -> tuple[bytes, str]:
    """Return a picture (H, W, 3) as a PNG, or where that has more than `MOST_BYTES` as a JPEG, and which of both."""
    data = png(rgb)
    if len(data) <= MOST_BYTES:
        return data, "png"
    for quality in (88, 75, 50, 25):
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue(), "jpeg"


def _row(answer: Answer, at: int, number: int) -> str:
    """Return the row of one object, or of an answer that found nothing."""
    if answer.found:
        found = answer.found[at]
        box = ", ".join(f"{round(corner, 1):g}" for corner in found.box.xyxy)
        cells = [f"{found.score:.2f}", answer.doubt(found), box, f"{found.pixels:,}", "" if at else reason(answer)]
    else:
        cells = [f"{answer.score:.2f}", "nothing found", "", "", answer.why_empty]
    cells = [str(number) if answer.found else "", answer.expression, *cells]
    return "<tr>" + "".join(f'<td style="{CELL}">{_short(cell)}</td>' for cell in cells) + "</tr>"


def reason(answer: Answer) -> str:
    """Say in a few words why this was found: what decided among the candidates, else the words of the model."""
    for look in answer.looks[:1]:
        if look.selection:
            return why(look.selection)
    if answer.searched:  # the words are those of the look at the whole, which sees large objects alone
        return f"a search over {count_of(len(answer.tiles), 'tile')}"
    hints = [f"drawn at the given {each.extra['hint']}" for each in answer.found[:1] if "hint" in each.extra]
    return hints[0] if hints else f"the model answered: {answer.words}" if answer.words.strip() else ""


def _short(text: str) -> str:
    """Return a text for HTML, cut where it is very long; a file's name may hold what is no UTF-8."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return escape(text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…")
