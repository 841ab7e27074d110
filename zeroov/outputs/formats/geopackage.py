"""Write what was found as a GeoPackage of all scenes: layer `masks` of polygons, layer `boxes` of boxes."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import OutputError, first_few, first_line
from zeroov.files import atomic
from zeroov.outputs.attributes import Column, Provenance, Value, attributes, columns_of, file_attributes
from zeroov.outputs.classes import Classes
from zeroov.outputs.degrees import in_degrees, projection_of, projection_or_none
from zeroov.outputs.extras import need
from zeroov.outputs.formats.geojson import why_no_degrees
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.measure import UNKNOWN, measured
from zeroov.outputs.polygons import box_polygon, exact_polygons, on_map, reshaped
from zeroov.outputs.style import qml

Layer = tuple[list[bytes], str]  # geometries as WKB, and their kind
COMMON_CRS = "EPSG:4326"  # of scenes of several CRSs
STYLES = "layer_styles"  # the table in which QGIS looks for styles
GEOMETRY = "geom"  # what GDAL calls the column of geometries

log = logging.getLogger("zeroov")


@dataclass(frozen=True, eq=False)
class Row:
    """One object: its polygon and its box in pixels of its scene, and its attributes."""

    info: SceneInfo
    outline: Any
    box: Any
    values: dict[str, Value]


class GeoPackage:
    """A GeoPackage in the making: `add` scene after scene, then `finish` writes it.

    `masks` and `boxes` are its layers, with their columns also where nothing was found. Both are in the CRS of the
    scenes, or, where these have several, in longitude and latitude. `id` counts the objects of the file from 1; `class`
    is the `label`, by default the expression; `area_m2` and `length_m` are measured on the ellipsoid, of the exact
    outline. QGIS finds a style in the file that shows each class in its colour. `tolerance` and `square` are as in
    `polygons`, or `square` names the classes that get right angles.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        label: str | None = None,
        classes: Mapping[str, str] | None = None,
        tolerance: float = 0.0,
        square: bool | Collection[str] = False,
        expressions: Sequence[str] = (),
        images: Sequence[str] = (),
    ) -> None:
        """`expressions` are those asked, `images` the run's: they change nothing, each object names its own."""
        self._path, self._asked = Path(path), expressions
        self._tolerance, self._square = tolerance, square
        self._classes = Classes(label, expressions, classes)
        self._scenes: dict[SceneInfo, Provenance] = {}
        self._found: list[str] = []
        self._rows: list[Row] = []

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Add a scene and what was found in it. One whose CRS cannot be brought together with the others is refused.

        A scene with a transform but no CRS goes into layers of an undefined CRS, beside others of that kind only.
        """
        require_transform(info)
        info.require_inside(founds)
        self._require_common_crs(info)
        projection = projection_or_none(info)
        self._scenes[info] = provenance
        for found in founds:
            exact = exact_polygons(found)
            size = measured(exact, info, projection) if projection else UNKNOWN
            first = {"id": len(self._rows) + 1, "class": self._classes.name(found.expression), **size}
            outline = reshaped(exact, self._tolerance, self._classes.is_in(found.expression, self._square))
            values = attributes(info, found, provenance, first)
            self._rows.append(Row(info, outline, box_polygon(found.box), values))
            self._found.append(found.expression)

    def finish(self) -> tuple[Path, ...]:
        """Write the file."""
        pyogrio = need("pyogrio", "a GeoPackage")
        crs = self._common_crs()
        layers = self._layers(crs)
        styles = {layer: qml(self._classes.names, filled=layer == "masks") for layer in layers}
        about = {name: str(value) for name, value in file_attributes(self._scenes, self._found, self._asked).items()}
        try:
            with tempfile.TemporaryDirectory(prefix="zeroov-") as folder:
                made = Path(folder) / "found.gpkg"
                _make(made, layers, columns_of(self._scenes, [row.values for row in self._rows]), crs, about)
                _add_styles(made, styles)
                _require_whole(made, layers, about)
                data = made.read_bytes()
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
            raise OutputError(
                f"`{self._path}` cannot be written ({first_line(error)}); "
                "free space in the temporary folder, or set TMPDIR to another folder"
            ) from error
        atomic.write_atomically(self._path, data, beside=dict.fromkeys(atomic.JOURNALS))
        return (self._path,)

    def _require_common_crs(self, info: SceneInfo) -> None:
        others = {scene.crs: scene for scene in self._scenes}
        if not others or set(others) == {info.crs}:
            return
        for scene in (*others.values(), info):
            if without := why_no_degrees(scene):
                raise OutputError(
                    f"`{info.source}` has another CRS than the scenes before it, and a layer of several CRSs is "
                    f"longitude and latitude, but {without[0]}; write it into a folder of its own"
                )

    def _common_crs(self) -> str | None:
        found = list(dict.fromkeys(scene.crs for scene in self._scenes))
        if len(found) < 2:
            return found[0] if found else None
        names = [(crs or "none").partition("[")[0] for crs in found]
        log.warning("the scenes have %d CRSs (%s): `%s` is in %s", len(found), first_few(names), self._path, COMMON_CRS)
        return COMMON_CRS

    def _layers(self, crs: str | None) -> dict[str, Layer]:
        """Return each layer's geometries, as WKB in a CRS, and their kind."""
        shapely = need("shapely", "a GeoPackage")
        in_scenes = all(scene.crs == crs for scene in self._scenes)
        projections = {} if in_scenes else {scene: projection_of(scene) for scene in self._scenes}
        shapes: dict[str, list[Any]] = {"masks": [], "boxes": []}
        for row in self._rows:
            info = row.info
            assert info.transform is not None
            for layer, shape in (("masks", row.outline), ("boxes", row.box)):
                if in_scenes:
                    shapes[layer].append(on_map(shape, info.transform))
                else:
                    shapes[layer].append(in_degrees(shape, info.transform, projections[info]))
        layers = {}
        for layer, placed in shapes.items():
            # A box in degrees may be cut at the antimeridian.
            parted = layer == "masks" or any(shape.geom_type != "Polygon" for shape in placed)
            if parted:
                placed = [shapely.MultiPolygon(shapely.get_parts(shape).tolist()) for shape in placed]
            layers[layer] = [shapely.to_wkb(shape) for shape in placed], "MultiPolygon" if parted else "Polygon"
        return layers


