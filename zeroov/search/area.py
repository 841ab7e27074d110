"""Where in a scene: an area, a box or a point, as somebody gives it on the map or in pixels, in the scene's pixels."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.errors import UsageError, first_line
from zeroov.files.content import content_of
from zeroov.files.paths import expanded
from zeroov.frames import HW, XYXY, Float64
from zeroov.outputs.extras import need
from zeroov.outputs.found import SceneInfo
from zeroov.raster.part import Inside
from zeroov.raster.scene import Scene
from zeroov.types import Bool, Box, Window

Numbers = str | Sequence[float | str]
"""`x0,y0,x1,y1` or `x,y` in the scene's CRS; a last `EPSG` number names another one, a last `px` means pixels."""
Aoi = Numbers | os.PathLike[str]
PIXELS = "px"
EDGES = 32  # of a side of an area, whose straight lines are bent in another CRS
FORMS = "x0,y0,x1,y1 in the scene's CRS, x0,y0,x1,y1,4326 in that EPSG, or x0,y0,x1,y1,px in pixels"


@dataclass(frozen=True, eq=False)
class Area:
    """A part of a scene: the window around it in pixels, and its outline there, `None` where the window is all."""

    window: Window
    outline: Any = None

    @property
    def inside(self) -> Inside | None:
        """Which pixels lie in the outline."""
        if self.outline is None:
            return None
        features, rasterio = need("rasterio.features", "an area"), need("rasterio", "an area")

        def inside(window: Window, out_hw: HW) -> Bool:
            across, down = window.hw[1] / out_hw[1], window.hw[0] / out_hw[0]
            to_scene = rasterio.Affine(across, 0, window.x0, 0, down, window.y0)
            mask: Bool = features.geometry_mask([self.outline], out_hw, to_scene, invert=True)
            return mask

        return inside


def area_of(aoi: Aoi, scene: Scene) -> Area:
    """Return the part of a scene that an area on the map covers, or a polygon file in its own CRS.

    Straight edges are straight in the CRS in which the area is given. One that misses the scene is refused.
    """
    info = SceneInfo.of(scene)
    if path := _file_of(aoi):
        name = f"`{path}`"
        given, unit = _in_file(path)
        shape = _to_pixels(given, unit, info, name)
        bounds = shape.bounds
    else:
        numbers, unit = _numbers(aoi, 4, "an area", FORMS)
        name = _named("the area", numbers, unit)
        bounds, shape = _box_in_pixels(numbers, unit, info, name)
    window = _window(bounds, info, name, unit)
    is_window = shape is None or shape.equals(need("shapely", name).box(*bounds))
    return Area(window, None if is_window else shape)


def box_of(box: Numbers, scene: Scene) -> Box:
    """Return the box around one that somebody gave, in pixels of a scene; the part of it in the scene."""
    numbers, unit = _numbers(box, 4, "a box", FORMS)
    info, name = SceneInfo.of(scene), _named("the box", numbers, unit)
    clipped = frames.clip_box(_box_in_pixels(numbers, unit, info, name)[0], info.hw)
    if clipped is None:
        raise UsageError(_misses(name, info, unit))
    return clipped


def point_of(point: Numbers, scene: Scene) -> tuple[float, float]:
    """Return a point that somebody gave, in pixels of a scene."""
    numbers, unit = _numbers(point, 2, "a point", FORMS.replace("x0,y0,x1,y1", "x,y"))
    info, name = SceneInfo.of(scene), _named("the point", numbers, unit)
    ((x, y),) = _points_in_pixels(np.array([numbers]), unit, info, name).tolist()
    if not (0 <= x < info.hw[1] and 0 <= y < info.hw[0]):
        raise UsageError(_misses(name, info, unit))
    return x, y


def identity_of(aoi: Aoi) -> str:
    """Return what an area is, to be compared: its numbers as they are given, or a digest of its file."""
    if path := _file_of(aoi):
        return content_of([_existing(path)])
    return str(aoi) if isinstance(aoi, str | os.PathLike) else ",".join(map(str, aoi))


def _file_of(aoi: Aoi) -> Path | None:
    """Return the path of the file that an area is given by, also of one that is not there; `None` for numbers."""
    if isinstance(aoi, os.PathLike) or (isinstance(aoi, str) and not _is_numbers(aoi)):
        return expanded(aoi)
    return None


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"the area `{path}` is no file, and no numbers either: an area is a polygon file, {FORMS}")
    return path


def _is_numbers(text: str) -> bool:
    """Return whether a text is numbers, and no file's name."""
    parts = text.split(",")
    return len(parts) > 1 and not Path(text).exists() and _number(parts[0]) is not None


def _number(text: object) -> float | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numbers(given: Any, count: int, what: str, forms: str) -> tuple[list[float], str]:
    """Return `count` numbers and what follows them: "", "px" or "EPSG:n"."""
    parts = [part.strip() for part in given.split(",")] if isinstance(given, str) else list(given)
    numbers = [_number(part) for part in parts[:count]]
    unit = str(parts[count]).strip().lower().removeprefix("epsg:") if len(parts) == count + 1 else ""
    known = not unit or unit == PIXELS or unit.isdecimal()
    found = [number for number in numbers if number is not None]
    if len(found) != count or len(parts) > count + 1 or not known:
        raise UsageError(f"{what} is {forms}, got `{given}`")
    return found, f"EPSG:{unit}" if unit.isdecimal() else unit


