"""`zeroov bench ablate`: many settings over maps that are kept, scored without a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.bench.tables import Form, Intervals, Json, chosen_form, say_lines, say_table
from zeroov.cli.options import RecipeName, Set
from zeroov.errors import DumpError, UsageError

if TYPE_CHECKING:
    from zeroov.bench.runs.records import Run
    from zeroov.bench.sweeps.maps import Maps


def ablate(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|DUMPS", help="A finished run's folder; with --truth, a folder of dumps.")
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="[KEY=V1,V2,...]...", help="More keys.")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2,...", help="A key and its values; every combination is scored."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON lines: image, expression, box, mask; or the records of a run."),
    ] = None,
    recipe: RecipeName = None,
    set_: Set = None,
    protocol: Annotated[str, typer.Option(help="How to score; `zeroov bench protocols` lists them.")] = "honest",
    dumps: Annotated[
        list[Path] | None, typer.Option("--dumps", metavar="DIR", help="More dumps, or where a run's have gone.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: as many as the work is worth.")] = 0,
    best: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Best first; print the N best and the recipe's own.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the table, as .png, .pdf or .svg.")] = None,
    form: Form = "text",
    intervals: Intervals = False,
    json: Json = False,
) -> None:
    """Score every combination of settings from cached maps: no model runs.

    What is scored is the answer before Refine, over a run, or over a folder of dumps with --truth and --recipe.

    Keys: evolve.k, evolve.tau, evolve.alpha, evolve.official, evolve.canvas, overview.position, stages;
    overview.layers (each: every captured layer alone; all: their mean; own: the recipe's; {2=1,3=0.5}: layers with
    weights) and overview.weights; focus (each: every Focus setting in the folders; none; or what `dumps ls` calls it).
    Values are TOML, ranges like 0.2:0.7:0.05, or lists as printed, 2+3.

    Pointing: the centre of the map's highest cell lies in the true box, for A_C and for the fused map. A star marks the
    recipe's own setting; p is that of the paired test of its mIoU, of masks where there are any, against each other
    setting's. The best of many settings on a split is better there than elsewhere: choose on one split, report on
    another.

    Example: zeroov bench ablate runs/x --grid evolve.alpha=0.2:0.6:0.1 evolve.tau=0.2,0.3 --best 10
    """
    from zeroov.bench.scoring.protocols import named
    from zeroov.bench.sweeps.settings import parse_grid
    from zeroov.bench.sweeps.sweep import recipe_of, sweep
    from zeroov.bench.sweeps.table import as_table, as_text, leading, own_values, rows_of

    asked, scoring, values = chosen_form(form, json), named(protocol), parse_grid([*(grid or []), *(more or [])])
    if plot:
        from zeroov.show.page import form_of

        form_of(plot)  # an error for a wrong name, before the work
    run, maps, left_out = _read(source, truth, dumps or [], recipe, set_)
    start = time.perf_counter()
    with options.progress() as progress:
        swept = sweep(run, maps, values, scoring, jobs=jobs, lost_are_missed=truth is None, progress=progress)
    document: dict[str, Any] = {
        "run": run.name,
        "protocol": scoring.name,
        "keys": list(values),
        "samples": len(swept.records),
        **left_out,
        "seconds": round(time.perf_counter() - start, 3),
        "focus": swept.focus,
        "own": own_values(recipe_of(run), list(values)),
        "unit": "percent",
    }
    document["settings"] = rows_of(swept, scoring)
    if best:
        document["settings"].sort(key=lambda row: -leading(row))
    if plot:
        from zeroov.show.ablation import write_ablation

        write_ablation(plot, document)
    if asked == "json":
        options.say_json(document)
    elif asked == "text":
        say_lines(as_text(document, best))
    else:
        say_table(asked, as_table(document, best, intervals))
    if plot and asked != "json":
        say = options.say if asked == "text" else options.note
        say(f"wrote     {plot}")


def _read(
    source: Path, truth: Path | None, dumps: list[Path], recipe: str | None, changes: list[str] | None
) -> tuple[Run, Maps, dict[str, int]]:
    """Return a run, its maps, and how many truths are left out for which reason."""
    from zeroov.bench.runs.records import is_run, read_run
    from zeroov.bench.sweeps.maps import Maps, folders_of
    from zeroov.bench.sweeps.truths import match, read_truths

    if truth:
        if is_run(source):
            raise UsageError(f"`{source}` is a run, which holds its truth; --truth goes with a folder of dumps")
        if not source.is_dir():
            raise DumpError(f"`{source}` is no folder of dumps; make some with `zeroov ground IMAGE TEXT --dumps DIR`")
        maps, chosen = Maps([source, *dumps]), options.chosen(recipe, changes)
        matched = match(read_truths(truth), maps, chosen, source.resolve().name)
        return matched.run, maps, {"without_dumps": matched.without_dumps, "absent": matched.absent}
    if recipe or changes:
        raise UsageError("--recipe and --set go with --truth; a run says by which recipe it was made")
    if source.is_dir() and not is_run(source) and any(source.glob("*.safetensors")):
        raise UsageError(f"`{source}` is a folder of dumps; say with --truth FILE what is true")
    run = read_run(source)
    return run, Maps(dumps or folders_of(source, run)), {}
