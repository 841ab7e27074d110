"""Write what was found in one or more images as COCO JSON, masks as run lengths."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroov.errors import OutputError
from zeroov.files import atomic
from zeroov.files.spool import Spool
from zeroov.outputs.attributes import Provenance, attributes, run_attributes
from zeroov.outputs.classes import Classes
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names
from zeroov.outputs.rle import run_lengths

MOST_PIXELS = 2**32 - 1  # pycocotools counts in 32 bits
MOST_BYTES = 2 * 2**30  # its readers hold all of it in memory, several times
INSTEAD = "write geoparquet, which each shard of a batch writes for itself, or yolo or labelme, a file for each image"


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
        self._ids: dict[str, int] = {}  # of the images
        self._images, self._annotations = Spool(self._path.parent), Spool(self._path.parent)
        self._classes, self._names = Classes(label, expressions, classes), Names(images)

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add an image and what was found in it; an image in which nothing was found is listed as well."""
        require_countable(info)
        info.require_inside(founds)
        name = self._names.know(info.source)
        if name not in self._ids:
            self._ids[name] = len(self._ids) + 1
            self._images.add((info.source, *info.hw, run_attributes(info, provenance)))
        for found in founds:
            x0, y0, x1, y1 = found.mask_box.xyxy
            self._annotations.add(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": self._ids[name],
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
        return self._head() | {"images": list(self._listed()), **self._tail(), "annotations": list(self._annotations)}

    def finish(self) -> tuple[Path, ...]:
        """Write the file, image by image and annotation by annotation."""
        with atomic.written(self._path) as file:
            left = MOST_BYTES
            for text in self._texts():
                data = text.encode("utf-8", errors="backslashreplace")
                left -= len(data)
                if left < 0:
                    raise OutputError(f"`{self._path}` would have more than {MOST_BYTES / 2**30:g} GiB; {INSTEAD}")
                file.write(data)
        self._images.close()
        self._annotations.close()
        return (self._path,)

    def _head(self) -> dict[str, Any]:
        return {"info": {"description": "written by zeroov"}, "licenses": []}

    def _tail(self) -> dict[str, Any]:
        return {
            "categories": [{"id": number, "name": name} for number, name in enumerate(self._classes.names, start=1)]
        }

    def _listed(self) -> Iterator[dict[str, Any]]:
        """Yield the images, now that all of them are known and have their names."""
        for number, (source, height, width, about) in enumerate(self._images, start=1):
            name = self._names.file(source)
            yield {"id": number, "file_name": name, "height": height, "width": width, "zeroov": about}

    def _texts(self) -> Iterator[str]:
        """Yield the parts of the document, which are together the JSON of it."""
        yield f'{_json(self._head())[:-1]}, "images": ['
        yield from _listing(self._listed())
        yield f'], {_json(self._tail())[1:-1]}, "annotations": ['
        yield from _listing(self._annotations)
        yield "]}\n"


def _listing(values: Iterable[Any]) -> Iterator[str]:
    for number, value in enumerate(values):
        yield (", " if number else "") + _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def require_countable(info: SceneInfo) -> None:
    """Refuse a scene of more pixels than run lengths count."""
    if info.hw[0] * info.hw[1] > MOST_PIXELS:
        raise OutputError(
            f"`{info.source}` has {info.hw[0] * info.hw[1]:,} pixels, COCO's run lengths count {MOST_PIXELS:,}; "
            "write geotiff or gpkg"
        )