def _named(what: str, numbers: Sequence[float], unit: str) -> str:
    return f"{what} {','.join([*(f'{number:.10g}' for number in numbers), *([unit] if unit else [])])}"


def _in_file(path: Path) -> tuple[Any, str]:
    """Return the polygons of a file, all together, and their CRS."""
    _existing(path)
    pyogrio, shapely = need("pyogrio", f"`{path}`"), need("shapely", f"`{path}`")
    try:
        meta, _, geometries, _ = pyogrio.raw.read(str(path), columns=[])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise UsageError(
            f"`{path}` cannot be read as polygons ({first_line(error)}); give a GeoJSON or GPKG"
        ) from error
    shapes = shapely.from_wkb(geometries)
    polygons = [shape for shape in shapely.get_parts(shapes) if shape.geom_type == "Polygon"]
    if not polygons:
        raise UsageError(f"`{path}` holds no polygon; an area is drawn with polygons")
    if not meta["crs"]:
        raise UsageError(f"`{path}` has no CRS; give it one (ogr2ogr -a_srs EPSG:32633 area.gpkg FILE)")
    return shapely.union_all(shapely.make_valid(polygons)), str(meta["crs"])


def _box_in_pixels(numbers: Sequence[float], unit: str, info: SceneInfo, name: str) -> tuple[XYXY, Any]:
    """Return the bounds in pixels of a box that somebody gave, and its outline, for it may be turned in the scene."""
    x0, y0, x1, y1 = numbers
    box = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    if unit == PIXELS:  # needs nothing of the extra `geo`
        return box, None
    shape = _to_pixels(need("shapely", name).box(*box), unit, info, name)
    return shape.bounds, shape


def _to_pixels(shape: Any, crs: str, info: SceneInfo, name: str) -> Any:
    """Return a polygon on the map, in a CRS ("": the scene's), in pixels of a scene."""
    shapely = need("shapely", name)
    x0, y0, x1, y1 = shape.bounds
    split = shapely.segmentize(shape, max(x1 - x0, y1 - y0, 1e-9) / EDGES) if crs else shape
    moved = shapely.transform(split, lambda points: _points_in_pixels(points, crs, info, name))
    return shapely.make_valid(moved)


def _points_in_pixels(points: Float64, unit: str, info: SceneInfo, name: str) -> Float64:
    """Return points in pixels of a scene; `unit` is a CRS, "" for the scene's own, or `px`."""
    if unit == PIXELS:
        return points
    if info.transform is None:
        raise UsageError(
            f"`{info.source}` has no georeference, so {name} has no place in it; numbers in pixels end in `,px`, as in "
            "10,20,300,400,px"
        )
    if unit and unit != info.crs:
        if info.crs is None:
            raise UsageError(
                f"`{info.source}` has no CRS, so {name} in {unit.partition('[')[0]} has no place in it; "
                f"give the scene one (gdal_edit.py -a_srs EPSG:32633 FILE), or give pixels, with `,px`"
            )
        pyproj = need("pyproj", name)
        try:
            moved = pyproj.Transformer.from_crs(unit, info.crs, always_xy=True).transform(*points.T)
        except pyproj.exceptions.ProjError as error:
            raise UsageError(
                f"nothing leads from {unit} to the CRS of `{info.source}` ({first_line(error)})"
            ) from error
        points = np.column_stack(moved)
        if not np.isfinite(points).all():
            raise UsageError(f"{name} has no place in the CRS of `{info.source}`; check its numbers, x before y")
    return frames.map_to_pixel(points, info.transform)


def _window(bounds: Sequence[float], info: SceneInfo, name: str, unit: str) -> Window:
    """Return the window of whole pixels around bounds, cut to the scene."""
    x0, y0, x1, y1 = bounds
    near = 1e-6  # of a pixel: an edge that was computed lies beside the pixels' own
    left, top = max(0, math.floor(x0 + near)), max(0, math.floor(y0 + near))
    right, bottom = min(info.hw[1], math.ceil(x1 - near)), min(info.hw[0], math.ceil(y1 - near))
    if left >= right or top >= bottom:
        raise UsageError(_misses(name, info, unit))
    return Window(left, top, right, bottom)


def _misses(name: str, info: SceneInfo, unit: str) -> str:
    """Return the error of what misses a scene, with what the scene covers in the CRS in which it was given."""
    height, width = info.hw
    where = f"{width} x {height} pixels"
    if info.transform and unit != PIXELS:
        corners = frames.pixel_to_map(frames.box_corners_xy(Box(0, 0, width, height)), info.transform)
        if unit and unit != info.crs and info.crs:
            pyproj = need("pyproj", name)
            corners = np.column_stack(pyproj.Transformer.from_crs(info.crs, unit, always_xy=True).transform(*corners.T))
        (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
        crs = (unit or info.crs or "no CRS").partition("[")[0]
        where = f"{where}, x {x0:.8g} to {x1:.8g} and y {y0:.8g} to {y1:.8g} in {crs}"
    return f"{name} misses `{info.source}`, which covers {where}; x comes before y, longitude before latitude"
