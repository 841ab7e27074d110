"""Write what was found in one or more images as COCO JSON, masks as run lengths."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroov.errors import OutputError
from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, attributes, run_attributes
from zeroov.outputs.classes import Classes
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names
from zeroov.outputs.rle import run_lengths

MOST_PIXELS = 2**32 - 1  # pycocotools counts in 32 bits


class Coco:
    """A COCO file in the making: `add` image after image, then `finish` writes it.

    Categories are as in `Classes`. An image that is added again gets further annotations. `bbox` is the mask's, as COCO
    has it, `box_xyxy` the answer's. `score`, `status` and the provenance are in every annotation; readers of COCO pass
    over what they do not know. `images` are the run's.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        label: str | None = None,
        expressions: Sequence[str] = (),
        classes: Mapping[str, str] | None = None,
        images: Sequence[str] = (),
    ) -> None:
        self._path = Path(path)
        self._images: dict[str, dict[str, Any]] = {}
        self._annotations: list[dict[str, Any]] = []
        self._classes, self._names = Classes(label, expressions, classes), Names(images)

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add an image and what was found in it; an image in which nothing was found is listed as well."""
        require_countable(info)
        info.require_inside(founds)
        image = self._images.setdefault(
            self._names.know(info.source),
            {
                "id": len(self._images) + 1,
                "file_name": "",
                "height": info.hw[0],
                "width": info.hw[1],
                "zeroov": run_attributes(info, provenance),
            },
        )
        for found in founds:
            x0, y0, x1, y1 = found.mask_box.xyxy
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": image["id"],
                    "category_id": self._classes.number(found.expression) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "box_xyxy": list(found.box.xyxy),
                    "area": found.pixels,
                    "iscrowd": 0,
                    "segmentation": run_lengths(found.mask, found.origin_xy, info.hw),
                    "score": float(found.score),
                    "attributes": attributes(info, found, provenance),
                }
            )

    def document(self) -> dict[str, Any]:
        """Return what the file holds, as plain values."""
        for source, image in self._images.items():
            image["file_name"] = self._names.file(source)  # now that all images are known
        categories = [{"id": number, "name": name} for number, name in enumerate(self._classes.names, start=1)]
        about = {"description": "written by zeroov"}
        images = list(self._images.values())
        document = {"info": about, "licenses": [], "images": images, "categories": categories}
        return document | {"annotations": self._annotations}

    def finish(self) -> tuple[Path, ...]:
        """Write the file."""
        atomic.write_json(self._path, self.document(), compact=True)
        return (self._path,)


def require_countable(info: SceneInfo) -> None:
    """Refuse a scene of more pixels than run lengths count."""
    if info.hw[0] * info.hw[1] > MOST_PIXELS:
        raise OutputError(
            f"`{info.source}` has {info.hw[0] * info.hw[1]:,} pixels, COCO's run lengths count {MOST_PIXELS:,}; "
            "write geotiff or gpkg"
        )
