"""Make polygons of masks: exact outlines of pixels, in scene pixels or on the map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.errors import OutputError, UsageError
from zeroov.frames import Float64, Transform
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found
from zeroov.outputs.square import LEAST_TOLERANCE, squared
from zeroov.types import Box

MOSAIC, MOST_IN_A_MOSAIC = 2**20, 65_535  # pixels, and masks, whose outlines are looked for in one call
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
    return each_exact_polygons([found])[0]


def each_exact_polygons(founds: Sequence[Found]) -> list[Any]:
    """Return the exact outline of each found object's mask; many cost less together than one by one."""
    shapely = need("shapely", "a polygon")
    made: list[Any] = []
    for some in _mosaics(founds):
        points, lengths, of_part, of_found = [], [], [], []
        starts = np.cumsum([0, *(found.mask.shape[0] + 1 for found in some)])
        drawn = [(int(number) - 1, outline["coordinates"]) for outline, number in _shapes(some, starts)]
        for part, (number, rings) in enumerate(sorted(drawn, key=lambda each: each[0])):
            origin_xy = some[number].origin_xy - np.array((0, starts[number]))
            for ring in rings:
                points.append(np.asarray(ring) + origin_xy)
                lengths.append(len(ring))
                of_part.append(part)
            of_found.append(number)
        lines = shapely.linearrings(np.concatenate(points), indices=np.repeat(np.arange(len(lengths)), lengths))
        parts = np.split(shapely.polygons(lines, indices=of_part), np.flatnonzero(np.diff(of_found)) + 1)
        made += [own[0] if len(own) == 1 else shapely.MultiPolygon(list(own)) for own in parts]
    return made


def _mosaics(founds: Sequence[Found]) -> Iterator[list[Found]]:
    """Yield objects in groups whose masks, one below the other, are one picture of `MOSAIC` pixels at most, or one."""
    some: list[Found] = []
    height = width = 0
    for found in founds:
        wider, higher = max(width, found.mask.shape[1]), height + found.mask.shape[0] + 1
        if some and (wider * higher > MOSAIC or len(some) == MOST_IN_A_MOSAIC):
            yield some
            some, wider, higher = [], found.mask.shape[1], found.mask.shape[0] + 1
        some.append(found)
        width, height = wider, higher
    if some:
        yield some


def _shapes(founds: Sequence[Found], starts: NDArray[np.int64]) -> Iterator[tuple[dict[str, Any], float]]:
    """Yield the outlines of masks that stand below one another from the rows `starts`, and whose they are, from 1."""
    features = need("rasterio.features", "a polygon")
    width = max(found.mask.shape[1] for found in founds)
    drawn = np.zeros((starts[-1] - 1, width), np.min_scalar_type(len(founds)))
    for number, (found, start) in enumerate(zip(founds, starts[:-1], strict=True), start=1):
        height, own = found.mask.shape
        drawn[start : start + height, :own][found.mask] = number
    yield from features.shapes(drawn, mask=drawn > 0, connectivity=4)


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
    return each_on_map([geometry], [transform])[0]


def each_on_map(geometries: Sequence[Any], transforms: Sequence[Transform]) -> NDArray[np.object_]:
    """Return geometries in scene pixels in map coordinates, each by a transform of its own."""
    shapely = need("shapely", "a polygon")
    points, whose = shapely.get_coordinates(geometries, return_index=True)
    placed = frames.pixel_to_map(points, np.array(transforms, np.float64)[whose].T)
    moved: NDArray[np.object_] = shapely.set_coordinates(np.array(geometries, dtype=object), placed)
    return moved


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
