"""Draw samples of a data set with their truth, side by side, so that a wrong box or mask is seen at once."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from zeroov.frames import resize_mask
from zeroov.outputs.images import BOX_RGB, overlay
from zeroov.show.words import legible, wrapped
from zeroov.types import Bool, Box, Uint8

COLUMNS, INCHES, DPI = 4, 2.9, 110
LINES = 3  # of an expression
MARGIN, GAP, ABOVE, BELOW = 0.3, 0.25, 0.3, 0.62  # inches
DRAWN = 480  # the longer side of a picture as it is drawn, in pixels
INK, GREY, RED = "#16181d", "#666b75", "#b3261e"
YELLOW = tuple(value / 255 for value in BOX_RGB)
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}


@dataclass(frozen=True, eq=False)
class ContactTile:
    """A sample: its id, expression, picture (H, W, 3) and truth in that picture's pixels, or what went wrong."""

    title: str
    expression: str
    rgb: Uint8 | None
    mask: Bool | None = None
    box: Box | None = None
    problem: str = ""


def draw_contact_sheet(heading: str, tiles: Sequence[ContactTile]) -> bytes:
    """Return a PNG of the samples in rows: masks tinted, boxes outlined, the expression below each."""
    columns = max(min(COLUMNS, len(tiles)), 2)
    rows = math.ceil(len(tiles) / columns)
    cell_h = ABOVE + INCHES + BELOW
    figure_w, header = 2 * MARGIN + columns * (INCHES + GAP) - GAP, MARGIN + 0.35
    figure_h = header + rows * (cell_h + GAP) + MARGIN / 2
    figure = Figure(figsize=(figure_w, figure_h), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    inches: dict[str, Any] = {"transform": figure.dpi_scale_trans, **PLAIN}
    shown, family = legible(heading)
    shown = wrapped(shown, int(figure_w * 8), 1)
    figure.text(MARGIN, figure_h - MARGIN, shown, size=13, weight="bold", color=INK, va="top", family=family, **inches)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        x, y = MARGIN + column * (INCHES + GAP), figure_h - header - row * (cell_h + GAP) - ABOVE - INCHES
        axes = figure.add_axes((x / figure_w, y / figure_h, INCHES / figure_w, INCHES / figure_h))
        _draw_sample(axes, tile)
        texts = (
            (tile.title, y + INCHES + 0.07, "bottom", 8.0, GREY, 1),
            (tile.expression, y - 0.07, "top", 9.0, INK, LINES),
        )
        for text, height, side, size, colour, lines in texts:
            shown, family = legible(text)
            shown = wrapped(shown, int(INCHES * 118 / size), lines)
            style: dict[str, Any] = {"size": size, "color": colour, "va": side, "linespacing": 1.15}
            figure.text(x, height, shown, family=family, **style, **inches)
    buffer = io.BytesIO()
    canvas.print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _draw_sample(axes: Axes, tile: ContactTile) -> None:
    """Draw a picture in the middle of its square, its sides in proportion, and on it the truth or the problem."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color="#c9ccd3", linewidth=0.8)
    if tile.rgb is not None:
        height, width = tile.rgb.shape[:2]
        scale = min(1.0, DRAWN / max(height, width))
        small_wh = max(1, round(width * scale)), max(1, round(height * scale))
        pixels: Uint8 = cv2.resize(tile.rgb, small_wh, interpolation=cv2.INTER_AREA)
        if tile.mask is not None and tile.mask.shape == (height, width):
            pixels = overlay(pixels, resize_mask(tile.mask, (small_wh[1], small_wh[0])), None)
        axes.imshow(pixels, extent=(0, width, height, 0), interpolation="antialiased")
        side = max(height, width)
        x0, y0 = (width - side) / 2, (height - side) / 2
        axes.set(xlim=(x0, x0 + side), ylim=(y0 + side, y0))
    if tile.box:
        corner, size = (tile.box.x0, tile.box.y0), (tile.box.x1 - tile.box.x0, tile.box.y1 - tile.box.y0)
        outline = [withStroke(linewidth=3.2, foreground="black", alpha=0.7)]
        # Not clipped to the picture: a box that leaves it is to be seen.
        line: dict[str, Any] = {"edgecolor": YELLOW, "linewidth": 1.6, "path_effects": outline, "clip_on": False}
        axes.add_patch(Rectangle(corner, *size, fill=False, **line))
    if tile.problem:
        shown, family = legible(tile.problem)
        style: dict[str, Any] = {"size": 8.5, "color": RED, "ha": "center", "va": "bottom", "family": family}
        behind = {"facecolor": "white", "alpha": 0.85, "linewidth": 0}
        text = wrapped(shown, 38, 5)
        axes.text(0.5, 0.03, text, transform=axes.transAxes, bbox=behind, **style, **PLAIN)
