"""Distinguish a scene that zeroov drew from a photograph, on which the miniature models are not believed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FAINTEST, GREYEST, WHITEST = 3.0, 0.8, -0.3
"""Bounds that 3,600 drawn scenes of three sizes all keep, and 17 real photographs do not."""
LARGEST = 1024  # pixels a side that are looked at

Levels = npt.NDArray[np.int16]


def looks_drawn(rgb: npt.NDArray[np.uint8]) -> bool:
    """Return whether, by its finest grain, a picture, uint8 (H, W, 3), may be a scene of the miniature world.

    Drawn scenes carry noise that is strong, the same in all colours, and without memory from pixel to pixel; what a
    camera and JPEG leave is not. A drawn scene that was resized or recompressed is not recognised.
    """
    if min(rgb.shape[:2]) < 8:
        return False
    levels = rgb[:LARGEST, :LARGEST].astype(np.int16)  # whole numbers: twice as fast
    sums = levels[..., 0] + levels[..., 1] + levels[..., 2]
    for axis in (0, 1):
        grain = _curvature(sums, axis)
        strength = float(np.median(np.abs(grain))) / 3
        if strength < FAINTEST:
            return False
        for first, second in ((0, 1), (1, 2)):
            tint = np.abs(_curvature(levels[..., first] - levels[..., second], axis))
            if float(np.quantile(tint, 0.8)) > GREYEST * strength:
                return False
        most = 6 * strength  # edges would outweigh the noise
        clipped = np.clip(grain.astype(np.float32), -most, most)
        along = np.moveaxis(clipped, axis, 0)
        if float((along[1:] * along[:-1]).mean() / (along**2).mean()) > WHITEST:  # memory; white noise has -2/3
            return False
    return True


def _curvature(values: Levels, axis: int) -> Levels:
    """Return the second difference along an axis: nothing of shapes, all of the noise."""
    moved = np.moveaxis(values, axis, 0)
    bent: Levels = np.moveaxis(2 * moved[1:-1] - moved[2:] - moved[:-2], 0, axis)
    return bent
