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
    from zeroov.files.atomic import ensure_writable_folder
    from zeroov.pipeline.look import Job
    from zeroov.pipeline.run import Pipeline
    from zeroov.raster.scene import open_picture

    out = ensure_writable_folder(out)
    with options.progress() as progress, Pipeline(chosen, device, out, progress) as pipeline:
        job = pipeline.job(image, expression) if expression.strip() else Job(open_picture(image), "")
        pipeline.run("focus", [job])
        path = pipeline.path(job, "focus")
    stages = options.stages_json(job.reports)
    if json:
        options.say_json({"files": {"dump": str(path)}, "method": chosen.focus.method, "stages": stages})
        return
    options.say_stages(stages)
    options.say(f"wrote     {path}")
