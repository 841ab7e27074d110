"""Write what was found as a GeoPackage in the scene's own CRS: layer `masks` of polygons, layer `boxes` of boxes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import OutputError
from zeroov.raster import write
from zeroov.raster.attributes import Provenance, Value, attributes, layer_attributes, run_attributes
from zeroov.raster.extras import need
from zeroov.raster.found import Found, SceneInfo
from zeroov.raster.polygons import box_polygon, on_map, polygons

COLUMNS: dict[str, Value] = {"expression": "", "score": 0.0, "status": "", "pixels": 0}


def write_geopackage(
    path: str | os.PathLike[str],
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    tolerance: float = 0.0,
    expressions: Sequence[str] = (),
) -> None:
    """Write both layers, with their columns also where nothing was found; `tolerance` as in `polygons`.

    `expressions` are those asked; the file's metadata names them, with the provenance, for an empty layer has no rows.

    A scene with a transform but no CRS gets layers of an undefined CRS. Without a transform it is refused.
    """
    require_transform(info)
    assert info.transform is not None
    info.require_inside(founds)
    pyogrio, shapely = need("pyogrio.raw", "a GeoPackage"), need("shapely", "a GeoPackage")
    failures = need("pyogrio.errors", "a GeoPackage").DataSourceError
    fields = _columns(info, founds, provenance)
    outlines = [polygons(found, tolerance) for found in founds]
    masks = [shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape]) for shape in outlines]
    layers = {"masks": (masks, "MultiPolygon"), "boxes": ([box_polygon(found.box) for found in founds], "Polygon")}
    about = {name: str(value) for name, value in layer_attributes(info, founds, provenance, expressions).items()}
    with write.replacing(path) as beside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        for layer, (shapes, kind) in layers.items():
            placed = [shapely.to_wkb(on_map(shape, info.transform)) for shape in shapes]
            try:
                pyogrio.write(
                    str(beside),
                    geometry=np.array(placed, dtype=object),
                    field_data=[column for column, _ in fields.values()],
                    field_mask=[missing for _, missing in fields.values()],
                    fields=np.array(list(fields), dtype=object),
                    layer=layer,
                    driver="GPKG",
                    geometry_type=kind,
                    crs=info.crs,
                    dataset_metadata=about,
                )
            except failures as error:
                raise OutputError(f"`{path}` cannot be written ({error}); free space or write elsewhere") from error


def require_transform(info: SceneInfo) -> None:
    """Refuse a scene without a transform, whose pixels have no map coordinates."""
    if info.transform is None:
        raise OutputError(
            f"a GeoPackage is map coordinates, and `{info.source}` has no transform; give it one "
            "(gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY FILE), or write pixels: coco, yolo or labelstudio"
        )


def _columns(
    info: SceneInfo, founds: Sequence[Found], provenance: Provenance
) -> dict[str, tuple[NDArray[Any], NDArray[np.bool_] | None]]:
    """Return every column's values and where they are missing."""
    rows = [attributes(info, found, provenance) for found in founds]
    examples: dict[str, Value] = {**COLUMNS, **run_attributes(info, provenance)}
    for row in rows:
        examples |= {name: value for name, value in row.items() if examples.get(name) is None}
    columns = {}
    for name in examples:
        values = [row.get(name) for row in rows]
        columns[name] = _column(values, [*values, examples[name]])
    return columns


def _column(values: list[Value], examples: list[Value]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return a column of the one kind that all its values have, of text where they differ."""
    kinds = {type(value) for value in examples if value is not None}
    kind = float if kinds == {int, float} else kinds.pop() if len(kinds) == 1 else str
    missing = np.array([value is None for value in values], dtype=np.bool_)
    if kind is str:
        return np.array([None if value is None else str(value) for value in values], dtype=object), missing
    dtype = {bool: np.bool_, int: np.int64, float: np.float64}[kind]
    return np.array([kind() if value is None else value for value in values], dtype=dtype), missing
