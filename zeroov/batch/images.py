"""What a batch is asked: the images of folders, each known by what it holds, and the expressions of a text file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from zeroov.errors import UsageError
from zeroov.files.content import content_of
from zeroov.files.paths import expanded
from zeroov.outputs.classes import class_name
from zeroov.outputs.write import FORMATS
from zeroov.raster import web
from zeroov.raster.scene import image_content
from zeroov.types import clean_expression

IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".vrt"}
OVERLAY, SHEET = ".overlay.png", "sheet"  # the ending of pictures of answers, and the folder of their sheets
OUTPUTS = [OVERLAY, *(each.ending for each in FORMATS.values() if Path(each.ending).suffix in IMAGES)]


@dataclass(frozen=True, slots=True)
class Asked:
    """An image of a batch: its path or address as it was given, the place where that leads, and what it holds.

    `content` is a digest, "" where the file cannot be read. An image on the web is not read for it: it is known by its
    address, without what is secret in that, and its owner's `version`. `expressions` are what is asked of it, `id` is
    what its owner calls it.
    """

    image: str
    place: str
    content: str
    expressions: tuple[str, ...] = ()
    id: str = ""

    @classmethod
    def of(
        cls, image: str | os.PathLike[str], expressions: tuple[str, ...] = (), id: str = "", version: str = ""
    ) -> Asked:
        """Look at an image."""
        given = os.fspath(image)
        if web.is_address(given):
            place = web.shown(given)
            return cls(given, place, content_of([], "address", place, version), expressions, id)
        place = str(expanded(given).parent.resolve() / Path(given).name)
        return cls(given, place, image_content(Path(given)), expressions, id)

    @property
    def name(self) -> str:
        """What the image is called in results: its path or address as it was given, without what is secret in it."""
        return web.shown(self.image)


def images_in(places: Sequence[Path], out: Path | None = None) -> list[Path]:
    """Return the image files of folders, and files as they are given, sorted and each once; none is an error.

    What lies in a folder `out` inside them is none of them, nor what was written where `out` is where the images are.
    """
    if missing := [place for place in places if not place.exists()]:
        raise UsageError(f"no such file or folder: {', '.join(f'`{place}`' for place in missing)}; check the names")
    own = expanded(out).resolve() if out else None
    found: dict[Path, Path] = {}
    for place in places:
        inside, above = [place], (place.resolve(), *place.resolve().parents)
        if place.is_dir():
            inside = sorted(path for path in place.rglob("*") if path.suffix.lower() in IMAGES and path.is_file())
        for path in inside:
            parent = path.parent.resolve()  # of one file, "a.tif" and "/data/a.tif" are two spellings
            if own in above or own not in (parent, *parent.parents):
                found.setdefault(parent / path.name, path)
    names = {name for full in found for name in (full.name, full.stem)}
    images = [
        path
        for full, path in found.items()
        if own is None or own not in full.parents or not (_is_output(full, names) or full.parent == own / SHEET)
    ]
    if not images:
        kinds = ", ".join(sorted(IMAGES))
        raise UsageError(f"no images in {', '.join(f'`{place}`' for place in places)}; looked for {kinds}")
    return images


def _is_output(path: Path, names: Set[str]) -> bool:
    """Return whether a file is named as the formats name theirs after one of the images, as a.mask.tif after a.tif."""
    return any(path.name.endswith(ending) and path.name.removesuffix(ending) in names for ending in OUTPUTS)


def read_expressions(path: Path) -> dict[str, str]:
    """Return the expressions of a text file, one a line, each with its class.

    A line is an expression, or an expression, a tab, and the class that annotations call its objects; by default the
    class is the expression. Several expressions may have one class. Empty lines and those that begin with # are passed
    over. An expression that is there twice is asked once.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` cannot be read as a text of one expression a line ({error})") from error
    classes: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if typed := re.search(r"<tab>|\\t", line, re.IGNORECASE):
            raise UsageError(
                f"`{path}`:{number} holds the letters {typed[0]}: `{line.strip()}`; press the tab key in their place"
            )
        text, _, name = line.strip().partition("\t")
        expression = clean_expression(text)
        named = class_name(name) or class_name(expression)
        if classes.setdefault(expression, named) != named:
            raise UsageError(
                f"`{path}`:{number} gives `{expression}` the class `{named}`, an earlier line `{classes[expression]}`; "
                "leave one of them out"
            )
    if not classes:
        raise UsageError(f"`{path}` holds no expression; write one a line")
    return classes
