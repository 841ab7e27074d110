"""The command line: one file per command, errors as one line, exit codes 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from zeroov.cli import (
    batch,
    candidates,
    demo,
    doctor,
    evolve,
    focus,
    ground,
    models,
    options,
    overview,
    plan,
    recipes,
    refine,
    serve,
)
from zeroov.cli.bench import main as bench
from zeroov.cli.bench import report
from zeroov.cli.dumps import main as dumps
from zeroov.errors import ZeroovError
from zeroov.version import __version__


class Commands(TyperGroup):
    """Prints a `ZeroovError` as one line on stderr and exits with its code; anything else is a bug and shows as one.

    `--help` shows flags as flags: `--zoom`, not `--zoom <bool>`, which no command takes.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the group's own options."""
        params = super().get_params(ctx)
        _hide_types_of_flags(params, self.commands.values(), ctx)
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the words of the command: one that is sent to another machine is sent as it was typed."""
        ctx.meta["arguments"] = list(args)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ZeroovError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from error


def _hide_types_of_flags(params: Iterable[Any], commands: Iterable[Any], ctx: Any) -> None:
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    for command in commands:
        _hide_types_of_flags(command.get_params(ctx), getattr(command, "commands", {}).values(), ctx)


app = typer.Typer(
    name="zeroov",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find the one object that a sentence describes in a remote sensing image: mask and box, no training.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zeroov {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the one object that a sentence describes in a remote sensing image: mask and box, no training."""
    options.log_to_stderr()


app.command("ground")(ground.ground)
app.command("batch")(batch.batch)
app.command("plan")(plan.plan)
app.command("serve")(serve.serve)
app.command("overview")(overview.overview)
app.command("focus")(focus.focus)
app.command("evolve")(evolve.evolve)
app.command("candidates")(candidates.candidates)
app.command("refine")(refine.refine)
app.command("demo")(demo.demo)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)
app.add_typer(bench.app, name="bench")
app.add_typer(dumps.app, name="dumps")
app.add_typer(recipes.app, name="recipes")
app.add_typer(models.app, name="models")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter gets its number
    try:
        app()
    except OSError as error:  # stdout closed (`zeroov ... | head`) or full; zeroov's own files raise its own errors
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
