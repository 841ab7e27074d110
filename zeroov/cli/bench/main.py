"""`zeroov bench`: benchmarks, one file per command."""

from __future__ import annotations

import typer

from zeroov.cli.bench import ablate, compare, data, draw, heads, labels, mini, publish, run, score

app = typer.Typer(no_args_is_help=True, help="Measure: benchmarks, runs, comparisons.")
app.command("data")(data.data)
app.command("draw")(draw.draw)
app.command("mini")(mini.mini)
app.command("run")(run.run)
app.command("merge")(run.merge)
app.command("score")(score.score)
app.command("ablate")(ablate.ablate)
app.command("heads")(heads.heads)
app.command("compare")(compare.compare)
app.command("publish")(publish.publish)
app.command("verify")(publish.verify)
app.command("labels")(labels.labels)
app.command("protocols")(score.protocols)
