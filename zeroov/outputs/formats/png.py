"""Write one mask of all that was found in an image as a PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from zeroov.errors import OutputError
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.images import write_mask_png
from zeroov.raster.decode import MOST_PIXELS


def write_full_png(
    path: str | os.PathLike[str],
    info: SceneInfo,
    founds: Sequence[Found],
    provenance: Provenance,
    *,
    expressions: Sequence[str] = (),
) -> None:
    """Write one mask of all objects as a PNG, 255 where any lies; a PNG has no room for anything else."""
    require_room(info)
    info.require_inside(founds)
    mask = np.zeros(info.hw, np.bool_)
    for found in founds:
        x0, y0, x1, y1 = found.window_xyxy
        mask[y0:y1, x0:x1] |= found.mask
    write_mask_png(path, mask)


def fits_png(info: SceneInfo) -> bool:
    """Return whether a scene's full mask is small enough to be held in memory."""
    return info.hw[0] * info.hw[1] <= MOST_PIXELS


def require_room(info: SceneInfo) -> None:
    """Refuse a scene whose full mask would take much memory."""
    height, width = info.hw
    if not fits_png(info):
        raise OutputError(
            f"a PNG of {width} x {height} pixels would be held in memory whole; write geotiff, which is not"
        )
