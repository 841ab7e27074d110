"""Write what was found as a GeoParquet 1.1 of all scenes, in longitude and latitude: the polygons of their GeoJSON."""

from __future__ import annotations

import itertools
import json
import os
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zeroov.files import atomic
from zeroov.files.spool import Spool
from zeroov.outputs.attributes import Columns, Provenance, Value, file_attributes
from zeroov.outputs.degrees import joined_bounds
from zeroov.outputs.extras import need
from zeroov.outputs.formats.geojson import feature_collection
from zeroov.outputs.found import Found, SceneInfo

GEOMETRY = "geometry"  # the column's name in all examples of the standard
VERSION = "1.1.0"
ROWS = 20_000  # of a row group


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
        self._first: dict[SceneInfo, Provenance] = {}
        self._scenes: set[int] = set()  # their hashes, for there may be millions
        self._found: dict[str, None] = {}
        self._columns: Columns | None = None
        self._rows = Spool(self._path.parent)
        self._kinds: set[str] = set()
        self._bounds = array("d")  # of all parts, four numbers each

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add a scene and what was found in it. One that has no longitude and latitude is refused."""
        shapely = need("shapely", "GeoParquet")
        features = feature_collection(info, founds, provenance, **self._options)["features"]
        if not self._first:
            self._first = {info: provenance}
        self._columns = self._columns or Columns(self._first)
        self._scenes.add(hash(info))
        for feature in features:
            row = {**feature["properties"], "id": len(self._rows) + 1}
            del row["box_xyxy"]
            shape = shapely.geometry.shape(feature["geometry"])
            self._found[str(row["expression"])] = None
            self._columns.note(row)
            self._kinds.add(shape.geom_type)
            self._bounds.extend(shapely.bounds(shapely.get_parts(shape)).ravel())
            self._rows.add((row, shapely.to_wkb(shape)))

    def finish(self) -> tuple[Path, ...]:
        """Write the file, some rows at a time."""
        parquet = need("pyarrow.parquet", "GeoParquet")
        spoken = file_attributes(self._first, list(self._found), self._asked, len(self._scenes))
        about = {"geo": self._geo(), "zeroov": spoken}
        schema = self._table([]).schema.with_metadata({name: json.dumps(value) for name, value in about.items()})
        with atomic.written(self._path) as file, parquet.ParquetWriter(file, schema) as writer:
            rows = iter(self._rows)
            while part := list(itertools.islice(rows, ROWS)):
                writer.write_table(self._table(part).replace_schema_metadata(schema.metadata))
        self._rows.close()
        return (self._path,)

    def _table(self, rows: Sequence[tuple[dict[str, Value], bytes]]) -> Any:
        pyarrow = need("pyarrow", "GeoParquet")
        columns = {
            name: pyarrow.array(values, pyarrow.string() if values.dtype == object else None, mask=missing)
            for name, (values, missing) in (self._columns or Columns()).of([row for row, _ in rows]).items()
        }
        columns[GEOMETRY] = pyarrow.array([shape for _, shape in rows], pyarrow.binary())
        return pyarrow.table(columns)

    def _geo(self) -> dict[str, Any]:
        """Return what the standard wants in the file's metadata; a column without a `crs` is in OGC:CRS84."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self._kinds),
            "orientation": "counterclockwise",
        }
        if self._bounds:
            column["bbox"] = list(joined_bounds(np.array(self._bounds).reshape(-1, 4)))
        return {"version": VERSION, "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
