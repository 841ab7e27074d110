"""`zeroov report`: a run as one HTML file to send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.bench.score import Partial, ProtocolName, ReadingName, Seed
from zeroov.cli.options import Json
from zeroov.errors import count_of


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a file of records.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="By default report.html in the run's folder.")
    ] = None,
    protocol: ProtocolName = "honest",
    reading: ReadingName = "final",
    cases: Annotated[
        int,
        typer.Option("--cases", min=0, max=50, help="So many of the worst and of the best answers, with all stages."),
    ] = 6,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="The data set, where it is not where it was.")
    ] = None,
    dumps: Annotated[
        list[Path] | None, typer.Option("--dumps", metavar="DIR", help="Where the run's maps are, if they have moved.")
    ] = None,
    partial: Partial = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a run's report: one HTML file that is read offline and on paper, and can be sent.

    Tables and plots by kind, size and category; the worst and the best answers with all stages; failures with their
    reasons; the recipe and the machine. A picture takes 40 kB at most; there are some 10 for each answer that is shown.
    No model runs: the stages are drawn from the run's maps.

    Example: zeroov report runs/fast --out fast.html
    """
    from zeroov.bench.report.make import make_report
    from zeroov.bench.runs.records import reading_named
    from zeroov.bench.scoring.protocols import named
    from zeroov.files.atomic import ensure_writable_folder, write_atomically

    target = out or (run / "report.html" if run.is_dir() else run.with_suffix(".html"))
    with options.progress() as progress:
        made = make_report(
            run,
            named(protocol),
            reading_named(reading),
            cases=cases,
            root=root,
            dumps=tuple(dumps or ()),
            partial=partial,
            seed=seed,
            progress=progress,
        )
    data = made.to_html().encode(errors="backslashreplace")
    ensure_writable_folder(target.parent)
    write_atomically(target, data)
    if json:
        options.say_json({"file": str(target), "bytes": len(data), "pictures": made.pictures})
    else:
        options.say(f"wrote     {target}: {count_of(made.pictures, 'picture')}, {len(data) / 1e6:.1f} MB")
