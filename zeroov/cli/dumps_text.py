"""How the commands about dumps print: tables, sizes, progress."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from zeroov.cli import options


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
def counting(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show how many files or samples are done, on stderr, where it is a terminal."""
    with options.progress() as show:
        yield (lambda done, total: show(what, done, total)) if show else None
