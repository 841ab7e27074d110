"""Decode whole images, from PNG to CMYK, or say in one line what to do about them.

The rules: the picture is upright, as viewers show it (EXIF orientation applied), and boxes refer to that. Wholly
transparent pixels are nodata and become black; all others keep their colour. 8-bit samples are kept, deeper ones are
stretched over the picture's 2nd to 98th percentile. Of animations and multi-page files the first frame counts. ICC
profiles are ignored. A PIL image or an array is taken as it lies in memory, without turning.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import logging
import math
import re
import shlex
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from zeroov.errors import PictureError, ZeroovError, did_you_mean
from zeroov.files.paths import expanded
from zeroov.raster import geotiff
from zeroov.raster.bands import BandReader, invert
from zeroov.raster.quiet import quiet
from zeroov.raster.stretch import visible
from zeroov.types import Bool, Uint8

MOST_PIXELS = 100_000_000
MOST_NAMES = 10_000  # of a folder are looked through for near misses
PICTURES = ("PNG", "JPEG", "GIF", "BIGGIF", "BMP", "WEBP", "AVIF", "SGI", "TGA", "XPM")  # drivers of GDAL
JP2_COLOURS = re.compile(rb"colr\x01..\0\0\0[\x0c\x12]|pclr", re.DOTALL)  # in the header: CMYK, sYCC, a palette
PNG = b"\x89PNG\r\n\x1a\n"
SHRINK = "cut it into tiles or shrink it first"
ACCEPTED = "give a path, a PIL image, or a uint8 array of shape (height, width, 3)"
# What decoders raise on damaged content, besides OSError and their own children of it.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    AssertionError,
    RuntimeError,
    struct.error,
)

Pixels = TypeVar("Pixels", NDArray[Any], Uint8, Bool)

logger = logging.getLogger(__name__)


def is_for_pil(dataset: Any, path: Path) -> bool:
    """Whether PIL decodes a file that is no TIFF: GDAL hands out its samples as they are stored, not as they look."""
    if dataset.driver == "PNM":  # GDAL reads those of any size, but with 15 for white where the file says so
        return bool(dataset.width * dataset.height <= MOST_PIXELS)
    if dataset.driver.startswith("JP2"):
        if int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8)) < 8:
            return True
        with path.open("rb") as file:
            return JP2_COLOURS.search(file.read(4096)) is not None
    return dataset.driver in PICTURES


def existing_file(given: str) -> Path:
    """Return the path of a file that is there and not empty; else say what is near."""
    path = expanded(given)
    try:
        if not given:
            raise PictureError(f"no picture was given; {ACCEPTED}")
        if not path.exists():
            raise PictureError(f"picture `{given}` does not exist{_near_names(path)}")
        if path.is_dir():
            raise PictureError(
                f"`{given}` is a folder; give one image file in it, or ask all of them: "
                f"zeroov batch {shlex.quote(given)} --expressions FILE --out DIR"
            )
        if not path.is_file():
            raise PictureError(f"`{given}` is no ordinary file; give an image file")
        if path.stat().st_size == 0:
            raise PictureError(f"`{given}` is empty (0 bytes); copy or download it again")
    except OSError as error:
        raise PictureError(f"`{given}` cannot be opened: {error.strerror}") from error
    return path


def _near_names(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; nor does the folder `{path.parent}`"
    names = [entry.name for entry in itertools.islice(path.parent.iterdir(), MOST_NAMES)]
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return did_you_mean(path.name, near) if near else f"; check the name, the folder is `{path.parent.absolute()}`"


class Decoded(NamedTuple):
    """Raw samples (H, W, 1 or 3) as they are stored; `valid` as `stretch` has it; the EXIF orientation to turn by."""

    values: NDArray[Any]
    valid: Bool | None
    orientation: int = 1


def decode_file(path: Path, dataset: Any = None, *, turned: bool = True) -> Decoded:
    """Decode a whole image file with PIL; what has a place on the map is not to be `turned` by its EXIF orientation.

    `dataset` is the same file, a TIFF, open in rasterio, which knows what is nodata in it.
    """
    name = str(path)
    with decoding(name):
        with path.open("rb") as file:
            head = file.read(26)
        if head.startswith(geotiff.MAGIC):
            return _decode_tiff(path, dataset, turned)
        with Image.open(path) as image:
            refuse_too_large(name, image.size)
            mention_frames(name, getattr(image, "n_frames", 1))
            values, valid = _samples(image)
            orientation = _orientation(image) if turned else 1
        if head.startswith(PNG) and head[24] == 16 and head[25] in (2, 4, 6):  # PIL keeps 8 of the 16 bits
            values, valid = _sixteen_bit_png(path)
        return Decoded(values, valid, orientation)


def _decode_tiff(path: Path, dataset: Any, turned: bool) -> Decoded:
    """Decode a TIFF: what is nodata through rasterio, colours through PIL, which turns TIFFs by itself."""
    try:
        # By its name PIL maps some files into memory, and scrambles those that it turns.
        with path.open("rb") as file, Image.open(file) as image:
            refuse_too_large(str(path), image.size)
            if dataset is None:
                geotiff.refuse_without_rasterio(path, image)
            orientation = _orientation(image)
            inverted = geotiff.is_inverted(image)
            values, valid = _samples(image)
    except BROKEN as error:
        if dataset is not None:
            raise
        raise PictureError(
            f"`{path}` is a TIFF that PIL cannot decode ({_one_line(error)}); {geotiff.INSTALL} reads more kinds"
        ) from error
    if inverted:
        values = invert(values)
    if not turned:
        back = {6: 8, 8: 6}.get(orientation, orientation)
        values, valid = upright(values, back), None if valid is None else upright(valid, back)
    if dataset is not None:
        mask = BandReader(dataset, tuple(range(1, dataset.count + 1)), str(path)).read_valid()
        if mask is not None:
            mask = upright(visible(mask), orientation if turned else 1)
            valid = mask if valid is None else valid & mask
    return Decoded(values, valid)


def header_hw(path: Path) -> tuple[int, int] | None:
    """Return the height and width that an image's header states, unturned; `None` where PIL finds none."""
    try:
        with quiet, Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        logger.debug("no size of `%s`: %s", path, error)
    return None


