"""Write what was found as an XML file that CVAT imports ("CVAT 1.1", for images), to be corrected there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.classes import Classes
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names
from zeroov.outputs.polygons import one_ring, polygons


class Cvat:
    """A file of CVAT's annotations in the making: `add` image after image, then `finish` writes it.

    Every found object is one polygon in pixels; parts and holes are joined to it by bridges of no width. Images are
    named by their path from the folder that all of the run's `images` lie in. Beside NAME.xml lies NAME.labels.json,
    which CVAT takes as the labels of a new task ("Raw"). Labels are as in `Classes`. It has no room for provenance.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        label: str | None = None,
        expressions: Sequence[str] = (),
        classes: Mapping[str, str] | None = None,
        images: Sequence[str] = (),
        tolerance: float = 0.0,
    ) -> None:
        self._path, self._tolerance = Path(path), tolerance
        self._images: dict[str, ElementTree.Element] = {}
        self._classes, self._names = Classes(label, expressions, classes), Names(images)

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add an image and what was found in it; an image in which nothing was found is listed as well."""
        info.require_inside(founds)
        height, width = map(str, info.hw)
        number = str(len(self._images))
        empty = ElementTree.Element("image", {"id": number, "name": "", "width": width, "height": height})
        image = self._images.setdefault(self._names.know(info.source), empty)
        for found in founds:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in one_ring(polygons(found, self._tolerance)).tolist())
            about = {"label": self._classes.name(found.expression), "source": "auto", "occluded": "0", "z_order": "0"}
            ElementTree.SubElement(image, "polygon", {**about, "points": points})

    def finish(self) -> tuple[Path, ...]:
        """Write the annotations, and the labels for a new task."""
        root = ElementTree.Element("annotations")
        ElementTree.SubElement(root, "version").text = "1.1"
        for source, image in self._images.items():
            image.set("name", self._names.file(source).encode("utf-8", "backslashreplace").decode())
            root.append(image)
        ElementTree.indent(root)
        labels = self._path.with_suffix(".labels.json")
        atomic.write_atomically(self._path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
        raw = [{"name": name, "attributes": []} for name in self._classes.names]
        atomic.write_atomically(labels, json.dumps(raw, ensure_ascii=False, indent=2).encode())
        return self._path, labels
