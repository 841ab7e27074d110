"""What a client sees of a picture: a preview, tiles of its own grid or of the web's maps, and where its pixels lie."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.errors import OutputError, UsageError
from zeroov.mini.recognise import looks_drawn
from zeroov.outputs.degrees import projection_of
from zeroov.outputs.extras import need
from zeroov.outputs.found import SceneInfo
from zeroov.outputs.images import png
from zeroov.raster.scene import Scene
from zeroov.serve.refusal import RequestError
from zeroov.serve.store import Reader, Upload
from zeroov.types import Window

SIDE = 256  # of a tile, in pixels
MIDDLE = 512  # pixels a side by which a drawn scene is recognised
LARGEST = 4096  # longer side of a preview
MERCATOR = "EPSG:3857"
HALF_WORLD = 20_037_508.342789244  # metres from the middle of Web Mercator to its edge
DEEPEST = 24  # level of tiles
METRES_PER_DEGREE = 111_320.0  # of latitude


def levels_of(hw: tuple[int, int]) -> int:
    """Return how many levels of tiles a picture has: the last is its own size, each one before half of the next."""
    return 1 + max(0, math.ceil(math.log2(max(hw) / SIDE)))


def preview(reader: Reader, upload: Upload, most: int) -> bytes:
    """Return a picture as a PNG, reduced where its longer side has more than `most` pixels.

    What is not valid is transparent.
    """
    picture = reader.read(upload, lambda scene: scene.read(most=min(most, LARGEST), tolerant=True))
    if picture.valid is None:
        return png(picture.rgb)
    return png(np.dstack([picture.rgb, picture.valid * np.uint8(255)]))


def own_tile(reader: Reader, upload: Upload, z: int, x: int, y: int) -> bytes:
    """Return a tile of a picture's own grid; what lies beside the picture, or is not valid, is transparent."""
    height, width = upload.info.hw
    levels = levels_of(upload.info.hw)
    scale = 2 ** (levels - 1 - z) if 0 <= z < levels else 0
    side = SIDE * scale
    if not scale or x < 0 or y < 0 or x * side >= width or y * side >= height:
        raise RequestError(404, f"the picture has no tile {z}/{x}/{y}; it has {levels} levels", "", "no_tile")
    window = Window(x * side, y * side, min(width, (x + 1) * side), min(height, (y + 1) * side))
    most = math.ceil(max(window.hw) / scale)
    picture = reader.read(upload, lambda scene: scene.read(window, most, tolerant=True))
    tile = np.zeros((SIDE, SIDE, 4), np.uint8)
    rows, cols = picture.hw
    tile[:rows, :cols, :3] = picture.rgb[:SIDE, :SIDE]
    tile[:rows, :cols, 3] = 255 if picture.valid is None else picture.valid[:SIDE, :SIDE] * np.uint8(255)
    return png(tile)


def map_tile(reader: Reader, upload: Upload, z: int, x: int, y: int) -> bytes:
    """Return a tile of the web's maps (Web Mercator) with a picture where it lies, seen as everywhere else."""
    info = upload.info
    if info.transform is None or info.crs is None:
        raise RequestError(409, f"`{upload.name}` has no place on the map", "ask for its own tiles", "no_place")
    rasterio, warp = need("rasterio", "a tile of a map"), need("rasterio.warp", "a tile of a map")
    nowhere = RequestError(404, f"the picture does not reach the tile {z}/{x}/{y}", "", "no_tile")
    if not (0 <= z <= DEEPEST and 0 <= x < 2**z and 0 <= y < 2**z):
        raise nowhere
    side = 2 * HALF_WORLD / 2**z
    west, north = x * side - HALF_WORLD, HALF_WORLD - y * side
    try:
        bounds = warp.transform_bounds(MERCATOR, info.crs, west, north - side, west + side, north, densify_pts=21)
    except rasterio.errors.RasterioError as error:  # the tile has no place in the picture's system
        raise nowhere from error
    corners = np.array([(bounds[at], bounds[up]) for at in (0, 2) for up in (1, 3)])
    if not np.isfinite(corners).all():
        raise nowhere
    pixels = frames.map_to_pixel(corners, info.transform)
    (left, top), (right, bottom) = np.floor(pixels.min(axis=0)) - 2, np.ceil(pixels.max(axis=0)) + 2
    inside = frames.clip_box((left, top, right, bottom), info.hw)
    if inside is None:
        raise nowhere
    window = Window(*map(int, inside.xyxy))
    picture = reader.read(upload, lambda scene: scene.read(window, 2 * SIDE, tolerant=True))
    alpha = np.full(picture.hw, 255, np.uint8) if picture.valid is None else picture.valid * np.uint8(255)
    tile = np.zeros((4, SIDE, SIDE), np.uint8)
    assert picture.transform is not None
    warp.reproject(
        np.concatenate([picture.rgb, alpha[..., None]], axis=2).transpose(2, 0, 1),
        tile,
        src_transform=rasterio.Affine(*picture.transform),
        src_crs=info.crs,
        dst_transform=rasterio.Affine(side / SIDE, 0, west, 0, -side / SIDE, north),
        dst_crs=MERCATOR,
        resampling=warp.Resampling.bilinear,
    )
    return png(np.ascontiguousarray(tile.transpose(1, 2, 0)))


