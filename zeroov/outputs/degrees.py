"""Polygons of a scene in longitude and latitude, whatever its CRS: cut at the antimeridian, closed over a pole.

PyPI's `antimeridian` 0.4.9 was tried instead. Of 780 masks around poles, the antimeridian and the whole Earth, it made
181 wrong shapes and 18 errors; this makes none, and `outlines` would be needed either way.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import OutputError, first_line
from zeroov.frames import Float64, Transform
from zeroov.outputs.extras import need
from zeroov.outputs.found import SceneInfo
from zeroov.outputs.polygons import each_on_map

KEEP_CRS = "write gpkg, which keeps the CRS"
DECIMALS = 7  # of a degree, a centimetre
# A straight line of the scene is none in degrees: an edge is split until its quarters lie this near to their places.
MOST_BEND_PIXELS = 0.01
QUARTERS = (0.25, 0.5, 0.75)  # the middle alone says nothing of an edge that bends one way, then the other
HALVINGS = 40  # of an edge that leads to a pole, where longitudes jump
Bounds = tuple[float, float, float, float]


def in_degrees(in_pixels: Any, transform: Transform, projection: Any) -> Any:
    """Return a polygon or multipolygon in scene pixels as a valid one in longitude and latitude, -180 to 180.

    `projection` is pyproj's, from the scene's CRS to WGS 84. Outlines run counterclockwise.
    """
    return each_in_degrees([in_pixels], [transform], projection)[0]


def each_in_degrees(in_pixels: Sequence[Any], transforms: Sequence[Transform], projection: Any) -> list[Any]:
    """Return polygons or multipolygons of scenes of one CRS in longitude and latitude, as `in_degrees` does it.

    Many cost less together than one by one. One that has no place there is an error of them all.
    """
    shapely = need("shapely", "GeoJSON")
    parts, of_shape = shapely.get_parts(each_on_map(in_pixels, transforms), return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    regions = _regions(*outlines(rings, pixel_sides(transforms)[of_shape[of_part]], projection))

    inside = shapely.get_coordinates(shapely.point_on_surface(shapely.polygons(rings)))
    longitudes, latitudes = projection.transform(*inside.T)
    # The outline of what lies around the other pole, or around both, is also that of all the rest.
    turned = ~shapely.intersects_xy(regions, (longitudes + 180) % 360 - 180, latitudes)
    regions[turned] = shapely.difference(shapely.box(-180, -90, 180, 90), regions[turned])

    first = np.flatnonzero(np.diff(of_part, prepend=-1))
    outsides, counts = regions[first], np.diff([*first, len(regions)])
    for part in np.flatnonzero(counts > 1):
        holes = regions[first[part] + 1 : first[part] + counts[part]]
        outsides[part] = shapely.difference(outsides[part], shapely.union_all(holes))
    return _rounded(outsides, of_shape, len(in_pixels))


def pixel_sides(transforms: Sequence[Transform]) -> Float64:
    """Return the side of a pixel of each scene, in units of its map."""
    a, b, _, d, e, _ = np.array(transforms, np.float64).T
    sides: Float64 = np.sqrt(np.abs(a * e - b * d))
    return sides


def projection_of(info: SceneInfo) -> Any:
    """Return pyproj's transformer from a scene's CRS to longitude and latitude in WGS 84."""
    if why := why_no_projection(info):
        raise OutputError(f"{why}; {KEEP_CRS}")
    return _transformer(info.crs)


def projection_or_none(info: SceneInfo) -> Any:
    """Return `projection_of` a scene, or `None` where there is none: then nothing can be measured on the ground."""
    try:
        return projection_of(info) if info.is_on_map else None
    except OutputError:
        return None


def why_no_projection(info: SceneInfo) -> str:
    """Say why nothing leads from a scene's CRS to longitude and latitude; "" where something does."""
    pyproj = need("pyproj", "GeoJSON")
    try:
        _transformer(info.crs)
    except pyproj.exceptions.ProjError as error:
        return (
            f"nothing is known that leads from the CRS of `{info.source}` to longitude and latitude "
            f"({first_line(error)})"
        )
    return ""


@functools.lru_cache(16)
def _transformer(crs: str | None) -> Any:
    """Return the transformer of a CRS, which takes longer to make than most objects take to be placed."""
    return need("pyproj", "GeoJSON").Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def bounds_in_degrees(geometries: list[Any]) -> Bounds:
    """Return west, south, east and north; west is the larger number where the antimeridian lies between them."""
    shapely = need("shapely", "GeoJSON")
    return joined_bounds(shapely.bounds(shapely.get_parts(geometries)))


def joined_bounds(bounds: Float64) -> Bounds:
    """Return the bounds of parts (n, 4) together; west is the larger number where the antimeridian is between them."""
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    if (west, east) == (-180, 180):
        ordered = bounds[bounds[:, 0].argsort()]
        reached = np.maximum.accumulate(ordered[:-1, 2])
        gaps = ordered[1:, 0] - reached
        if len(gaps) and gaps.max() > 0:
            west, east = ordered[1:, 0][gaps.argmax()], reached[gaps.argmax()]
    return float(west), float(south), float(east), float(north)


