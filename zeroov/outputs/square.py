"""Outlines of right angles, as buildings have them on a map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zeroov.frames import Float64
from zeroov.outputs.extras import need

MOST_CHANGE = 0.1  # of the area: what changes more has no right angles, and keeps its outline
LEAST_TOLERANCE = 1.0  # pixels: the steps of an outline along pixels are no walls


def squared(exact: Any, simple: Any, tolerance: float) -> Any | None:
    """Return a polygon or multipolygon whose edges all run along one direction or across it, part by part.

    `simple` is a simplified copy of `exact`. `None` where no part of it is right-angled, or where the result would not
    be valid. A part keeps its simple outline where more than `MOST_CHANGE` of its area would change.
    """
    shapely = need("shapely", "a polygon")
    parts = [_part(part, exact, tolerance) for part in shapely.get_parts(simple)]
    if all(part is None for part in parts):
        return None
    whole = [part or old for part, old in zip(parts, shapely.get_parts(simple), strict=True)]
    shape = whole[0] if len(whole) == 1 else shapely.MultiPolygon(whole)
    return shape if shape.is_valid else None


def _part(simple: Any, exact: Any, tolerance: float) -> Any | None:
    """Return a polygon with right angles in the direction in which it changes least; `None` if it changes too much."""
    shapely = need("shapely", "a polygon")
    inside = shapely.intersection(exact, shapely.buffer(simple, tolerance))  # this part of what is squared, exactly
    best, least = None, MOST_CHANGE * simple.area
    for angle in _directions(simple):
        rings = [_ring(np.asarray(ring.coords), angle, tolerance) for ring in (simple.exterior, *simple.interiors)]
        if rings[0] is None:
            continue
        holes = [hole for hole in rings[1:] if hole is not None]
        holes = [hole for hole in holes if shapely.Polygon(hole).area > 0.99 * tolerance**2]  # else of noise
        shape = shapely.Polygon(rings[0], holes)
        if shape.is_valid and (change := shapely.symmetric_difference(shape, inside).area) <= least:
            best, least = shape, change
    return best


def _directions(polygon: Any) -> list[float]:
    """Return the angles that the walls of a building may have: that of most of its edges, and of its rectangle."""
    edges = np.diff(np.asarray(polygon.exterior.coords), axis=0)
    lengths, angles = np.hypot(*edges.T), np.arctan2(edges[:, 1], edges[:, 0])
    turned = (lengths**2 * np.exp(4j * angles)).sum()  # four directions are one: walls stand at right angles
    shapely = need("shapely", "a polygon")
    side = np.diff(shapely.get_coordinates(shapely.minimum_rotated_rectangle(polygon))[:2], axis=0)[0]
    return [float(np.angle(turned)) / 4, math.atan2(side[1], side[0])]


def _ring(points: Float64, angle: float, tolerance: float) -> Float64 | None:
    """Return a closed ring (n, 2) with each edge turned along `angle` or across it; `None` where nothing is left.

    Edges of one direction in a row become one wall, in their middle; walls shorter than `tolerance` go.
    """
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    points = points @ turn
    edges, middles = np.diff(points, axis=0), (points[1:] + points[:-1]) / 2
    walls: list[tuple[int, float, float]] = []  # which coordinate is constant, where, how long
    for edge, middle in zip(edges, middles, strict=True):
        constant = int(abs(edge[0]) >= abs(edge[1]))
        walls = _joined(walls, (constant, float(middle[constant]), float(abs(edge[1 - constant]))))
    if len(walls) > 1 and walls[0][0] == walls[-1][0]:
        walls = [*_joined(walls[-1:], walls[0]), *walls[1:-1]]
    while len(walls) > 4:
        lengths = [abs(walls[(at + 1) % len(walls)][1] - walls[at - 1][1]) for at in range(len(walls))]
        shortest = int(np.argmin(lengths))
        if lengths[shortest] >= tolerance:
            break
        walls = [*walls[shortest:], *walls[:shortest]]
        walls = [*walls[2:-1], *_joined(walls[-1:], walls[1])]
    if len(walls) < 4 or len(walls) % 2:
        return None
    corners = np.zeros((len(walls), 2))
    for at, (constant, place, _) in enumerate(walls):
        corners[at, constant], corners[at, 1 - constant] = place, walls[at - 1][1]
    closed: Float64 = np.vstack((corners, corners[:1])) @ turn.T
    return closed


def _joined(walls: list[tuple[int, float, float]], wall: tuple[int, float, float]) -> list[tuple[int, float, float]]:
    """Return walls with one more, which becomes one with the last where both run in one direction."""
    constant, place, length = wall
    if not walls or walls[-1][0] != constant:
        return [*walls, wall]
    _, before, weight = walls[-1]
    middle = (before * weight + place * length) / (weight + length) if weight + length else place
    return [*walls[:-1], (constant, middle, weight + length)]
