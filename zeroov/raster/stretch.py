"""Make uint8 RGB of raw samples: what kind of numbers a file held decides nothing about the picture that comes out.

Samples are (H, W, 1 or 3). Which of them count is `valid`: bool (H, W), or (H, W, C) where single samples of a pixel
may be nodata; `None` where all count. A pixel is visible when any of its samples counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import PictureError
from zeroov.types import Bool, Uint8

Percentiles = tuple[float, float]
PERCENTILES: Percentiles = (2.0, 98.0)
BLOCK_PIXELS = 1_000_000
SAMPLED_PIXELS = 4_000_000  # percentiles of more pixels than this cost seconds and change nothing


def to_rgb(values: NDArray[Any], valid: Bool | None, name: str, percentiles: Percentiles = PERCENTILES) -> Uint8:
    """Return uint8 (H, W, 3) of a whole picture, a copy; pixels that are not visible become black.

    uint8 samples are kept as they are; every other kind is stretched, see `limits`. One channel becomes grey.
    """
    valid = counted(values, valid)
    if valid is not None and not valid.any():
        raise PictureError(nothing_valid(name))
    return draw(values, valid, None if values.dtype == np.uint8 else limits(values, valid, percentiles))


def nothing_valid(name: str) -> str:
    """Return the message for a picture without a valid pixel."""
    return (
        f"`{name}` holds no valid pixel, all are transparent or nodata; "
        "save it without its alpha channel or nodata value if it does show something"
    )


def counted(values: NDArray[Any], valid: Bool | None) -> Bool | None:
    """Return `valid` without the pixels that hold NaN or infinity."""
    if values.dtype.kind != "f":
        return valid
    finite: Bool = np.isfinite(values).all(axis=2)
    if valid is None:
        return finite
    return valid & (finite if valid.ndim == 2 else finite[..., None])


def visible(valid: Bool) -> Bool:
    """Return the bool (H, W) of the pixels that are visible."""
    return valid if valid.ndim == 2 else np.asarray(valid.any(axis=2))


def draw(values: NDArray[Any], valid: Bool | None, low_high: tuple[float, float] | None) -> Uint8:
    """Return uint8 (H, W, 3), a copy, of samples as they are (`None`) or stretched; what is not visible is black."""
    rgb = np.array(values) if low_high is None else stretch(values, valid, low_high)
    if valid is not None:
        rgb[~visible(valid)] = 0
    return np.ascontiguousarray(np.broadcast_to(rgb, (*rgb.shape[:2], 3)))


def sampled(values: NDArray[Any], valid: Bool | None, step: int, start_rc: tuple[int, int] = (0, 0)) -> NDArray[Any]:
    """Return the valid samples, in one row, of every `step`-th row and column from `start_rc` on."""
    picked = slice(start_rc[0], None, step), slice(start_rc[1], None, step)
    return values[picked].reshape(-1) if valid is None else values[picked][valid[picked]].reshape(-1)


def sampling_step(hw: tuple[int, int]) -> int:
    """Return the step that leaves at most `SAMPLED_PIXELS` of a picture of this size."""
    return int(np.ceil(np.sqrt(hw[0] * hw[1] / SAMPLED_PIXELS)))


def limits(values: NDArray[Any], valid: Bool | None, percentiles: Percentiles = PERCENTILES) -> tuple[float, float]:
    """Return the sample values that become 0 and 255: two percentiles of the valid pixels."""
    sample = sampled(values, valid, sampling_step((values.shape[0], values.shape[1])))
    if not sample.size:  # the few valid pixels lie between the sampled ones
        sample = sampled(values, valid, 1)
    return limits_of(sample, percentiles)


def limits_of(sample: NDArray[Any], percentiles: Percentiles = PERCENTILES) -> tuple[float, float]:
    """Return two percentiles of samples (n,) that are all valid.

    One pair for all channels, so that colours keep their proportions and "the red roof" stays red. When that many
    pixels are alike, the lowest and highest value take their place.
    """
    low, high = np.percentile(sample.astype(np.float64), percentiles, overwrite_input=True)
    return (float(low), float(high)) if high > low else (float(sample.min()), float(sample.max()))


def stretch(values: NDArray[Any], valid: Bool | None, low_high: tuple[float, float]) -> Uint8:
    """Map `low_high` linearly to 0 and 255, clipped; equal limits, and samples that are not valid, give 0."""
    low, high = low_high
    stretched = np.zeros(values.shape, dtype=np.uint8)
    if high > low:
        rows = max(1, BLOCK_PIXELS // values.shape[1])  # a block at a time: float64 of all is eight times the picture
        for top in range(0, values.shape[0], rows):
            block = slice(top, top + rows)
            samples = values[block]
            if valid is not None:
                samples = np.where(valid[block] if valid.ndim == 3 else valid[block, :, None], samples, low)
            samples = samples.astype(np.float64, copy=False)
            stretched[block] = np.rint(np.clip((samples - low) / (high - low), 0, 1) * 255)
    return stretched
