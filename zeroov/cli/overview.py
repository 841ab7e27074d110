"""`zeroov overview`: stage 1 alone, kept as a dump."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Given, Json, RecipeName, Set


def overview(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    expression: Annotated[str, typer.Argument(help="The one object to find, in words.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the dump.")] = Path("maps"),
    recipe: RecipeName = None,
    set_: Set = None,
    given: Given = None,
    device: Device = "auto",
    panel: Annotated[bool, typer.Option(help="Write a picture of the attention beside the dump.")] = True,
    json: Json = False,
) -> None:
    """Ask the vision-language model, and keep where it looked while it answered.

    Example: zeroov overview photo.jpg "the white plane" --out maps/
    """
    chosen = options.chosen(recipe, set_, given=given is not None)
    from zeroov.files.atomic import require_writable_folder
    from zeroov.ground import Pipeline
    from zeroov.look import Question
    from zeroov.raster.scene import open_source
    from zeroov.types import clean_expression

    out = require_writable_folder(out)
    with options.progress() as progress, Pipeline(chosen, device, out) as pipeline, open_source(image) as scene:
        question = Question(scene.read(), clean_expression(expression), given=given)
        (look,) = pipeline.glance([question], progress)
        assert pipeline.store is not None
        path = pipeline.store.path("overview", look.keys["overview"])
    files = {"dump": path}
    if panel:
        from zeroov.files.atomic import write_atomically
        from zeroov.show.panel import draw_look

        files["panel"] = path.with_suffix(".png")
        write_atomically(files["panel"], draw_look(look, chosen.name))
    value = look.overview
    box = value.answer_box.xyxy if value.answer_box else None
    if json:
        answer = {"answer": value.answer, "answer_box_xyxy": box, "confidence": value.confidence, "steps": value.steps}
        names = {name: str(file) for name, file in files.items()}
        stages = {name: cost.to_json() for name, cost in look.costs.items()}
        options.say_json({"files": names, **answer, "stages": stages})
        return
    options.say(f"answer    {options.plain(value.answer)}")
    options.say(f"box       {[round(corner, 1) for corner in box] if box else 'none in the answer'}")
    options.say_stages(look.costs)
    options.say(f"wrote     {', '.join(map(str, files.values()))}")
