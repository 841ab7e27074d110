"""Open any image a user can have as RGB uint8, or say in one line what to do about it.

The rules: the picture stands upright, as viewers show it (EXIF orientation applied), and boxes refer to that. Wholly
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
import os
import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from zeroov.errors import PictureError, ZeroovError, did_you_mean
from zeroov.raster import geotiff
from zeroov.raster.geotiff import Georeference
from zeroov.raster.stretch import to_rgb
from zeroov.types import Bool, Picture, Uint8

MOST_PIXELS = 100_000_000
MOST_NAMES = 10_000  # of a folder are looked through for near misses
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
    struct.error,
)

Pixels = TypeVar("Pixels", Uint8, Bool)

logger = logging.getLogger(__name__)


def open_picture(source: Picture | str | os.PathLike[str] | Image.Image | NDArray[Any]) -> Picture:
    """Open an image file, a PIL image or an array as a `Picture`; raise `PictureError` where that cannot be."""
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return Picture(_read_array(source), "array")
    if isinstance(source, Image.Image):
        _refuse_too_large("PIL image", source.size)
        with decoding("PIL image"):
            values, valid = _samples(source)
        return Picture(to_rgb(values, valid, "PIL image"), "PIL image")
    if isinstance(source, str | os.PathLike):
        given = os.fsdecode(source)
        whole = decode_file(existing_file(given))
        with decoding(given):
            rgb = upright(to_rgb(whole.values, whole.valid, given), whole.orientation)
        return Picture(rgb, given, whole.georeference.crs, whole.georeference.transform)
    raise PictureError(f"a {type(source).__name__} is no picture; {ACCEPTED}")


def existing_file(given: str) -> Path:
    """Return the path of a file that is there and not empty; else say what is near."""
    path = Path(given)
    with contextlib.suppress(RuntimeError):  # `~name` of nobody's home is an ordinary file name
        path = path.expanduser()
    try:
        if not given:
            raise PictureError(f"no picture was given; {ACCEPTED}")
        if not path.exists():
            raise PictureError(f"picture `{given}` does not exist{_near_names(path)}")
        if path.is_dir():
            raise PictureError(f"`{given}` is a folder; give one image file in it")
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
    """A file's raw samples (H, W, 1 or 3) as they are stored; `valid` as `stretch` has it; the EXIF orientation."""

    values: NDArray[Any]
    valid: Bool | None
    georeference: Georeference = Georeference()
    orientation: int = 1


def decode_file(path: Path) -> Decoded:
    """Decode a whole image file."""
    name = str(path)
    with decoding(name):
        with path.open("rb") as file:
            head = file.read(26)
        if head.startswith(geotiff.MAGIC):
            return _decode_tiff(path)
        with Image.open(path) as image:
            _refuse_too_large(name, image.size)
            mention_frames(name, getattr(image, "n_frames", 1))
            values, valid = _samples(image)
            orientation = _orientation(image)
        if head.startswith(PNG) and head[24] == 16 and head[25] in (2, 4, 6):  # PIL keeps 8 of the 16 bits
            values, valid = _sixteen_bit_png(path)
        return Decoded(values, valid, orientation=orientation)


def _decode_tiff(path: Path) -> Decoded:
    """Decode a TIFF: georeference and bands through rasterio, colour conversions through PIL."""
    name = str(path)
    rasterio = geotiff.rasterio_or_none()
    if rasterio is None:
        try:
            with Image.open(path) as image:
                _refuse_too_large(name, image.size)
                geotiff.refuse_without_rasterio(path, image)
                return Decoded(*_samples(image))
        except BROKEN as error:
            raise PictureError(
                f"`{name}` is a TIFF that PIL cannot decode ({_one_line(error)}); {geotiff.INSTALL} reads more kinds"
            ) from error
    view = geotiff.view(path)
    with geotiff.opened(rasterio, path) as dataset:
        _refuse_too_large(name, (dataset.width, dataset.height))
        mention_frames(name, len(dataset.subdatasets))
        georeference = geotiff.read_georeference(dataset)
        if view.needs_pil:
            with Image.open(path) as image:
                return Decoded(*_samples(image), georeference)
        read = geotiff.read_bands(dataset, geotiff.choose_bands(dataset, name))
    # A georeference counts rows and columns as they are stored, so such a raster is never turned.
    return Decoded(read.values, read.valid, georeference, 1 if georeference.transform else view.orientation)


def _read_array(array: NDArray[Any]) -> Uint8:
    kind = f"a {array.dtype} array of shape {array.shape}"
    if array.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"{kind} is no picture; convert it to uint8 (0 to 255), shape (height, width, 3)")
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        raise PictureError(f"{kind} has its channels first; transpose it: array.transpose(1, 2, 0)")
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise PictureError(f"{kind} is no picture; {ACCEPTED}")
    _refuse_too_large("array", (array.shape[1], array.shape[0]))
    return to_rgb(*_without_alpha(array), "array")


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


def _refuse_too_large(name: str, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    if width * height > MOST_PIXELS:
        raise PictureError(
            f"`{name}` has {width} x {height} = {width * height:,} pixels, at most {MOST_PIXELS:,} are read; {SHRINK}"
        )


def mention_frames(name: str, frames: int) -> None:
    """Tell that the other frames or pages of a file are not read."""
    if frames > 1:
        logger.warning("%s: only the first of its %d frames is read", name, frames)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises or warns about into a `PictureError` of one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
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
    except BROKEN as error:
        if "truncated" in str(error).lower():
            raise PictureError(f"`{name}` is truncated; copy or download it again") from error
        raise PictureError(f"`{name}` cannot be decoded ({_one_line(error)}); copy or download it again") from error
