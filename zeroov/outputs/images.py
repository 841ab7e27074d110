"""Draw what was found on a picture; write pictures and masks as PNG, and read masks."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from zeroov import frames
from zeroov.errors import OutputError, PictureError
from zeroov.files.atomic import write_atomically
from zeroov.outputs.found import Found
from zeroov.raster.decode import BROKEN
from zeroov.types import Bool, Box, Uint8

TINT_RGB = (255, 0, 144)  # of masks on a map: a magenta that neither fields, water, roofs nor roads have
OUTLINE_RGB = (255, 112, 190)  # the same, lighter: a thin line has to be far from black
BOX_RGB = (255, 221, 0)
RING_RGB = (255, 255, 255)
CASING_RGB = (11, 12, 15)  # on both sides of every line: one of the two is seen on any colour, and in grey
LARGE = 800  # pixels of the longer side: an overlay of a smaller picture is enlarged to about that
SMALL = 24  # pixels of the overlay: around what is smaller a ring is drawn, so that it is seen


def write_rgb_png(path: str | os.PathLike[str], rgb: Uint8) -> None:
    """Write a picture (H, W, 3) as PNG."""
    write_atomically(path, png(rgb))


def png(rgb: Uint8) -> bytes:
    """Return a picture (H, W, 3), or one with an alpha channel (H, W, 4), as PNG."""
    return _png(np.concatenate([rgb[..., 2::-1], rgb[..., 3:]], axis=-1))


def write_mask_png(path: str | os.PathLike[str], mask: Bool) -> None:
    """Write a bool (H, W) mask as a PNG of one channel, 255 where it is set and 0 elsewhere."""
    write_atomically(path, _png(mask.view(np.uint8) * np.uint8(255)))


def read_mask_png(path: str | os.PathLike[str]) -> Bool:
    """Read a mask PNG of one channel; every value above 0 is set."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("L", "1"):
                raise PictureError(f"`{path}` is no mask: a PNG of one 8-bit channel is expected, got {image.mode}")
            mask: Bool = np.asarray(image) > 0
    except FileNotFoundError as error:
        raise PictureError(f"mask `{path}` does not exist; write it first, e.g. with `zeroov evolve`") from error
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise PictureError(f"mask `{path}` is truncated or no PNG; write it again") from error
    return mask


def overlay(rgb: Uint8, mask: Bool, *, dim: float = 0.0) -> Uint8:
    """Return a copy of a picture (H, W, 3) with a mask (H, W) outlined, and the rest darkened by a share of `dim`.

    The line lies outside the mask: the colour of what is marked stays.
    """
    if mask.shape != rgb.shape[:2]:
        raise ValueError(f"a mask of the picture's size {rgb.shape[:2]} is expected, got {mask.shape}")
    drawn = np.rint(rgb * (1 - dim)).astype(np.uint8) if dim else np.array(rgb)
    _draw_outline(drawn, mask, _thick(drawn))
    drawn[mask] = rgb[mask]
    return drawn


def enlarged_by(hw: frames.HW) -> int:
    """Return how many pixels of an overlay show one pixel of a picture of this size."""
    return max(1, round(LARGE / max(hw)))


def ringed(founds: Sequence[Found], scene_hw: frames.HW, drawn_hw: frames.HW) -> list[int]:
    """Return the numbers, from 1, of the objects that are so small in an overlay that they get a ring."""
    per_y, per_x = drawn_hw[0] / scene_hw[0], drawn_hw[1] / scene_hw[1]
    sides = [((each.box.x1 - each.box.x0) * per_x, (each.box.y1 - each.box.y0) * per_y) for each in founds]
    return [number for number, side in enumerate(sides, start=1) if min(side) < SMALL]


def _png(pixels: Uint8) -> bytes:
    """Encode (H, W) or blue-first (H, W, 3) uint8 pixels."""
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise OutputError(f"PNG cannot hold {pixels.shape[1]} x {pixels.shape[0]} pixels; cut the picture into tiles")
    return bytes(encoded)


def scene_overlay(rgb: Uint8, scene_hw: frames.HW, founds: Sequence[Found]) -> Uint8:
    """Return a picture of the scene (H, W, 3) with every object outlined, boxed and, of several, numbered.

    The picture may be reduced; a small one is enlarged by `enlarged_by`. The colour of what was found stays. A small
    object has a white ring around it and no outline: the ring says where it is, and nothing of its shape.
    """
    plain = _enlarged(rgb)
    drawn, covered = plain.copy(), np.zeros(plain.shape[:2], np.bool_)
    height, width = plain.shape[:2]
    thick, small = _thick(drawn), ringed(founds, scene_hw, (height, width))
    labels: list[tuple[int, int]] = []
    for number, found in enumerate(founds, start=1):
        box = frames.scale_box(found.box.xyxy, scene_hw, (height, width))
        assert box
        mask = reduced_mask([found], scene_hw, (height, width))
        covered |= mask
        if number in small:
            labels.append(_draw_ring(drawn, box, thick))
        else:
            _draw_outline(drawn, mask, thick)
            labels.append((round(box.x0), round(box.y0) - 2 * thick))
        _draw_box(drawn, box, thick)
    drawn[covered] = plain[covered]
    if len(founds) > 1:
        _draw_numbers(drawn, labels)
    return drawn


