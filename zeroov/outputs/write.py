"""The formats by name: what a command writes with `--format geojson,gpkg`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from zeroov.errors import Failed, UsageError, attempt, did_you_mean
from zeroov.files import atomic as files
from zeroov.files.paths import expanded
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.classes import Classes, require_classes
from zeroov.outputs.extras import need
from zeroov.outputs.formats.coco import INSTEAD, Coco, require_countable
from zeroov.outputs.formats.cvat import Cvat
from zeroov.outputs.formats.geojson import Image, require_degrees, write_geojson
from zeroov.outputs.formats.geopackage import GeoPackage, require_transform
from zeroov.outputs.formats.geoparquet import GeoParquet
from zeroov.outputs.formats.geotiff import write_raster
from zeroov.outputs.formats.label_studio import LabelStudio
from zeroov.outputs.formats.labelme import Labelme
from zeroov.outputs.formats.png import require_room, write_full_png
from zeroov.outputs.formats.stac import Stac
from zeroov.outputs.formats.yolo import Yolo
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.one_each import OneEach
from zeroov.types import clean_expression


class Writer(Protocol):
    """What every format is: image after image is added, and in the end it is finished."""

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add an image and what was found in it, possibly nothing."""

    def finish(self) -> tuple[Path, ...]:
        """Write what is still to be written; return all files, of every image."""


@runtime_checkable
class Together(Protocol):
    """A writer to which many images cost less together than one by one."""

    def add_all(self, images: Sequence[Image]) -> None:
        """Add images, or none of them where one is refused."""


@runtime_checkable
class OfImages(Protocol):
    """A writer some of whose files are each of one image."""

    @property
    def sources(self) -> Mapping[Path, str]:
        """The image, by its path, of each such file that was written."""


@dataclass(frozen=True)
class Format:
    """A format: how its files end, and how a writer of it is made.

    `collection` is the file or folder into which all images go, `None` where each has a file named after it. `takes`
    are the options it knows besides `expressions`, of `label`, `classes`, `tolerance` and `square`; `tolerance` is the
    one that it has by default, in pixels; `modules` what it imports of the extras; `check` refuses a scene that it
    cannot be written for. `may_be_empty` says that an empty file is a valid one, `is_one_document` that
    whoever reads the file holds all of it in memory.
    """

    ending: str
    make: Callable[..., Any]
    collection: str | None = None
    takes: tuple[str, ...] = ()
    tolerance: float = 0.0
    modules: tuple[str, ...] = ()
    is_one_document: bool = False
    check: Callable[[SceneInfo], None] | None = None
    may_be_empty: bool = False

    def writer(self, target: Path, in_folder: bool, images: Sequence[str], options: dict[str, Any]) -> Writer:
        """Make a writer into a folder, or for a file."""
        taken = {name: options[name] for name in ("expressions", *self.takes)}
        if "tolerance" in taken and taken["tolerance"] is None:
            taken["tolerance"] = self.tolerance
        if self.collection is None:
            return OneEach(target, partial(self.make, **taken), self.ending, in_folder, images)
        path = target / self.collection if in_folder else target
        if self.ending:
            files.refuse_folder(path)
        made: Writer = self.make(path, images=images, **taken)
        return made


