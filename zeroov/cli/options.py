"""The options that commands share, and how a command talks: results on stdout, the rest on stderr."""

from __future__ import annotations

import contextlib
import json
import logging
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from zeroov.errors import UsageError
from zeroov.progress import Progress

if TYPE_CHECKING:
    from zeroov.look import Cost
    from zeroov.recipe import Recipe
    from zeroov.shards import Shard
    from zeroov.spans import Recorder

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
Maps = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of dumps.")]
Every = Annotated[bool, typer.Option("--all", help="Every object of the kind, not the one that is meant.")]
Zoom = Annotated[bool, typer.Option("--zoom", help="Look again, closer, at what was found: one round.")]
Bands = Annotated[str | None, typer.Option(metavar="N,N,N", help="Bands shown as red, green, blue, from 1.")]
Aoi = Annotated[
    str | None,
    typer.Option(
        "--aoi",
        metavar="FILE|X0,Y0,X1,Y1",
        help="Look at this part alone: a polygon file, or numbers in the image's CRS; ,EPSG names another, ,px pixels.",
    ),
]
Label = Annotated[str | None, typer.Option(help="Class name in annotations; by default the expression.")]
Tolerance = Annotated[
    float | None,
    typer.Option(
        min=0, help="Simplify polygons by at most so many pixels; by default 1 in labelstudio, labelme, cvat, else 0."
    ),
]
Given = Annotated[
    str | None,
    typer.Option("--answer", metavar="TEXT", help="The language model's answer, where it is known: it is only read."),
]
Search = Annotated[
    bool | None,
    typer.Option("--scene/--no-scene", help="Search tile by tile, or not; by default: wider than two tiles."),
]

Square = Annotated[
    list[str] | None,
    typer.Option(
        "--square",
        metavar="CLASS|all",
        help="Right angles in the polygons (gpkg, geoparquet, geojson) of this class, where they fit; repeatable.",
    ),
]
ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard", metavar="I/N", help="Only the I-th of N parts. Array jobs and torchrun set it; 1/1 does the whole."
    ),
]
Of = Annotated[
    int | None,
    typer.Option("--of", min=1, metavar="N", help="How many tasks an array job has that does not say it (Kubernetes)."),
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="ray", help="Work on a Ray cluster: that of RAY_ADDRESS, or this machine's own."),
]
Actors = Annotated[
    str | None,
    typer.Option(
        "--actors",
        metavar="N|POOL=N,...",
        help="With --engine ray: by default one for each GPU, or half of the CPUs. With --staged so many in each pool, "
        "or overview=4,focus=1,rest=1.",
    ),
]
Staged = Annotated[
    bool,
    typer.Option(
        "--staged",
        help="With --engine ray: each model has actors of its own; maps go between them by --dumps, seen by all nodes.",
    ),
]
Profile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="Write when each stage worked, as a trace for ui.perfetto.dev or chrome://tracing.",
    ),
]


def chosen(recipe: str | None, changes: list[str] | None, zoom: bool = False, given: bool = False) -> Recipe:
    """Return the recipe that the options ask for; `zoom`: with a closer look; `given`: for answers that are known."""
    from zeroov import recipe as recipes

    found = recipes.load(recipe or recipes.DEFAULT, recipes.parse_assignments(changes or []))
    found = found.with_values({"overview.answer": "given"}) if given else found
    return found.with_values({"zoom.rounds": 1}) if zoom and not found.zoom.rounds else found


def shard_of(given: str | None, count: int | None) -> Shard:
    """Return the shard that `--shard` names, else the one that an array job gave this process, which is then said."""
    from zeroov import shards

    if given and count:
        raise UsageError("--of goes with the number of an array job's task; leave it out beside --shard I/N")
    part = shards.parse(given) if given else shards.of_this_process(count)
    if part.count > 1 and not given:
        note(f"shard {part.index} of {part.count}, as this process was started; --shard 1/1 does the whole")
    return part


