"""`zeroov bench score`: the figures of a run under a protocol; needs no model and no data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import options
from zeroov.cli.bench.tables import Form, Intervals, Json, chosen_form, say_lines, say_table
from zeroov.cli.options import Json as JsonOnly
from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.bench.runs.records import Run

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
Oracle = Annotated[
    bool,
    typer.Option("--oracle", help="Of a run that chooses among candidates: the best one's IoU, and where it loses."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")]


def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a file of records.")],
    protocol: ProtocolName = "honest",
    by: By = "",
    reading: ReadingName = "final",
    partial: Partial = False,
    oracle: Oracle = False,
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
    if oracle:
        _say_oracle(records.read_run(run, partial=partial), by, asked)
        return
    read_as = records.reading_named(reading)
    found = scoring.score(records.read_run(run, partial=partial), chosen, options.listed(by), read_as, seed=seed)
    if asked == "json":
        options.say_json(found.to_json())
    elif asked == "text":
        say_lines(str(found))
    else:
        say_table(asked, found.table(intervals))


def _say_oracle(run: Run, by: str, form: str) -> None:
    """Print where a run that chooses among candidates loses."""
    from zeroov.bench.scoring import oracle
    from zeroov.bench.scoring.tables import as_text

    keys = options.listed(by) or ["kind"]
    if keys not in (["kind"], ["category"]):
        raise UsageError(f"--oracle breaks down by kind or by category, got --by {by}")
    found = oracle.fates(run, keys[0])
    if form == "json":
        options.say_json(oracle.oracle_json(found, run.name))
    elif form == "text":
        say_lines(as_text(oracle.oracle_table(found, run.name)))
    else:
        say_table(form, oracle.oracle_table(found, run.name))


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
