"""TIFF files: through rasterio where it is installed, which knows every band and the georeference; else through PIL."""

from __future__ import annotations

import contextlib
import logging
import shlex
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from zeroov.errors import PictureError, UsageError
from zeroov.frames import Transform
from zeroov.raster.georeference import IDENTITY, affine, crs_text
from zeroov.types import Bool

MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
BITS_PER_SAMPLE, PHOTOMETRIC, ORIENTATION, GEO_KEYS, GDAL_NODATA = 258, 262, 274, 34735, 42113
# White-is-zero, palette, ink and CIELab samples: GDAL hands them out raw, PIL knows what they look like.
NEEDS_COLOUR_CONVERSION = (0, 3, 5, 8)
INSTALL = "`pip install 'zeroov[geo]'`"

logger = logging.getLogger(__name__)


class Georeference(NamedTuple):
    """Where a picture lies on the ground: CRS as "EPSG:n" or WKT, and the affine a, b, c, d, e, f."""

    crs: str | None = None
    transform: Transform | None = None


class Bands(NamedTuple):
    """What rasterio read: samples (H, W, 1 or 3), and which of them are not nodata or masked.

    `valid` is bool (H, W), or (H, W, C) for a nodata value, which single samples of a pixel may have, or `None`: all.
    """

    values: NDArray[Any]
    valid: Bool | None


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
    with gdal_errors(rasterio), rasterio.open(path) as dataset:
        yield dataset


@contextlib.contextmanager
def gdal_errors(rasterio: Any) -> Iterator[None]:
    """Turn whatever GDAL says against a file into an `OSError`."""
    from rasterio._err import CPLE_BaseError  # GDAL's own errors, some of which rasterio lets through unwrapped

    try:
        yield
    except (rasterio.errors.RasterioError, CPLE_BaseError) as error:
        raise OSError(str(error.__cause__ or error)) from error


def is_tiff(path: Path) -> bool:
    """Tell a TIFF by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) in MAGIC


class View(NamedTuple):
    """What PIL says of a TIFF: whether its colours need PIL's conversion, and its EXIF orientation."""

    needs_pil: bool = False
    orientation: int = 1


def view(path: Path) -> View:
    """Tell by the header what GDAL will not do: palettes, CMYK, CIELab, inversion, less than 8 bits, turning.

    Past `Image.open`, which refuses large pictures although only the header is read here.
    """
    try:
        with TiffImagePlugin.TiffImageFile(path) as image:
            shallow = first_tag(image, BITS_PER_SAMPLE, 1) < 8
            converted = first_tag(image, PHOTOMETRIC, 1) in NEEDS_COLOUR_CONVERSION
            return View(shallow or converted, first_tag(image, ORIENTATION, 1))
    except (SyntaxError, IndexError, TypeError, struct.error):  # what PIL does not know
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
    transform = affine(dataset.transform)
    return Georeference(crs_text(dataset.crs), None if transform == IDENTITY else transform)


def choose_bands(dataset: Any, name: str, wanted: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return the numbers, from 1, of the bands to show: those wanted, else red, green and blue, else 1 to 3, else 1."""
    kinds = [interpretation.name for interpretation in dataset.colorinterp]
    colours = ("red", "green", "blue")
    if wanted is not None:
        if len(wanted) not in (1, 3) or not all(1 <= index <= dataset.count for index in wanted):
            raise UsageError(wrong_bands(wanted, name, dataset.count))
        chosen = tuple(wanted)
    elif set(colours) <= set(kinds):
        chosen = tuple(kinds.index(colour) + 1 for colour in colours)
    else:
        chosen = (1, 2, 3) if dataset.count >= 3 else (1,)
    for index in chosen:
        if "complex" in dataset.dtypes[index - 1]:
            held = dataset.dtypes[index - 1]
            raise PictureError(f"`{name}` holds {held} samples, not whole or real numbers; export its amplitude")
        if kinds[index - 1] == "palette":
            raise PictureError(
                f"`{name}` holds numbers of colours in its band {index}; "
                f"make colours of them: gdal_translate -expand rgb {shlex.quote(name)} rgb.tif"
            )
    return chosen


def wrong_bands(wanted: tuple[int, ...], name: str, count: int) -> str:
    """Return the message for bands that a picture of `count` bands cannot show."""
    given = ", ".join(map(str, wanted)) or "(none)"
    return f"bands {given} of `{name}` cannot be shown; give one band or three, each from 1 to {count}"


def read_bands(dataset: Any, indexes: tuple[int, ...], window: Any = None) -> Bands:
    """Read bands of an open rasterio dataset, or a window of them, with what is nodata or masked in them."""
    values = np.moveaxis(dataset.read(indexes, window=window), 0, -1)
    return Bands(values, read_valid(dataset, indexes, window))


def read_valid(dataset: Any, indexes: tuple[int, ...], window: Any = None) -> Bool | None:
    """Read which samples of bands, or of a window of them, are not nodata, masked or wholly transparent."""
    flags = {flag.name for index in indexes for flag in dataset.mask_flag_enums[index - 1]}
    if flags == {"all_valid"}:
        return None
    if "per_dataset" in flags:  # a mask band or an alpha band, the same for every band
        return np.asarray(dataset.read_masks(indexes[0], window=window) != 0)
    valid = np.moveaxis(dataset.read_masks(indexes, window=window), 0, -1) != 0
    kinds = [interpretation.name for interpretation in dataset.colorinterp]
    if "alpha" in kinds:  # to GDAL a nodata value hides the alpha band
        valid = valid & (dataset.read(kinds.index("alpha") + 1, window=window) > 0)[..., None]
    return np.asarray(valid)
