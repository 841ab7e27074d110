"""How large an object is on the ground: measured on the ellipsoid of WGS 84, whatever CRS the scene has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zeroov.errors import OutputError
from zeroov.frames import Float64
from zeroov.outputs.degrees import outlines
from zeroov.outputs.extras import need
from zeroov.outputs.found import SceneInfo
from zeroov.outputs.polygons import on_map

ELLIPSOID = "WGS84"
MOST_EDGE_PIXELS = 100.0  # of a part of an edge, which is measured as the shortest way on the ellipsoid
LEAST_EDGES = 16  # along the scene's longer side, so that a part never spans half of the Earth
UNKNOWN: dict[str, float | None] = {"area_m2": None, "length_m": None}


def measured(in_pixels: Any, info: SceneInfo, projection: Any) -> dict[str, float | None]:
    """Return `area_m2`, in square metres, and `length_m`, in metres, of a polygon or multipolygon in scene pixels.

    The length is the longer side of the smallest rectangle, turned as it fits, around all parts. `projection` is
    `projection_of(info)`. Both are `None` where a part of the object lies where its CRS has no longitude and latitude.
    """
    shapely, pyproj = need("shapely", "an area"), need("pyproj", "an area")
    assert info.transform is not None
    geod = pyproj.Geod(ellps=ELLIPSOID)
    longest = min(MOST_EDGE_PIXELS, max(info.hw) / LEAST_EDGES)
    parts = shapely.get_parts(on_map(shapely.segmentize(in_pixels, longest), info.transform))
    rings, of_part = shapely.get_rings(parts, return_index=True)
    a, b, _, d, e, _ = info.transform
    try:
        in_degrees = outlines(rings, math.sqrt(abs(a * e - b * d)), projection)
    except OutputError:
        return dict(UNKNOWN)
    areas = np.array([abs(geod.polygon_area_perimeter(*ring.T)[0]) for ring in in_degrees])
    is_outside = np.diff(of_part, prepend=-1) > 0  # the first ring of each part; the others are holes
    plane = _in_metres(np.concatenate(in_degrees), geod)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shapely.MultiPoint(plane)))
    sides = np.hypot(*np.diff(corners, axis=0).T)
    return {"area_m2": float(areas[is_outside].sum() - areas[~is_outside].sum()), "length_m": float(sides.max())}


def _in_metres(degrees: Float64, geod: Any) -> Float64:
    """Return longitudes and latitudes in metres east and north of their middle, from where all distances are true."""
    longitudes, latitudes = np.radians(degrees.T)
    upright = np.cos(latitudes)
    x, y, z = (np.cos(longitudes) * upright).mean(), (np.sin(longitudes) * upright).mean(), np.sin(latitudes).mean()
    middle = np.degrees((math.atan2(y, x), math.atan2(z, math.hypot(x, y))))
    starts = np.broadcast_to(middle, degrees.shape)
    azimuths, _, distances = geod.inv(*starts.T, *degrees.T)
    return np.column_stack((distances * np.sin(np.radians(azimuths)), distances * np.cos(np.radians(azimuths))))
