"""Draw an image's objects with numbers, and below the image what each number is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from zeroov.outputs.found import Found
from zeroov.outputs.images import png, scene_overlay
from zeroov.show.words import FAMILY, legible
from zeroov.types import Uint8

LETTERS = 14  # pixels
LINE = 20


def draw_objects(rgb: Uint8, scene_hw: tuple[int, int], founds: Sequence[Found], names: Sequence[str]) -> bytes:
    """Return a PNG of a (reduced) scene with its objects outlined and numbered, and below it a line for each name."""
    drawn = scene_overlay(rgb, scene_hw, founds)
    if not names:
        return png(drawn)
    height, width = drawn.shape[:2]
    page = Image.new("RGB", (width, height + LINE * len(names) + LINE // 2), "white")
    page.paste(Image.fromarray(drawn), (0, 0))
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(font_manager.findfont(FAMILY), LETTERS)
    for number, name in enumerate(names, start=1):
        text, _ = legible(name)
        place = LINE // 2, height + LINE * (number - 1) + LINE // 4
        pen.text(place, f"{number}  {text}" if len(names) > 1 else text, fill="black", font=font)
    return png(np.asarray(page))
