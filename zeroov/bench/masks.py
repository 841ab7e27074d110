"""Make pixels of true masks, whichever way their data set keeps them, and run lengths of pixels.

Nothing is resized here: a mask that is not of its image's size is an error, because no one can say which of its pixels
are meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.bench.data.files import contained
from zeroov.bench.sample import MaskTruth
from zeroov.errors import DatasetError, first_line
from zeroov.raster.read import BROKEN, MOST_PIXELS
from zeroov.types import Bool

FARTHEST = 100_000.0  # pixels; pycocotools walks a polygon's outline pixel by pixel
AGAIN = "download the data set's annotations again"


def read_mask(truth: MaskTruth, root: Path, image_hw: tuple[int, int]) -> Bool:
    """Return a true mask as bool (H, W) of the image's size.

    Where several run lengths or polygons make up one object, the pixels that exactly one of them covers are the
    object: REFER's `getMask` adds them up, and every published score on its files compares that sum with 1.
    """
    if truth.file is not None:
        mask, what = _read_file(root / _contained(truth.file), truth.threshold), f"`{truth.file}`"
    elif truth.rle is not None:
        mask, what = decode_rle(truth.rle), "a mask of run lengths"
    else:
        mask, what = draw_polygons(truth.polygons or (), truth.hw or image_hw), "a mask of polygons"
    if mask.shape != tuple(image_hw):
        (height, width), (image_height, image_width) = mask.shape, image_hw
        raise DatasetError(
            f"{what} has {width} x {height} pixels and its image {image_width} x {image_height}; they do not belong "
            "together, or one of them was resized: take both from the same download"
        )
    return mask


def encode_rle(mask: Bool) -> dict[str, Any]:
    """Return a bool (H, W) mask as COCO's compressed run lengths, fit for JSON."""
    from pycocotools import mask as coco

    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in mask.shape], "counts": encoded["counts"].decode("ascii")}


def decode_rle(rle: Mapping[str, Any]) -> Bool:
    """Return the bool (H, W) mask of COCO run lengths: compressed (text or bytes) or a list of numbers.

    Decoded here rather than by pycocotools, which trusts the lengths and leaves pixels that they do not reach as they
    were in memory.
    """
    height, width = _size(rle.get("size"))
    given = rle.get("counts")
    if isinstance(given, str | bytes):
        counts = _uncompressed(given if isinstance(given, bytes) else given.encode("utf-8", "replace"))
    elif isinstance(given, Sequence) and all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) for n in given
    ):
        counts = [int(n) for n in given]
    else:
        raise DatasetError(f"run lengths are text or whole numbers, got {type(given).__name__}; {AGAIN}")
    if any(n < 0 for n in counts) or sum(counts) != height * width:
        raise DatasetError(f"run lengths that sum to {height} x {width} are expected, got {sum(counts)}; {AGAIN}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T.copy()


def covered_once(masks: Sequence[Bool]) -> Bool:
    """Return the pixels that exactly one of several masks of one shape covers."""
    if len({mask.shape for mask in masks}) != 1:
        raise DatasetError(f"parts of one mask are of different sizes: {[mask.shape for mask in masks]}; {AGAIN}")
    once: Bool = np.sum(masks, axis=0, dtype=np.uint16) == 1
    return once


def draw_polygons(polygons: Sequence[Sequence[float]], hw: tuple[int, int]) -> Bool:
    """Return the bool (H, W) mask of COCO polygons (x, y, x, y, ...) in pixels of an image of `hw`."""
    from pycocotools import mask as coco

    height, width = _size(hw)
    if not polygons:
        raise DatasetError(f"a mask without polygons; {AGAIN}")
    parts = []
    for polygon in polygons:
        points: NDArray[np.float64] = np.asarray(polygon, dtype=np.float64)
        # pycocotools takes four numbers for a box.
        if points.ndim != 1 or points.size < 6 or points.size % 2 or not (np.abs(points) <= FARTHEST).all():
            raise DatasetError(f"a polygon has x and y of three points or more, got {str(polygon)[:80]}; {AGAIN}")
        [encoded] = coco.frPyObjects([points.tolist()], height, width)
        parts.append(decode_rle(encoded))
    return covered_once(parts)


def _read_file(path: Path, threshold: int) -> Bool:
    """Read a picture's mask: pixels of which any colour is above `threshold`; in one of only 0 and 1, the ones."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DatasetError(
                    f"mask `{path}` has {image.width} x {image.height} pixels, which is no mask; {AGAIN}"
                )
            colours = "RGB" if image.mode in ("P", "PA", "RGBA", "CMYK", "YCbCr") else "L" if image.mode == "LA" else ""
            values = np.asarray(image.convert(colours) if colours else image)
    except FileNotFoundError as error:
        raise DatasetError(f"mask `{path}` does not exist; download the data set's masks") from error
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise DatasetError(f"mask `{path}` cannot be read ({first_line(error)}); download it again") from error
    if values.ndim == 3:
        values = values.max(axis=2)
    mask: Bool = values == 1 if values.max(initial=0) == 1 else values > threshold
    return mask


def _contained(name: str) -> str:
    try:
        return contained(name)
    except ValueError as error:
        raise DatasetError(f"the mask's file name {name!r} {error}; names must stay below the root") from error


def _size(hw: object) -> tuple[int, int]:
    if isinstance(hw, Sequence | np.ndarray) and len(hw) == 2 and all(isinstance(n, int | np.integer) for n in hw):
        height, width = int(hw[0]), int(hw[1])
        if 0 < height * width <= MOST_PIXELS and height > 0:
            return height, width
    raise DatasetError(f"a mask's size is height and width in pixels, got {str(hw)[:80]}; {AGAIN}")


def _uncompressed(text: bytes) -> list[int]:
    """Return the numbers in COCO's text of run lengths.

    Each number is written in groups of five bits, lowest first, as characters from `0` on: bit 5 says that another
    group follows, bit 4 of the last is the sign. From the fourth number on, the difference to the number before the
    last stands instead of the number itself.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = character - 48
        if not 0 <= bits < 64 or shift > 60:
            raise DatasetError(f"run lengths {text[:40]!r} hold what is no run length; {AGAIN}")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if shift:
        raise DatasetError(f"run lengths {text[:40]!r} end in the middle of a number; {AGAIN}")
    return counts
