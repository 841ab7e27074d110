"""Where a raster lies on the ground: an affine that is right, none at all, or a refusal that says what to type."""

from __future__ import annotations

import logging
import math
import shlex
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.errors import PictureError
from zeroov.frames import Transform
from zeroov.raster.quiet import quiet

IDENTITY: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
MOST_GCP_PIXELS = 1.0  # that any ground control point may lie off the affine that is fitted to all
FEWEST_GCPS = 3
PIXELS_ONLY = "or open it without its georeference for answers in pixels"

logger = logging.getLogger(__name__)


class MisplacedError(PictureError):
    """Where an image lies on the map cannot be said by an affine; its pixels can be read all the same."""


def place(dataset: Any, name: str) -> tuple[Any, Transform | None]:
    """Return the CRS (rasterio's, or `None`) and the transform (or `None`) of an open rasterio dataset.

    Pixel-is-point rasters are shifted by half a pixel by GDAL, so a transform always refers to pixel edges. Rotated
    and south-up transforms are as good as any. The identity says nothing and becomes `None`.
    """
    transform = stored_transform(dataset)
    if transform is None:
        points, crs = dataset.gcps
        if points:
            return crs, _fitted(points, name)
        if dataset.rpcs:
            raise MisplacedError(
                f"`{name}` is placed by RPCs only, which no affine can follow; rectify it first: "
                f"gdalwarp -rpc {_files(name)} (with -to RPC_DEM=dem.tif in hilly ground), {PIXELS_ONLY}"
            )
        return dataset.crs or None, None
    a, b, _, d, e, _ = transform
    if not all(map(math.isfinite, transform)) or a * e == b * d:
        raise MisplacedError(
            f"`{name}` has the transform {transform}, which lays all its pixels on one line; set the right corners: "
            f"gdal_edit.py -a_ullr ULX ULY LRX LRY {shlex.quote(name)}, {PIXELS_ONLY}"
        )
    if dataset.rpcs:
        logger.warning("%s: holds RPCs beside its transform; only the transform is used", name)
    return dataset.crs or None, transform


def has_place(dataset: Any) -> bool:
    """Whether anything lays the rows and columns of a dataset on the map, also what `place` refuses."""
    return bool(stored_transform(dataset) or dataset.gcps[0] or dataset.rpcs)


def stored_transform(dataset: Any) -> Transform | None:
    """Return the affine that a dataset holds; `None` where it has none, or the identity, which says nothing."""
    from rasterio import Affine
    from rasterio.errors import NotGeoreferencedWarning

    with quiet.catching(NotGeoreferencedWarning) as caught:
        transform = affine(Affine.from_gdal(*dataset.read_transform()))
    missing = any(issubclass(warning.category, NotGeoreferencedWarning) for warning in caught)  # then it is any numbers
    return None if missing or transform == IDENTITY else transform


def crs_text(crs: Any) -> str | None:
    """Return a rasterio CRS, or what is text already, as "EPSG:n" where it is exactly that one, else as WKT.

    GDAL names the number of a CRS that is only like it, and ignores a datum shift where it compares two.
    """
    if not crs or isinstance(crs, str):
        return crs or None
    epsg, wkt = crs.to_epsg(), str(crs.to_wkt())
    return f"EPSG:{epsg}" if epsg and type(crs).from_epsg(epsg) == crs and "TOWGS84" not in wkt else wkt


def _fitted(points: list[Any], name: str) -> Transform:
    """Fit an affine to ground control points; refuse where one of them lies further off than `MOST_GCP_PIXELS`."""
    from rasterio.transform import from_gcps

    if len(points) < FEWEST_GCPS:
        raise MisplacedError(
            f"`{name}` has {len(points)} ground control points, at least {FEWEST_GCPS} are needed; "
            f"add some in QGIS's georeferencer, {PIXELS_ONLY}"
        )
    transform = affine(from_gcps(points))
    a, b, _, d, e, _ = transform
    off = math.inf
    if a * e != b * d:
        on_map = np.array([(point.x, point.y) for point in points])
        in_pixels = np.array([(point.col, point.row) for point in points])
        off = float(np.linalg.norm(frames.map_to_pixel(on_map, transform) - in_pixels, axis=1).max())
    if not off <= MOST_GCP_PIXELS:
        raise MisplacedError(
            f"`{name}` is placed by {len(points)} ground control points, and one lies {off:.1f} pixels off the best "
            f"affine (at most {MOST_GCP_PIXELS:g} is taken); rectify it first: "
            f"gdalwarp -tps -r bilinear {_files(name)}, {PIXELS_ONLY}"
        )
    return transform


def affine(transform: Any) -> Transform:
    """Return the six numbers of a rasterio `Affine`."""
    a, b, c, d, e, f = (float(number) for number in tuple(transform)[:6])
    return a, b, c, d, e, f


def _files(name: str) -> str:
    """Return the input and output of a command that rectifies a file."""
    stem = name.rpartition(".")[0] or name
    return f"{shlex.quote(name)} {shlex.quote(stem + '_rectified.tif')}"
