"""Write what was found as YOLO labels: a text file for every image, the classes, and a data.yaml."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zeroov.raster import write
from zeroov.raster.attributes import Provenance
from zeroov.raster.found import Found, SceneInfo
from zeroov.raster.names import Names
from zeroov.raster.polygons import one_ring, polygons


class Yolo:
    """A folder of YOLO labels in the making: `add` writes labels/NAME.txt, `finish` classes.txt and data.yaml.

    A line is the class, then centre, width and height of the box as parts of the image, or with `segments` the mask's
    polygon; parts and holes are joined to one polygon by bridges of no width. An image in which nothing was found gets
    an empty file, which to YOLO is background. The images themselves belong in images/ beside labels/.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        label: str | None = None,
        segments: bool = False,
        tolerance: float = 0.0,
    ) -> None:
        self._folder, self._label, self._segments, self._tolerance = Path(folder), label, segments, tolerance
        self._classes: dict[str, int] = {}
        self._lines: dict[str, list[str]] = {}
        self._names = Names()

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Write the labels of one image; what is added to it again is appended. YOLO has no room for provenance."""
        info.require_inside(founds)
        name = self._names.stem(info.source)
        lines = self._lines.setdefault(name, [])
        for found in founds:
            number = self._classes.setdefault(self._label or found.expression, len(self._classes))
            lines.append(" ".join([str(number), *(f"{value:.8g}" for value in self._numbers(info, found))]))
        labels = write.ensure_writable_folder(self._folder / "labels")
        write.write_atomically(labels / f"{name}.txt", "".join(f"{line}\n" for line in lines).encode())

    def finish(self) -> tuple[Path, ...]:
        """Write the names of the classes."""
        write.ensure_writable_folder(self._folder)
        classes, data = self._folder / "classes.txt", self._folder / "data.yaml"
        write.write_atomically(classes, "".join(f"{name}\n" for name in self._classes).encode())
        # JSON is YAML, whatever characters a name holds; the first of the list is class 0.
        names = json.dumps(list(self._classes), ensure_ascii=False)
        write.write_atomically(data, f"path: .\ntrain: images\nval: images\nnames: {names}\n".encode())
        return classes, data

    def _numbers(self, info: SceneInfo, found: Found) -> list[float]:
        height, width = info.hw
        if self._segments:
            ring = one_ring(polygons(found, self._tolerance)) / (width, height)
            return np.asarray(ring).reshape(-1).tolist()
        x0, y0, x1, y1 = found.box.xyxy
        return [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
