"""`zeroov analyse`: what layers, Focus settings and thresholds are worth, from dumps and truths alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import analyse_numbers, options
from zeroov.cli.analyse_run import run
from zeroov.cli.options import Json, RecipeName, Set

if TYPE_CHECKING:
    from zeroov.bench.sweeps.analyse import Row
    from zeroov.bench.sweeps.cases import Case, Tell

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
    weightings = dict(map(analyse_numbers.weighting, weighting or []))

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
    grid = analyse_numbers.threshold_grid(k, tau, alpha)

    def analyse(cases: tuple[Case, ...], tell: Tell) -> list[Row]:
        rows = sweep_thresholds(cases, chosen, grid, tell)
        figure = "mask_iou" if rows[0].mean("mask_iou") is not None else "box_iou"
        return sorted(rows, key=lambda row: -(row.mean(figure) or 0.0))

    run("thresholds", maps, truth, chosen, analyse, plot, json, best)
