"""Write what was found as predictions that Label Studio imports, to be corrected there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, run_attributes
from zeroov.outputs.classes import Classes
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names
from zeroov.outputs.polygons import one_ring, polygons

LOCAL_FILES = "/data/local-files/?d="  # how Label Studio names files of a folder that it was given


class LabelStudio:
    """A file of Label Studio tasks in the making: `add` image after image, then `finish` writes it.

    Every found object is one region, so that it is corrected once: a polygon (PolygonLabels), or with `boxes` a
    rectangle (RectangleLabels), in percent of the image. Beside NAME.json lies NAME.xml, the labeling configuration
    that fits it. Images are named `LOCAL_FILES` and their path from the folder that all of the run's `images` lie in.
    Labels are as in `Classes`.
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
        boxes: bool = False,
    ) -> None:
        self._path, self._tolerance = Path(path), tolerance
        self._kind = "rectangle" if boxes else "polygon"
        self._tasks: dict[str, dict[str, Any]] = {}
        self._classes, self._names = Classes(label, expressions, classes), Names(images)

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add an image and what was found in it; an image in which nothing was found becomes a task as well."""
        info.require_inside(founds)
        about = run_attributes(info, provenance)
        task = self._tasks.setdefault(
            self._names.know(info.source),
            {
                "data": {"image": "", **about},
                "predictions": [{"model_version": _version(about), "score": 0.0, "result": []}],
            },
        )
        prediction = task["predictions"][0]
        for found in founds:
            name = self._classes.name(found.expression)
            prediction["result"].append(
                {
                    "id": str(len(prediction["result"]) + 1),
                    "type": f"{self._kind}labels",
                    "from_name": self._kind,
                    "to_name": "image",
                    "original_width": info.hw[1],
                    "original_height": info.hw[0],
                    "image_rotation": 0,
                    "score": float(found.score),
                    "meta": {"text": [found.expression]},
                    "value": {**self._value(info, found), f"{self._kind}labels": [name]},
                }
            )
            prediction["score"] = max(prediction["score"], float(found.score))

    def finish(self) -> tuple[Path, ...]:
        """Write the tasks and the labeling configuration."""
        for source, task in self._tasks.items():  # now that all images are known
            task["data"]["image"] = LOCAL_FILES + quote(self._names.file(source), errors="surrogateescape")
        atomic.write_json(self._path, list(self._tasks.values()), compact=True)
        labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in self._classes.names)
        control = f"{self._kind.capitalize()}Labels"
        controls = f'  <{control} name="{self._kind}" toName="image">\n{labels}  </{control}>\n'
        config = self._path.with_suffix(".xml")
        shown = '  <Image name="image" value="$image" zoom="true"/>\n'
        atomic.write_atomically(config, f"<View>\n{shown}{controls}</View>\n".encode())
        return self._path, config

    def _value(self, info: SceneInfo, found: Found) -> dict[str, Any]:
        """Return an object's outline in percent of the image."""
        height, width = info.hw
        if self._kind == "polygon":
            ring = one_ring(polygons(found, self._tolerance)) / (width, height) * 100
            return {"points": ring.tolist(), "closed": True}
        x0, y0, x1, y1 = found.box.xyxy
        box = {"x": x0 / width, "y": y0 / height, "width": (x1 - x0) / width, "height": (y1 - y0) / height}
        return {name: number * 100 for name, number in box.items()} | {"rotation": 0}


def _version(about: dict[str, Any]) -> str:
    named = [str(about[name]) for name in ("model", "revision", "recipe") if about.get(name)]
    return " ".join(["zeroov", str(about["zeroov_version"]), *named])
