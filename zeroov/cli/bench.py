"""`zeroov bench`: benchmarks, one file per command."""

from __future__ import annotations

import typer

from zeroov.cli import bench_mini

app = typer.Typer(no_args_is_help=True, help="Measure: benchmarks, runs, comparisons.")
app.command("mini")(bench_mini.mini)
