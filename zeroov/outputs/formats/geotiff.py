"""Write masks, numbers and scores as Cloud Optimized GeoTIFF on the scene's own grid, block by block."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zeroov.files import atomic
from zeroov.outputs import images
from zeroov.outputs.attributes import Provenance, layer_attributes
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found, SceneInfo
from zeroov.raster.geotiff import gdal_errors
from zeroov.types import Window

BLOCK = 512
NAME = "mask.tif"  # in GDAL's memory, a plain one whatever the file is called
CLOUD_OPTIMIZED = {
    "compress": "DEFLATE",
    "blocksize": str(BLOCK),
    "overview_resampling": "MODE",
    "sparse_ok": "YES",
    "bigtiff": "IF_SAFER",
}
NO_SCORE = -1  # GDAL makes overviews of NaN wrongly: 0 where nothing is
Values = Literal["mask", "instances", "scores"]
DESCRIPTIONS: dict[Values, str] = {"mask": "mask", "instances": "instance number", "scores": "score"}
MOST_NUMBERS = {"uint8": 255, "uint16": 65_535, "uint32": 2**32 - 1}


def write_raster(
    path: str | os.PathLike[str],
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    values: Values = "mask",
    expressions: Sequence[str] = (),
) -> None:
    """Write a raster on the scene's grid: where an object lies 1, or its number, 1 to n in their order, or its score.

    Everywhere else is nodata, which GIS programs show transparent: 0, of scores -1. Where objects overlap the first
    keeps its pixels. Without a georeference it is a plain TIFF. The tags say what was asked, `expressions`, and how it
    was made. It is a Cloud Optimized GeoTIFF: in an overview a pixel is an object's where any pixel below it is.

    GDAL makes the file in memory, compressed, for it does not say when a disk is full: what it wrote is read back, and
    then written like any other file. Only blocks with an object are drawn; the others take no room.
    """
    rasterio = need("rasterio", f"`{path}`")
    height, width = info.hw
    most = {"mask": 1, "instances": len(founds), "scores": 0}[values]
    dtype = "float32" if values == "scores" else next(name for name, number in MOST_NUMBERS.items() if most <= number)
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": dtype, "count": 1, "height": height, "width": width}
    profile |= {
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "nodata": NO_SCORE if values == "scores" else 0,
        "bigtiff": "IF_SAFER",
        "sparse_ok": True,
    }
    if info.transform:
        profile["transform"] = rasterio.Affine(*info.transform)
    info.require_inside(founds)
    about = layer_attributes(info, [found.expression for found in founds], provenance, expressions)
    tags = {name.upper(): str(value) for name, value in about.items()}
    try:
        with (
            gdal_errors(rasterio),
            warnings.catch_warnings(),
            rasterio.MemoryFile(filename=NAME) as first,
            rasterio.MemoryFile(filename=NAME) as memory,
        ):
            # a scene without a georeference gets a mask without one
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            drawn: dict[Window, int] = {}
            with first.open(crs=info.crs, **profile) as dataset:
                dataset.update_tags(**tags, TIFFTAG_SOFTWARE=f"zeroov {tags['ZEROOV_VERSION']}")
                dataset.set_band_description(1, DESCRIPTIONS[values])
                if values == "mask":
                    dataset.write_colormap(1, {0: (0, 0, 0, 0), 1: (*images.TINT_RGB, 255)})
                for block in _blocks(info.hw, founds):
                    numbers = _numbers(block, founds, dtype, values)
                    dataset.write(numbers, 1, window=_window(rasterio, block))
                    drawn[block] = zlib.crc32(numbers)
            # Of what is no nodata the most frequent value: so an object of one pixel is seen in each overview.
            need("rasterio.shutil", "a mask").copy(first.name, memory.name, driver="COG", **CLOUD_OPTIMIZED)
            beside = {**dict.fromkeys(atomic.SIDECARS), **_read_back(rasterio, memory, drawn)}
            atomic.write_atomically(path, memory.getbuffer(), beside=beside)
    except OSError as error:
        raise atomic.cannot_write(path, error) from error


def _read_back(rasterio: Any, memory: Any, drawn: Mapping[Window, int]) -> dict[str, bytes]:
    """Check every block that was drawn by its checksum; return the sidecar that GDAL wrote, if any, by its ending.

    A CRS that a GeoTIFF cannot hold goes into such a file.
    """
    for _, row in itertools.groupby(drawn.items(), key=lambda each: each[0][1]):
        with (
            memory.open() as dataset
        ):  # again for each row of blocks: until it is closed GDAL holds what was read of it
            for block, checksum in row:
                if zlib.crc32(dataset.read(1, window=_window(rasterio, block))) != checksum:
                    raise OSError(f"the block {block} that was read back is not what was drawn")
    with memory.open() as dataset:
        has_sidecar = f"{memory.name}.aux.xml" in dataset.files
    if not has_sidecar:
        return {}
    copy_files = need("rasterio.shutil", "a mask").copyfiles
    with tempfile.TemporaryDirectory(prefix="zeroov-") as folder:  # rasterio cannot read it out of GDAL's memory
        copy_files(memory.name, str(Path(folder) / NAME))
        sidecar = (Path(folder) / f"{NAME}.aux.xml").read_bytes()
    if not sidecar.rstrip().endswith(b"</PAMDataset>"):
        raise OSError("its .aux.xml is not whole; the temporary folder may be full")
    return {".aux.xml": sidecar}


def _window(rasterio: Any, block: Window) -> Any:
    x0, y0, x1, y1 = block
    return rasterio.windows.Window(x0, y0, x1 - x0, y1 - y0)


def _blocks(hw: tuple[int, int], founds: Sequence[Found]) -> list[Window]:
    """Return the blocks x0, y0, x1, y1 that any found object's window touches."""
    touched = set()
    for found in founds:
        x0, y0, x1, y1 = found.window_xyxy
        rows, columns = range(y0 // BLOCK, (y1 - 1) // BLOCK + 1), range(x0 // BLOCK, (x1 - 1) // BLOCK + 1)
        touched |= {(row, column) for row in rows for column in columns}
    return [
        Window(column * BLOCK, row * BLOCK, min((column + 1) * BLOCK, hw[1]), min((row + 1) * BLOCK, hw[0]))
        for row, column in sorted(touched)
    ]


def _numbers(block: Window, founds: Sequence[Found], dtype: str, values: Values) -> Any:
    """Draw the objects into one block."""
    x0, y0, x1, y1 = block
    drawn = np.full((y1 - y0, x1 - x0), NO_SCORE if values == "scores" else 0, dtype)
    free = np.ones(drawn.shape, np.bool_)
    for number, found in enumerate(founds, start=1):
        left, top, right, bottom = found.window_xyxy
        a, b, c, d = max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)
        if a < c and b < d:
            place = np.s_[b - y0 : d - y0, a - x0 : c - x0]
            own = found.mask[b - top : d - top, a - left : c - left] & free[place]
            drawn[place][own] = {"mask": 1, "instances": number, "scores": found.score}[values]
            free[place][own] = False
    return drawn
