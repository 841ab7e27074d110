"""How commands report what they did: an answer and its files, tables, sizes and progress."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroov.cli import options
from zeroov.errors import UsageError, count_of
from zeroov.files.paths import expanded

if TYPE_CHECKING:
    from zeroov.outputs.answer import Answer


def refuse_own(image: Path, out: Path) -> None:
    """Refuse an image that the answer's files would replace."""
    from zeroov.outputs.stale import OWN

    if image.name in OWN and expanded(image).parent.resolve() == out.resolve():
        raise UsageError(f"`{image}` would be replaced by the {image.name} of the answer; name another folder: --out")


def say_answer(answer: Answer, files: Mapping[str, Any]) -> None:
    """Print an answer and where its files are."""
    for found in answer.found:
        corners = ", ".join(f"{value:.1f}" for value in found.box.xyxy)
        doubt = f" (doubtful: {answer.doubt(found)})" if answer.doubt(found) else ""
        options.say(f"found     box [{corners}], {count_of(found.pixels, 'pixel')}, score {found.score:.3f}{doubt}")
    if not answer.found:
        options.say(f"empty     nothing found: {answer.why_empty}" if answer.why_empty else "empty     nothing found")
    part = f"about the part {list(answer.area)}" if answer.area else "about the whole scene" if answer.searched else ""
    frame = "" if answer.words_in_pixels else "not in pixels of the image"
    where = "; ".join(filter(None, (part, frame)))
    if answer.looks:
        options.say(f"answer    {options.plain(answer.words)}{f' ({where})' if where else ''}")
    if answer.searched:
        counts = Counter(tile.status for tile in answer.tiles)
        height, width = answer.tiles[0].window.hw
        states = f"{counts['looked']} looked at, {counts['nodata']} nodata, {counts['failed']} failed"
        options.say(f"tiles     {states}; of {width} x {height} pixels")
        for tile in answer.failed[:5]:
            options.note(f"tile {list(tile.window)} failed: {tile.reason}")
    elif answer.looks:
        options.say_stages(answer.looks[0].costs)
    for closer in answer.closer:
        look, believed = closer.look, "believed" if closer.verdict == "agrees" else "not believed"
        options.say(
            f'zoom      {list(look.picture.window)}, asked "{options.plain(look.question.expression)}", answered '
            f"{options.plain(look.overview.answer)}, {believed} (agreement {look.agreement:.2f})"
        )
    if small := answer.about_overlay()["ringed"]:
        numbers = (
            f": {', '.join(map(str, small[:9]))}{' ...' if len(small) > 9 else ''}" if len(answer.found) > 1 else ""
        )
        options.say(f"ring      in overlay.png a white ring shows where a small object is{numbers}")
    own = [path for name, path in files.items() if name != "formats"]
    options.say(f"wrote     {', '.join([*own, *files['formats']])}")


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells in columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        options.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def size(count: int) -> str:
    """Return bytes as people read them."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count} bytes"


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many files or samples are done, on stderr, where it is a terminal."""
    with options.progress() as progress:
        yield lambda done, total: progress.report(what, done, total)
