"""Write masks and overlays as PNG, and read masks."""

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

TINT_RGB = (255, 0, 144)  # a magenta that neither fields, water, roofs nor roads have
BOX_RGB = (255, 221, 0)
TINT_OPACITY = 0.4
SMALL = 24  # pixels of the reduced scene: around what is smaller a ring is drawn, so that it is seen


def write_rgb_png(path: str | os.PathLike[str], rgb: Uint8) -> None:
    """Write a picture (H, W, 3) as PNG."""
    write_atomically(path, png(rgb))


def png(rgb: Uint8) -> bytes:
    """Return a picture (H, W, 3) as PNG."""
    return _png(rgb[..., ::-1])


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


def overlay(rgb: Uint8, mask: Bool, box: Box | None) -> Uint8:
    """Return a copy of a picture (H, W, 3) with a mask (H, W) tinted and outlined and a box drawn."""
    if mask.shape != rgb.shape[:2]:
        raise ValueError(f"a mask of the picture's size {rgb.shape[:2]} is expected, got {mask.shape}")
    drawn = np.array(rgb)
    tinted = drawn[mask] * (1 - TINT_OPACITY) + np.array(TINT_RGB) * TINT_OPACITY
    drawn[mask] = np.rint(tinted).astype(np.uint8)
    width = max(1, round(max(mask.shape) / 400))
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, contours, -1, TINT_RGB, width)
    if box:
        x0, y0 = round(box.x0), round(box.y0)
        x1, y1 = max(round(box.x1) - 1, x0), max(round(box.y1) - 1, y0)  # a half-open box ends one pixel earlier
        cv2.rectangle(drawn, (x0, y0), (x1, y1), BOX_RGB, width)
    return drawn


def _png(pixels: Uint8) -> bytes:
    """Encode (H, W) or blue-first (H, W, 3) uint8 pixels."""
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise OutputError(f"PNG cannot hold {pixels.shape[1]} x {pixels.shape[0]} pixels; cut the picture into tiles")
    return bytes(encoded)


def scene_overlay(rgb: Uint8, scene_hw: frames.HW, founds: Sequence[Found]) -> Uint8:
    """Return a copy of the reduced scene with every object outlined, boxed and numbered in their order.

    A box drawn is the object's own; a small object also has a ring around it.
    """
    drawn = np.array(rgb)
    height, width = drawn.shape[:2]
    thick = max(1, round(max(drawn.shape) / 700))
    for number, found in enumerate(founds, start=1):
        x0, y0, x1, y1 = (float(v) for v in found.window_xyxy)
        window = frames.scale_box((x0, y0, x1, y1), scene_hw, (height, width))
        box = frames.scale_box(found.box.xyxy, scene_hw, (height, width))
        if window is None or box is None:
            continue
        corner = min(round(box.x0), width - 1), min(round(box.y0), height - 1)
        far = max(round(box.x1) - 1, corner[0]), max(round(box.y1) - 1, corner[1])  # half-open: one pixel earlier
        if min(box.x1 - box.x0, box.y1 - box.y0) < SMALL:
            middle = (corner[0] + far[0]) // 2, (corner[1] + far[1]) // 2
            radius = math.ceil(math.hypot(far[0] - corner[0], far[1] - corner[1]) / 2) + SMALL // 2
            cv2.circle(drawn, middle, radius, BOX_RGB, thick, cv2.LINE_AA)
            cv2.rectangle(drawn, corner, far, BOX_RGB, 1)
            label = middle[0] - radius, middle[1] - radius
        else:
            left, top = int(window.x0), int(window.y0)
            size = max(1, round(window.y1 - window.y0)), max(1, round(window.x1 - window.x0))
            contours, _ = cv2.findContours(
                frames.resize_mask(found.mask, size).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(drawn, contours, -1, TINT_RGB, thick, offset=(left, top))
            cv2.rectangle(drawn, corner, far, BOX_RGB, thick)
            label = corner
        if len(founds) > 1:
            place = max(0, label[0]), max(12, label[1] - 4)
            cv2.putText(drawn, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, BOX_RGB, thick, cv2.LINE_AA)
    return drawn
