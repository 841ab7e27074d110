"""How large an object is on the ground: measured on the ellipsoid of WGS 84, whatever CRS the scene has."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import OutputError
from zeroov.frames import Float64
from zeroov.outputs.degrees import outlines, pixel_sides
from zeroov.outputs.extras import need
from zeroov.outputs.found import SceneInfo
from zeroov.outputs.polygons import each_on_map

ELLIPSOID = "WGS84"
MOST_EDGE_PIXELS = 100.0  # of a part of an edge, which is measured as the shortest way on the ellipsoid
LEAST_EDGES = 16  # along the scene's longer side, so that a part never spans half of the Earth
UNKNOWN: dict[str, float | None] = {"area_m2": None, "length_m": None}


def measured(in_pixels: Any, info: SceneInfo, projection: Any) -> dict[str, float | None]:
    """Return `area_m2`, in square metres, and `length_m`, in metres, of a polygon or multipolygon in scene pixels.

    The length is the longer side of the smallest rectangle, turned as it fits, around all parts. `projection` is
    `projection_of(info)`. Both are `None` where a part of the object lies where its CRS has no longitude and latitude.
    """
    return each_measured([in_pixels], [info], projection)[0]


def each_measured(
    in_pixels: Sequence[Any], infos: Sequence[SceneInfo], projection: Any
) -> list[dict[str, float | None]]:
    """Return what `measured` does of objects in scenes of one CRS; many cost less together than one by one."""
    shapely = need("shapely", "an area")
    longest = [min(MOST_EDGE_PIXELS, max(info.hw) / LEAST_EDGES) for info in infos]
    transforms = [info.transform for info in infos if info.transform]
    placed = each_on_map(shapely.segmentize(in_pixels, longest), transforms)
    parts, of_shape = shapely.get_parts(placed, return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    try:
        degrees, of_ring = outlines(rings, pixel_sides(transforms)[of_shape[of_part]], projection)
    except OutputError:
        if len(infos) == 1:
            return [dict(UNKNOWN)]
        alone = (each_measured([shape], [info], projection) for shape, info in zip(in_pixels, infos, strict=True))
        return [each for own in alone for each in own]
    geod = _geod()
    lines = np.split(degrees, np.flatnonzero(np.diff(of_ring)) + 1)
    areas = np.array([abs(geod.polygon_area_perimeter(*line.T)[0]) for line in lines])
    is_outside = np.diff(of_part, prepend=-1) > 0  # the first ring of each part; the others are holes
    of_line = of_shape[of_part]
    areas_m2 = np.bincount(of_line, np.where(is_outside, areas, -areas))
    of_point = of_line[of_ring]
    plane = _in_metres(degrees, of_point, geod)
    around = shapely.minimum_rotated_rectangle(shapely.multipoints(plane, indices=of_point))
    corners, of_corner = shapely.get_coordinates(around, return_index=True)
    sides, lengths_m = np.hypot(*np.diff(corners, axis=0).T), np.zeros(len(infos))
    own = of_corner[1:] == of_corner[:-1]
    np.maximum.at(lengths_m, of_corner[1:][own], sides[own])
    return [
        {"area_m2": area, "length_m": length}
        for area, length in zip(areas_m2.tolist(), lengths_m.tolist(), strict=True)
    ]


@functools.lru_cache(1)
def _geod() -> Any:
    return need("pyproj", "an area").Geod(ellps=ELLIPSOID)


def _in_metres(degrees: Float64, of_shape: NDArray[np.int64], geod: Any) -> Float64:
    """Return longitudes and latitudes in metres east and north of the middle of their shape.

    From the middle all distances are true.
    """
    longitudes, latitudes = np.radians(degrees.T)
    upright, count = np.cos(latitudes), np.bincount(of_shape)
    towards = (np.cos(longitudes) * upright, np.sin(longitudes) * upright, np.sin(latitudes))
    x, y, z = (np.bincount(of_shape, along) / count for along in towards)
    middles = np.degrees((np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))))[:, of_shape]
    azimuths, _, distances = geod.inv(*middles, *degrees.T)
    return np.column_stack((distances * np.sin(np.radians(azimuths)), distances * np.cos(np.radians(azimuths))))
