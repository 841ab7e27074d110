"""Draw samples of a data set with their truth, side by side, so that a wrong box or mask is seen at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from matplotlib.axes import Axes

from zeroov.frames import resize_mask
from zeroov.outputs.images import overlay
from zeroov.show.page import GAP, GREY, INCHES, MARGIN, PLAIN, Form, Page, draw_box
from zeroov.show.words import fitted
from zeroov.types import Bool, Box, Uint8

COLUMNS = 4
LINES = 3  # of an expression
LETTERS = int(INCHES * 118)  # of size 1 that fit into a line below a picture
ABOVE, BELOW = 0.3, 0.62  # inches around a picture
DRAWN = 480  # the longer side of a picture as it is drawn, in pixels
RED = "#b3261e"


@dataclass(frozen=True, eq=False)
class ContactTile:
    """A sample: its id, expression, picture (H, W, 3) and truth in that picture's pixels, or what went wrong."""

    title: str
    expression: str
    rgb: Uint8 | None
    mask: Bool | None = None
    box: Box | None = None
    problem: str = ""


def draw_contact_sheet(heading: str, tiles: Sequence[ContactTile], form: Form = "png") -> bytes:
    """Return a picture of the samples in rows: masks and boxes outlined, the expression below each."""
    columns = max(min(COLUMNS, len(tiles)), 2)
    rows = math.ceil(len(tiles) / columns)
    cell_h = ABOVE + INCHES + BELOW
    width, header = 2 * MARGIN + columns * (INCHES + GAP) - GAP, MARGIN + 0.35
    height = header + rows * (cell_h + GAP) + MARGIN / 2
    page = Page(width, height)
    page.text(MARGIN, height - MARGIN, fitted(heading, int(width * 8)), size=13, weight="bold", va="top")
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        x, y = MARGIN + column * (INCHES + GAP), height - header - row * (cell_h + GAP) - ABOVE - INCHES
        _draw_sample(page.axes(x, y, INCHES, INCHES), tile)
        title, expression = fitted(tile.title, LETTERS // 8), fitted(tile.expression, LETTERS // 9, LINES)
        page.text(x, y + INCHES + 0.07, title, size=8, color=GREY, va="bottom", linespacing=1.15)
        page.text(x, y - 0.07, expression, size=9, va="top", linespacing=1.15)
    return page.encoded(form)


def _draw_sample(axes: Axes, tile: ContactTile) -> None:
    """Draw a picture in the middle of its square, its sides in proportion, and on it the truth or the problem."""
    axes.set(xticks=[], yticks=[])
    if tile.rgb is not None:
        height, width = tile.rgb.shape[:2]
        scale = DRAWN / max(height, width)  # a small one is enlarged, or its outline would be wider than the object
        drawn_wh = max(1, round(width * scale)), max(1, round(height * scale))
        method = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
        pixels: Uint8 = cv2.resize(tile.rgb, drawn_wh, interpolation=method)
        if tile.mask is not None and tile.mask.shape == (height, width):
            pixels = overlay(pixels, resize_mask(tile.mask, (drawn_wh[1], drawn_wh[0])))
        axes.imshow(pixels, extent=(0, width, height, 0), interpolation="antialiased")
        side = max(height, width)
        x0, y0 = (width - side) / 2, (height - side) / 2
        axes.set(xlim=(x0, x0 + side), ylim=(y0 + side, y0))
    if tile.box:
        draw_box(axes, tile.box.xyxy, zorder=1)
    if tile.problem:
        text, family = fitted(tile.problem, 38, 5)
        style: dict[str, Any] = {"size": 8.5, "color": RED, "ha": "center", "va": "bottom", "family": family}
        behind = {"facecolor": "white", "alpha": 0.85, "linewidth": 0}
        axes.text(0.5, 0.03, text, transform=axes.transAxes, bbox=behind, **style, **PLAIN)
