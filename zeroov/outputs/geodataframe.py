"""What was found as a table of geopandas, in the CRS of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zeroov.errors import OutputError
from zeroov.outputs.attributes import Provenance, attributes, columns_of
from zeroov.outputs.degrees import projection_or_none
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.measure import UNKNOWN, measured
from zeroov.outputs.polygons import exact_polygons, on_map


def geodataframe(info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> Any:
    """Return a GeoDataFrame with a row for each object: its exact outline on the map, in the CRS of the image.

    The columns are those of a GeoPackage's layer `masks`. Nothing found is a table without rows.
    """
    geopandas = need("geopandas", "a GeoDataFrame", install="`pip install geopandas`")
    if info.transform is None:
        raise OutputError(
            f"a GeoDataFrame is map coordinates, and `{info.source}` has no transform; use to_coco() or "
            "to_detections(), which count in pixels"
        )
    info.require_inside(founds)
    projection = projection_or_none(info)
    shapes, rows = [], []
    for number, found in enumerate(founds, start=1):
        exact = exact_polygons(found)
        size = measured(exact, info, projection) if projection else UNKNOWN
        first = {"id": number, "class": found.expression, **size}
        rows.append(attributes(info, found, provenance, first))
        shapes.append(on_map(exact, info.transform))
    table = geopandas.GeoDataFrame(geometry=geopandas.GeoSeries(shapes, crs=info.crs), crs=info.crs)
    for at, (name, (values, missing)) in enumerate(columns_of({info: provenance}, rows).items()):
        table.insert(at, name, values)
        if missing.any():
            table[name] = table[name].mask(missing)
    return table