def require_engine(engine: str | None, actors: str | None, staged: bool) -> bool:
    """Return whether the work is done on a Ray cluster; refuse any other engine."""
    if engine not in (None, "ray"):
        raise UsageError(f"--engine `{engine}` is unknown; it is ray, or left out")
    if (actors or staged) and not engine:
        raise UsageError(f"{'--actors' if actors else '--staged'} goes with --engine ray")
    return engine is not None


def actors_of(text: str | None, staged: bool) -> int | dict[str, int] | None:
    """Read how many actors are wanted: `4`, or, of models with pools of their own, `overview=4,focus=1`."""
    if text is None:
        return None
    parts = [part.partition("=") for part in text.replace(" ", "").split(",")]
    alone = len(parts) == 1 and not parts[0][1]
    numbers = [parts[0][0]] if alone else [number for _, _, number in parts]
    names = [name for name, _, _ in parts]
    if not all(number.isascii() and number.isdigit() and int(number) for number in numbers) or (
        not alone and not (all(names) and len(set(names)) == len(names))
    ):
        raise UsageError(f"--actors {text}: write a number from 1 up, or overview=4,focus=1,rest=1")
    if not alone and not staged:
        raise UsageError(f"--actors {text}: pools by name go with --staged; without it every actor holds all models")
    return int(numbers[0]) if alone else dict(zip(names, map(int, numbers), strict=True))


def square_classes(names: list[str] | None) -> bool | tuple[str, ...]:
    """Return the classes whose polygons get right angles; for `all` `True`."""
    return "all" in names or tuple(names) if names else False


def same_recipe(chosen: Recipe, recipe: str | None, changes: list[str] | None) -> str:
    """Return the options that choose the same recipe again, to be typed after a command."""
    return shlex.join(
        ["--recipe", recipe or chosen.name, *(word for text in changes or [] for word in ("--set", text))]
    )


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


def say_stages(costs: Mapping[Any, Cost]) -> None:
    """Print each stage's seconds and peak memory."""
    for name, cost in costs.items():
        peak = f", peak {cost.peak_bytes / 2**30:.2f} GiB" if cost.peak_bytes else ""
        load = f" after {cost.load_seconds:.1f} s of loading" if cost.load_seconds else ""
        say(f"{name:9} " + ("from a dump" if cost.origin == "dump" else f"{cost.seconds:.2f} s{load}{peak}"))


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to what standard error is when a line comes: whoever runs a command inside a program may replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        self.stream = sys.stderr
        super().emit(record)


def log_to_stderr() -> None:
    """Send zeroov's own log lines to stderr, a line each."""
    logger = logging.getLogger("zeroov")
    if not logger.handlers:
        handler = _ToStderr()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s".lower()))
        logger.addHandler(handler)
        logger.propagate = False


@contextlib.contextmanager
def timed(profile: Path | None) -> Iterator[Recorder]:
    """Record where the time of some work goes; write it to `profile`, if given, also where the work ends early."""
    from zeroov.files.atomic import ensure_writable_folder, refuse_folder, require_writable_folder, write_atomically
    from zeroov.files.paths import expanded
    from zeroov.spans import recorded

    if profile:
        profile = expanded(profile)
        refuse_folder(profile)
        require_writable_folder(profile.parent)
    with recorded(trace=profile is not None) as recorder:
        try:
            yield recorder
        finally:
            if profile:
                ensure_writable_folder(profile.parent)
                write_atomically(profile, recorder.to_json().encode())


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Show the current stage and an ETA on stderr; nothing when it is not a terminal."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (*Bars.get_default_columns()[:2], TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn())
    with Bars(*columns, TextColumn("eta"), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:

        class Shown(Progress):
            def __init__(self) -> None:
                super().__init__()
                self.tasks: dict[str, Any] = {}

            def show(self, what: str, done: int, total: int) -> None:
                if what not in self.tasks:
                    self.tasks[what] = bars.add_task(what, total=total)
                bars.update(self.tasks[what], completed=done, total=total)

        yield Shown()


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
    names = listed(formats)
    if not names:
        raise UsageError("--format is given without a name; e.g. --format geojson,coco")
    return names


def listed(text: str) -> list[str]:
    """Return the names of `a,b`, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
