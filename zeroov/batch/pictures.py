"""Pictures of a batch's answers: an overlay of every image, and sheets, the nearest to the threshold first."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from zeroov.batch.images import OVERLAY, SHEET, Asked
from zeroov.batch.items import Decided
from zeroov.files.atomic import ensure_writable_folder, write_atomically
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.images import reduced_mask
from zeroov.outputs.names import Names
from zeroov.raster.scene import open_source
from zeroov.types import Picture

DRAWN, SMALL = 1600, 480  # the longer side of an image on its overlay, and on a sheet, in pixels
ON_A_PAGE = 20


@dataclass(frozen=True, eq=False)
class Shown:
    """What is shown of an image's answers: `founds` are all objects, of those of one class that are one object once."""

    asked: Asked
    info: SceneInfo
    answers: tuple[Decided, ...]
    founds: tuple[Found, ...]
    classes: Mapping[str, str]
    min_score: float

    def name(self, expression: str) -> str:
        """Return the class of an expression."""
        return self.classes.get(expression, expression)

    def read(self, most: int) -> Picture:
        """Return the image, its longer side reduced to `most` pixels."""
        with open_source(self.asked.image, self.info.bands, georeferenced=False) as scene:
            return scene.read(most=most, tolerant=True)


class Pictures(Protocol):
    """What draws answers: image after image is added, and in the end it is finished."""

    def check(self, info: SceneInfo) -> None:
        """Refuse what cannot be drawn; nothing is."""

    def add(self, shown: Shown) -> None:
        """Add an image and its answers."""

    def finish(self) -> tuple[Path, ...]:
        """Write what is still to be written; return all files."""


class Overlays:
    """Writes NAME.overlay.png of every image: its objects outlined and numbered, and below it their classes."""

    def __init__(self, folder: Path, images: Sequence[str]) -> None:
        self._folder, self._names = folder, Names(images)
        self._written: dict[Path, str] = {}

    def check(self, info: SceneInfo) -> None:
        """Take any image."""

    def add(self, shown: Shown) -> None:
        """Draw an image."""
        from zeroov.show.labelled import draw_objects

        path = self._names.path(self._folder, shown.asked.name, OVERLAY)
        ensure_writable_folder(path.parent)
        names = [f"{shown.name(found.expression)}  {found.score:.2f}" for found in shown.founds]
        write_atomically(path, draw_objects(shown.read(DRAWN).rgb, shown.info.hw, shown.founds, names))
        self._written[path] = shown.asked.name

    def finish(self) -> tuple[Path, ...]:
        """Return the overlays."""
        return tuple(self._written)

    @property
    def sources(self) -> Mapping[Path, str]:
        """The image of each overlay."""
        return self._written


class Sheets:
    """Writes sheet/page-01.png and so on: every answer that has an object, the nearest to the threshold first.

    The threshold is the least score that is shown; what is just not shown is there too. What the model denies, and is
    not shown for that, is not.
    """

    def __init__(self, folder: Path, images: Sequence[str]) -> None:
        self._folder, self._names = folder / SHEET, Names(images)
        self._answers: list[tuple[float, Shown, Decided]] = []

    def check(self, info: SceneInfo) -> None:
        """Take any image."""

    def add(self, shown: Shown) -> None:
        """Take in an image's answers."""
        for answer in shown.answers:
            if answer.found or answer.is_below:
                self._answers.append((abs(answer.score - shown.min_score), shown, answer))

    def finish(self) -> tuple[Path, ...]:
        """Draw the pages."""
        from zeroov.show.contact import ContactTile, draw_contact_sheet

        ordered = sorted(self._answers, key=lambda each: each[0])
        pages = [ordered[start : start + ON_A_PAGE] for start in range(0, len(ordered), ON_A_PAGE)]
        paths = []
        for number, page in enumerate(pages, start=1):
            tiles = []
            for _, shown, answer in page:
                picture = shown.read(SMALL)
                founds = answer.found or answer.withheld
                title = f"{answer.score:.2f}  {PurePath(self._names.file(shown.asked.name)).name}"
                name, below = shown.name(answer.expression), "" if answer.found else "NOT SHOWN: "
                text = below + (answer.expression if name == answer.expression else f"{name}: {answer.expression}")
                mask = reduced_mask(founds, shown.info.hw, picture.rgb.shape[:2])
                tiles.append(ContactTile(title, text, picture.rgb, mask))
            ensure_writable_folder(self._folder)
            paths.append(self._folder / f"page-{number:02}.png")
            near = ", ".join(f"{least:g}" for least in sorted({shown.min_score for _, shown, _ in ordered}))
            heading = f"scores nearest to {near} first: page {number} of {len(pages)}"
            write_atomically(paths[-1], draw_contact_sheet(heading, tiles))
        return tuple(paths)


PICTURES: dict[str, Callable[[Path, Sequence[str]], Pictures]] = {"overlay": Overlays, "sheet": Sheets}


def open_pictures(folder: Path, name: str, images: Sequence[str | os.PathLike[str]]) -> Pictures:
    """Return what draws the answers of `images` into a folder, by its name."""
    return PICTURES[name](folder, [os.fspath(image) for image in images])
