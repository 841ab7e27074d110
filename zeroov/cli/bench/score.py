"""`zeroov bench score`: the figures of a run under a protocol; needs no model and no data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.bench.tables import Form, Intervals, Json, chosen_form, say_lines, say_table
from zeroov.cli.options import Json as JsonOnly

ProtocolName = Annotated[
    str, typer.Option("--protocol", metavar="NAME", help="How to count; `zeroov bench protocols` lists them.")
]
ReadingName = Annotated[
    str,
    typer.Option(
        "--reading", help="Which answer: final, coarse (before Refine), or answer (the model's own box in its words)."
    ),
]
By = Annotated[
    str, typer.Option("--by", metavar="KEYS", help="Break down, e.g. category,kind,size; sizes by share of image.")
]
Partial = Annotated[bool, typer.Option("--partial", help="Take a run that is not finished for what is there.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")]


def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a file of records.")],
    protocol: ProtocolName = "honest",
    by: By = "",
    reading: ReadingName = "final",
    partial: Partial = False,
    seed: Seed = 0,
    form: Form = "text",
    intervals: Intervals = False,
    json: Json = False,
) -> None:
    """Score a run: Pr@X, mIoU and oIoU of boxes and masks, in percent, with 95 % bootstrap intervals.

    Sizes: small below 1/300 of the image, large from 3 % on, as 32 x 32 and 96 x 96 pixels are in 640 x 480; unknown
    where the truth cannot be read.

    A table to paste has a row for each group and a column for each figure.

    Example: zeroov bench score runs/rrsisd --protocol rmsin --by kind,size --format latex > table.tex
    """
    from zeroov.bench.runs import records
    from zeroov.bench.scoring import protocols
    from zeroov.bench.scoring import score as scoring

    chosen, asked = protocols.named(protocol), chosen_form(form, json)
    read_as = records.reading_named(reading)
    found = scoring.score(records.read_run(run, partial=partial), chosen, options.listed(by), read_as, seed=seed)
    if asked == "json":
        options.say_json(found.to_json())
    elif asked == "text":
        say_lines(str(found))
    else:
        say_table(asked, found.table(intervals))


def protocols(json: JsonOnly = False) -> None:
    """List the protocols, and what each of them counts."""
    from zeroov.bench.scoring.protocols import DEFAULT, PROTOCOLS

    if json:
        options.say_json([{"name": p.name, "about": p.about} for p in PROTOCOLS])
        return
    names = [p.name + (" (default)" if p.name == DEFAULT else "") for p in PROTOCOLS]
    width = max(map(len, names))
    for name, protocol in zip(names, PROTOCOLS, strict=True):
        options.say(f"{name:{width}}  {protocol.about}")
