"""How commands of `zeroov bench` print a table: the options, and the one place that writes it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import options
from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.bench.scoring.tables import Table

Form = Annotated[
    str,
    typer.Option("--format", metavar="NAME", help="text, or to paste: markdown, latex (booktabs), csv, json."),
]
Json = Annotated[bool, typer.Option("--json", help="--format json, as every command has it.")]
Intervals = Annotated[
    bool, typer.Option("--intervals", help="95 % intervals of the figures too; JSON always has them.")
]


def chosen_form(form: str, json: bool) -> str:
    """Return the format that the options ask for."""
    from zeroov.bench.scoring.tables import format_named

    named = format_named(form)
    if json and named not in ("text", "json"):
        raise UsageError(f"--json and --format {named} ask for two formats; give one of them")
    return "json" if json else named


def say_table(form: str, table: Table) -> None:
    """Print a table in one of the formats to paste."""
    from zeroov.bench.scoring.tables import PASTED

    say_lines(PASTED[form](table))


def say_lines(text: str) -> None:
    """Print a text, control characters written out."""
    for line in text.split("\n"):
        options.say(options.plain(line))
