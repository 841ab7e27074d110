"""TIFF files: through rasterio where it is installed, which knows every band and the georeference; else through PIL."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from zeroov.errors import PictureError
from zeroov.types import Bool

MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
BITS_PER_SAMPLE, PHOTOMETRIC, ORIENTATION, GEO_KEYS, GDAL_NODATA = 258, 262, 274, 34735, 42113
# White-is-zero, palette, ink and CIELab samples: GDAL hands them out raw, PIL knows what they look like.
NEEDS_COLOUR_CONVERSION = (0, 3, 5, 8)
INSTALL = "`pip install 'zeroov[geo]'`"
Transform = tuple[float, float, float, float, float, float]

logger = logging.getLogger(__name__)


class Georeference(NamedTuple):
    """Where a picture lies on the ground: CRS as "EPSG:n" or WKT, and the affine a, b, c, d, e, f."""

    crs: str | None = None
    transform: Transform | None = None


class Bands(NamedTuple):
    """What rasterio read: samples (H, W, 1 or 3), and the bool (H, W) of pixels that are not nodata or masked."""

    values: NDArray[Any]
    valid: Bool


def rasterio_or_none() -> Any:
    """Return the rasterio module, or `None` where the extra `geo` is not installed."""
    try:
        import rasterio
    except ImportError:
        return None
    return rasterio


def first_tag(image: Image.Image, tag: int, default: int) -> int:
    """Return the first value of a TIFF tag."""
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


@contextlib.contextmanager
def opened(rasterio: Any, path: Path) -> Iterator[Any]:
    """Open a dataset; whatever GDAL says against it, then or while it is read, is an `OSError`."""
    from rasterio._err import CPLE_BaseError  # GDAL's own errors, some of which rasterio lets through unwrapped

    try:
        with rasterio.open(path) as dataset:
            yield dataset
    except (rasterio.errors.RasterioError, CPLE_BaseError) as error:
        raise OSError(str(error.__cause__ or error)) from error


class View(NamedTuple):
    """What PIL says of a TIFF: whether its colours need PIL's conversion, and its EXIF orientation."""

    needs_pil: bool = False
    orientation: int = 1


def view(path: Path) -> View:
    """Tell by the header what GDAL will not do: palettes, CMYK, CIELab, inversion, less than 8 bits, turning."""
    try:
        with Image.open(path) as image:
            shallow = first_tag(image, BITS_PER_SAMPLE, 1) < 8
            converted = first_tag(image, PHOTOMETRIC, 1) in NEEDS_COLOUR_CONVERSION
            return View(shallow or converted, first_tag(image, ORIENTATION, 1))
    except UnidentifiedImageError:
        return View()


def refuse_without_rasterio(path: Path, image: Image.Image) -> None:
    """Refuse what PIL would open wrongly: it keeps 8 of 16 bits of colour samples and knows no nodata value."""
    deep = first_tag(image, BITS_PER_SAMPLE, 1) > 8
    if deep and (image.mode in ("RGB", "RGBA", "RGBX") or GDAL_NODATA in image.tag_v2):  # type: ignore[attr-defined]
        raise PictureError(f"`{path}` is a TIFF of more than 8 bits that needs rasterio; {INSTALL}")
    if GEO_KEYS in image.tag_v2:  # type: ignore[attr-defined]
        logger.warning("%s: its georeference is lost without rasterio; %s", path, INSTALL)


def read_georeference(dataset: Any) -> Georeference:
    """Return where an open rasterio dataset lies; an identity transform says nothing and becomes `None`."""
    crs = None
    if dataset.crs:
        epsg = dataset.crs.to_epsg()
        crs = f"EPSG:{epsg}" if epsg else str(dataset.crs.to_wkt())
    a, b, c, d, e, f = (float(number) for number in tuple(dataset.transform)[:6])
    return Georeference(crs, None if (a, b, c, d, e, f) == (1, 0, 0, 0, 1, 0) else (a, b, c, d, e, f))


def read_bands(dataset: Any, name: str) -> Bands:
    """Read the bands declared red, green and blue, else bands 1 to 3, else band 1 of an open rasterio dataset."""
    kinds = [interpretation.name for interpretation in dataset.colorinterp]
    if {"red", "green", "blue"} <= set(kinds):
        indexes = [kinds.index(colour) + 1 for colour in ("red", "green", "blue")]
    else:
        indexes = [1, 2, 3] if dataset.count >= 3 else [1]
    values = np.moveaxis(dataset.read(indexes), 0, -1)
    if values.dtype.kind not in "uif":
        raise PictureError(f"`{name}` holds {values.dtype} samples, not whole or real numbers; export its amplitude")
    return Bands(values, dataset.dataset_mask() != 0)
