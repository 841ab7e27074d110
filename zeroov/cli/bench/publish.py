"""`zeroov bench publish` and `verify`: a run's figures as one file, and whether another run has the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.bench.score import By
from zeroov.cli.bench.tables import say_lines
from zeroov.cli.options import Json

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's folder.")]


def publish(
    run: RunFolder,
    protocol: Annotated[
        str, typer.Option("--protocol", metavar="NAMES", help="How to count, e.g. honest,rsvg-zeroov.")
    ] = "honest",
    by: By = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Write the document here instead of printing it.")
    ] = None,
) -> None:
    """Print a run as one JSON document: recipe, versions, device, commit, counts, figures, a digest of its records.

    It holds no path, no picture and no answer. The figures are those of every protocol named and of every reading.

    Example: zeroov bench publish runs/fast --protocol honest,rsvg-zeroov --by size --out fast.json
    """
    from zeroov.bench.runs.records import read_run
    from zeroov.bench.scoring import publish as publishing
    from zeroov.bench.scoring.protocols import named
    from zeroov.files.atomic import write_json

    scored = [named(name) for name in options.listed(protocol)]
    document = publishing.published(read_run(run), scored, options.listed(by))
    if out is None:
        options.say_json(document)
        return
    write_json(out, document)
    options.say(f"wrote     {out}")
    options.say(f"verify    zeroov bench verify RUN {out}")


def verify(
    run: RunFolder,
    published: Annotated[Path, typer.Argument(metavar="PUBLISHED", help="What `zeroov bench publish` wrote.")],
    json: Json = False,
) -> None:
    """Score a run as published figures were scored, and say of each figure whether it is the same.

    Same: in the two decimals that are printed. Near: inside the published 95 % interval. Missing: one of the two lacks
    it. Also said: which keys of the recipe differ, and what could not be compared. Exit code 1 where a figure is not
    the same, or not compared.

    Example: zeroov bench verify runs/mine fast.json
    """
    from zeroov.bench.runs.records import read_run
    from zeroov.bench.scoring.publish import read_published
    from zeroov.bench.scoring.verify import check

    found = check(read_run(run), read_published(published))
    if json:
        options.say_json(found.to_json())
    else:
        say_lines(str(found))
    if not found.same:
        raise typer.Exit(1)