def decode_image(image: Image.Image) -> Decoded:
    """Decode a PIL image as it lies in memory."""
    refuse_too_large("PIL image", image.size)
    if 0 in image.size:
        raise PictureError(f"a PIL image of {image.width} x {image.height} pixels is no picture; {ACCEPTED}")
    with decoding("PIL image"):
        return Decoded(*_samples(image))


def decode_array(array: NDArray[Any]) -> Decoded:
    """Take an array for samples: uint8 or uint16, of shape (H, W), or (H, W, C) with 1, 3 or 4 channels."""
    kind = f"a {array.dtype} array of shape {array.shape}"
    if array.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"{kind} is no picture; convert it to uint8 (0 to 255), shape (height, width, 3)")
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        raise PictureError(f"{kind} has its channels first; transpose it: array.transpose(1, 2, 0)")
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise PictureError(f"{kind} is no picture; {ACCEPTED}")
    refuse_too_large("array", (array.shape[1], array.shape[0]))
    return Decoded(*_without_alpha(array))


def _without_alpha(values: NDArray[Any]) -> tuple[NDArray[Any], Bool | None]:
    """Split samples (H, W, C) into at most three channels and the pixels that are not wholly transparent."""
    return values[..., :3], (values[..., 3] > 0 if values.shape[2] == 4 else None)


def _samples(image: Image.Image) -> tuple[NDArray[Any], Bool | None]:
    """Decode a PIL image of any mode to samples (H, W, 1 or 3), and which pixels are not transparent."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return np.asarray(image)[..., None], None
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    return _without_alpha(np.asarray(image if image.mode == wanted else image.convert(wanted)))


def _sixteen_bit_png(path: Path) -> tuple[NDArray[Any], Bool | None]:
    """Decode a 16-bit PNG of colours or with transparency, whole as PIL found it, with all its bits."""
    blue_first = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if blue_first is None:
        raise PictureError(f"`{path}` cannot be decoded; save it as an 8-bit PNG")
    values, valid = _without_alpha(blue_first)
    return values[..., ::-1], valid


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or the EXIF block is damaged."""
    with contextlib.suppress(*BROKEN):
        return int(image.getexif().get(geotiff.ORIENTATION, 1))
    return 1


def upright(rgb: Pixels, orientation: int) -> Pixels:
    """Turn (H, W, 3) or (H, W) by its EXIF orientation, 1 to 8; any other number is taken for 1."""
    flipped = {2: rgb[:, ::-1], 3: rgb[::-1, ::-1], 4: rgb[::-1]}
    turned = {5: rgb, 6: rgb[::-1], 7: rgb[::-1, ::-1], 8: rgb[:, ::-1]}
    if orientation in turned:
        return np.ascontiguousarray(turned[orientation].swapaxes(0, 1))
    return np.ascontiguousarray(flipped.get(orientation, rgb))


def refuse_too_large(name: str, size_wh: tuple[int, int], advice: str = SHRINK) -> None:
    """Refuse a picture of more pixels than are held in memory."""
    width, height = size_wh
    if width * height > MOST_PIXELS:
        raise PictureError(
            f"`{name}` has {width} x {height} = {width * height:,} pixels, at most {MOST_PIXELS:,} are read; {advice}"
        )


def mention_frames(name: str, frames: int) -> None:
    """Warn that the other frames or pages of a file are not read."""
    if frames > 1:
        logger.warning("%s: only the first of its %d frames is read", name, frames)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises or warns about into a `PictureError` of one line."""
    try:
        with quiet:
            yield
    except ZeroovError:
        raise
    except Image.DecompressionBombError as error:
        digits = re.search(r"\d+", str(error))
        pixels = int(digits[0]) if digits else math.inf
        raise PictureError(f"`{name}` has {pixels:,} pixels, at most {MOST_PIXELS:,} are read; {SHRINK}") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"`{name}` is not an image, or of a kind unknown here; convert it to PNG or TIFF") from error
    except PermissionError as error:
        raise PictureError(f"`{name}` cannot be opened: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise PictureError(f"the name of {name!a} is not UTF-8, which GDAL asks for; rename it") from error
    except BROKEN as error:
        if "truncated" in str(error).lower():
            raise PictureError(f"`{name}` is truncated; copy or download it again") from error
        raise PictureError(f"`{name}` cannot be decoded ({_one_line(error)}); copy or download it again") from error
