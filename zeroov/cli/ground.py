"""`zeroov ground`: all stages, one picture, one expression."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Dumps, Json, Out, RecipeName, Set


def ground(
    image: Annotated[Path, typer.Argument(help="The picture: JPEG, PNG, TIFF, GeoTIFF ...")],
    expression: Annotated[str, typer.Argument(help="The one object to find, in words.")],
    out: Out = Path("out"),
    recipe: RecipeName = None,
    set_: Set = None,
    zoom: Annotated[bool, typer.Option("--zoom", help="Look again, closer, at what was found: one round.")] = False,
    dumps: Dumps = None,
    device: Device = "auto",
    panel: Annotated[bool, typer.Option(help="Write panel.png, the picture of every stage.")] = True,
    json: Json = False,
) -> None:
    """Find the object: writes mask.png, overlay.png, panel.png and result.json.

    Example: zeroov ground photo.jpg "the white plane on the lower right" --out out/
    """
    chosen = options.chosen(recipe, set_)
    if zoom and not chosen.zoom.rounds:
        chosen = chosen.with_values({"zoom.rounds": 1})
    from zeroov.raster.write import ensure_writable_folder

    out = ensure_writable_folder(out)
    from zeroov.pipeline import Pipeline
    from zeroov.raster.read import open_picture

    picture = open_picture(image)
    with options.progress() as progress, Pipeline(chosen, device, dumps, progress) as pipeline:
        result = pipeline.ground(picture, expression)
    from zeroov.cli.results import write_grounding

    report = write_grounding(out, picture, result, panel=panel)
    if json:
        options.say_json(report)
        return
    if result.box:
        corners = ", ".join(f"{value:.1f}" for value in result.box.xyxy)
        options.say(f"found     box [{corners}], {report['mask_pixels']} pixels, score {result.score:.3f}")
    else:
        options.say("empty     nothing found")
    options.say(f"answer    {options.plain(result.answer)}")
    options.say_stages(report["stages"])
    for look in report["zoom"]:
        believed = "believed" if look["believed"] else "not believed"
        options.say(
            f'zoom      {look["window_xyxy"]}, asked "{options.plain(look["expression"])}", answered '
            f"{options.plain(look['answer'])}, {believed} (agreement {look['agreement']:.2f})"
        )
    options.say(f"wrote     {', '.join(report['files'].values())}")
