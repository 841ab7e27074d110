"""`zeroov models`: what a recipe needs, what of it is here, and `zeroov models get` to download the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Json, RecipeName, Set
from zeroov.cli.report import say_table
from zeroov.errors import ZeroovError

if TYPE_CHECKING:
    from zeroov.recipe import Recipe
    from zeroov.weights.needs import Requirement

app = typer.Typer(help="Say what a recipe needs, where it was found and what is missing; `get` downloads it.")


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context, recipe: RecipeName = None, set_: Set = None, json: Json = False) -> None:
    """Say what a recipe needs, where it was found and what is missing (exit code 1); `get` downloads it.

    Example: zeroov models --recipe paper
    """
    if ctx.invoked_subcommand is not None:
        return
    chosen = options.chosen(recipe, set_)
    needs = _show(chosen, json)
    missing = [need for need in needs if need.state == "missing"]
    same = options.same_recipe(chosen, recipe, set_)
    for need in missing:
        typer.echo(need.problem.replace("--recipe NAME", same), err=True)
    _say_gates(missing)
    if missing:
        raise typer.Exit(1)


@app.command()
def get(ctx: typer.Context, recipe: RecipeName = None, set_: Set = None, json: Json = False) -> None:
    """Download what a recipe needs and this machine lacks: resumed, verified, from pinned revisions.

    Example: zeroov models get --recipe fast
    """
    from zeroov.weights.get import copying
    from zeroov.weights.get import get as fetch
    from zeroov.weights.needs import requirements

    # `zeroov models --recipe paper get` means the same as `zeroov models get --recipe paper`.
    outer: dict[str, Any] = ctx.parent.params if ctx.parent else {}
    chosen = options.chosen(recipe or outer.get("recipe"), [*(outer.get("set_") or []), *(set_ or [])])
    missing = [need for need in requirements(chosen) if need.state == "missing"]
    _say_gates(missing)  # before gigabytes of other models are here
    for position, need in enumerate(missing):
        typer.echo(f"{need.stage}: downloading {need.reference} ({_size(need.size_bytes)})", err=True)
        try:
            fetch(need)
        except ZeroovError:
            typer.echo("Without a network, copy these here:", err=True)
            for left in missing[position:]:
                typer.echo(f"  {copying(left)}", err=True)
            raise
    _show(chosen, json or bool(outer.get("json")))


def _say_gates(missing: list[Requirement]) -> None:
    """Say what must be done first for models whose licence the hub wants to see accepted."""
    from zeroov.weights.needs import gate

    for need in missing:
        if need.gated:
            typer.echo(f"{need.stage}: {gate(need)}", err=True)


def _show(recipe: Recipe, json: bool) -> list[Requirement]:
    """Print what a recipe needs, as a table or as JSON, and return it."""
    from dataclasses import asdict

    from zeroov.weights.needs import requirements

    needs = requirements(recipe)
    if not json:
        _print_table(needs)
        return needs
    rows = [asdict(need) | {"path": str(need.path) if need.path else None} for need in needs]
    complete = all(need.state != "missing" for need in needs)
    options.say_json({"recipe": recipe.name, "complete": complete, "models": rows})
    return needs


def _size(size: int | None) -> str:
    if size is None:
        return "unknown"
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _print_table(needs: list[Requirement]) -> None:
    rows = [("STAGE", "MODEL", "SIZE", "MEMORY", "LICENCE", "WHERE")]
    for need in needs:
        where = {"found": str(need.path), "missing": "MISSING", "builtin": "comes with zeroov"}[need.state]
        licence = need.licence or ("none needed" if need.state == "builtin" else "see its model card")
        sizes = ("small", "small") if need.state == "builtin" else (_size(need.size_bytes), _size(need.memory_bytes))
        rows.append((need.stage, need.reference, *sizes, licence + ", gated" * need.gated, where))
    say_table(rows)
    for need in needs:
        if need.remark:
            options.say(f"{need.stage}: {need.reference} takes {need.remark}")