def _make(
    made: Path,
    layers: Mapping[str, Layer],
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


def _add_styles(made: Path, styles: Mapping[str, str]) -> None:
    """Write the styles of layers into the table where QGIS looks for them."""
    pyogrio = need("pyogrio", "a GeoPackage")
    count = len(styles)
    texts = {
        "f_table_catalog": [""] * count,
        "f_table_schema": [""] * count,
        "f_table_name": list(styles),
        "f_geometry_column": [GEOMETRY] * count,
        "styleName": list(styles),
        "styleQML": list(styles.values()),
        "styleSLD": [""] * count,
        "description": ["classes, by zeroov"] * count,
        "owner": [""] * count,
        "ui": [""] * count,
    }
    columns: dict[str, NDArray[Any]] = {name: np.array(values, dtype=object) for name, values in texts.items()}
    columns["useAsDefault"] = np.ones(count, np.bool_)
    columns["update_time"] = np.full(count, np.datetime64(datetime.now(UTC).replace(tzinfo=None), "ms"))
    pyogrio.raw.write(
        str(made),
        geometry=None,
        field_data=list(columns.values()),
        fields=np.array(list(columns), dtype=object),
        layer=STYLES,
        driver="GPKG",
        geometry_type=None,
        crs=None,
    )


def _require_whole(made: Path, layers: Mapping[str, Layer], about: Mapping[str, str]) -> None:
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
    if len(pyogrio.raw.read(str(made), layer=STYLES)[3][0]) != len(layers):
        raise OSError("its styles cannot be read back")


def require_transform(info: SceneInfo) -> None:
    """Refuse a scene without a transform, whose pixels have no map coordinates."""
    if info.transform is None:
        raise OutputError(
            f"a GeoPackage is map coordinates, and `{info.source}` has no transform; give it one "
            "(gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY FILE), or write pixels: coco, yolo or labelstudio"
        )
