"""Text that can be drawn: any script, wrapped, cut, and without what the fonts at hand cannot show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties

FAMILY = "DejaVu Sans"  # comes with matplotlib
# Families, where a system has them, that cover what DejaVu does not: Chinese, Japanese, Korean and the rest of Unicode.
WIDE_COVERAGE = re.compile(
    r"CJK|Source Han|WenQuanYi|Hei|Song|YaHei|PingFang|Hiragino|Gothic|Nanum|Malgun|Noto|Unicode"
)


def legible(text: str) -> tuple[str, list[str]]:
    """Return one line of text with what no font shows written as escapes, and the font families that draw it."""
    line = " ".join(text.split())
    missing = frozenset(c for c in line if not _covers(font_manager.findfont(FAMILY), c))
    family, covered = _fallback(missing) if missing else (FAMILY, missing)
    shown = "".join(c.encode("unicode_escape").decode() if c in missing and c not in covered else c for c in line)
    return shown, [FAMILY, family] if covered else [FAMILY]


def in_fonts(text: str, families: Sequence[str]) -> list[tuple[str, str]]:
    """Return a line's parts, each with the path of the first font of these families that shows it.

    For what draws with one font at a time; matplotlib takes the families themselves.
    """
    paths = [font_manager.findfont(FontProperties(family=[family])) for family in families]
    each = ((next((path for path in paths if _covers(path, character)), paths[0]), character) for character in text)
    return [("".join(character for _, character in part), path) for path, part in groupby(each, key=itemgetter(0))]


def wrapped(text: str, width: int, lines: int) -> str:
    """Break one line of text at spaces, or anywhere in scripts without them, into `lines` of `width` columns at most.

    A wide character (Chinese, Japanese, Korean) takes two columns. What does not fit ends in an ellipsis.
    """
    done: list[str] = []
    rest = text
    while rest and len(done) < lines:
        end = _fitting(rest, width)
        if end < len(rest) and len(done) + 1 == lines:
            done.append(rest[: _fitting(rest, width - 1)].rstrip() + "…")
            break
        space = rest.rfind(" ", 0, end + 1)
        if end < len(rest) and space > 0:
            end = space
        done.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return "\n".join(done)


def fitted(text: str, width: int, lines: int = 1) -> tuple[str, list[str]]:
    """Return a text as `legible` and `wrapped` make it, and the font families that draw it."""
    shown, families = legible(text)
    return wrapped(shown, width, lines), families


def columns(text: str) -> int:
    """Return the columns that a text takes, two for each wide character."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _fitting(text: str, width: int) -> int:
    """Return how many characters of `text`, one at least, fit into `width` columns."""
    taken = 0
    for count, character in enumerate(text):
        taken += columns(character)
        if taken > width:
            return max(count, 1)
    return len(text)


@cache
def _fallback(missing: frozenset[str]) -> tuple[str, frozenset[str]]:
    """Return the installed family that covers most of the characters, and which of them."""
    best = (FAMILY, frozenset[str]())
    for font in font_manager.fontManager.ttflist:
        if WIDE_COVERAGE.search(font.name) and "Last Resort" not in font.name:
            path = font_manager.findfont(FontProperties(family=[font.name]))  # the face that a text would get
            covered = frozenset(c for c in missing if _covers(path, c))
            if len(covered) > len(best[1]):
                best = (font.name, covered)
            if len(covered) == len(missing):
                break
    return best


def _covers(font_path: str, character: str) -> bool:
    return bool(font_manager.get_font(font_path).get_char_index(ord(character)))
