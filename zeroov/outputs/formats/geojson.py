"""Write what was found as GeoJSON as RFC 7946 has it: WGS 84, longitude before latitude, whatever CRS the scene has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.errors import OutputError, first_line
from zeroov.files import atomic
from zeroov.frames import Float64
from zeroov.outputs.attributes import Provenance, attributes, layer_attributes
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.polygons import box_polygon, on_map, polygons

DECIMALS = 7  # of a degree, a centimetre
# A straight line of the scene is none in degrees: longer edges get points in between, at most this many pixels apart.
MOST_EDGE_PIXELS = 100.0
GRID = 5  # points along each side that tell where a scene lies
SLACK = 1e-6  # of a degree
PLACE_ANEW = "set them right (gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY FILE)"
KEEP_CRS = "write gpkg, which keeps the CRS"
Bounds = tuple[float, float, float, float]


def write_geojson(
    path: str | os.PathLike[str],
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    boxes: bool = False,
    tolerance: float = 0.0,
    expressions: Sequence[str] = (),
) -> None:
    """Write a FeatureCollection of the masks' polygons, or of the boxes; `tolerance` as in `polygons`."""
    collection = feature_collection(info, founds, provenance, boxes=boxes, tolerance=tolerance, expressions=expressions)
    atomic.write_json(path, collection, compact=True)


