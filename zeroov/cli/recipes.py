"""`zeroov recipes`: list the shipped recipes, or print one."""

from __future__ import annotations

from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Json, Set

app = typer.Typer(help="List the shipped recipes, or print one.", invoke_without_command=True)


@app.callback()
def list_recipes(ctx: typer.Context, json: Json = False) -> None:
    """List the shipped recipes, or print one with `zeroov recipes show NAME`."""
    if ctx.invoked_subcommand is not None:
        return
    from zeroov import recipe as recipes

    found = [recipes.load(name) for name in recipes.names()]
    if json:
        options.say_json([{"name": r.name, "description": r.description} for r in found])
        return
    for recipe in found:
        default = " (default)" if recipe.name == recipes.DEFAULT else ""
        options.say(f"{recipe.name + default:16} {recipe.description}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A shipped recipe's name, or a recipe file.")],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Print a recipe with every key: TOML that `--recipe FILE` takes again."""
    recipe = options.chosen(name, set_)
    if json:
        options.say_json(recipe.to_dict())
    else:
        typer.echo(recipe.to_toml(), nl=False)
