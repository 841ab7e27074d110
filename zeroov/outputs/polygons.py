"""Make polygons of masks: exact outlines of pixels, in scene pixels or on the map."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroov import frames
from zeroov.errors import OutputError, UsageError
from zeroov.frames import Float64, Transform
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found
from zeroov.outputs.square import LEAST_TOLERANCE, squared
from zeroov.types import Box

RING_CHANGE = 0.25  # of a ring's area by simplifying: within a tolerance of one pixel a pixel would be a triangle


def polygons(found: Found, tolerance: float = 0.0, square: bool = False) -> Any:
    """Return the shapely Polygon or MultiPolygon of a found object's mask, in scene pixels.

    Pixels belong together along edges, not across corners (4-connected): what touches at a corner only is two parts of
    one MultiPolygon, and a hole may touch the outside at a corner. So the result is valid, keeps its holes, and its
    area is the mask's number of pixels exactly. With a `tolerance` in pixels vertices are left out as long as no part
    of the outline moves further than that; where that would make the result invalid it is left exact, and so is each
    ring, of a part or of a hole, whose area would change by more than `RING_CHANGE`.

    With `square` each part whose walls stand at right angles gets straight ones: all edges run along one direction or
    across it, in pixels. The others are only simplified.
    """
    return reshaped(exact_polygons(found), tolerance, square)


def exact_polygons(found: Found) -> Any:
    """Return the exact outline of a found object's mask, in scene pixels; `polygons` says what it is like."""
    shapely, rasterio = need("shapely", "a polygon"), need("rasterio", "a polygon")
    features = need("rasterio.features", "a polygon")
    at_origin = rasterio.Affine(1, 0, found.origin_xy[0], 0, 1, found.origin_xy[1])
    outlines = features.shapes(found.mask.astype(np.uint8), mask=found.mask, connectivity=4, transform=at_origin)
    parts = [shapely.Polygon(rings[0], rings[1:]) for rings in (outline["coordinates"] for outline, _ in outlines)]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def outline_or_none(found: Found) -> dict[str, Any] | None:
    """Return a found object's outline as a GeoJSON geometry in scene pixels; `None` without the extra `geo`."""
    try:
        geometry: dict[str, Any] = need("shapely", "a polygon").geometry.mapping(polygons(found))
    except OutputError:
        return None
    return geometry


def reshaped(exact: Any, tolerance: float = 0.0, square: bool = False) -> Any:
    """Return an exact outline with fewer vertices, or squared, as `polygons` does it."""
    if not tolerance >= 0:
        raise UsageError(f"a tolerance is a number of pixels from 0 up, got {tolerance}")
    shapely = need("shapely", "a polygon")
    simple = _simplified(shapely, exact, tolerance)
    if square:
        least = max(tolerance, LEAST_TOLERANCE)
        return squared(exact, _simplified(shapely, exact, least), least) or simple
    return simple


def _simplified(shapely: Any, exact: Any, tolerance: float) -> Any:
    """Return a polygon with fewer vertices, all of it within `tolerance`; the same where that would not be valid."""
    # GEOS drops the first vertex of a ring after all others, so that an outline may move twice as far as was allowed.
    for allowed in (tolerance, tolerance / 2) if tolerance else ():
        simple = _with_small_rings(shapely, exact, shapely.simplify(exact, allowed, preserve_topology=True))
        if simple.is_valid and not simple.is_empty and _is_near(shapely, exact, simple, tolerance):
            return simple
    return exact


def _with_small_rings(shapely: Any, exact: Any, simple: Any) -> Any:
    """Return a simplified polygon in which a ring that lost or won much of its area, as small ones do, is exact."""
    rings, of_part = shapely.get_rings(shapely.get_parts(simple), return_index=True)
    before = shapely.get_rings(shapely.get_parts(exact))
    old, new = shapely.area(shapely.polygons(before)), shapely.area(shapely.polygons(rings))
    changed = np.abs(new - old) > RING_CHANGE * old
    if not changed.any():
        return simple
    of_parts = np.split(np.where(changed, before, rings), np.flatnonzero(np.diff(of_part)) + 1)
    parts = [shapely.Polygon(outside, holes) for outside, *holes in of_parts]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _is_near(shapely: Any, exact: Any, simple: Any, tolerance: float) -> bool:
    """Return whether every vertex of a polygon lies within `tolerance` of another one's outline."""
    outline = shapely.boundary(simple)
    shapely.prepare(outline)
    return bool(shapely.dwithin(outline, shapely.points(shapely.get_coordinates(exact)), tolerance + 1e-9).all())


def box_polygon(box: Box) -> Any:
    """Return the shapely Polygon of a box, in scene pixels."""
    return need("shapely", "a polygon").Polygon(frames.box_corners_xy(box))


def on_map(geometry: Any, transform: Transform) -> Any:
    """Return a geometry in scene pixels in map coordinates."""
    return need("shapely", "a polygon").transform(geometry, lambda points: frames.pixel_to_map(points, transform))


def one_ring(geometry: Any) -> Float64:
    """Return a polygon of any parts and holes as one ring (n, 2), for formats that know nothing else.

    From the first point of the first outline a bridge of no width leads to each further ring and back. Holes run
    against outlines, so the ring covers the same pixels by either rule of filling.
    """
    shapely = need("shapely", "a polygon")
    parts = [shapely.geometry.polygon.orient(part) for part in getattr(geometry, "geoms", [geometry])]
    rings = [np.asarray(ring.coords) for part in parts for ring in (part.exterior, *part.interiors)]
    if len(rings) == 1:
        return np.asarray(rings[0][:-1])
    return np.concatenate([rings[0], *(points for ring in rings[1:] for points in (ring, rings[0][:1]))])[:-1]
