"""Masks as COCO keeps them: run lengths out and in, and polygons in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import DatasetError
from zeroov.raster.decode import MOST_PIXELS
from zeroov.types import Bool

FARTHEST = 100_000.0  # pixels; pycocotools walks a polygon's outline pixel by pixel
AGAIN = "download the data set's annotations again"


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
    last is written instead of the number itself.
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


def run_lengths(mask: Bool, origin_xy: tuple[int, int], scene_hw: tuple[int, int]) -> dict[str, Any]:
    """Return COCO's compressed run lengths of a mask window as part of its scene, without the scene's full mask."""
    from pycocotools import mask as coco

    height, width = scene_hw
    columns = np.zeros((mask.shape[1], mask.shape[0] + 2), np.int8)  # COCO counts down the columns
    columns[:, 1:-1] = mask.T
    edges = np.diff(columns, axis=1)
    starts, ends = (
        (origin_xy[0] + x) * height + origin_xy[1] + y for x, y in (np.nonzero(edges == 1), np.nonzero(edges == -1))
    )
    apart = starts[1:] != ends[:-1]  # a run to the foot of a column goes on at the head of the next
    starts, ends = starts[np.concatenate(([True], apart))], ends[np.concatenate((apart, [True]))]
    turns = np.concatenate(([0], np.column_stack((starts, ends)).reshape(-1), [height * width]))
    lengths = np.diff(turns).tolist()
    if not lengths[-1]:  # only the first run may be empty: it says that the mask begins at once
        lengths.pop()
    encoded = coco.frPyObjects({"size": [height, width], "counts": lengths}, height, width)
    return {"size": [height, width], "counts": encoded["counts"].decode("ascii")}
