"""`zeroov bench mini`: what every stage adds, measured on the miniature world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Json
from zeroov.errors import UsageError, did_you_mean


def mini(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder for the rows; the same command goes on with what is there."),
    ] = Path("runs/mini"),
    limit: Annotated[int, typer.Option(min=1, help="Only the first scenes of the test split.")] = 500,
    variant: Annotated[
        list[str] | None, typer.Option("--variant", metavar="NAME", help="Only these settings. Repeatable.")
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Measure the miniature models on scenes they never saw: each stage, each way of Focus, absent objects.

    Everything takes about two hours on one CPU core, nearly all of it null-text optimisation; `--variant mini` alone
    takes five minutes. The tables are printed as Markdown.
    """
    from zeroov.bench.mini.measure import VARIANTS, measure
    from zeroov.bench.mini.report import markdown, report
    from zeroov.files.atomic import ensure_writable_folder, write_json

    known = [item.name for item in VARIANTS]
    for name in variant or []:
        if name not in known:
            raise UsageError(f"variant `{name}` is unknown{did_you_mean(name, known)}")
    wanted = {"mini", *(variant or known)}  # the others are compared with `mini`
    folder = ensure_writable_folder(out)
    rows = {}
    with options.progress() as progress:
        for item in VARIANTS:
            if item.name in wanted:
                rows[item.name] = measure(folder, item, limit, device, progress)
    tables = report(rows)
    write_json(folder / "report.json", tables)
    if json:
        options.say_json(tables)
    else:
        options.say(markdown(tables))
