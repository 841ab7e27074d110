"""Write a STAC item of an image beside its GeoJSON: where it lies, what was asked of it, and by what."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, layer_attributes
from zeroov.outputs.degrees import bounds_in_degrees, in_degrees, projection_of
from zeroov.outputs.extras import need
from zeroov.outputs.formats.geojson import write_geojson
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.one_each import OneEach
from zeroov.outputs.polygons import box_polygon
from zeroov.raster import web
from zeroov.types import Box

VERSION = "1.1.0"
ITEM, OBJECTS = ".stac.json", ".geojson"


class Stac:
    """A STAC item of every image, and beside it the GeoJSON that it names."""

    def __init__(
        self, path: Path, *, images: Sequence[str] = (), expressions: Sequence[str] = (), **options: Any
    ) -> None:
        """The `options` are the GeoJSON's."""
        objects = functools.partial(write_geojson, expressions=expressions, **options)
        item = functools.partial(write_item, expressions=expressions)
        self._writers = [
            OneEach(path, each, ending, True, images) for each, ending in ((objects, OBJECTS), (item, ITEM))
        ]

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Write the image's files, the item last."""
        for writer in self._writers:
            writer.add(info, founds, provenance)

    def finish(self) -> tuple[Path, ...]:
        """Return the files."""
        return tuple(path for writer in self._writers for path in writer.finish())

    @property
    def sources(self) -> Mapping[Path, str]:
        """The image of each file."""
        return {path: source for writer in self._writers for path, source in writer.sources.items()}


def write_item(
    path: str | os.PathLike[str],
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    expressions: Sequence[str] = (),
) -> None:
    """Write an item whose asset `objects` is the GeoJSON of the same name, and `image` is what was asked.

    `datetime` says when the item was written; when the image was taken, the item that this one is `derived_from` says.
    """
    target = Path(path)
    assert info.transform is not None
    outline = box_polygon(Box(0, 0, info.hw[1], info.hw[0]))
    footprint = in_degrees(outline, info.transform, projection_of(info))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = layer_attributes(info, [found.expression for found in founds], provenance, expressions)
    scores = [float(found.score) for found in founds]
    properties: Mapping[str, Any] = {
        **{
            "datetime": now,
            "created": now,
            "zeroov:objects": len(founds),
            "zeroov:best_score": max(scores, default=None),
        },
        **{f"zeroov:{name}": value for name, value in about.items()},
    }
    name = target.name.removesuffix(ITEM)
    source = info.source if web.is_address(info.source) else Path(os.path.abspath(info.source)).as_uri()  # noqa: PTH100
    item = {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": str(provenance.get("image_id") or name),
        "geometry": need("shapely", "STAC").geometry.mapping(footprint),
        "bbox": list(bounds_in_degrees([footprint])),
        "properties": properties,
        "links": [{"rel": "derived_from", "href": source}],
        "assets": {
            "objects": {"href": f"./{name}{OBJECTS}", "type": "application/geo+json", "roles": ["data"]},
            "image": {"href": source, "roles": ["source"]},
        },
    }
    atomic.write_json(target, item)
