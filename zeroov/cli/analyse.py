"""`zeroov analyse`: what layers, Focus settings and thresholds are worth, from dumps and truths alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Json, RecipeName, Set
from zeroov.cli.report import counting
from zeroov.errors import DumpError, UsageError

if TYPE_CHECKING:
    from zeroov.bench.sweeps.analyse import Row
    from zeroov.bench.sweeps.cases import Case, Tell
    from zeroov.recipe import Recipe

MOST = 1000  # values of one range
HEADING = ("", "POINTING", "95 %", "MASK mIoU", "95 %", "BOX mIoU", "95 %", "SAMPLES")

Weighting = tuple[Sequence[int], Sequence[float]]

app = typer.Typer(
    no_args_is_help=True,
    help="Tell from dumps, without any model, what layers, Focus settings and thresholds are worth.",
)
Maps = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder of dumps, as `zeroov ground --dumps DIR` keeps it.")
]
Truth = Annotated[
    Path, typer.Option("--truth", metavar="FILE", help="JSON lines: image, expression, box, mask; or a run's records.")
]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw it, too.")]


@app.command("layers")
def layers(
    maps: Maps,
    truth: Truth,
    weighting: Annotated[
        list[str] | None,
        typer.Option("--weighting", metavar="LAYERS=WEIGHTS", help="E.g. 16,17,18,19=0.1,0.1,0.3,0.5. Repeatable."),
    ] = None,
    recipe: RecipeName = None,
    set_: Set = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Tell for every captured layer, and for weightings of them, how often it points at the object, and its masks' IoU.

    Example: zeroov analyse layers maps/ --truth truth.jsonl --plot layers.png
    """
    from zeroov.bench.sweeps.analyse import sweep_layers

    chosen = options.chosen(recipe, set_)
    weightings = dict(map(parse_weighting, weighting or []))

    def analyse(cases: tuple[Case, ...], tell: Tell) -> list[Row]:
        return sweep_layers(cases, chosen, weightings, tell)

    run("layers", maps, truth, chosen, analyse, plot, json)


