"""Make uint8 RGB of raw samples: what kind of numbers a file held decides nothing about the picture that comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import PictureError
from zeroov.types import Bool, Uint8

PERCENTILES = (2.0, 98.0)
BLOCK_PIXELS = 1_000_000
SAMPLED_PIXELS = 4_000_000  # percentiles of more pixels than this cost seconds and change nothing


def to_rgb(values: NDArray[Any], valid: Bool | None, name: str) -> Uint8:
    """Return uint8 (H, W, 3) of samples (H, W, 1 or 3), a copy; pixels that are not `valid` (H, W) become black.

    uint8 samples are kept as they are; every other kind is stretched, see `limits`. One channel becomes grey.
    """
    if values.dtype == np.uint8:
        rgb = np.array(values)
    else:
        finite = np.isfinite(values).all(axis=2) if values.dtype.kind == "f" else np.ones(values.shape[:2], np.bool_)
        valid = finite if valid is None else valid & finite
        rgb = stretch(values, valid, limits(values, valid) if valid.any() else (0.0, 0.0))
    if valid is not None:
        if not valid.any():
            raise PictureError(
                f"`{name}` holds no valid pixel, all are transparent or nodata; "
                "save it without its alpha channel or nodata value if it does show something"
            )
        rgb[~valid] = 0
    return np.ascontiguousarray(np.broadcast_to(rgb, (*rgb.shape[:2], 3)))


def limits(values: NDArray[Any], valid: Bool) -> tuple[float, float]:
    """Return the sample values that become 0 and 255: the 2nd and 98th percentile of the valid pixels.

    One pair for all channels, so that colours keep their proportions and "the red roof" stays red. When that many
    pixels are alike, the lowest and highest value take their place.
    """
    step = int(np.ceil(np.sqrt(valid.size / SAMPLED_PIXELS)))
    sample = values[::step, ::step][valid[::step, ::step]]
    if not sample.size:  # the few valid pixels lie between the sampled ones
        sample = values[valid]
    low, high = np.percentile(sample.astype(np.float64), PERCENTILES)
    return (float(low), float(high)) if high > low else (float(sample.min()), float(sample.max()))


def stretch(values: NDArray[Any], valid: Bool, low_high: tuple[float, float]) -> Uint8:
    """Map `low_high` linearly to 0 and 255, clipped; equal limits, and pixels that are not valid, give 0."""
    low, high = low_high
    stretched = np.zeros(values.shape, dtype=np.uint8)
    if high > low:
        rows = max(1, BLOCK_PIXELS // values.shape[1])  # a block at a time: float64 of all is eight times the picture
        for top in range(0, values.shape[0], rows):
            block = slice(top, top + rows)
            samples = np.where(valid[block, :, None], values[block], low).astype(np.float64, copy=False)
            stretched[block] = np.rint(np.clip((samples - low) / (high - low), 0, 1) * 255)
    return stretched
