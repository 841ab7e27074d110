"""Write what was found as YOLO labels: a text file for every image, the classes, and a data.yaml."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.classes import Classes
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names
from zeroov.outputs.polygons import one_ring, polygons

ABOUT = """\
# Put the images into images/ beside labels/, in their subfolders.
# train and val are the same images, because Ultralytics wants both. A figure measured on them says nothing of other
# images: before you believe one, put some images, with their labels, into a folder of their own, and name it as val.
"""


class Yolo:
    """A folder of YOLO labels in the making: `finish` writes labels/NAME.txt, classes.txt and data.yaml.

    Classes are as in `Classes`. `images` are the run's; NAME is the image's path from the folder that all of them lie
    in, so that labels are found where they are images/NAME.

    A line is the class, then centre, width and height of the box as parts of the image, or with `segments` the mask's
    polygon; parts and holes are joined to one polygon by bridges of no width. An image in which nothing was found gets
    an empty file, which to YOLO is background. The images themselves belong in images/ beside labels/.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        label: str | None = None,
        expressions: Sequence[str] = (),
        classes: Mapping[str, str] | None = None,
        images: Sequence[str] = (),
        segments: bool = False,
        tolerance: float = 0.0,
    ) -> None:
        self._folder, self._segments, self._tolerance = Path(folder), segments, tolerance
        self._lines: dict[str, list[str]] = {}
        self._classes, self._names = Classes(label, expressions, classes), Names(images)

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add the labels of one image; what is added to it again is appended. YOLO has no room for provenance."""
        info.require_inside(founds)
        lines = self._lines.setdefault(self._names.know(info.source), [])
        for found in founds:
            number = self._classes.number(found.expression)
            lines.append(" ".join([str(number), *(f"{value:.8g}" for value in self._numbers(info, found))]))

    @property
    def sources(self) -> Mapping[Path, str]:
        """The image of each file of labels."""
        return {self._names.path(self._folder / "labels", source, ".txt"): source for source in self._lines}

    def finish(self) -> tuple[Path, ...]:
        """Write the labels of every image, and the names of the classes."""
        paths = {source: path for path, source in self.sources.items()}
        for folder in dict.fromkeys([self._folder / "labels", *(path.parent for path in paths.values())]):
            atomic.ensure_writable_folder(folder)
        for source, path in paths.items():
            atomic.write_atomically(path, "".join(f"{line}\n" for line in self._lines[source]).encode())
        classes, data = self._folder / "classes.txt", self._folder / "data.yaml"
        atomic.write_atomically(classes, "".join(f"{name}\n" for name in self._classes.names).encode())
        # JSON is YAML, whatever characters a name holds; the first of the list is class 0.
        names = json.dumps(self._classes.names, ensure_ascii=False)
        atomic.write_atomically(data, f"{ABOUT}train: images\nval: images\nnames: {names}\n".encode())
        return (*paths.values(), classes, data)

    def _numbers(self, info: SceneInfo, found: Found) -> list[float]:
        height, width = info.hw
        if self._segments:
            ring = one_ring(polygons(found, self._tolerance)) / (width, height)
            return np.asarray(ring).reshape(-1).tolist()
        x0, y0, x1, y1 = found.box.xyxy
        return [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