def outlines(rings: Any, pixels: Float64, projection: Any) -> tuple[Float64, NDArray[np.int64]]:
    """Return the points of rings in map coordinates as longitudes and latitudes, and of which ring each is.

    A ring has no jumps of 360 degrees. An edge that bends by more than `MOST_BEND_PIXELS` gets points in between;
    `pixels` are the sides of a pixel on the map, one for each ring.
    """
    shapely = need("shapely", "GeoJSON")
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    degrees = _degrees(points, projection)
    first = np.flatnonzero(of_ring[1:] == of_ring[:-1])  # of each edge that is still to be looked at
    for _ in range(HALVINGS):
        edges, step = points[first + 1] - points[first], _turn(degrees[first + 1] - degrees[first])
        lengths, bent = np.hypot(*edges.T) / pixels[of_ring[first]], np.zeros(len(first), np.bool_)
        truly = {share: _degrees(points[first] + share * edges, projection) for share in QUARTERS}
        for share, placed in truly.items():
            shrunk = np.column_stack((np.cos(np.radians(placed[:, 1])), np.ones(len(placed))))  # of a degree eastwards
            bend = np.hypot(*(shrunk * _turn(degrees[first] + share * step - placed)).T)
            bent |= bend * lengths > MOST_BEND_PIXELS * np.hypot(*(shrunk * step).T)
        if not bent.any():
            break
        at = first[bent] + 1
        middles = (points[first] + 0.5 * edges)[bent]
        points, of_ring = np.insert(points, at, middles, axis=0), np.insert(of_ring, at, of_ring[at])
        degrees = np.insert(degrees, at, truly[0.5][bent], axis=0)
        added = at + np.arange(len(at))
        first = np.concatenate((added - 1, added))
        first.sort()
    jumps = np.round(np.diff(degrees[:, 0], prepend=0.0) / 360)
    starts = np.flatnonzero(np.diff(of_ring, prepend=-1))
    jumps[starts] = 0
    turns = np.cumsum(jumps)
    turns -= turns[starts][of_ring]
    # A pixel whose centre lies on a pole reaches beyond it by half its height.
    return np.column_stack((degrees[:, 0] - 360 * turns, np.clip(degrees[:, 1], -90, 90))), of_ring


def _degrees(points: Float64, projection: Any) -> Float64:
    degrees = np.column_stack(projection.transform(*points.T))
    if not np.isfinite(degrees).all():
        raise OutputError("a part of it lies where its CRS has no longitude and latitude")
    return degrees


def _turn(differences: Float64) -> Float64:
    """Return differences of longitude and latitude with the longitudes' brought between -180 and 180."""
    return np.column_stack(((differences[:, 0] + 180) % 360 - 180, differences[:, 1]))


def _regions(points: Float64, of_ring: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return what lies inside each outline, between -180 and 180."""
    shapely = need("shapely", "GeoJSON")
    starts = np.flatnonzero(np.diff(of_ring, prepend=-1))
    longitudes = points[:, 0]
    around = longitudes[[*(starts[1:] - 1), -1]] - longitudes[starts]
    plain = (np.minimum.reduceat(longitudes, starts) >= -180) & (np.maximum.reduceat(longitudes, starts) <= 180)
    plain &= np.abs(around) <= 180
    regions = np.empty(len(starts), dtype=object)
    if plain.any():
        of_plain = plain[of_ring]
        numbers = (np.cumsum(plain) - 1)[of_ring[of_plain]]
        regions[plain] = shapely.make_valid(shapely.polygons(shapely.linearrings(points[of_plain], indices=numbers)))
    for number in np.flatnonzero(~plain):
        regions[number] = _wrapped(_over_pole(points[of_ring == number]))
    return regions


def _over_pole(outline: Float64) -> Any:
    """Return what lies inside an outline; one that goes around the Earth is closed over the north pole."""
    shapely = need("shapely", "GeoJSON")
    once = outline[-1, 0] - outline[0, 0]
    if abs(once) > 180:
        top = int(outline[:, 1].argmax())  # from here nothing of the outline lies on the way to the pole
        outline = np.concatenate((outline[top:], outline[1 : top + 1] + np.array((once, 0))))
        outline = np.concatenate((outline, [(outline[-1, 0], 90), (outline[0, 0], 90)]))
    return shapely.make_valid(shapely.Polygon(outline))


def _wrapped(shape: Any) -> Any:
    """Cut a shape at the antimeridian and put the pieces between -180 and 180."""
    shapely = need("shapely", "GeoJSON")
    west, _, east, _ = shape.bounds
    turns = range(math.floor((west + 180) / 360), math.ceil((east + 180) / 360))
    pieces = []
    for turn in turns:
        window = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
        piece = shape if len(turns) == 1 else shapely.intersection(shape, window)
        pieces.append(shapely.affinity.translate(piece, xoff=-360 * turn) if turn else piece)
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def _rounded(parts: NDArray[np.object_], of_shape: NDArray[np.int64], count: int) -> list[Any]:
    """Join the parts of each of `count` shapes, round them, and turn their outlines counterclockwise."""
    shapely = need("shapely", "GeoJSON")
    first = np.flatnonzero(np.diff(of_shape, prepend=-1))
    joined = shapely.union_all(parts[first][:, None], axis=1)
    for shape in np.flatnonzero(np.bincount(of_shape) > 1):
        joined[shape] = shapely.union_all(parts[of_shape == shape])
    rounded = shapely.set_precision(joined, 10.0**-DECIMALS)  # stays valid, unlike rounding number by number
    whole = ~shapely.is_empty(rounded)  # as it would be of pixels below a centimetre
    joined[whole] = shapely.transform(rounded[whole], lambda points: np.round(points, DECIMALS))
    some, of_joined = shapely.get_parts(joined, return_index=True)
    flat, of_some = shapely.get_parts(some, return_index=True)
    shapes: list[list[Any]] = [[] for _ in range(count)]
    right = shapely.is_ccw(shapely.get_exterior_ring(flat)) & (shapely.get_num_interior_rings(flat) == 0)
    for part, shape, is_right in zip(flat, of_joined[of_some], right, strict=True):
        if part.geom_type == "Polygon":
            shapes[shape].append(part if is_right else shapely.geometry.polygon.orient(part))
    return [own[0] if len(own) == 1 else shapely.MultiPolygon(own) for own in shapes]
