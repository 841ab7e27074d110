"""`zeroov ground`: all stages, one picture or one large scene, one expression."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, Dumps, Json, Out, RecipeName, Set, band_numbers
from zeroov.cli.report import provenance
from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.pipeline.run import Pipeline
    from zeroov.raster.scene import Scene


def ground(
    image: Annotated[Path, typer.Argument(help="The picture: JPEG, PNG, TIFF, GeoTIFF ...")],
    expression: Annotated[str, typer.Argument(help="The one object to find, in words.")],
    out: Out = Path("out"),
    recipe: RecipeName = None,
    set_: Set = None,
    zoom: Annotated[bool, typer.Option("--zoom", help="Look again, closer, at what was found: one round.")] = False,
    scene: Annotated[
        bool | None, typer.Option("--scene/--no-scene", help="Search tile by tile, or not; by itself: large rasters.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every object of the kind, not the one that is meant.")] = False,
    bands: Annotated[str | None, typer.Option(metavar="N,N,N", help="Bands shown as red, green, blue, from 1.")] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME,...", help="Also write geotiff, geojson, gpkg, coco, yolo, labelstudio ..."
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Class name in annotations; by itself the expression.")] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Simplify polygons by at most so many pixels.")] = 0.0,
    dumps: Dumps = None,
    device: Device = "auto",
    panel: Annotated[bool, typer.Option(help="Write panel.png, the picture of every stage.")] = True,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with 0 although tiles could not be looked at.")
    ] = False,
    json: Json = False,
) -> None:
    """Find the object: writes mask.png, overlay.png, panel.png and result.json.

    A large raster is searched tile by tile, for one object in the whole scene (or --all of its kind); it is never read
    whole, and there is no mask.png of it: ask for --format geotiff,gpkg. Nothing found is an answer, with exit code 0.

    Example: zeroov ground photo.jpg "the white plane on the lower right" --out out/
    """
    if every and scene is False:
        raise UsageError("--all is a search; leave out --no-scene")
    start = time.perf_counter()
    chosen = options.chosen(recipe, set_, zoom)
    from zeroov.batch import is_large
    from zeroov.cli.options import format_names
    from zeroov.cli.report import refuse_own
    from zeroov.files.atomic import ensure_writable_folder
    from zeroov.outputs.found import SceneInfo
    from zeroov.outputs.write import open_writers
    from zeroov.pipeline.run import Pipeline
    from zeroov.raster.scene import open_source

    names = format_names(formats)
    refuse_own(image, out := ensure_writable_folder(out))
    how: dict[str, Any] = {"label": label, "tolerance": tolerance, "expressions": [expression], "images": [image]}
    writers = open_writers(out, names, **how) if names else None  # a wrong name is told now
    with (
        open_source(image, band_numbers(bands)) as raster,
        options.progress() as progress,
        Pipeline(chosen, device, dumps, progress) as pipeline,
    ):
        if writers:
            writers.check(SceneInfo.of(raster))  # what cannot be written is told before the work
        told: dict[str, Any] = {"panel": panel, "json": json, "start": start}
        if every or scene or (scene is None and is_large(pipeline, raster)):
            from zeroov.cli.ground_scene import ground_scene

            if zoom:
                options.note("note: a search looks closer at all that it finds, with and without --zoom")
            told |= {"every": every, "tell": progress}
            failed = ground_scene(pipeline, raster, expression, out, writers, **told)
            if failed and not allow_failures:
                raise typer.Exit(1)
            return
        if scene is False:
            from zeroov.cli.ground_scene import require_one_look

            require_one_look(raster)
        _ground_picture(pipeline, raster, expression, out, writers, **told)


def _ground_picture(
    pipeline: Pipeline,
    raster: Scene,
    expression: str,
    out: Path,
    writers: Any,
    *,
    panel: bool,
    json: bool,
    start: float,
) -> None:
    from zeroov.batch import cut_to_valid
    from zeroov.cli.report import about, forget, say_grounding, write_grounding
    from zeroov.outputs.found import SceneInfo, founds

    picture = raster.read()
    forget(out)
    (result,) = cut_to_valid([pipeline.ground(picture, expression)], raster)

    def write_formats() -> tuple[Path, ...]:
        if not writers:
            return ()
        writers.add(SceneInfo.of(raster), founds(result, answer=result.answer), provenance(pipeline.recipe, pipeline))
        written: tuple[Path, ...] = writers.finish()
        return written

    how: dict[str, Any] = {"about": lambda: about(pipeline, raster, start), "write_formats": write_formats}
    report = write_grounding(out, picture, result, panel=panel, **how)
    if json:
        options.say_json(report)
    else:
        say_grounding(report)
