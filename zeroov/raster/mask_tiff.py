"""Write masks as GeoTIFF on the scene's own grid, block by block."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zeroov.raster import write
from zeroov.raster.attributes import Provenance, layer_attributes
from zeroov.raster.extras import need
from zeroov.raster.found import Found, SceneInfo
from zeroov.raster.geotiff import gdal_errors

BLOCK = 512
MOST_NUMBERS = {"uint8": 255, "uint16": 65_535, "uint32": 2**32 - 1}


def write_mask_tiff(
    path: str | os.PathLike[str],
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    instances: bool = False,
    expressions: Sequence[str] = (),
) -> None:
    """Write 1 where any found object lies, or with `instances` its number, 1 to n in their order; 0 elsewhere.

    0 is declared as nodata, so that GIS programs show it transparent. Where objects overlap the first keeps its pixels.
    Without a georeference it is a plain TIFF. Only blocks with an object are drawn; GDAL fills in the others. The tags
    say what was asked, `expressions`, and how it was made.
    """
    rasterio = need("rasterio", f"`{path}`")
    height, width = info.hw
    most = len(founds) if instances else 1
    dtype = next(dtype for dtype, number in MOST_NUMBERS.items() if most <= number)
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": dtype, "count": 1, "height": height, "width": width}
    profile |= {
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "nodata": 0,
        "bigtiff": "IF_SAFER",
    }
    if info.transform:
        profile["transform"] = rasterio.Affine(*info.transform)
    info.require_inside(founds)
    with (
        write.replacing(path) as beside,
        gdal_errors(rasterio),
        _opened(rasterio, beside, crs=info.crs, **profile) as dataset,
    ):
        told = layer_attributes(info, founds, provenance, expressions)
        tags = {name.upper(): str(value) for name, value in told.items()}
        dataset.update_tags(**tags, TIFFTAG_SOFTWARE=f"zeroov {tags['ZEROOV_VERSION']}")
        dataset.set_band_description(1, "instance number" if instances else "mask")
        if not instances:
            dataset.write_colormap(1, {0: (0, 0, 0, 0), 1: (*write.TINT_RGB, 255)})
        for x0, y0, x1, y1 in _blocks(info.hw, founds):
            window = rasterio.windows.Window(x0, y0, x1 - x0, y1 - y0)
            dataset.write(_numbers((x0, y0, x1, y1), founds, dtype, instances), 1, window=window)


def _blocks(hw: tuple[int, int], founds: Sequence[Found]) -> list[tuple[int, int, int, int]]:
    """Return the blocks x0, y0, x1, y1 that any found object's window touches."""
    touched = set()
    for found in founds:
        x0, y0, x1, y1 = found.window_xyxy
        rows, columns = range(y0 // BLOCK, (y1 - 1) // BLOCK + 1), range(x0 // BLOCK, (x1 - 1) // BLOCK + 1)
        touched |= {(row, column) for row in rows for column in columns}
    return [
        (column * BLOCK, row * BLOCK, min((column + 1) * BLOCK, hw[1]), min((row + 1) * BLOCK, hw[0]))
        for row, column in sorted(touched)
    ]


def _numbers(block: tuple[int, int, int, int], founds: Sequence[Found], dtype: str, instances: bool) -> Any:
    """Draw the objects into one block."""
    x0, y0, x1, y1 = block
    drawn = np.zeros((y1 - y0, x1 - x0), dtype)
    for number, found in enumerate(founds, start=1):
        left, top, right, bottom = found.window_xyxy
        a, b, c, d = max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)
        if a < c and b < d:
            part = drawn[b - y0 : d - y0, a - x0 : c - x0]
            part[found.mask[b - top : d - top, a - left : c - left] & (part == 0)] = number if instances else 1
    return drawn


@contextlib.contextmanager
def _opened(rasterio: Any, path: os.PathLike[str], **profile: Any) -> Iterator[Any]:
    with warnings.catch_warnings():  # a scene without a georeference gets a mask without one
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as dataset:
            yield dataset