def about_place(info: SceneInfo) -> dict[str, Any] | None:
    """Return where a scene lies: its bounds in degrees, and how many metres a pixel has; `None` without a place."""
    if not info.is_on_map:
        return None
    height, width = info.hw
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    try:
        lonlat = in_degrees(info, corners)
        middle = in_degrees(info, np.array([(width / 2, height / 2), (width / 2 + 1, height / 2)]))
    except OutputError:
        return None
    if not np.isfinite(lonlat).all():
        return None
    (west, south), (east, north) = lonlat.min(axis=0).tolist(), lonlat.max(axis=0).tolist()
    across, down = (middle[1] - middle[0]) * (math.cos(math.radians(float(middle[0][1]))), 1.0)
    metres = float(math.hypot(across, down) * METRES_PER_DEGREE)
    return {"bounds_lonlat": [west, south, east, north], "metres_per_pixel": metres}


def in_degrees(info: SceneInfo, points: frames.Float64) -> frames.Float64:
    """Return points in pixels of a scene as longitude and latitude."""
    if info.transform is None or info.crs is None:
        raise UsageError(f"`{info.source}` has no place on the map")
    on_map = frames.pixel_to_map(points, info.transform)
    return np.column_stack(projection_of(info).transform(*on_map.T))


def places(info: SceneInfo, points: frames.Float64) -> dict[str, Any]:
    """Return where pixels lie: in the scene's own system, and in degrees."""
    if info.transform is None:
        raise RequestError(409, f"`{info.source}` has no place on the map", "", "no_place")
    lonlat: list[list[float] | None] = [None] * len(points)
    with contextlib.suppress(OutputError):  # a system of its own, from which nothing leads to degrees
        if info.crs:
            moved = in_degrees(info, points).tolist()
            lonlat = [[x, y] if math.isfinite(x) and math.isfinite(y) else None for x, y in moved]
    return {"xy": frames.pixel_to_map(points, info.transform).tolist(), "lonlat": lonlat}


def described(upload_name: str, scene: Scene, size: int, large: bool, id: str, drawn_only: bool) -> dict[str, Any]:
    """Return what is known of a picture, as its client reads it.

    With `drawn_only` models, which know the miniature world alone, that is also whether it is a scene of that world.
    """
    info = SceneInfo.of(scene)
    place = about_place(info)
    epsg = info.crs.removeprefix("EPSG:") if info.crs and info.crs.startswith("EPSG:") else None
    return {
        "id": id,
        "name": upload_name,
        "hw": list(info.hw),
        "crs": info.crs,
        "epsg": int(epsg) if epsg and epsg.isdecimal() else None,
        "transform": list(info.transform) if info.transform else None,
        "bands": list(info.bands),
        "large": large,
        "bytes": size,
        "tiles": {"size": SIDE, "levels": levels_of(info.hw)},
        "place": place and {"bounds_lonlat": place["bounds_lonlat"]},
        "metres_per_pixel": place and place["metres_per_pixel"],
        "nodata": has_nodata(scene),
        "drawn": is_drawn(scene) if drawn_only else None,
    }


def has_nodata(scene: Scene) -> bool:
    """Whether some pixels of a scene are not valid, as far as a reduced look at it shows."""
    return scene.read(most=SIDE, tolerant=True).valid is not None


def is_drawn(scene: Scene) -> bool:
    """Whether a scene is one of the miniature world, by the grain of its middle."""
    height, width = scene.hw
    top, left = max(0, height - MIDDLE) // 2, max(0, width - MIDDLE) // 2
    middle = Window(left, top, min(width, left + MIDDLE), min(height, top + MIDDLE))
    return looks_drawn(scene.read(middle, tolerant=True).rgb)


def name_of(path: Path | str) -> str:
    """Return a client's name for a file: its last part, without what a terminal or a page might take for more."""
    last = str(path).replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:120] or "upload"
