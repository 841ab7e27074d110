"""What all pictures are drawn on and with: a page that counts in inches, its colours and text, boxes, and the file."""

from __future__ import annotations

import io
import math
import os
from pathlib import PurePath
from typing import Any, Literal, get_args

import cv2
import matplotlib
from matplotlib.axes import Axes
from matplotlib.backend_bases import get_registered_canvas_class
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.patheffects import withStroke

from zeroov.errors import UsageError
from zeroov.frames import HW, XYXY
from zeroov.outputs.images import BOX_RGB
from zeroov.show.words import FAMILY
from zeroov.types import Uint8

Form = Literal["png", "pdf", "svg"]
INCHES, DPI = 2.9, 110  # the side of a square picture
PRINTED_DPI = 220  # of the pictures within a PDF or an SVG
# Text as TrueType, which publishers ask for, or as outlines, which look alike everywhere; no random names in the file.
FILES: dict[Any, Any] = {
    "pdf.fonttype": 42,
    "pdf.use14corefonts": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "zeroov",
}
MARGIN, GAP = 0.3, 0.25  # inches around the page and between the pictures
DRAWN = 640  # the longer side of a picture before it is laid out, in pixels
STEEPEST = 3.0  # aspect ratios beyond this are drawn stretched, or nothing could be seen
CASING = 3.0  # width of the black line behind a box's
TINY = 1 / 30  # of the picture's longer side: what is narrower gets a ring, so that it is seen
INK, GREY, YELLOW = "#16181d", "#666b75", tuple(value / 255 for value in BOX_RGB)
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # a `$` is a dollar, whatever a matplotlibrc says


class Page:
    """A white figure; places and sizes on it are inches from its lower left corner."""

    def __init__(self, width: float, height: float, **options: Any) -> None:
        self._wh = width, height
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", **options)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Return framed axes of that size."""
        across, down = self._wh
        axes = self.figure.add_axes((x / across, y / down, width / across, height / down))
        axes.spines[:].set(color="#c9ccd3", linewidth=0.8)
        return axes

    def text(self, x: float, y: float, text: tuple[str, list[str]], **style: Any) -> None:
        """Write a text with its font families, as `words.fitted` returns them."""
        inches = {"transform": self.figure.dpi_scale_trans, **PLAIN}
        self.figure.text(x, y, text[0], family=text[1], **inches, **{"color": INK, **style})

    def png(self) -> bytes:
        """Return the page as PNG."""
        buffer = io.BytesIO()
        FigureCanvasAgg(self.figure).print_png(buffer)  # type: ignore[no-untyped-call] # savefig heeds a matplotlibrc
        return buffer.getvalue()

    def encoded(self, form: Form) -> bytes:
        """Return the page as PNG, or as PDF or SVG: text and lines are drawn sharp, pictures are pixels."""
        if form == "png":
            return self.png()
        buffer = io.BytesIO()
        self.figure.set_dpi(PRINTED_DPI)
        canvas: Any = get_registered_canvas_class(form)(self.figure)  # imported when asked for
        with matplotlib.rc_context(FILES):
            if form == "pdf":
                canvas.print_pdf(buffer, metadata={"CreationDate": None})
            else:
                canvas.print_svg(buffer, metadata={"Date": None})
        return buffer.getvalue()


def form_of(path: str | os.PathLike[str]) -> Form:
    """Return what kind of picture a file's name asks for; refuse an unknown one."""
    for form in get_args(Form):
        if PurePath(path).suffix.lower() == f".{form}":
            known: Form = form
            return known
    raise UsageError(f"`{path}` is drawn as .png, .pdf or .svg; end its name so")


def drawn_aspect(hw: HW) -> float:
    """Return width over height of a picture as it is drawn."""
    return min(max(hw[1] / hw[0], 1 / STEEPEST), STEEPEST)


def tile_size(hw: HW) -> tuple[float, float]:
    """Return the width and height in inches at which a picture is drawn."""
    aspect = drawn_aspect(hw)
    return INCHES * math.sqrt(aspect), INCHES / math.sqrt(aspect)


def drawn(rgb: Uint8) -> Uint8:
    """Return a picture at the size that it is drawn from: a large one is averaged, a tiny one shows its pixels."""
    height, width = rgb.shape[:2]
    aspect = drawn_aspect((height, width))
    wide, high = round(DRAWN * min(aspect, 1)), round(DRAWN * min(1 / aspect, 1))
    method = cv2.INTER_NEAREST if high >= height and wide >= width else cv2.INTER_AREA
    pixels: Uint8 = cv2.resize(rgb, (wide, high), interpolation=method)
    return pixels


def draw_box(axes: Axes, corners_xyxy: XYXY, **line: Any) -> None:
    """Draw a box in the pixels that the axes count in; where it leaves them it is to be seen, too."""
    x0, y0, x1, y1 = corners_xyxy
    behind = withStroke(linewidth=CASING, foreground="black")  # so that it is seen on its own colour
    style = {"edgecolor": YELLOW, "linewidth": 1.4, "clip_on": False, "zorder": 5, "path_effects": [behind], **line}
    axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, **style))


def label(axes: Axes, corners_xyxy: XYXY, text: str) -> None:
    """Write a few letters at a box's upper left corner, above it."""
    x0, y0, _, _ = corners_xyxy
    behind = withStroke(linewidth=2.0, foreground="black")
    style: dict[str, Any] = {"color": "white", "size": 7, "va": "bottom", "zorder": 6, "path_effects": [behind]}
    axes.text(x0, y0, text, family=FAMILY, clip_on=False, **style, **PLAIN)


def is_tiny(corners_xyxy: XYXY, hw: HW) -> bool:
    """Return whether a box is so narrow in a picture of this size that it gets a ring."""
    x0, y0, x1, y1 = corners_xyxy
    return min(x1 - x0, y1 - y0) < TINY * max(hw)


def draw_ring(axes: Axes, corners_xyxy: XYXY, hw: HW) -> None:
    """Draw a white ring around a box in a picture of this size: it says where something is, not what shape it has."""
    x0, y0, x1, y1 = corners_xyxy
    middle, side = ((x0 + x1) / 2, (y0 + y1) / 2), math.hypot(x1 - x0, y1 - y0) + TINY * max(hw)
    behind = withStroke(linewidth=CASING, foreground="black")
    style: dict[str, Any] = {"edgecolor": "white", "linewidth": 1.4, "zorder": 5, "path_effects": [behind]}
    axes.add_patch(Ellipse(middle, side, side, fill=False, clip_on=False, **style))


def say(axes: Axes, text: str, size: float) -> None:
    """Write a few words in the middle of the axes, over a dark picture."""
    centred: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes, "color": "white"}
    axes.text(0.5, 0.5, text, size=size, family=FAMILY, **centred, **PLAIN)
