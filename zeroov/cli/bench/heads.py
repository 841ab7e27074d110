"""`zeroov bench heads`: the attention heads of a model that look at objects, fixed once from kept maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options


def heads(
    source: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run with overview.capture = all.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the heads, as TOML.")],
    count: Annotated[int, typer.Option(min=1, max=64, help="How many heads.")] = 3,
    dumps: Annotated[
        list[Path] | None, typer.Option("--dumps", metavar="DIR", help="More dumps, or where a run's have gone.")
    ] = None,
) -> None:
    """Fix the heads of a model that most often are sharp in the picture and look at it: no model runs.

    Of each sample the heads count that give the picture the most attention, and of these the sharpest (Localization
    Heads). Samples have no truth in this. Recipes take the file as overview.heads; a run on a test split is refused.

    Example: zeroov bench run mini-hard --root data/mini-hard --split plain --recipe mini --set overview.capture=all
    --out runs/all && zeroov bench heads runs/all --out heads.toml
    """
    from zeroov.bench.runs.records import read_run
    from zeroov.bench.sweeps.heads import count_heads, most_frequent, write_heads
    from zeroov.bench.sweeps.maps import Maps, folders_of
    from zeroov.cli.report import say_table

    path = out if out.suffix == ".toml" else out.with_name(f"{out.name}.toml")
    run = read_run(source)
    with options.progress() as progress:
        counted = count_heads(run, Maps(dumps or folders_of(source, run)), progress)
    best = most_frequent(counted, count)
    write_heads(path, run, counted, best)
    layers, counts, samples = counted
    rows = [("LAYER", "HEAD", "AMONG THE BEST")]
    rows += [
        (str(layer), str(head), f"{counts[layers.index(layer), head] / samples:.0%} of {samples} samples")
        for layer, head in best
    ]
    say_table(rows)
    options.say(f"wrote     {path}")
