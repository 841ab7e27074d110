"""Draw one sample as several systems answered it: the truth first, then each answer, side by side, as one PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from zeroov.frames import resize_mask
from zeroov.outputs.images import BOX_RGB, overlay
from zeroov.show.words import FAMILY, legible, wrapped
from zeroov.types import Bool, Uint8

DRAWN = 640  # the longer side of the picture before it is laid out, in pixels
STEEPEST = 3.0  # aspect ratios beyond this are drawn stretched, or nothing could be seen
INCHES, DPI = 2.9, 110  # the side of a square picture
MARGIN, ABOVE, BELOW, GAP = 0.3, 0.3, 0.34, 0.25  # inches around the pictures
MOST_COLUMNS = 4
INK, GREY, ANSWER = "#16181d", "#666b75", tuple(value / 255 for value in BOX_RGB)
OUTLINE = [withStroke(linewidth=3.2, foreground="black", alpha=0.6)]
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # a `$` is a dollar, whatever a matplotlibrc says

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Shown:
    """The truth or an answer: its name, a line below it, its mask (H, W) and its box (x0, y0, x1, y1), or `None`."""

    title: str
    caption: str
    mask: Bool | None
    box: Corners | None


def draw_differences(rgb: Uint8, headline: str, truth: Shown, answers: Sequence[Shown]) -> bytes:
    """Return a PNG of the picture (H, W, 3) with the truth, and with each answer beside it, the true box dashed."""
    tiles = (truth, *answers)
    height, width = rgb.shape[:2]
    aspect = min(max(width / height, 1 / STEEPEST), STEEPEST)
    tile_w, tile_h = INCHES * math.sqrt(aspect), INCHES / math.sqrt(aspect)
    columns = math.ceil(len(tiles) / math.ceil(len(tiles) / MOST_COLUMNS))
    cell_w, cell_h = max(tile_w, INCHES * 0.8) + GAP, tile_h + ABOVE + BELOW
    figure_w = max(2 * MARGIN + columns * cell_w - GAP, 6.5)
    text, fonts = legible(headline)
    text = wrapped(text, int((figure_w - 2 * MARGIN) * 8), 3)
    header = MARGIN + 0.22 * (text.count("\n") + 1) + 0.1
    figure_h = header + math.ceil(len(tiles) / columns) * cell_h + MARGIN / 2

    figure = Figure(figsize=(figure_w, figure_h), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    inches: dict[str, Any] = {"transform": figure.dpi_scale_trans, **PLAIN}
    heading: dict[str, Any] = {"size": 12, "weight": "bold", "color": INK, "va": "top", "linespacing": 1.15}
    figure.text(MARGIN, figure_h - MARGIN, text, family=fonts, **heading, **inches)
    small = _drawn(rgb, aspect)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        x, y = MARGIN + column * cell_w, figure_h - header - row * cell_h - ABOVE - tile_h
        axes = figure.add_axes((x / figure_w, y / figure_h, tile_w / figure_w, tile_h / figure_h))
        _draw(axes, small, (height, width), tile, None if tile is truth else truth.box)
        for line, dy, style in ((tile.title, tile_h + 0.08, INK), (tile.caption, -0.18, GREY)):
            shown, families = legible(line)
            shown = wrapped(shown, int((cell_w - GAP) * 13), 1)
            figure.text(x, y + dy, shown, size=9.5 if style == INK else 8.5, color=style, family=families, **inches)
    buffer = io.BytesIO()
    canvas.print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _draw(axes: Axes, rgb: Uint8, hw: tuple[int, int], tile: Shown, truth: Corners | None) -> None:
    """Draw a tile in pixels of the image itself, whose size is `hw`."""
    height, width = hw
    found = tile.mask is not None and bool(tile.mask.any())
    pixels = rgb
    if found and tile.mask is not None:
        pixels = overlay(rgb, resize_mask(tile.mask, (rgb.shape[0], rgb.shape[1])), None)
    elif tile.box is None:
        pixels = (rgb * 0.4).astype(np.uint8)
        centred: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes, "color": "white"}
        axes.text(0.5, 0.5, "nothing found", size=11, family=FAMILY, **centred, **PLAIN)
    axes.imshow(pixels, extent=(0, width, height, 0), interpolation="antialiased", aspect="auto")
    if truth:
        _draw_box(axes, truth, {"edgecolor": "white", "linewidth": 1.2, "linestyle": (0, (4, 3))})
    if tile.box:
        _draw_box(axes, tile.box, {"edgecolor": ANSWER, "linewidth": 1.8})
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="auto")
    axes.spines[:].set(color="#c9ccd3", linewidth=0.8)


def _draw_box(axes: Axes, box: Corners, line: dict[str, Any]) -> None:
    x0, y0, x1, y1 = box
    axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, zorder=5, path_effects=OUTLINE, **line))


def _drawn(rgb: Uint8, aspect: float) -> Uint8:
    """Return the picture at the size that it is drawn from: a large one is averaged, a tiny one shows its pixels."""
    width, height = round(DRAWN * min(aspect, 1)), round(DRAWN * min(1 / aspect, 1))
    enlarged = height >= rgb.shape[0] and width >= rgb.shape[1]
    method = cv2.INTER_NEAREST if enlarged else cv2.INTER_AREA
    drawn: Uint8 = cv2.resize(rgb, (width, height), interpolation=method)
    return drawn
