"""Write what was found as GeoJSON as RFC 7946 has it: WGS 84, longitude before latitude, whatever CRS the scene has."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.errors import OutputError, first_line
from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, attributes, layer_attributes
from zeroov.outputs.classes import Classes
from zeroov.outputs.degrees import KEEP_CRS, bounds_in_degrees, in_degrees, projection_of, why_no_projection
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.measure import measured
from zeroov.outputs.polygons import box_polygon, exact_polygons, reshaped

GRID = 5  # points along each side that say where a scene lies
SLACK = 1e-6  # of a degree
PLACE_AGAIN = "set them right (gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY FILE)"


def write_geojson(
    path: str | os.PathLike[str], info: SceneInfo, founds: Sequence[Found], provenance: Provenance, **options: Any
) -> None:
    """Write a FeatureCollection; the options are those of `feature_collection`."""
    atomic.write_json(path, feature_collection(info, founds, provenance, **options), compact=True)


def feature_collection(
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    boxes: bool = False,
    label: str | None = None,
    classes: Mapping[str, str] | None = None,
    tolerance: float = 0.0,
    square: bool | Collection[str] = False,
    expressions: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a FeatureCollection of the masks' polygons, or of the boxes, as plain values.

    `tolerance` and `square` are as in `polygons`, or `square` names the classes that get right angles. `expressions`
    are those asked, which the collection's member `zeroov` names. `id`, `class`, `area_m2` and `length_m` are as in a
    GeoPackage; of a box too they are the object's.
    """
    require_degrees(info)
    info.require_inside(founds)
    assert info.transform is not None
    projection = projection_of(info)
    shapely = need("shapely", "GeoJSON")
    features: list[dict[str, Any]] = []
    geometries: list[Any] = []
    named = Classes(label, expressions, classes)
    for number, found in enumerate(founds, start=1):
        exact = exact_polygons(found)
        right = named.is_in(found.expression, square)
        in_pixels = box_polygon(found.box) if boxes else reshaped(exact, tolerance, right)
        try:
            geometry = in_degrees(in_pixels, info.transform, projection)
        except (OutputError, shapely.errors.ShapelyError) as error:
            raise OutputError(
                f"an object in `{info.source}` has no longitude and latitude: {first_line(error)}; {KEEP_CRS}"
            ) from error
        geometries.append(geometry)
        first = {"id": number, "class": named.name(found.expression), **measured(exact, info, projection)}
        properties: dict[str, Any] = attributes(info, found, provenance, first)
        properties["box_xyxy"] = list(found.box.xyxy)
        mapping, bbox = shapely.geometry.mapping(geometry), list(bounds_in_degrees([geometry]))
        features.append({"type": "Feature", "bbox": bbox, "properties": properties, "geometry": mapping})
    spoken = [found.expression for found in founds]
    about = {**layer_attributes(info, spoken, provenance, expressions), "crs_of_source": info.crs}
    around = {"bbox": list(bounds_in_degrees(geometries))} if geometries else {}
    return {"type": "FeatureCollection", "zeroov": about, **around, "features": features}


def require_degrees(info: SceneInfo) -> None:
    """Refuse a scene without a georeference that leads to longitude and latitude, for formats that know only these."""
    if without := why_no_degrees(info):
        why, remedy = without
        asked = "" if info.is_on_map else "GeoJSON and GeoParquet are longitude and latitude, and "
        raise OutputError(f"{asked}{why}; {remedy}")


def why_no_degrees(info: SceneInfo) -> tuple[str, str] | None:
    """Say why a scene's pixels have no longitude and latitude, or one beyond a pole, and what helps; `None`: they have.

    Of a satellite's view some pixels may lie beside the Earth, but not all. Pixels' centres are asked, for global grids
    may have them on the poles.
    """
    if info.crs is None or info.transform is None:
        missing = "CRS" if info.transform else "georeference" if info.crs is None else "transform"
        command = {
            "CRS": "gdal_edit.py -a_srs EPSG:32633",
            "transform": "gdal_edit.py -a_ullr ULX ULY LRX LRY",
            "georeference": "gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY",
        }[missing]
        remedy = f"give it one ({command} FILE), or write pixels: coco, yolo or labelstudio"
        return f"`{info.source}` has no {missing}", remedy
    if why := why_no_projection(info):
        return why, KEEP_CRS
    height, width = info.hw
    x, y = np.meshgrid(np.linspace(0.5, width - 0.5, GRID), np.linspace(0.5, height - 0.5, GRID))
    placed = frames.pixel_to_map(np.column_stack((x.ravel(), y.ravel())), info.transform)
    longitudes, latitudes = projection_of(info).transform(placed[:, 0], placed[:, 1])
    known = np.isfinite(longitudes) & np.isfinite(latitudes)
    if not known.any() or (need("pyproj", "GeoJSON").CRS(info.crs).is_geographic and not known.all()):
        return f"`{info.source}` lies where its CRS has no longitude and latitude", f"{PLACE_AGAIN}, or {KEEP_CRS}"
    furthest = float(latitudes[known][np.abs(latitudes[known]).argmax()])
    if abs(furthest) > 90 + SLACK:
        why = f"`{info.source}` would reach latitude {furthest:.6g}, and none is beyond 90"
        return why, f"its CRS or its corners are wrong: {PLACE_AGAIN}, or {KEEP_CRS}"
    return None