def reduced_mask(founds: Sequence[Found], scene_hw: frames.HW, hw: frames.HW) -> Bool:
    """Return the mask (h, w) of all objects of a scene in a picture of it of another size."""
    mask = np.zeros(hw, dtype=np.bool_)
    for found in founds:
        x0, y0, x1, y1 = (float(side) for side in found.window_xyxy)
        window = frames.scale_box((x0, y0, x1, y1), scene_hw, hw)
        assert window
        left, top = min(int(window.x0), hw[1] - 1), min(int(window.y0), hw[0] - 1)
        right, bottom = max(round(window.x1), left + 1), max(round(window.y1), top + 1)
        mask[top:bottom, left:right] |= frames.resize_mask(found.mask, (bottom - top, right - left))
    return mask


def _enlarged(rgb: Uint8) -> Uint8:
    """Return a picture (H, W, 3) with every pixel `enlarged_by` as many."""
    factor = enlarged_by((rgb.shape[0], rgb.shape[1]))
    return rgb.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else rgb


def _thick(drawn: Uint8) -> int:
    """Return the width of an outline's coloured line in a picture of this size, in pixels."""
    height, width = int(drawn.shape[0]), int(drawn.shape[1])
    return max(1, round(max(height, width) / 250))


def _draw_outline(drawn: Uint8, mask: Bool, thick: int) -> None:
    """Draw a line round a mask (H, W), outside it."""
    if mask.any():
        _draw_line(drawn, mask, OUTLINE_RGB, thick, cv2.DIST_L2)


def _draw_box(drawn: Uint8, box: Box, thick: int) -> None:
    """Draw a line round a box, outside it; at the picture's edge it lies inside, or nobody would see it."""
    height, width = drawn.shape[:2]
    room = min(thick + 2, height // 2, width // 2)
    x0, y0 = max(min(round(box.x0), width - room - 1), room), max(min(round(box.y0), height - room - 1), room)
    inside = np.zeros((height, width), np.bool_)
    inside[y0 : max(y0 + 1, min(round(box.y1), height - room)), x0 : max(x0 + 1, min(round(box.x1), width - room))] = (
        True
    )
    _draw_line(drawn, inside, BOX_RGB, max(1, round(thick * 0.75)), cv2.DIST_C)


def _draw_ring(drawn: Uint8, box: Box, thick: int) -> tuple[int, int]:
    """Draw a ring around a box; return its upper left corner."""
    middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    radius = math.hypot(box.x1 - box.x0, box.y1 - box.y0) / 2 + SMALL / 2
    y, x = np.ogrid[: drawn.shape[0], : drawn.shape[1]]
    _draw_line(drawn, np.hypot(x + 0.5 - middle[0], y + 0.5 - middle[1]) < radius, RING_RGB, thick, cv2.DIST_L2)
    return round(middle[0] - radius), round(middle[1] - radius)


def _draw_line(drawn: Uint8, inside: Bool, rgb: tuple[int, int, int], thick: int, metric: int) -> None:
    """Draw a line round a region (H, W), outside it, between two dark lines."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    casing = max(1.0, thick / 3)
    around = math.ceil(2 * casing + thick) + 2
    window = (
        slice(max(0, rows[0] - around), rows[-1] + 1 + around),
        slice(max(0, columns[0] - around), columns[-1] + 1 + around),
    )
    part, outside = drawn[window], (~inside[window]).astype(np.uint8)
    distance = cv2.distanceTransform(outside, metric, cv2.DIST_MASK_PRECISE)[..., None]  # 1 next to the region
    line = np.clip(np.minimum(distance - casing, casing + thick + 1 - distance), 0, 1)
    opacity = np.clip(distance, 0, 1) * np.clip(2 * casing + thick + 1 - distance, 0, 1)
    colour = np.array(CASING_RGB) * (1 - line) + np.array(rgb) * line
    part[:] = np.rint(part * (1 - opacity) + colour * opacity).astype(np.uint8)


def _draw_numbers(drawn: Uint8, corners_xy: Sequence[tuple[int, int]]) -> None:
    """Write the objects' numbers, from 1, each above its upper left corner, light on dark."""
    scale = max(0.5, max(drawn.shape) / 1600)
    for number, (x, y) in enumerate(corners_xy, start=1):
        place = max(0, x), max(round(24 * scale), y - 4)
        for rgb, width in ((CASING_RGB, 5), (BOX_RGB, max(1, round(1.6 * scale)))):
            cv2.putText(drawn, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, scale, rgb, width, cv2.LINE_AA)
