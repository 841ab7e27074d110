"""`zeroov ground`: all stages, one picture or one large scene, one expression."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import (
    Aoi,
    Bands,
    Device,
    Dumps,
    Every,
    Given,
    Json,
    Label,
    Out,
    RecipeName,
    Search,
    Set,
    Square,
    Tolerance,
    Zoom,
)
from zeroov.errors import UsageError


def ground(
    picture: Annotated[
        str,
        typer.Argument(metavar="IMAGE", help="The picture: JPEG, PNG, TIFF, GeoTIFF ..., or a COG's https:// address."),
    ],
    expression: Annotated[str, typer.Argument(help="The one object to find, in words.")],
    out: Out = Path("out"),
    recipe: RecipeName = None,
    set_: Set = None,
    zoom: Zoom = False,
    scene: Search = None,
    every: Every = False,
    bands: Bands = None,
    aoi: Aoi = None,
    given: Given = None,
    bbox: Annotated[
        str | None,
        typer.Option(
            "--bbox",
            metavar="X0,Y0,X1,Y1",
            help="The object is in this box: Segment Anything draws it. Numbers as in --aoi.",
        ),
    ] = None,
    point: Annotated[
        str | None, typer.Option("--point", metavar="X,Y", help="The object is here: Segment Anything draws it.")
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME,...",
            help="Also write geotiff, geojson, gpkg, geoparquet, coco, yolo, labelme ...",
        ),
    ] = None,
    label: Label = None,
    tolerance: Tolerance = None,
    square: Square = None,
    dumps: Dumps = None,
    device: Device = "auto",
    panel: Annotated[bool, typer.Option(help="Write panel.png, the picture of every stage.")] = True,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw it into a .pdf, .svg or .png, without seconds and memory."),
    ] = None,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with 0 although tiles could not be looked at.")
    ] = False,
    json: Json = False,
) -> None:
    """Find the object: writes mask.png, overlay.png, panel.png and result.json.

    An image whose longer side is more than two tiles (search.tile of the recipe: 1024 pixels, of mini 224) is searched
    tile by tile, for one object in the whole scene (or --all of its kind), and never read whole. Above 100 million
    pixels it has no mask.png: ask for --format geotiff,gpkg. Nothing found is an answer, with exit code 0. What an
    older answer about the image wrote into --out is removed first.

    Example: zeroov ground photo.jpg "the white plane on the lower right" --out out/
    """
    chosen = options.chosen(recipe, set_, zoom, given is not None)
    from zeroov.cli.report import refuse_own, say_answer
    from zeroov.files.atomic import require_writable_folder
    from zeroov.ground import Pipeline
    from zeroov.hardware import no_garbage
    from zeroov.outputs.formats.png import fits_png
    from zeroov.outputs.found import SceneInfo
    from zeroov.outputs.stale import forget
    from zeroov.outputs.write import open_writers
    from zeroov.raster.scene import open_source
    from zeroov.raster.web import is_address
    from zeroov.search.area import area_of, box_of, point_of

    if every and scene is False:
        raise UsageError("--all is a search; leave out --no-scene")
    if figure:
        from zeroov.show.page import form_of

        form_of(figure)  # an error for a wrong name, before the work
    where: dict[str, Any] = {"aoi": aoi, "bbox": bbox, "point": point}
    names = options.format_names(formats)
    image = picture if is_address(picture) else Path(picture)
    refuse_own(Path(image), out := require_writable_folder(out))
    asked: dict[str, Any] = {
        "label": label,
        "tolerance": tolerance,
        "square": options.square_classes(square),
        "expressions": [expression],
        "images": [image],
    }
    writers = open_writers(out, names, **asked) if names else None  # an error for a wrong name, before the work
    with (
        options.progress() as progress,
        open_source(image, options.band_numbers(bands), progress=progress) as opened,
    ):
        pipeline = Pipeline(chosen, device, dumps)  # not closed: the process ends, which frees its models sooner
        if writers:
            writers.check(SceneInfo.of(opened))  # an error for what cannot be written, before the work
        for place, read in ((aoi, area_of), (bbox, box_of), (point, point_of)):  # an error for one that misses
            if place is not None:
                read(place, opened)
        older = forget(out, str(image))
        answer = pipeline.ground(opened, expression, every=every, search=scene, given=given, progress=progress, **where)
        drawn = None
        if panel:
            with no_garbage():  # loads matplotlib
                from zeroov.show.panel import draw_panel

                drawn = draw_panel(answer, opened)
        if figure:
            from zeroov.show.panel import write_panel

            write_panel(figure, answer, opened, costs=False)
    if zoom and answer.searched:
        options.note("note: a search looks closer at all that it finds, with and without --zoom")
    if answer.searched and scene is None and not every and fits_png(answer.info):
        options.note("note: the image is wider than two tiles, so it was searched; --no-scene looks once, at the whole")
    report = answer.save(out, writers or (), panel=drawn)
    if gone := [str(path) for path in older if str(path) not in report["files"]["formats"]]:
        options.note(f"note: removed, of an older answer: {', '.join(gone)}")
    if json:
        options.say_json(report)
    else:
        say_answer(answer, report["files"])
        if figure:
            options.say(f"figure    {figure}")
    if answer.failed and not allow_failures:
        raise typer.Exit(1)
