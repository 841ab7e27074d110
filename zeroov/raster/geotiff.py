"""TIFF files: through rasterio where it is installed, which knows every band and the georeference; else through PIL."""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, TiffImagePlugin

from zeroov.errors import PictureError

MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
BITS_PER_SAMPLE, PHOTOMETRIC, ORIENTATION, GEO_KEYS, GDAL_NODATA = 258, 262, 274, 34735, 42113
WHITE_IS_ZERO = 0
NEEDS_COLOUR_CONVERSION = (3, 5, 8)  # palette, ink, CIELab: GDAL hands them out raw, PIL knows what they look like
INSTALL = "`pip install 'zeroov[geo]'`"

logger = logging.getLogger(__name__)


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


def is_inverted(image: Image.Image) -> bool:
    """Whether 0 is white in a TIFF and PIL leaves it so: it inverts 8 bits and less."""
    return first_tag(image, PHOTOMETRIC, 1) == WHITE_IS_ZERO and first_tag(image, BITS_PER_SAMPLE, 1) > 8


def settle(dataset: Any) -> None:
    """Report once what GDAL warns about in a file that it reads all the same, such as an odd tag of a TIFF.

    Such a complaint comes up while one thing is asked, and rasterio raises it when the next one is.
    """
    from rasterio._err import CPLE_BaseError

    for fact in ("subdatasets", "mask_flag_enums", "colorinterp"):
        try:
            getattr(dataset, fact)
        except CPLE_BaseError as error:
            logger.info("%s: %s", dataset.name, error)


@contextlib.contextmanager
def gdal_errors(rasterio: Any) -> Iterator[None]:
    """Turn whatever GDAL says against a file into an `OSError`."""
    from rasterio._err import CPLE_BaseError  # GDAL's own errors, some of which rasterio lets through unwrapped

    try:
        yield
    except (rasterio.errors.RasterioError, CPLE_BaseError) as error:
        raise OSError(str(error.__cause__ or error)) from error


def is_tiff(path: Path) -> bool:
    """Return whether a file is a TIFF, by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) in MAGIC


class View(NamedTuple):
    """What PIL says of a TIFF: whether its colours need PIL's conversion, and its EXIF orientation."""

    needs_pil: bool = False
    orientation: int = 1


def view(path: Path) -> View:
    """Read from the header what GDAL will not do: palettes, CMYK, CIELab, less than 8 bits, turning.

    Past `Image.open`, which refuses large pictures although only the header is read here.
    """
    try:
        with TiffImagePlugin.TiffImageFile(path) as image:
            shallow = first_tag(image, BITS_PER_SAMPLE, 1) < 8
            converted = first_tag(image, PHOTOMETRIC, 1) in NEEDS_COLOUR_CONVERSION
            orientation = first_tag(image, ORIENTATION, 1)
            return View(shallow or converted, orientation if 1 <= orientation <= 8 else 1)
    except (SyntaxError, IndexError, TypeError, struct.error):  # what PIL does not know
        return View()


def refuse_without_rasterio(path: Path, image: Image.Image) -> None:
    """Refuse what PIL would open wrongly: it keeps 8 of 16 bits of colour samples and knows no nodata value."""
    deep = first_tag(image, BITS_PER_SAMPLE, 1) > 8
    if deep and (image.mode in ("RGB", "RGBA", "RGBX") or GDAL_NODATA in image.tag_v2):  # type: ignore[attr-defined]
        raise PictureError(f"`{path}` is a TIFF of more than 8 bits that needs rasterio; {INSTALL}")
    if GEO_KEYS in image.tag_v2:  # type: ignore[attr-defined]
        logger.warning("%s: its georeference is lost without rasterio; %s", path, INSTALL)
