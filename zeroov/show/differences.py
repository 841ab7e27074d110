"""Draw one sample as several systems answered it: the truth first, then each answer, side by side, as one PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from zeroov.frames import HW, XYXY, resize_mask
from zeroov.outputs.images import overlay
from zeroov.show import page as pages
from zeroov.show.page import GAP, GREY, INCHES, MARGIN, Page, draw_box
from zeroov.show.words import fitted
from zeroov.types import Bool, Uint8

ABOVE, BELOW = 0.3, 0.34  # inches around a picture
MOST_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Shown:
    """The truth or an answer: its name, a line below it, its mask (H, W) and its box (x0, y0, x1, y1), or `None`.

    `missing`: there is no answer. Without a mask and a box it is else one that says that nothing was found.
    """

    title: str
    caption: str
    mask: Bool | None
    box: XYXY | None
    missing: bool = False


def draw_differences(rgb: Uint8, headline: str, truth: Shown, answers: Sequence[Shown]) -> bytes:
    """Return a PNG of the picture (H, W, 3) with the truth, and with each answer beside it, the true box dashed."""
    tiles = (truth, *answers)
    hw = rgb.shape[0], rgb.shape[1]
    tile_w, tile_h = pages.tile_size(hw)
    columns = math.ceil(len(tiles) / math.ceil(len(tiles) / MOST_COLUMNS))
    cell_w, cell_h = max(tile_w, INCHES * 0.8) + GAP, tile_h + ABOVE + BELOW
    width = max(2 * MARGIN + columns * cell_w - GAP, 6.5)
    heading = fitted(headline, int((width - 2 * MARGIN) * 8), 3)
    header = MARGIN + 0.22 * (heading[0].count("\n") + 1) + 0.1
    height = header + math.ceil(len(tiles) / columns) * cell_h + MARGIN / 2

    page, small, letters = Page(width, height), pages.drawn(rgb), int((cell_w - GAP) * 13)
    page.text(MARGIN, height - MARGIN, heading, size=12, weight="bold", va="top", linespacing=1.15)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        x, y = MARGIN + column * cell_w, height - header - row * cell_h - ABOVE - tile_h
        _draw(page.axes(x, y, tile_w, tile_h), small, hw, tile, None if tile is truth else truth.box)
        page.text(x, y + tile_h + 0.08, fitted(tile.title, letters), size=9.5)
        page.text(x, y - 0.18, fitted(tile.caption, letters), size=8.5, color=GREY)
    return page.png()


def _draw(axes: Axes, rgb: Uint8, hw: HW, tile: Shown, truth: XYXY | None) -> None:
    """Draw a tile in pixels of the image itself, whose size is `hw`."""
    height, width = hw
    found = tile.mask is not None and bool(tile.mask.any())
    pixels = rgb
    if found and tile.mask is not None:
        pixels = overlay(rgb, resize_mask(tile.mask, (rgb.shape[0], rgb.shape[1])))
    elif tile.box is None:
        pixels = (rgb * 0.4).astype(np.uint8)
        pages.say(axes, "no answer" if tile.missing else "nothing found", 11)
    axes.imshow(pixels, extent=(0, width, height, 0), interpolation="antialiased", aspect="auto")
    if truth:
        draw_box(axes, truth, edgecolor="white", linewidth=1.2, linestyle=(0, (4, 3)), clip_on=True)
    if tile.box:
        draw_box(axes, tile.box, clip_on=True)
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="auto")
