"""Write what was found as a GeoPackage in the scene's own CRS: layer `masks` of polygons, layer `boxes` of boxes."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import OutputError, first_line
from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, Value, attributes, layer_attributes, run_attributes
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.polygons import box_polygon, on_map, polygons

Column = tuple[NDArray[Any], NDArray[np.bool_] | None]  # the values, and where they are missing
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
    pyogrio, shapely = need("pyogrio", "a GeoPackage"), need("shapely", "a GeoPackage")
    outlines = [polygons(found, tolerance) for found in founds]
    masks = [shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape]) for shape in outlines]
    boxes = [box_polygon(found.box) for found in founds]
    layers = {
        layer: ([shapely.to_wkb(on_map(shape, info.transform)) for shape in shapes], kind)
        for layer, shapes, kind in (("masks", masks, "MultiPolygon"), ("boxes", boxes, "Polygon"))
    }
    about = {name: str(value) for name, value in layer_attributes(info, founds, provenance, expressions).items()}
    try:
        with tempfile.TemporaryDirectory(prefix="zeroov-") as folder:
            made = Path(folder) / "found.gpkg"
            _make(made, layers, _columns(info, founds, provenance), info.crs, about)
            _require_whole(made, layers, about)
            data = made.read_bytes()
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise OutputError(
            f"`{path}` cannot be written ({first_line(error)}); "
            "free space in the temporary folder, or set TMPDIR to another folder"
        ) from error
    atomic.write_atomically(path, data, beside=dict.fromkeys(atomic.JOURNALS))


def _make(
    made: Path,
    layers: Mapping[str, tuple[list[bytes], str]],
    fields: Mapping[str, Column],
    crs: str | None,
    about: Mapping[str, str],
) -> None:
    """Make the GeoPackage in a temporary folder, whose path is plain.

    pyogrio takes `!`, `;` and more in a path for parts of an address, and would write elsewhere.
    """
    pyogrio = need("pyogrio", "a GeoPackage")
    if pyogrio.util.vsi_path(str(made)) != str(made):
        raise OSError(f"pyogrio takes the name of the temporary folder `{made.parent.parent}` for an address")
    for layer, (shapes, kind) in layers.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            pyogrio.raw.write(
                str(made),
                geometry=np.array(shapes, dtype=object),
                field_data=[column for column, _ in fields.values()],
                field_mask=[missing for _, missing in fields.values()],
                fields=np.array(list(fields), dtype=object),
                layer=layer,
                driver="GPKG",
                geometry_type=kind,
                crs=crs,
                dataset_metadata=dict(about),
            )


def _require_whole(made: Path, layers: Mapping[str, tuple[list[bytes], str]], about: Mapping[str, str]) -> None:
    """Read every layer back; on a full disk GDAL leaves out what it writes last, as the index, without a warning."""
    pyogrio = need("pyogrio", "a GeoPackage")
    for layer, (shapes, _) in layers.items():
        count = len(pyogrio.raw.read(str(made), layer=layer, columns=[])[2])
        details = pyogrio.read_info(str(made), layer=layer)
        if count != len(shapes):
            raise OSError(f"{count} of {len(shapes)} features of its layer {layer} can be read back")
        if not details["capabilities"]["fast_spatial_filter"]:
            raise OSError(f"its layer {layer} has no spatial index")
        if not about.keys() <= (details["dataset_metadata"] or {}).keys():
            raise OSError(f"its layer {layer} has no metadata")


def require_transform(info: SceneInfo) -> None:
    """Refuse a scene without a transform, whose pixels have no map coordinates."""
    if info.transform is None:
        raise OutputError(
            f"a GeoPackage is map coordinates, and `{info.source}` has no transform; give it one "
            "(gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY FILE), or write pixels: coco, yolo or labelstudio"
        )


def _columns(info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> dict[str, Column]:
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


def _column(values: list[Value], examples: list[Value]) -> Column:
    """Return a column of the one kind that all its values have, of text where they differ."""
    kinds = {type(value) for value in examples if value is not None}
    kind = float if kinds == {int, float} else kinds.pop() if len(kinds) == 1 else str
    missing = np.array([value is None for value in values], dtype=np.bool_)
    if kind is str:
        return np.array([None if value is None else str(value) for value in values], dtype=object), missing
    dtype = {bool: np.bool_, int: np.int64, float: np.float64}[kind]
    return np.array([kind() if value is None else value for value in values], dtype=dtype), missing
