"""The options that commands share, and how a command talks: results on stdout, the rest on stderr."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.pipeline.stages import Progress
    from zeroov.recipe import Recipe
    from zeroov.types import StageReport

RecipeName = Annotated[
    str | None,
    typer.Option("--recipe", metavar="NAME|FILE", help="Recipe by name or file; `zeroov recipes` lists them."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe key, e.g. evolve.alpha=0.35. Repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results; made when absent.")]
Dumps = Annotated[
    Path | None, typer.Option("--dumps", metavar="DIR", help="Keep every stage's maps here, and use them again.")
]


def chosen(recipe: str | None, changes: list[str] | None, zoom: bool = False) -> Recipe:
    """Return the recipe that the options ask for, with a closer look where `zoom` asks for one."""
    from zeroov import recipe as recipes

    found = recipes.load(recipe or recipes.DEFAULT, recipes.parse_assignments(changes or []))
    return found.with_values({"zoom.rounds": 1}) if zoom and not found.zoom.rounds else found


def say(text: str = "") -> None:
    """Print a result."""
    typer.echo(text)


def note(text: str) -> None:
    """Print something beside the result."""
    typer.echo(text, err=True)


def plain(text: str) -> str:
    """Return text with control characters written out, so that an answer cannot play with the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say_json(value: Any) -> None:
    """Print one JSON document."""
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    typer.echo(json.dumps(value, ensure_ascii=ascii_only, indent=2, allow_nan=False))


def say_stages(stages: dict[str, Any]) -> None:
    """Print each stage's seconds and peak memory."""
    for name, stage in stages.items():
        peak = f", peak {stage['peak_bytes'] / 2**30:.2f} GiB" if stage["peak_bytes"] else ""
        load = f" after {stage['load_seconds']:.1f} s of loading" if stage["load_seconds"] else ""
        say(f"{name:9} " + ("from a dump" if stage["from_dump"] else f"{stage['seconds']:.2f} s{load}{peak}"))


def log_to_stderr() -> None:
    """Send zeroov's own log lines to stderr, a line each."""
    logger = logging.getLogger("zeroov")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s".lower()))
        logger.addHandler(handler)
        logger.propagate = False


@contextlib.contextmanager
def progress() -> Iterator[Progress | None]:
    """Show the current stage and an ETA on stderr; nothing when it is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (*Bar.get_default_columns()[:2], TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn())
    with Bar(*columns, TextColumn("eta"), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield show


def stages_json(reports: dict[str, StageReport]) -> dict[str, Any]:
    """Return the stages' costs as plain values."""
    return {name: report.to_json() for name, report in reports.items()}


def band_numbers(bands: str | None) -> tuple[int, ...] | None:
    """Return the numbers of `4,3,2`."""
    if bands is None:
        return None
    try:
        return tuple(int(part) for part in bands.split(","))
    except ValueError as error:
        raise UsageError(f"--bands takes one number or three, e.g. 4,3,2, got `{bands}`") from error


def format_names(formats: str | None) -> list[str]:
    """Return the names of `geojson,gpkg`, each once; the option without a name is an error."""
    if formats is None:
        return []
    names = [name.strip() for name in formats.split(",") if name.strip()]
    if not names:
        raise UsageError("--format is given without a name; e.g. --format geojson,coco")
    return list(dict.fromkeys(names))
