"""`zeroov focus`: stage 2 alone, kept as a dump."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Json, RecipeName, Set
from zeroov.errors import UsageError


def focus(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    expression: Annotated[
        str, typer.Argument(help="The object in words; not needed where the recipe's focus.prompt is empty.")
    ] = "",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the dump.")] = Path("maps"),
    recipe: RecipeName = None,
    set_: Set = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Read from the diffusion model which parts of the picture belong together.

    Example: zeroov focus photo.jpg "the white plane" --out maps/
    """
    chosen = options.chosen(recipe, set_)
    if "{expression}" in chosen.focus.prompt and not expression.strip():
        raise UsageError(f'recipe `{chosen.name}` reads the expression in Focus; give it, or --set focus.prompt=""')
    from zeroov.files.atomic import require_writable_folder
    from zeroov.ground import Pipeline
    from zeroov.look import Question
    from zeroov.raster.scene import open_source
    from zeroov.types import clean_expression

    out = require_writable_folder(out)
    text = clean_expression(expression) if expression.strip() else ""
    with options.progress() as progress, Pipeline(chosen, device, out) as pipeline, open_source(image) as scene:
        (made,) = pipeline.focus([Question(scene.read(), text)], progress)
        if made is None:
            raise UsageError(f"recipe `{chosen.name}` has no Focus stage; choose another with --recipe")
        assert pipeline.store is not None
        path = pipeline.store.path("focus", made.key)
    if json:
        stages = {"focus": made.cost.to_json()}
        options.say_json({"files": {"dump": str(path)}, "method": chosen.focus.method, "stages": stages})
        return
    options.say_stages({"focus": made.cost})
    options.say(f"wrote     {path}")
