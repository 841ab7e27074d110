"""`zeroov overview`: stage 1 alone, kept as a dump."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Json, RecipeName, Set


def overview(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    expression: Annotated[str, typer.Argument(help="The one object to find, in words.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the dump.")] = Path("maps"),
    recipe: RecipeName = None,
    set_: Set = None,
    device: Device = "auto",
    panel: Annotated[bool, typer.Option(help="Write a picture of the attention beside the dump.")] = True,
    json: Json = False,
) -> None:
    """Ask the vision-language model, and keep where it looked while it answered.

    Example: zeroov overview photo.jpg "the white plane" --out maps/
    """
    chosen = options.chosen(recipe, set_)
    from zeroov.files.atomic import ensure_writable_folder
    from zeroov.pipeline.run import Pipeline

    out = ensure_writable_folder(out)
    with options.progress() as progress, Pipeline(chosen, device, out, progress) as pipeline:
        job = pipeline.job(image, expression)
        pipeline.run("overview", [job])
        path = pipeline.path(job, "overview")
    files = {"dump": path}
    if panel:
        from zeroov.show.panel import write_panel

        files["panel"] = path.with_suffix(".png")
        write_panel(files["panel"], job.picture, job.result(chosen))
    value = job.overview
    box = value.answer_box.xyxy if value.answer_box else None
    if json:
        answer = {"answer": value.answer, "answer_box_xyxy": box, "confidence": value.confidence, "steps": value.steps}
        names = {name: str(file) for name, file in files.items()}
        options.say_json({"files": names, **answer, "stages": options.stages_json(job.reports)})
        return
    options.say(f"answer    {options.plain(value.answer)}")
    options.say(f"box       {[round(corner, 1) for corner in box] if box else 'none in the answer'}")
    options.say_stages(options.stages_json(job.reports))
    options.say(f"wrote     {', '.join(map(str, files.values()))}")
