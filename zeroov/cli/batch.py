"""`zeroov batch`: several expressions over a folder of images, resumable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Aoi, Bands, Device, Dumps, Every, Json, Label, RecipeName, Set, Square, Tolerance
from zeroov.errors import UsageError


def batch(
    images: Annotated[list[Path], typer.Argument(help="Folders of images, or image files.")],
    expressions: Annotated[Path, typer.Option("--expressions", metavar="FILE", help="A text file, one a line.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    formats: Annotated[
        str, typer.Option("--format", metavar="NAME,...", help="geotiff, geojson, gpkg, coco, yolo, labelstudio ...")
    ] = "coco",
    recipe: RecipeName = None,
    set_: Set = None,
    every: Every = False,
    bands: Bands = None,
    aoi: Aoi = None,
    label: Label = None,
    tolerance: Tolerance = 0.0,
    square: Square = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try the images again that failed.")] = False,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with 0 although images failed.")
    ] = False,
    dumps: Dumps = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Ask every expression of every image, and write the answers in the formats of your tools.

    Interrupted, the same command goes on where it stopped; with another --format, it asks no model again. An image
    that was replaced is asked again, and older formats that hold it are removed; one that was moved keeps its answer.
    An image that fails, or that a format cannot hold (GeoJSON one without a georeference), is reported with its reason
    and makes the exit code 1; all else is written. One with nothing in it is an empty answer, and so is one where the
    model says that there is no such object: --set said_absent=keep takes what the maps show even then. What lies in
    --out is no image.

    Example: zeroov batch images/ --expressions asked.txt --out labels/ --format coco,yolo
    """
    chosen = options.chosen(recipe, set_)
    from zeroov.batch import batch as run
    from zeroov.batch import images_in, one_by_one, read_expressions
    from zeroov.ground import Pipeline

    out = out.expanduser()
    if out.exists() and not out.is_dir():
        raise UsageError(f"`{out}` is a file; --out takes a folder, which then holds every format and the answers")
    files, asked = images_in(images, out), read_expressions(expressions)
    shown = options.band_numbers(bands)
    writers = one_by_one(
        out, options.format_names(formats), asked, files, label=label, tolerance=tolerance, square=square
    )
    with options.progress() as progress, Pipeline(chosen, device, dumps) as pipeline:
        outcome = run(
            pipeline,
            files,
            asked,
            out,
            writers,
            every=every,
            bands=shown,
            aoi=aoi,
            retry_failed=retry_failed,
            progress=progress,
        )
    report = vars(outcome) | {"files": [str(path) for path in outcome.files]}
    if json:
        options.say_json(report)
    else:
        options.say(f"{outcome.images} images, {outcome.done_now} of them done now, {len(outcome.failed)} failed")
        options.say(_counts(outcome.answers))
        for name, reason in list(outcome.failed.items())[:5]:
            options.note(f"{name}: {reason}")
        for name, reason in outcome.unwritten.items():
            options.note(f"format {name} was not written: {reason}")
        if outcome.files:
            names = ", ".join(map(str, outcome.files[:8]))
            options.say(f"wrote     {names}{' ...' if len(outcome.files) > 8 else ''}")
    if outcome.unwritten or (outcome.failed and not allow_failures):
        raise typer.Exit(1)


def _counts(answers: Mapping[str, int]) -> str:
    """Say how many answers were found, how many are doubtful or empty, and why."""
    doubt = "the model says that there is no such object"
    text = f"{answers['found']} found"
    text += f" ({answers['doubtful']} of them doubtful: {doubt})" if answers["doubtful"] else ""
    text += f", {answers['empty']} empty"
    return text + (f" ({answers['denied']} of them because {doubt})" if answers["denied"] else "")