@app.command("grids")
def grids(
    maps: Maps,
    truth: Truth,
    settings: Annotated[
        list[str] | None,
        typer.Option("--settings", metavar="DIGEST", help="Focus settings to compare, as `dumps ls` shows them."),
    ] = None,
    recipe: RecipeName = None,
    set_: Set = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Compare Focus dumps of different settings (grids, method, t ...) over the same samples, and none at all.

    Example: zeroov analyse grids maps/ --truth truth.jsonl
    """
    from zeroov.bench.sweeps.analyse import compare_focus

    chosen = options.chosen(recipe, set_)

    def analyse(cases: tuple[Case, ...], tell: Tell) -> list[Row]:
        return compare_focus(cases, chosen, settings or [], tell)

    run("grids", maps, truth, chosen, analyse, plot, json)


@app.command("thresholds")
def thresholds(
    maps: Maps,
    truth: Truth,
    k: Annotated[str, typer.Option("--k", help="Numbers of seeds: 1,7,15 or first:last:step.")] = "1,3,7,15,31",
    tau: Annotated[str, typer.Option("--tau", help="Thresholds of growth.")] = "0.1:0.6:0.1",
    alpha: Annotated[str, typer.Option("--alpha", help="Thresholds of the mask.")] = "0.2:0.7:0.05",
    best: Annotated[int, typer.Option("--best", min=1, help="Settings to print; --json holds all.")] = 10,
    recipe: RecipeName = None,
    set_: Set = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Score every combination of Evolve's seeds k, growth threshold tau and mask threshold alpha, best first.

    Example: zeroov analyse thresholds maps/ --truth truth.jsonl --tau 0.2,0.3,0.4 --plot thresholds.png
    """
    from zeroov.bench.sweeps.analyse import sweep_thresholds

    chosen = options.chosen(recipe, set_)
    grid = threshold_grid(k, tau, alpha)

    def analyse(cases: tuple[Case, ...], tell: Tell) -> list[Row]:
        rows = sweep_thresholds(cases, chosen, grid, tell)
        figure = "mask_iou" if rows[0].mean("mask_iou") is not None else "box_iou"
        return sorted(rows, key=lambda row: -(row.mean(figure) or 0.0))

    run("thresholds", maps, truth, chosen, analyse, plot, json, best)


def numbers(option: str, text: str) -> list[float]:
    """Parse `0.1,0.2` or `first:last:step`, both ends included."""
    try:
        if ":" in text:
            first, last, step = map(float, text.split(":"))
            count = math.floor((last - first) / step + 1e-9) + 1
            values = [round(first + step * place, 9) for place in range(count if count <= MOST else 0)]
        else:
            values = [float(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError, OverflowError):
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise UsageError(f"{option} takes numbers like 0.2,0.3 or first:last:step like 0.1:0.5:0.1, got `{text}`")
    return list(dict.fromkeys(values))


def threshold_grid(k: str, tau: str, alpha: str) -> tuple[list[int], list[float], list[float]]:
    """Parse the three lists of thresholds and check their ranges."""
    counts, taus, alphas = numbers("--k", k), numbers("--tau", tau), numbers("--alpha", alpha)
    if any(count < 1 or count != int(count) for count in counts):
        raise UsageError(f"--k takes whole numbers from 1 on, got `{k}`")
    for option, values, text in (("--tau", taus, tau), ("--alpha", alphas, alpha)):
        if min(values) < 0 or max(values) > 1:
            raise UsageError(f"{option} takes numbers between 0 and 1, got `{text}`")
    return list(map(int, counts)), taus, alphas


def parse_weighting(text: str) -> tuple[str, Weighting]:
    """Parse `16,17=0.3,0.7`: layers and as many weights; return the text as its name."""
    layers, _, weights = text.partition("=")
    try:
        chosen, given = [int(part) for part in layers.split(",")], [float(part) for part in weights.split(",")]
    except ValueError:
        chosen, given = [], []
    fine = chosen and len(chosen) == len(given) == len(set(chosen)) and min(given) >= 0 < sum(given) < math.inf
    if not fine:
        raise UsageError(
            f"--weighting takes LAYERS=WEIGHTS, as many of each and none twice, e.g. 16,17=0.3,0.7, got `{text}`"
        )
    return text, (chosen, given)


def cells(row: Mapping[str, Any]) -> list[str]:
    """Return a row of the table."""
    shown = [row["name"]]
    for figure in ("pointing", "mask_iou", "box_iou"):
        told = row.get(figure)
        shown.append(f"{told['mean']:.3f}" if told else "-")
        shown.append("{:.3f} to {:.3f}".format(*told["interval"]) if told else "")
    return [*shown, str(row["box_iou"]["samples"])]


def summary(document: Mapping[str, Any]) -> str:
    """Say over how many samples, and which truths are not among them."""
    samples, settings = document["samples"], len(document["rows"])
    rate = samples * settings / max(document["seconds"], 1e-3)
    text = f"{samples} samples x {settings} settings of recipe {document['recipe']}, {rate:,.0f} a second"
    if document["without_dumps"]:
        text += f"; {document['without_dumps']} truths have no dumps"
    if document["absent"]:
        text += f"; {document['absent']} have no object"
    return text


def run(
    name: str,
    maps: Path,
    truth: Path,
    recipe: Recipe,
    analyse: Callable[[tuple[Case, ...], Tell], list[Row]],
    plot: Path | None,
    json: bool,
    shown: int | None = None,
) -> None:
    """Match truths with dumps, analyse, print and draw.

    Of more than `shown` rows only the first and the recipe's own are printed and given intervals.
    """
    from zeroov.bench.scoring.tables import aligned
    from zeroov.bench.sweeps.cases import match
    from zeroov.bench.sweeps.truths import read_truths
    from zeroov.dumps import DumpStore

    if not maps.is_dir():
        raise DumpError(f"`{maps}` is no folder of dumps; make some with `zeroov ground IMAGE TEXT --dumps DIR`")
    matched = match(read_truths(truth), DumpStore(maps), recipe)
    start = time.perf_counter()
    with counting(name) as tell:
        rows = analyse(matched.cases, tell)
    seconds = time.perf_counter() - start
    if rows[0].mean("box_iou") is None:
        raise DumpError(f"no sample's dumps could be read; `zeroov dumps verify {maps}` names the damaged ones")
    printed = [place for place, row in enumerate(rows) if shown is None or place < shown or "(recipe" in row.name]
    told = [row.to_json(intervals=place in printed) for place, row in enumerate(rows)]
    document: dict[str, Any] = {
        "analysis": name,
        "recipe": recipe.name,
        "samples": told[0]["box_iou"]["samples"],
        "without_dumps": matched.without_dumps,
        "absent": matched.absent,
        "seconds": round(seconds, 3),
        "rows": told,
    }
    if plot:
        from zeroov.show.sweeps import write_sweep

        write_sweep(plot, document)
    if json:
        options.say_json(document)
        return
    options.say(aligned([HEADING, *(cells(told[place]) for place in printed)]))
    options.say(summary(document))
    if plot:
        options.say(f"wrote     {plot}")
