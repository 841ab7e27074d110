"""Draw what was found in a large scene: where it lies on the reduced picture, and what it looks like."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from zeroov import frames
from zeroov.errors import PictureError
from zeroov.outputs.found import Found
from zeroov.outputs.images import BOX_RGB, TINT_RGB
from zeroov.raster.scene import Scene
from zeroov.types import Bool, Uint8
from zeroov.zoom.crop import window_around

SMALL = 24  # pixels of the reduced picture: around what is smaller a ring is drawn that leaves it free
SHOWN = 11  # objects at most, of many found
CROP, CONTEXT, LEAST = 480, 2.5, 64  # a crop's pixels at most, its side over the object's, and at least in the scene


def draw_scene_panel(heading: str, drawn: Uint8, scene: Scene, founds: Sequence[Found]) -> bytes:
    """Return a PNG: the overlay, and beside it the objects from near, the first `SHOWN` of them."""
    from zeroov.show.contact import ContactTile, draw_contact_sheet

    height, width = scene.hw
    tiles = [ContactTile(f"{width:,} x {height:,} pixels", f"{len(founds)} found", drawn)]
    for number, found in enumerate(founds[:SHOWN], start=1):
        window = window_around(found.box, scene.hw, CONTEXT, LEAST)
        x0, y0, x1, y1 = window
        title = f"{number}: at ({round(found.box.x0)}, {round(found.box.y0)}), score {found.score:.2f}"
        try:
            picture = scene.read(window, CROP)
        except PictureError as error:
            tiles.append(ContactTile(title, found.expression, None, problem=str(error)))
            continue
        shown = frames.scale_box(frames.image_to_crop(found.box, (x0, y0)).xyxy, (y1 - y0, x1 - x0), picture.hw)
        mask = frames.resize_mask(_within(found, window), picture.hw)
        tiles.append(ContactTile(title, found.expression, picture.rgb, mask, shown))
    return draw_contact_sheet(heading, tiles)


def _within(found: Found, window: tuple[int, int, int, int]) -> Bool:
    """Return the object's mask in a window of the scene."""
    x0, y0, x1, y1 = window
    left, top, right, bottom = found.window_xyxy
    mask = np.zeros((y1 - y0, x1 - x0), dtype=np.bool_)
    xs, ys = (max(x0, left), min(x1, right)), (max(y0, top), min(y1, bottom))
    if xs[0] < xs[1] and ys[0] < ys[1]:
        part = found.mask[ys[0] - top : ys[1] - top, xs[0] - left : xs[1] - left]
        mask[ys[0] - y0 : ys[1] - y0, xs[0] - x0 : xs[1] - x0] = part
    return mask


def scene_overlay(rgb: Uint8, scene_hw: frames.HW, founds: Sequence[Found]) -> Uint8:
    """Return a copy of the reduced scene with every object outlined, boxed and numbered in their order."""
    drawn = np.array(rgb)
    height, width = drawn.shape[:2]
    thick = max(1, round(max(drawn.shape) / 700))
    for number, found in enumerate(founds, start=1):
        x0, y0, x1, y1 = (float(v) for v in found.window_xyxy)
        window = frames.scale_box((x0, y0, x1, y1), scene_hw, (height, width))
        box = frames.scale_box(found.box.xyxy, scene_hw, (height, width))
        if window is None or box is None:
            continue
        if min(box.x1 - box.x0, box.y1 - box.y0) < SMALL:
            grow = SMALL / 2
        else:
            grow = 0.0
            left, top = int(window.x0), int(window.y0)
            size = max(1, round(window.y1 - window.y0)), max(1, round(window.x1 - window.x0))
            contours, _ = cv2.findContours(
                frames.resize_mask(found.mask, size).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(drawn, contours, -1, TINT_RGB, thick, offset=(left, top))
        corner, far = (round(box.x0 - grow), round(box.y0 - grow)), (round(box.x1 + grow) - 1, round(box.y1 + grow) - 1)
        cv2.rectangle(drawn, corner, far, BOX_RGB, thick)
        if len(founds) > 1:
            place = corner[0], max(12, corner[1] - 4)
            cv2.putText(drawn, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, BOX_RGB, thick, cv2.LINE_AA)
    return drawn
