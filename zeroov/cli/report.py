"""How commands tell of what they did: the files of an answer, how it was made, tables, sizes and progress."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroov.cli import options
from zeroov.errors import UsageError
from zeroov.files.atomic import write_json

if TYPE_CHECKING:
    from zeroov.pipeline.run import Pipeline
    from zeroov.raster.scene import Scene
    from zeroov.recipe import Recipe
    from zeroov.types import Grounding, Picture

OWN = ("result.json", "mask.png", "overlay.png", "panel.png")  # result.json goes first, and is written last


def write_grounding(
    folder: Path,
    picture: Picture,
    result: Grounding,
    *,
    panel: bool = True,
    prefix: str = "",
    about: Callable[[], Mapping[str, Any]] = dict,
    write_formats: Callable[[], tuple[Path, ...]] = tuple,
) -> dict[str, Any]:
    """Write mask, overlay, panel, the formats and result.json, the last of all; return what result.json holds.

    An older answer's files go first, so that they never stand beside those of another. What `about` returns is told in
    result.json beside the answer.
    """
    from zeroov.outputs.images import write_mask_png, write_overlay_png

    forget(folder, prefix)
    files = {"mask": folder / f"{prefix}mask.png", "overlay": folder / f"{prefix}overlay.png"}
    write_mask_png(files["mask"], result.mask)
    write_overlay_png(files["overlay"], picture.rgb, result.mask, result.box)
    if panel:
        from zeroov.show.panel import write_panel

        files["panel"] = folder / f"{prefix}panel.png"
        write_panel(files["panel"], picture, result)
    files["result"] = folder / f"{prefix}result.json"
    formats = write_formats()
    return write_report(files, formats, {**result.to_json(), **about()})


def write_report(files: Mapping[str, Path], formats: tuple[Path, ...], report: dict[str, Any]) -> dict[str, Any]:
    """Write result.json, which names all files that were written; return what it holds."""
    written: dict[str, Any] = {name: str(path) for name, path in files.items()}
    report = report | {"files": written | {"formats": [str(path) for path in formats]}}
    write_json(files["result"], report)
    return report


def forget(folder: Path, prefix: str = "") -> None:
    """Remove an older answer's files, those with names of our own."""
    for name in OWN:
        (folder / f"{prefix}{name}").unlink(missing_ok=True)


def refuse_own(image: Path, out: Path) -> None:
    """Refuse an image that the answer's files would replace."""
    if image.name in OWN and image.expanduser().parent.resolve() == out.resolve():
        raise UsageError(f"`{image}` would be replaced by the {image.name} of the answer; name another folder: --out")


def about(pipeline: Pipeline, raster: Scene, start: float) -> dict[str, Any]:
    """Return what result.json says of how an answer was made: with what, where it lies, in how many seconds."""
    from zeroov.outputs.found import SceneInfo
    from zeroov.version import __version__

    info = SceneInfo.of(raster)
    return {
        **provenance(pipeline.recipe, pipeline),
        "zeroov_version": __version__,
        "crs": info.crs,
        "transform": list(info.transform) if info.transform else None,
        "bands": list(raster.bands),
        "seconds": round(time.perf_counter() - start, 3),
    }


def say_grounding(report: Mapping[str, Any]) -> None:
    """Print what result.json says of a picture."""
    if report["box_xyxy"]:
        corners = ", ".join(f"{value:.1f}" for value in report["box_xyxy"])
        options.say(f"found     box [{corners}], {report['mask_pixels']} pixels, score {report['score']:.3f}")
    else:
        options.say("empty     nothing found")
    options.say(f"answer    {options.plain(report['answer'])}")
    options.say_stages(report["stages"])
    for look in report["zoom"]:
        believed = "believed" if look["believed"] else "not believed"
        options.say(
            f'zoom      {look["window_xyxy"]}, asked "{options.plain(look["expression"])}", answered '
            f"{options.plain(look['answer'])}, {believed} (agreement {look['agreement']:.2f})"
        )
    say_files(report["files"])


def say_files(files: Mapping[str, Any]) -> None:
    """Print where the files are."""
    own = [path for name, path in files.items() if name != "formats"]
    options.say(f"wrote     {', '.join([*own, *files['formats']])}")


def provenance(recipe: Recipe, pipeline: Pipeline) -> dict[str, str]:
    """Return what every feature says of how it was made."""
    told = {"recipe": recipe.name, "recipe_digest": recipe.digest}
    located = pipeline.models.locate("overview")
    return told | {"model": located.reference, "model_revision": located.revision}


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells in columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        options.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def size(count: int) -> str:
    """Return bytes as people read them."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count} bytes"


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show how many files or samples are done, on stderr, where it is a terminal."""
    with options.progress() as show:
        yield (lambda done, total: show(what, done, total)) if show else None
