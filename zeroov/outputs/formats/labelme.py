"""Write what was found as labelme's JSON, a file for every image, which X-AnyLabeling reads as well."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, run_attributes
from zeroov.outputs.classes import Classes
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names
from zeroov.outputs.polygons import one_ring, polygons

VERSION = "5.5.0"  # of labelme, whose form this is


class Labelme:
    """A folder of labelme files in the making: `finish` writes NAME.json of every image, and labels.txt.

    Every found object is one polygon in pixels; parts and holes are joined to it by bridges of no width. An image in
    which nothing was found has a file without shapes. NAME and labels are as in `Yolo`. The pixels stay where they
    are: a file names its image by the path that leads there from the file's own folder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        label: str | None = None,
        expressions: Sequence[str] = (),
        classes: Mapping[str, str] | None = None,
        images: Sequence[str] = (),
        tolerance: float = 0.0,
    ) -> None:
        self._folder, self._tolerance = Path(folder), tolerance
        self._documents: dict[str, dict[str, Any]] = {}
        self._classes, self._names = Classes(label, expressions, classes), Names(images)

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add the shapes of one image; what is added to it again is appended."""
        info.require_inside(founds)
        document = self._documents.setdefault(
            self._names.know(info.source),
            {
                "version": VERSION,
                "flags": {},
                "shapes": [],
                "imagePath": "",
                "imageData": None,
                "imageHeight": info.hw[0],
                "imageWidth": info.hw[1],
                "zeroov": run_attributes(info, provenance),
            },
        )
        for found in founds:
            document["shapes"].append(
                {
                    "label": self._classes.name(found.expression),
                    "points": one_ring(polygons(found, self._tolerance)).tolist(),
                    "group_id": None,
                    "description": found.expression,
                    "shape_type": "polygon",
                    "flags": {},
                    "score": float(found.score),
                }
            )

    @property
    def sources(self) -> Mapping[Path, str]:
        """The image of each file of labels."""
        return {self._names.path(self._folder, source, ".json"): source for source in self._documents}

    def finish(self) -> tuple[Path, ...]:
        """Write the file of every image, and the names of the classes."""
        paths = {source: path for path, source in self.sources.items()}
        for folder in dict.fromkeys([self._folder, *(path.parent for path in paths.values())]):
            atomic.ensure_writable_folder(folder)
        for source, path in paths.items():
            image = os.path.relpath(source, os.path.abspath(path.parent))  # noqa: PTH100 - links keep their names
            named = Path(image).as_posix().encode("utf-8", "backslashreplace").decode()
            atomic.write_json(path, self._documents[source] | {"imagePath": named})
        labels = self._folder / "labels.txt"
        atomic.write_atomically(labels, "".join(f"{name}\n" for name in self._classes.names).encode())
        return (*paths.values(), labels)
