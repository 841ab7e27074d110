"""Small image files of every kind, to be opened as they are or with faults."""

from __future__ import annotations

import functools
import io
import warnings
from random import Random
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC

UTM = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)
FORMATS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "png": (("L", "LA", "RGB", "RGBA", "P", "1", "I;16"), {}),
    "jpg": (("L", "RGB", "CMYK"), {"quality": 60}),
    "webp": (("RGB", "RGBA"), {"lossless": True}),
    "gif": (("L", "P", "RGB"), {}),
    "bmp": (("L", "RGB", "P", "1"), {}),
    "avif": (("RGB", "RGBA"), {}),
    "jp2": (("L", "RGB", "RGBA"), {"no_jp2": False}),
    "tif": (("L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "LAB"), {}),
    "ppm": (("L", "RGB", "1"), {}),
    "tga": (("L", "RGB", "RGBA", "P"), {}),
    "pcx": (("L", "RGB", "P"), {}),
    "ico": (("RGBA",), {}),
    "sgi": (("L", "RGB", "RGBA"), {}),
    "dds": (("RGB", "RGBA"), {}),
    "qoi": (("RGB", "RGBA"), {}),
}


def saved(random: Random, ending: str, mode: str, options: dict[str, Any]) -> bytes:
    """Return a picture as PIL saves it."""
    rng = np.random.default_rng(random.getrandbits(32))
    hw = random.randrange(1, 60), random.randrange(1, 60)
    rgba = rng.integers(0, 256, (*hw, 4), dtype=np.uint8)
    rgba[..., 3] = rng.choice((0, 128, 255), hw)
    image = Image.fromarray(rgba)
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65_536, hw, dtype=np.uint16))
    elif mode == "LAB":
        image = Image.frombytes("LAB", hw[::-1], rgba[..., :3].tobytes())
    elif mode != "RGBA":
        image = image.convert(mode) if mode == "LA" else image.convert("RGB").convert(mode)
    options = dict(options)
    if random.random() < 0.5 and ending in ("jpg", "png", "webp", "tif", "avif"):
        exif = Image.Exif()
        exif[274] = random.randrange(1, 9) if ending == "tif" else random.randrange(10)
        options["exif"] = exif
    if mode == "P" and random.random() < 0.5 and ending in ("png", "gif"):
        options["transparency"] = random.choice((0, 1, bytes(range(0, 200, 7))) if ending == "png" else (0, 1))
    if ending == "tif":
        options["compression"] = random.choice((None, "tiff_lzw", "tiff_adobe_deflate", "packbits"))
    if ending in ("gif", "webp", "png") and random.random() < 0.2:  # PIL turns a TIFF of two pages twice
        options |= {"save_all": True, "append_images": [image.copy().transpose(Image.Transpose.ROTATE_180)]}
    file = io.BytesIO()
    image.save(file, {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(ending, ending.upper()), **options)
    return file.getvalue()


def sample_files() -> list[bytes]:
    """Return small files of every kind."""
    return [data for _, data, _ in small_files()]


def quiet() -> Any:
    """Keep rasterio from warning of files without a place on the map, and of nodata beside alpha."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)


@functools.cache
def small_files() -> list[tuple[str, bytes, dict[str, bytes]]]:
    """Return small files of every kind: name, bytes, and what must lie beside them."""
    random = Random(0)
    made: list[tuple[str, bytes, dict[str, bytes]]] = []
    for ending, (modes, options) in FORMATS.items():
        for mode in modes:
            for _ in range(2):
                try:
                    made.append((f"b.{ending}", saved(random, ending, mode, options), {}))
                except (OSError, ValueError):
                    continue
    rgb = np.random.default_rng(0).integers(0, 256, (3, 40, 50), dtype=np.uint8)
    plain: dict[str, Any] = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": 40, "width": 50}
    corners = [GroundControlPoint(r, c, 13 + c / 100, 52 - r / 100) for r in (0, 40) for c in (0, 50)]
    one = [1.0] + [0.0] * 19
    rpc = RPC(0, 1, 0, 1, one, one, 0, 1, 0, 1, one, one, 0, 1)
    for more in (
        {"transform": UTM, "crs": "EPSG:32633"},
        {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate", "predictor": 2},
        {"compress": "jpeg", "photometric": "ycbcr", "tiled": True, "blockxsize": 16, "blockysize": 16},
        {"compress": "lzw", "interleave": "band", "nodata": 7, "BIGTIFF": "YES"},
        {"compress": "webp"},
        {"gcps": corners, "crs": "EPSG:4326"},
        {"rpcs": rpc},
        {"dtype": "uint16", "nodata": 3},
        {"dtype": "float32", "compress": "zstd", "predictor": 3},
        {"dtype": "complex64"},
        {"driver": "NITF"},
        {"driver": "JP2OpenJPEG", "dtype": "uint16"},
        {"driver": "PCIDSK"},
    ):
        with quiet(), rasterio.MemoryFile() as memory:
            with memory.open(**(plain | more)) as dataset:
                dataset.write(rgb.astype((plain | more)["dtype"]))
            made.append(("b.tif" if "driver" not in more else "b.img", memory.read(), {}))
    tif = next(
        data for name, data, _ in made if name == "b.tif" and b"GeoTIFF" not in data[:4] and data[:4] == b"II*\x00"
    )
    for bits, photometric in ((1, "miniswhite"), (4, "minisblack"), (12, "minisblack")):
        with quiet(), rasterio.MemoryFile() as memory:
            dtype = "uint16" if bits > 8 else "uint8"
            with memory.open(
                **plain | {"count": 1, "nbits": bits, "photometric": photometric, "dtype": dtype}
            ) as dataset:
                dataset.write((rgb[:1].astype(np.uint16) % 2**bits).astype(dtype))
            made.append(("b.tif", memory.read(), {}))
    source = '<SourceFilename relativeToVRT="1">c.tif</SourceFilename>'
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{n}">\n<NoDataValue>{n}</NoDataValue>\n<SimpleSource>\n{source}\n'
        f'<SourceBand>{n}</SourceBand>\n<SrcRect xOff="0" yOff="0" xSize="50" ySize="40"/>\n'
        f'<DstRect xOff="0" yOff="0" xSize="50" ySize="40"/>\n</SimpleSource>\n</VRTRasterBand>\n'
        for n in (1, 2, 3)
    )
    place = "<SRS>EPSG:32633</SRS>\n<GeoTransform>500000, 0.5, 0, 5000000, 0, -0.5</GeoTransform>\n"
    vrt = f'<VRTDataset rasterXSize="50" rasterYSize="40">\n{place}{bands}</VRTDataset>\n'
    made += [("b.vrt", vrt.encode(), {"c.tif": tif})] * 3
    return made
