"""Write masks as GeoTIFF on the scene's own grid, block by block."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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

    GDAL makes the file in memory, compressed, for it does not say when a disk is full: what it wrote is read back, and
    then written like any other file.
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
    about = layer_attributes(info, founds, provenance, expressions)
    tags = {name.upper(): str(value) for name, value in about.items()}
    try:
        with gdal_errors(rasterio), warnings.catch_warnings(), rasterio.MemoryFile(filename=NAME) as memory:
            # a scene without a georeference gets a mask without one
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            drawn: dict[Window, int] = {}
            with memory.open(crs=info.crs, **profile) as dataset:
                dataset.update_tags(**tags, TIFFTAG_SOFTWARE=f"zeroov {tags['ZEROOV_VERSION']}")
                dataset.set_band_description(1, "instance number" if instances else "mask")
                if not instances:
                    dataset.write_colormap(1, {0: (0, 0, 0, 0), 1: (*images.TINT_RGB, 255)})
                for block in _blocks(info.hw, founds):
                    numbers = _numbers(block, founds, dtype, instances)
                    dataset.write(numbers, 1, window=_window(rasterio, block))
                    drawn[block] = zlib.crc32(numbers)
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


def _numbers(block: Window, founds: Sequence[Found], dtype: str, instances: bool) -> Any:
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
