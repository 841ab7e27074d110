"""`zeroov bench score`: the figures of a run under a protocol; needs no model and no data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Json

ProtocolName = Annotated[
    str, typer.Option("--protocol", metavar="NAME", help="How to count; `zeroov bench protocols` lists them.")
]
ReadingName = Annotated[
    str,
    typer.Option(
        "--reading", help="Which answer: final, coarse (before Refine), or answer (the model's own box in its words)."
    ),
]
Partial = Annotated[bool, typer.Option("--partial", help="Take a run that is not finished for what is there.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")]


def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a file of records.")],
    protocol: ProtocolName = "honest",
    by: Annotated[
        str, typer.Option("--by", metavar="KEYS", help="Break down, e.g. category,kind,size; sizes by share of image.")
    ] = "",
    reading: ReadingName = "final",
    partial: Partial = False,
    seed: Seed = 0,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every figure as CSV too.")] = None,
    json: Json = False,
) -> None:
    """Score a run: Pr@X, mIoU and oIoU of boxes and masks, with 95 % bootstrap intervals.

    Sizes: small below 1/300 of the image, large from 3 % on, as 32 x 32 and 96 x 96 pixels are in 640 x 480; unknown
    where the truth cannot be read.

    Example: zeroov bench score runs/rrsisd --protocol rmsin --by kind,size
    """
    from zeroov.bench.runs import records
    from zeroov.bench.scoring import protocols
    from zeroov.bench.scoring import score as scoring
    from zeroov.bench.scoring.tables import as_csv
    from zeroov.files.atomic import write_atomically

    chosen = protocols.named(protocol)
    keys = tuple(dict.fromkeys(key.strip() for key in by.split(",") if key.strip()))
    found = scoring.score(
        records.read_run(run, partial=partial), chosen, keys, records.reading_named(reading), seed=seed
    )
    if csv:
        write_atomically(csv, as_csv(found.to_rows()).encode())
    if json:
        options.say_json(found.to_json())
        return
    for line in str(found).split("\n"):
        options.say(options.plain(line))


def protocols(json: Json = False) -> None:
    """List the protocols, and what each of them counts."""
    from zeroov.bench.scoring.protocols import DEFAULT, PROTOCOLS

    if json:
        options.say_json([{"name": p.name, "about": p.about} for p in PROTOCOLS])
        return
    names = [p.name + (" (default)" if p.name == DEFAULT else "") for p in PROTOCOLS]
    width = max(map(len, names))
    for name, protocol in zip(names, PROTOCOLS, strict=True):
        options.say(f"{name:{width}}  {protocol.about}")