MOST_QUESTIONS = 1_000_000  # of a file that is one document: at 1 to 2 kB an answer it has about 2 GiB
OUTLINES = ("shapely", "rasterio")
CLASSES = ("label", "classes")
CORRECTED: dict[str, Any] = {  # polygons that people correct by hand: few points
    "takes": (*CLASSES, "tolerance"),
    "tolerance": 1.0,
    "modules": OUTLINES,
}
FORMATS = {
    "geotiff": Format(".mask.tif", write_raster, modules=("rasterio",)),
    "geotiff-instances": Format(".instances.tif", partial(write_raster, values="instances"), modules=("rasterio",)),
    "geotiff-scores": Format(".scores.tif", partial(write_raster, values="scores"), modules=("rasterio",)),
    "png": Format(".mask.png", write_full_png, check=require_room),
    "geojson": Format(
        ".geojson",
        write_geojson,
        takes=(*CLASSES, "tolerance", "square"),
        modules=(*OUTLINES, "pyproj"),
        check=require_degrees,
    ),
    "geojson-boxes": Format(
        ".boxes.geojson",
        partial(write_geojson, boxes=True),
        takes=CLASSES,
        modules=(*OUTLINES, "pyproj"),
        check=require_degrees,
    ),
    "gpkg": Format(
        ".gpkg",
        GeoPackage,
        "objects.gpkg",
        (*CLASSES, "tolerance", "square"),
        modules=(*OUTLINES, "pyogrio", "pyproj"),
        is_one_document=True,
        check=require_transform,
    ),
    "geoparquet": Format(
        ".parquet",
        GeoParquet,
        "objects.parquet",
        (*CLASSES, "tolerance", "square"),
        modules=(*OUTLINES, "pyproj", "pyarrow"),
        check=require_degrees,
    ),
    "stac": Format(
        "", Stac, ".", (*CLASSES, "tolerance", "square"), modules=(*OUTLINES, "pyproj"), check=require_degrees
    ),
    "coco": Format(".json", Coco, "coco.json", CLASSES, is_one_document=True, check=require_countable),
    "yolo": Format("", Yolo, "yolo", CLASSES, may_be_empty=True),
    "yolo-seg": Format(
        "",
        partial(Yolo, segments=True),
        "yolo-seg",
        (*CLASSES, "tolerance"),
        modules=OUTLINES,
        may_be_empty=True,
    ),
    "labelstudio": Format(".json", LabelStudio, "labelstudio.json", is_one_document=True, **CORRECTED),
    "labelstudio-boxes": Format(
        ".json", partial(LabelStudio, boxes=True), "labelstudio-boxes.json", CLASSES, is_one_document=True
    ),
    "labelme": Format("", Labelme, "labelme", may_be_empty=True, **CORRECTED),
    "cvat": Format(".xml", Cvat, "cvat.xml", is_one_document=True, **CORRECTED),
}

NEAR = {  # what others call a format, or want that is not written
    "shp": "gpkg",
    "shapefile": "gpkg",
    "geopackage": "gpkg",
    "parquet": "geoparquet",
    "json": "geojson",
    "tif": "geotiff",
    "tiff": "geotiff",
    "cog": "geotiff",
}


def require_format(name: str, known: Iterable[str]) -> None:
    """Refuse a name that is no format, and say which is meant."""
    if name not in (names := list(known)):
        near = f"; write `{NEAR[name]}`" if name in NEAR else did_you_mean(name, names)
        raise UsageError(f"`{name}` is no format{near}")


def require_size(names: Iterable[str], questions: int) -> None:
    """Refuse formats of one document for more questions than one holds; a question has an object or more."""
    for name in names:
        if name in FORMATS and FORMATS[name].is_one_document and questions > MOST_QUESTIONS:
            raise UsageError(
                f"{name} is one file for all of {questions:,} questions, and takes {MOST_QUESTIONS:,}; {INSTEAD}"
            )


