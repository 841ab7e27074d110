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
from zeroov.outputs.formats.geojson import Image, placed
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
        self._rows = Spool(self._path.parent)  # the rows of one `add_all` together
        self._count = 0
        self._kinds: set[str] = set()
        self._bounds = array("d")  # of all parts, four numbers each

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add a scene and what was found in it. One that has no longitude and latitude is refused."""
        self.add_all([(info, founds, provenance)])

    def add_all(self, images: Sequence[Image]) -> None:
        """Add scenes, or none of them where one is refused; many cost less together than one by one."""
        shapely = need("shapely", "GeoParquet")
        objects = [each for own in placed(images, **self._options) for each in own]
        if not self._first:
            self._first = {info: provenance for info, _, provenance in images[:1]}
        self._columns = self._columns or Columns(self._first)
        self._scenes.update(hash(info) for info, _, _ in images)
        shapes = np.array([each.geometry for each in objects], dtype=object)
        rows = [{**each.attributes, "id": number} for number, each in enumerate(objects, start=self._count + 1)]
        for row in rows:
            self._found[str(row["expression"])] = None
            self._columns.note(row)
        self._kinds.update(shape.geom_type for shape in shapes)
        self._bounds.extend(shapely.bounds(shapely.get_parts(shapes)).ravel())
        self._rows.add(list(zip(rows, shapely.to_wkb(shapes), strict=True)))
        self._count += len(rows)

    def finish(self) -> tuple[Path, ...]:
        """Write the file, some rows at a time."""
        parquet = need("pyarrow.parquet", "GeoParquet")
        spoken = file_attributes(self._first, list(self._found), self._asked, len(self._scenes))
        about = {"geo": self._geo(), "zeroov": spoken}
        schema = self._table([]).schema.with_metadata({name: json.dumps(value) for name, value in about.items()})
        with atomic.written(self._path) as file, parquet.ParquetWriter(file, schema) as writer:
            rows = itertools.chain.from_iterable(self._rows)
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
