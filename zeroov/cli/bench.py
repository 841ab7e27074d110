"""`zeroov bench`: benchmarks, one file per command."""

from __future__ import annotations

import typer

from zeroov.cli import bench_ablate, bench_compare, bench_data, bench_mini, bench_run, bench_score

app = typer.Typer(no_args_is_help=True, help="Measure: benchmarks, runs, comparisons.")
app.command("data")(bench_data.data)
app.command("mini")(bench_mini.mini)
app.command("run")(bench_run.run)
app.command("merge")(bench_run.merge)
app.command("score")(bench_score.score)
app.command("ablate")(bench_ablate.ablate)
app.command("compare")(bench_compare.compare)
app.command("protocols")(bench_score.protocols)
