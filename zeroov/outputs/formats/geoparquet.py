"""Write what was found as a GeoParquet 1.1 of all scenes, in longitude and latitude: the polygons of their GeoJSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, Value, columns_of, file_attributes
from zeroov.outputs.degrees import bounds_in_degrees
from zeroov.outputs.extras import need
from zeroov.outputs.formats.geojson import feature_collection
from zeroov.outputs.found import Found, SceneInfo

GEOMETRY = "geometry"  # the column's name in all examples of the standard
VERSION = "1.1.0"


class GeoParquet:
    """A GeoParquet in the making: `add` scene after scene, then `finish` writes it.

    Its columns are those of a GeoPackage, and `geometry`: the masks' polygons as `feature_collection`, which knows the
    `options`, has them. `id` counts the objects of the file from 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        expressions: Sequence[str] = (),
        images: Sequence[str] = (),
        **options: Any,
    ) -> None:
        """`expressions` are those asked, `images` the run's, which change nothing."""
        self._path, self._asked, self._options = Path(path), expressions, options
        self._scenes: dict[SceneInfo, Provenance] = {}
        self._rows: list[dict[str, Value]] = []
        self._shapes: list[Any] = []

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add a scene and what was found in it. One that has no longitude and latitude is refused."""
        shapely = need("shapely", "GeoParquet")
        features = feature_collection(info, founds, provenance, **self._options)["features"]
        self._scenes[info] = provenance
        for feature in features:
            row = {**feature["properties"], "id": len(self._rows) + 1}
            del row["box_xyxy"]
            self._rows.append(row)
            self._shapes.append(shapely.geometry.shape(feature["geometry"]))

    def finish(self) -> tuple[Path, ...]:
        """Write the file."""
        pyarrow, parquet, shapely = (need(module, "GeoParquet") for module in ("pyarrow", "pyarrow.parquet", "shapely"))
        columns = {
            name: pyarrow.array(values, pyarrow.string() if values.dtype == object else None, mask=missing)
            for name, (values, missing) in columns_of(self._scenes, self._rows).items()
        }
        columns[GEOMETRY] = pyarrow.array(list(map(shapely.to_wkb, self._shapes)), pyarrow.binary())
        spoken = [str(row["expression"]) for row in self._rows]
        about = {"geo": self._geo(), "zeroov": file_attributes(self._scenes, spoken, self._asked)}
        metadata = {name: json.dumps(value) for name, value in about.items()}
        file = pyarrow.BufferOutputStream()
        parquet.write_table(pyarrow.table(columns).replace_schema_metadata(metadata), file)
        atomic.write_atomically(self._path, memoryview(file.getvalue()))
        return (self._path,)

    def _geo(self) -> dict[str, Any]:
        """Return what the standard wants in the file's metadata; a column without a `crs` is in OGC:CRS84."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted({shape.geom_type for shape in self._shapes}),
            "orientation": "counterclockwise",
        }
        if self._shapes:
            column["bbox"] = list(bounds_in_degrees(self._shapes))
        return {"version": VERSION, "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
