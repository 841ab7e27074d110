"""Make pixels of true masks, whichever way their data set keeps them.

Nothing is resized here: a mask that is not of its image's size is an error, because no one can say which of its pixels
are meant.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zeroov.bench.data.files import contained
from zeroov.bench.data.sample import MaskTruth
from zeroov.errors import DatasetError, first_line
from zeroov.outputs.rle import AGAIN, decode_rle, draw_polygons
from zeroov.raster.decode import BROKEN, MOST_PIXELS
from zeroov.raster.quiet import quiet
from zeroov.types import Bool


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


def _read_file(path: Path, threshold: int) -> Bool:
    """Read a picture's mask: pixels of which any colour is above `threshold`; in one of only 0 and 1, the ones."""
    from PIL import Image

    try:
        with quiet, Image.open(path) as image:  # of odd tags, say
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
