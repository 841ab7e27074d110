"""Tables: aligned text for a terminal; Markdown, LaTeX and CSV to paste. Figures are in percent in all of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from zeroov.errors import UsageError, did_you_mean

LATEX: Mapping[str, str] = {
    **{character: f"\\{character}" for character in "{}$&#%_"},
    **{character: f"{{{character}}}" for character in "[]*"},  # behind \\ they would be its options
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


@dataclass(frozen=True)
class Cell:
    """What is written in a cell, the 95 % interval behind it, and whether it is the best of its column."""

    text: str = ""
    interval: tuple[str, str] | None = None
    best: bool = False

    @property
    def plain(self) -> str:
        """The text and the interval."""
        return self.text + _interval(self)


@dataclass(frozen=True)
class Table:
    """A table to paste: columns of labels to the left, columns of figures to the right.

    A column of figures is headed by what it belongs to (`box`, `mask` or nothing) and its name. `notes` say what the
    figures are: lines below the table, comments in LaTeX. A CSV has none.
    """

    labels: tuple[str, ...]
    heads: tuple[tuple[str, str], ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Cell, ...]], ...]
    notes: tuple[str, ...] = ()

    @property
    def headings(self) -> list[str]:
        """The heading of every column in one line each."""
        return [*self.labels, *(f"{group} {name}".strip() for group, name in self.heads)]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of columns, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_text(table: Table) -> str:
    """Return a table for a terminal, with its notes below."""
    rows = [[*labels, *(cell.plain for cell in cells)] for labels, cells in table.rows]
    return "\n".join([aligned([table.headings, *rows]), *(("", *table.notes) if table.notes else ())])


def percent(share: float, *, sign: bool = False) -> str:
    """Return a share as the field prints it: in percent, with two decimals."""
    return f"{100 * share:{'+' if sign else ''}.2f}"


def with_best(table: Table) -> Table:
    """Return a table whose highest figures are marked in the columns of boxes, masks and points.

    Figures that are printed alike are best alike. A column in which all figures are alike has no best one.
    """
    best: list[str | None] = []
    for place, (group, name) in enumerate(table.heads):
        texts = [cells[place].text for _, cells in table.rows if cells[place].text]
        counts = len(set(texts)) > 1 and name != "n" and (group or name == "pointing")
        best.append(max(texts, key=float) if counts else None)
    rows = tuple(
        (labels, tuple(replace(cell, best=cell.text == top) for cell, top in zip(cells, best, strict=True)))
        for labels, cells in table.rows
    )
    return replace(table, rows=rows)


def as_markdown(table: Table) -> str:
    """Return a table as GitHub's Markdown, columns padded so that the source can be read too."""

    def shown(cell: Cell) -> str:
        return (f"**{cell.text}**" if cell.best else cell.text) + _interval(cell)

    head = [_markdown(text) for text in table.headings]
    body = [[*map(_markdown, labels), *map(shown, cells)] for labels, cells in table.rows]
    widths = [max(3, *(len(row[column]) for row in (head, *body))) for column in range(len(head))]
    left = len(table.labels)
    rule = [":" + "-" * (w - 1) if place < left else "-" * (w - 1) + ":" for place, w in enumerate(widths)]
    lines = []
    for row in (head, rule, *body):
        pairs = enumerate(zip(row, widths, strict=True))
        lines.append(f"| {' | '.join(t.ljust(w) if place < left else t.rjust(w) for place, (t, w) in pairs)} |")
    return "\n".join([*lines, *(["", "  \n".join(map(_markdown, table.notes))] if table.notes else [])])


def as_latex(table: Table) -> str:
    """Return a table as a `tabular` of LaTeX with the rules of the package booktabs; the notes are comments."""

    def shown(cell: Cell) -> str:
        interval = f" {{\\scriptsize {_latex(_interval(cell))}}}" if cell.interval else ""
        return (f"\\textbf{{{_latex(cell.text)}}}" if cell.best else _latex(cell.text)) + interval

    lines = [f"% {_one_line(note)}" for note in (r"needs \usepackage{booktabs}", *table.notes)]
    lines += [f"\\begin{{tabular}}{{{'l' * len(table.labels)}{'r' * len(table.heads)}}}", r"\toprule"]
    above, rules = _spanning(table)
    names = [*table.labels, *(name for _, name in table.heads)]
    if rules:
        lines += [" & ".join(above) + r" \\", " ".join(rules)]
    lines += [" & ".join(map(_latex, names)) + r" \\", r"\midrule"]
    lines += [" & ".join([*map(_latex, labels), *map(shown, cells)]) + r" \\" for labels, cells in table.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def as_csv(table: Table) -> str:
    """Return a table as CSV with a header; where a column has intervals, their ends are columns of their own."""
    with_ends = [any(cells[place].interval for _, cells in table.rows) for place in range(len(table.heads))]
    header = list(table.labels)
    for heading, ends in zip(table.headings[len(table.labels) :], with_ends, strict=True):
        header += [heading, f"{heading} low", f"{heading} high"] if ends else [heading]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for labels, cells in table.rows:
        line = list(labels)
        for cell, ends in zip(cells, with_ends, strict=True):
            line += [cell.text, *(cell.interval or ("", ""))] if ends else [cell.text]
        writer.writerow(line)
    return text.getvalue().rstrip("\n")


PASTED: Mapping[str, Callable[[Table], str]] = {"markdown": as_markdown, "latex": as_latex, "csv": as_csv}
FORMATS = ("text", *PASTED, "json")


def format_named(name: str) -> str:
    """Return the format of that name."""
    if name.lower() not in FORMATS:
        raise UsageError(f"no table format `{name}`{did_you_mean(name.lower(), FORMATS)}")
    return name.lower()


def _interval(cell: Cell) -> str:
    return f" [{', '.join(cell.interval)}]" if cell.interval else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, in a table too."""
    return re.sub(r"([\\|*_`<\[\]])", r"\\\1", _one_line(text))


def _latex(text: str) -> str:
    """Return a text that LaTeX shows as it is."""
    return "".join(LATEX.get(character, character) for character in _one_line(text))


def _spanning(table: Table) -> tuple[list[str], list[str]]:
    """Return the cells of the line above the heads, one over each group of columns, and the rules below them."""
    cells, rules = [""] * len(table.labels), []
    place = 0
    while place < len(table.heads):
        group = table.heads[place][0]
        wide = 1
        while group and place + wide < len(table.heads) and table.heads[place + wide][0] == group:
            wide += 1
        if group:
            first = len(table.labels) + place + 1
            cells.append(f"\\multicolumn{{{wide}}}{{c}}{{{_latex(group)}}}")
            rules.append(f"\\cmidrule(lr){{{first}-{first + wide - 1}}}")
        else:
            cells.append("")
        place += wide
    return cells, rules
