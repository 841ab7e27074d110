"""Several expressions over many images in one run that can be killed and goes on where it was.

Every image's answers are on the disk before the next image begins; the asked formats are written from them at the end,
so that another format costs no model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov import __version__
from zeroov.bench.journal import Journal, read_items
from zeroov.bench.masks import decode_rle, encode_rle
from zeroov.errors import HardwareError, PictureError, UsageError
from zeroov.pipeline import Pipeline
from zeroov.raster.formats import Writers
from zeroov.raster.found import Found, SceneInfo, founds
from zeroov.raster.read import open_picture
from zeroov.raster.scene import Scene, open_scene
from zeroov.raster.write import ensure_writable_folder
from zeroov.search import search
from zeroov.types import Box, Picture, clean_expression

log = logging.getLogger("zeroov")

IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".vrt"}
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """How a batch went: images in all, done now, failed with their reasons, and the files that were written.

    An image some of whose tiles failed is among the failed, and what was found in its others is in the files.
    """

    images: int
    done_now: int
    failed: Mapping[str, str]
    files: tuple[Path, ...]


def images_in(places: Sequence[Path]) -> list[Path]:
    """Return the image files of folders, and files as they are given, sorted and each once; none is an error."""
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = [path for path in place.rglob("*") if path.suffix.lower() in IMAGES and path.is_file()]
            found |= dict.fromkeys(sorted(inside))
        else:
            found[place] = None
    if not found:
        kinds = ", ".join(sorted(IMAGES))
        raise UsageError(f"no images in {', '.join(f'`{place}`' for place in places)}; looked for {kinds}")
    return list(found)


def read_expressions(path: Path) -> list[str]:
    """Return the expressions of a text file, one a line; empty lines and those that begin with # are passed over."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` cannot be read as a text of one expression a line ({error})") from error
    told = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not told:
        raise UsageError(f"`{path}` holds no expression; write one a line")
    return list(dict.fromkeys(clean_expression(line) for line in told))


def batch(
    pipeline: Pipeline,
    images: Sequence[Path],
    expressions: Sequence[str],
    out: Path,
    writers: Writers | None,
    provenance: Mapping[str, str],
    *,
    every: bool = False,
    bands: tuple[int, ...] | None = None,
    retry_failed: bool = False,
    tell: Tell = lambda stage, done, total: None,
) -> Outcome:
    """Ask every expression of every image; what `out` already holds is not asked again."""
    made = {"zeroov": __version__, **provenance, **pipeline.recipe.deciding()}
    made |= {"expressions": list(expressions), "all": every, "bands": list(bands or ())}
    journal = Journal(ensure_writable_folder(out) / "answers.jsonl", made)
    if retry_failed:
        journal.rewrite({str(item["id"]) for item in read_items(journal.path) if not item["error"]})
    todo = [image for image in images if str(image) not in journal.done]
    tell("images", len(images) - len(todo), len(images))
    for done, image in enumerate(todo, start=1):
        journal.add(_answer(pipeline, image, expressions, every, bands))
        tell("images", len(images) - len(todo) + done, len(images))
    wanted = {str(image) for image in images}
    items = {item["id"]: item for item in read_items(journal.path) if item["id"] in wanted}
    if writers:
        for image in images:
            item = items[str(image)]
            if "found" in item:
                writers.add(_info(item), tuple(_founds(item)), provenance)
    failed = {name: item["error"] for name, item in items.items() if item["error"]}
    return Outcome(len(images), len(todo), failed, writers.finish() if writers else ())


def _answer(
    pipeline: Pipeline, image: Path, expressions: Sequence[str], every: bool, bands: tuple[int, ...] | None
) -> dict[str, Any]:
    """Return an image's item of the journal; one that cannot be answered, or not all of it, has its reason there."""
    failed: list[str] = []
    try:
        with open_scene(image, bands=bands) as scene:
            info = SceneInfo.of(scene)
            found = list(_ask(pipeline, image, scene, expressions, every, bands, failed))
    except (PictureError, HardwareError) as error:
        log.warning("%s: %s", image, error)
        return {"id": str(image), "error": str(error)}
    return {
        "id": str(image),
        "error": "; ".join(failed),
        "hw": list(info.hw),
        "crs": info.crs,
        "transform": list(info.transform) if info.transform else None,
        "found": [
            {
                "expression": one.expression,
                "score": one.score,
                "box": list(one.box.xyxy),
                "origin_xy": list(one.origin_xy),
                "mask": encode_rle(one.mask),
                "extra": dict(one.extra),
            }
            for one in found
        ],
    }


def _ask(
    pipeline: Pipeline,
    image: Path,
    scene: Scene,
    expressions: Sequence[str],
    every: bool,
    bands: tuple[int, ...] | None,
    failed: list[str],
) -> Iterator[Found]:
    """Yield what is found; tiles that could not be looked at are told in `failed`, and cost nothing that was found."""
    if every or is_large(pipeline, scene):
        for expression in expressions:
            answer = search(pipeline, scene, expression, every=every)
            if answer.failed:
                first = f"{list(answer.failed[0].window)}: {answer.failed[0].reason}"
                failed.append(
                    f'"{expression}": {len(answer.failed)} of {len(answer.tiles)} tiles failed, the first {first}'
                )
            yield from answer.found
        return
    picture = whole_picture(image, scene, bands is not None)
    for result in pipeline.ground_all([(picture, expression) for expression in expressions]):
        yield from founds(result, answer=result.answer)


def is_large(pipeline: Pipeline, scene: Scene) -> bool:
    """Tell whether a scene is searched tile by tile: its longer side is more than two tiles."""
    return max(scene.hw) > 2 * pipeline.recipe.search.tile


def whole_picture(image: Path, scene: Scene, chosen_bands: bool) -> Picture:
    """Return the picture of a scene that takes one look: of the bands that were chosen, else as any image is opened."""
    height, width = scene.hw
    return scene.read(0, 0, width, height) if chosen_bands else open_picture(image)


def _info(item: Mapping[str, Any]) -> SceneInfo:
    transform = item["transform"]
    return SceneInfo(item["id"], (item["hw"][0], item["hw"][1]), item["crs"], tuple(transform) if transform else None)


def _founds(item: Mapping[str, Any]) -> Iterator[Found]:
    for one in item["found"]:
        x, y = one["origin_xy"]
        mask, box = decode_rle(one["mask"]), Box(*one["box"])
        yield Found(mask, (x, y), box, one["score"], one["expression"], "found", one["extra"])