def feature_collection(
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    boxes: bool = False,
    tolerance: float = 0.0,
    expressions: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a FeatureCollection as plain values; `expressions` are those asked, which its member `zeroov` names."""
    require_degrees(info)
    info.require_inside(founds)
    to_degrees = _projection(info)
    conflicts = need("shapely", "GeoJSON").errors.ShapelyError
    features: list[dict[str, Any]] = []
    bounds: list[Bounds] = []
    for found in founds:
        in_pixels = box_polygon(found.box) if boxes else polygons(found, tolerance)
        try:
            geometry, extent = _in_degrees(in_pixels, info, to_degrees)
        except conflicts as error:
            raise OutputError(
                f"an object in `{info.source}` has an outline that crosses itself in longitude and latitude "
                f"({first_line(error)}); {KEEP_CRS}"
            ) from error
        bounds.append(extent)
        properties: dict[str, Any] = {**attributes(info, found, provenance), "box_xyxy": list(found.box.xyxy)}
        features.append({"type": "Feature", "bbox": _bbox([extent]), "properties": properties, "geometry": geometry})
    about = {**layer_attributes(info, founds, provenance, expressions), "crs_of_source": info.crs}
    bbox = {"bbox": _bbox(bounds)} if bounds else {}
    return {"type": "FeatureCollection", "zeroov": about, **bbox, "features": features}


def require_degrees(info: SceneInfo) -> None:
    """Refuse a scene without a georeference, or with one that leads nowhere on Earth; GeoJSON knows degrees only."""
    if not info.is_on_map:
        missing = "CRS" if info.transform else "georeference" if info.crs is None else "transform"
        how = {
            "CRS": "gdal_edit.py -a_srs EPSG:32633",
            "transform": "gdal_edit.py -a_ullr ULX ULY LRX LRY",
            "georeference": "gdal_edit.py -a_srs EPSG:32633 -a_ullr ULX ULY LRX LRY",
        }[missing]
        raise OutputError(
            f"GeoJSON is longitude and latitude, and `{info.source}` has no {missing}; "
            f"give it one ({how} FILE), or write pixels: coco, yolo or labelstudio"
        )
    _require_earth(info)


def _require_earth(info: SceneInfo) -> None:
    """Refuse a scene whose pixels have no longitude and latitude, or one beyond a pole.

    Of a satellite's view some pixels may lie beside the Earth, but not all. Pixels' centres are asked, for global grids
    may have them on the poles.
    """
    assert info.transform is not None
    to_degrees = _projection(info)
    height, width = info.hw
    x, y = np.meshgrid(np.linspace(0.5, width - 0.5, GRID), np.linspace(0.5, height - 0.5, GRID))
    placed = frames.pixel_to_map(np.column_stack((x.ravel(), y.ravel())), info.transform)
    longitudes, latitudes = to_degrees.transform(placed[:, 0], placed[:, 1])
    known = np.isfinite(longitudes) & np.isfinite(latitudes)
    if not known.any() or (need("pyproj", "GeoJSON").CRS(info.crs).is_geographic and not known.all()):
        raise OutputError(
            f"`{info.source}` lies where its CRS has no longitude and latitude; {PLACE_ANEW}, or {KEEP_CRS}"
        )
    furthest = float(latitudes[known][np.abs(latitudes[known]).argmax()])
    if abs(furthest) > 90 + SLACK:
        raise OutputError(
            f"`{info.source}` would reach latitude {furthest:.6g}, and none is beyond 90; "
            f"its CRS or its corners are wrong: {PLACE_ANEW}, or {KEEP_CRS}"
        )


def _projection(info: SceneInfo) -> Any:
    pyproj = need("pyproj", "GeoJSON")
    try:
        return pyproj.Transformer.from_crs(info.crs, "EPSG:4326", always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise OutputError(
            f"nothing is known that leads from the CRS of `{info.source}` to longitude and latitude "
            f"({first_line(error)}); {KEEP_CRS}"
        ) from error


def _in_degrees(in_pixels: Any, info: SceneInfo, to_degrees: Any) -> tuple[dict[str, Any], Bounds]:
    """Return the geometry, cut at the antimeridian, and its bounds, whose east goes on beyond 180 where it is cut."""
    shapely = need("shapely", "GeoJSON")
    assert info.transform is not None
    placed = on_map(shapely.segmentize(in_pixels, MOST_EDGE_PIXELS), info.transform)
    parts = []
    for part in getattr(placed, "geoms", [placed]):
        rings = [_degrees(np.asarray(ring.coords), to_degrees, info) for ring in (part.exterior, *part.interiors)]
        middle = _middle(rings[0])
        for ring in rings[1:]:
            ring[:, 0] += 360 * round((middle - _middle(ring)) / 360)
        parts.append(shapely.Polygon(rings[0], rings[1:]))
    anchor = _middle(np.asarray(parts[0].exterior.coords))
    for number, part in enumerate(parts):
        turns = round((anchor - _middle(np.asarray(part.exterior.coords))) / 360)
        parts[number] = shapely.affinity.translate(part, xoff=360 * turns)
    whole = shapely.MultiPolygon(parts)
    whole = shapely.affinity.translate(whole, xoff=-360 * np.floor((whole.bounds[0] + 180) / 360))
    return shapely.geometry.mapping(_cut(whole)), whole.bounds


def _degrees(points: Float64, to_degrees: Any, info: SceneInfo) -> Float64:
    """Return a ring in longitude and latitude, without jumps of 360 degrees."""
    longitudes, latitudes = to_degrees.transform(points[:, 0], points[:, 1])
    if not (np.isfinite(longitudes).all() and np.isfinite(latitudes).all()):
        raise OutputError(f"a part of `{info.source}` lies where its CRS has no longitude and latitude; {KEEP_CRS}")
    # A pixel whose centre lies on a pole reaches beyond it by half its height.
    ring = np.column_stack((np.unwrap(longitudes, period=360), np.clip(latitudes, -90, 90)))
    if abs(ring[-1, 0] - ring[0, 0]) > 180:
        raise OutputError(f"an object in `{info.source}` lies around a pole, which GeoJSON cannot say; {KEEP_CRS}")
    return ring


def _middle(ring: Float64) -> float:
    return float(ring[:, 0].min() + ring[:, 0].max()) / 2


def _cut(geometry: Any) -> Any:
    """Cut a geometry where it crosses the antimeridian, round it, and turn its outlines counterclockwise."""
    shapely = need("shapely", "GeoJSON")
    if geometry.bounds[2] > 180:
        west = shapely.intersection(geometry, shapely.box(-180, -90, 180, 90))
        east = shapely.intersection(geometry, shapely.box(180, -90, 540, 90))
        geometry = shapely.union_all([west, shapely.affinity.translate(east, xoff=-360)])
    rounded = shapely.set_precision(geometry, 10.0**-DECIMALS)  # stays valid, unlike rounding number by number
    if not rounded.is_empty:  # as it would be of pixels below a centimetre
        geometry = shapely.transform(rounded, lambda points: np.round(points, DECIMALS))
    flat = [part for part in getattr(geometry, "geoms", [geometry]) if part.geom_type == "Polygon"]
    turned = [shapely.geometry.polygon.orient(part) for part in flat]
    return turned[0] if len(turned) == 1 else shapely.MultiPolygon(turned)


def _bbox(bounds: list[Bounds]) -> list[float]:
    """Return west, south, east, north; west is the larger number where the antimeridian lies between them."""
    crossing = any(east > 180 for _, _, east, _ in bounds)
    turned = [(w + 360, e + 360) if crossing and e < 0 else (w, e) for w, _, e, _ in bounds]
    west, east = min(w for w, _ in turned), max(e for _, e in turned)
    south, north = min(b[1] for b in bounds), max(b[3] for b in bounds)
    if east - west >= 360:
        west, east = -180.0, 180.0
    elif east > 180:
        west, east = (west - 360 if west > 180 else west), east - 360
    return [round(float(number), DECIMALS) for number in (west, south, east, north)]
