"""Write what was found as GeoJSON as RFC 7946 has it: WGS 84, longitude before latitude, whatever CRS the scene has."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.errors import OutputError, first_few, first_line
from zeroov.files import atomic
from zeroov.outputs.attributes import Provenance, Value, attributes, layer_attributes
from zeroov.outputs.classes import Classes
from zeroov.outputs.degrees import KEEP_CRS, bounds_in_degrees, each_in_degrees, projection_of, why_no_projection
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.measure import each_measured
from zeroov.outputs.polygons import box_polygon, each_exact_polygons, reshaped

Image = tuple[SceneInfo, Sequence[Found], Provenance]  # with what was found in it, possibly nothing
GRID = 5  # points along each side that say where a scene lies
SLACK = 1e-6  # of a degree
PLACE_AGAIN = "set them right (gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY FILE)"


def write_geojson(
    path: str | os.PathLike[str], info: SceneInfo, founds: Sequence[Found], provenance: Provenance, **options: Any
) -> None:
    """Write a FeatureCollection; the options are those of `feature_collection`."""
    atomic.write_json(path, feature_collection(info, founds, provenance, **options), compact=True)


@dataclass(frozen=True, eq=False)
class Placed:
    """An object in longitude and latitude, a shapely geometry, and what it says of itself; `id` counts in its scene."""

    geometry: Any
    attributes: dict[str, Value]


def placed(
    images: Sequence[Image],
    *,
    boxes: bool = False,
    label: str | None = None,
    classes: Mapping[str, str] | None = None,
    tolerance: float = 0.0,
    square: bool | Collection[str] = False,
    expressions: Sequence[str] = (),
) -> list[list[Placed]]:
    """Return the objects of each image in longitude and latitude; many images cost less together than one by one.

    The options are those of `feature_collection`. One object that has no place there is an error of all images.
    """
    shapely = need("shapely", "GeoJSON")
    named = Classes(label, expressions, classes)
    owners: list[int] = []
    founds: list[Found] = []
    of_crs: dict[str | None, list[int]] = {}
    for number, (info, own, _) in enumerate(images):
        require_degrees(info)
        info.require_inside(own)
        of_crs.setdefault(info.crs, []).extend(range(len(founds), len(founds) + len(own)))
        owners += [number] * len(own)
        founds += own
    exact = each_exact_polygons(founds)
    objects: list[list[Placed]] = [[] for _ in images]
    geometries: dict[int, Any] = {}
    sizes: dict[int, dict[str, float | None]] = {}
    for numbers in filter(None, of_crs.values()):
        infos = [images[owners[each]][0] for each in numbers]
        projection = projection_of(infos[0])
        in_pixels = [
            box_polygon(founds[each].box)
            if boxes
            else reshaped(exact[each], tolerance, named.is_in(founds[each].expression, square))
            for each in numbers
        ]
        try:
            degrees = each_in_degrees(in_pixels, [info.transform for info in infos if info.transform], projection)
        except (OutputError, shapely.errors.ShapelyError) as error:
            sources = first_few(list(dict.fromkeys(f"`{info.source}`" for info in infos)))
            raise OutputError(
                f"an object in {sources} has no longitude and latitude: {first_line(error)}; {KEEP_CRS}"
            ) from error
        geometries |= zip(numbers, degrees, strict=True)
        sizes |= zip(numbers, each_measured([exact[each] for each in numbers], infos, projection), strict=True)
    for each, (owner, found) in enumerate(zip(owners, founds, strict=True)):
        info, _, provenance = images[owner]
        first = {"id": len(objects[owner]) + 1, "class": named.name(found.expression), **sizes[each]}
        objects[owner].append(Placed(geometries[each], attributes(info, found, provenance, first)))
    return objects


def feature_collection(
    info: SceneInfo, founds: Sequence[Found], provenance: Provenance, *, expressions: Sequence[str] = (), **options: Any
) -> dict[str, Any]:
    """Return a FeatureCollection of the masks' polygons, or of the `boxes`, as plain values.

    `tolerance` and `square` are as in `polygons`, or `square` names the classes that get right angles. `expressions`
    are those asked, which the collection's member `zeroov` names. `id`, `class`, `area_m2` and `length_m` are as in a
    GeoPackage; of a box too they are the object's. `label` and `classes` are what classes are called.
    """
    shapely = need("shapely", "GeoJSON")
    [objects] = placed([(info, founds, provenance)], expressions=expressions, **options)
    features: list[dict[str, Any]] = []
    for each, found in zip(objects, founds, strict=True):
        properties = {**each.attributes, "box_xyxy": list(found.box.xyxy)}
        mapping, bbox = shapely.geometry.mapping(each.geometry), list(bounds_in_degrees([each.geometry]))
        features.append({"type": "Feature", "bbox": bbox, "properties": properties, "geometry": mapping})
    spoken = [found.expression for found in founds]
    about = {**layer_attributes(info, spoken, provenance, expressions), "crs_of_source": info.crs}
    around = {"bbox": list(bounds_in_degrees([each.geometry for each in objects]))} if objects else {}
    return {"type": "FeatureCollection", "zeroov": about, **around, "features": features}


def require_degrees(info: SceneInfo) -> None:
    """Refuse a scene without a georeference that leads to longitude and latitude, for formats that know only these."""
    if without := why_no_degrees(info):
        why, remedy = without
        asked = "" if info.is_on_map else "GeoJSON and GeoParquet are longitude and latitude, and "
        raise OutputError(f"{asked}{why}; {remedy}")


@functools.lru_cache(1)  # whoever is asked to write an image asks before, too
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
    if not known.any() or (not known.all() and need("pyproj", "GeoJSON").CRS(info.crs).is_geographic):
        return f"`{info.source}` lies where its CRS has no longitude and latitude", f"{PLACE_AGAIN}, or {KEEP_CRS}"
    furthest = float(latitudes[known][np.abs(latitudes[known]).argmax()])
    if abs(furthest) > 90 + SLACK:
        why = f"`{info.source}` would reach latitude {furthest:.6g}, and none is beyond 90"
        return why, f"its CRS or its corners are wrong: {PLACE_AGAIN}, or {KEEP_CRS}"
    return None