class Writers:
    """Several formats at once."""

    def __init__(self, writers: Mapping[str, Writer], folder: Path) -> None:
        self._writers, self._folder = writers, folder

    def check(self, info: SceneInfo) -> None:
        """Refuse a scene that one of the formats cannot be written for; worth a call before the search begins."""
        for name in self._writers:
            if check := FORMATS[name].check:
                check(info)

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add an image to every format, or to none where one refuses it."""
        self.check(info)
        files.ensure_writable_folder(self._folder)
        for writer in self._writers.values():
            writer.add(info, founds, provenance)

    def add_all(self, images: Sequence[Image]) -> list[Failed | None]:
        """Add images; return how each one failed that was refused or could not be written, and `None` of the others."""
        writer = next(iter(self._writers.values()))
        if len(self._writers) == 1 and isinstance(writer, Together):
            files.ensure_writable_folder(self._folder)
            if not isinstance(attempt(partial(writer.add_all, images), fatal=()), Failed):
                return [None] * len(images)
        return [attempt(partial(self.add, *image), fatal=()) for image in images]

    def finish(self) -> tuple[Path, ...]:
        """Finish every format; return all files, each of which is there."""
        files.ensure_writable_folder(self._folder)
        finished = {name: writer.finish() for name, writer in self._writers.items()}
        for name, paths in finished.items():
            for path in paths:
                files.require_file(path, may_be_empty=FORMATS[name].may_be_empty)
        return tuple(path for paths in finished.values() for path in paths)

    @property
    def sources(self) -> Mapping[Path, str]:
        """The image of each file that is of one image alone."""
        own = [writer.sources for writer in self._writers.values() if isinstance(writer, OfImages)]
        return {path: source for sources in own for path, source in sources.items()}


def open_writers(
    target: str | os.PathLike[str],
    formats: Iterable[str],
    *,
    label: str | None = None,
    classes: Mapping[str, str] | None = None,
    tolerance: float | None = None,
    square: bool | Sequence[str] = False,
    expressions: Sequence[str] = (),
    images: Iterable[str | os.PathLike[str]] = (),
) -> Writers:
    """Make writers of formats by name, into a folder, or, for one format, to a file of its ending.

    Nothing is made before the first image is added.

    `expressions` are all that are asked, in their order: they are the classes of annotations, whether found or not,
    unless `label` names the one class, or `classes` that of an expression; what is found for another is appended.
    `images` are all that are asked, those that fail too: what an image's file is called depends on them. `tolerance`
    simplifies polygons, in pixels; `None` is the format's own: 1 where polygons are corrected by hand, else 0. `square`
    gives polygons on the map right angles, of all classes or of those that it names.
    """
    names = list(dict.fromkeys(formats))
    for name in names:
        require_format(name, FORMATS)
        for module in FORMATS[name].modules:
            need(module, f"format {name}")
    if not names:
        raise UsageError(f"no format was given; known: {', '.join(FORMATS)}")
    path = expanded(target)
    in_folder = _is_folder(path, names)
    folder = files.require_writable_folder(path if in_folder else path.parent)
    asked = tuple(dict.fromkeys(clean_expression(expression) for expression in expressions))
    if tolerance is not None and not tolerance >= 0:
        raise UsageError(f"a tolerance is a number of pixels from 0 up, got {tolerance}")
    if not isinstance(square, bool):
        square = require_classes(square, Classes(label, asked, classes).names)
    options = {"label": label, "classes": classes, "tolerance": tolerance, "square": square, "expressions": asked}
    sources = tuple(os.fspath(image) for image in images)
    return Writers({name: FORMATS[name].writer(path, in_folder, sources, options) for name in names}, folder)


def _is_folder(path: Path, names: list[str]) -> bool:
    """Return whether a name is a folder's; refuse a file for several formats, or with another format's ending."""
    kinds = {name: each.ending.rpartition(".")[2] for name, each in FORMATS.items()}
    kind = path.suffix.lower().lstrip(".")
    if path.is_dir() or not kind or kind not in kinds.values():
        return True
    own = kinds[names[0]] if len(names) == 1 else ""
    if own != kind:
        expected = f"a file that ends in .{own}, or a folder" if own else "a folder"
        raise UsageError(f"`{path}` cannot hold {' and '.join(names)}; name {expected}")
    return False


def write(
    target: str | os.PathLike[str],
    formats: Iterable[str],
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    label: str | None = None,
    classes: Mapping[str, str] | None = None,
    tolerance: float | None = None,
    square: bool | Sequence[str] = False,
    expressions: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Write what was found in one image, possibly nothing: the files are then valid and empty. Return the files."""
    options: dict[str, Any] = {"label": label, "classes": classes, "tolerance": tolerance, "square": square}
    options["expressions"] = expressions
    writers = open_writers(target, formats, **options)
    writers.add(info, founds, provenance)
    return writers.finish()
