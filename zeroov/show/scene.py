"""Draw what was found in a large scene: where it lies on the reduced picture, and what it looks like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroov import frames
from zeroov.candidates.marks import marked
from zeroov.errors import PictureError
from zeroov.outputs.answer import DOUBTFUL, Answer
from zeroov.outputs.found import Found
from zeroov.outputs.selection import why
from zeroov.raster.scene import Scene
from zeroov.show.contact import ContactTile, draw_contact_sheet
from zeroov.show.page import Form
from zeroov.types import Bool, Picture, Selection, Uint8
from zeroov.zoom.crop import window_around

SHOWN = 11  # objects at most, of many found
NUMBERED = 9  # candidates: one digit each
CROP, CONTEXT, LEAST = 480, 2.5, 64  # a crop's pixels at most, its side over the object's, and at least in the scene


def draw_scene_panel(answer: Answer, scene: Scene, glance: Sequence[Uint8] = (), form: Form = "png") -> bytes:
    """Return one picture: the overlay, what looks at the whole scene attended to, candidates, and `SHOWN` objects.

    The overlay, its size and its rings are those of the part that was searched; `scene` is the whole image.
    """
    height, width = answer.shown.window.hw
    ring = "; a white ring shows where a small object is" if answer.about_overlay()["ringed"] else ""
    size, asked = f"{width:,} x {height:,} pixels", "scene"
    if answer.area:  # objects are named by their place in the image
        size, asked = f"{size} from ({answer.area.x0}, {answer.area.y0})", "part"
    tiles = [ContactTile(size, f"{len(answer.found)} found{ring}", answer.overlay())]
    tiles += [ContactTile("Overview: attention", f"the look at the whole {asked}", heated) for heated in glance]
    tiles += [_candidates(look.picture, look.selection) for look in answer.looks if look.selection]
    for number, found in enumerate(answer.found[:SHOWN], start=1):
        window = window_around(found.box, scene.hw, CONTEXT, LEAST)
        title = f"{number}: at ({round(found.box.x0)}, {round(found.box.y0)}), score {found.score:.2f}"
        title += ", doubtful" if found.score < DOUBTFUL else ""
        try:
            picture = scene.read(window, CROP)
        except PictureError as error:
            tiles.append(ContactTile(title, found.expression, None, problem=str(error)))
            continue
        shown = frames.to_picture(found.box, picture)
        mask = frames.resize_mask(_within(found, window), picture.hw)
        tiles.append(ContactTile(title, found.expression, picture.rgb, mask, shown))
    return draw_contact_sheet(f'"{answer.expression}"', tiles, form)


def _candidates(picture: Picture, selection: Selection) -> ContactTile:
    """Return the whole scene with the best candidates, numbered by their rank."""
    boxes = [selection.pool.candidates[at].box for at in selection.choice.order[:NUMBERED]]
    return ContactTile("Select: the best candidates", why(selection), marked(picture, boxes).rgb)


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
