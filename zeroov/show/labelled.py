"""Draw an image's objects with numbers, and below the image what each number is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zeroov.outputs.found import Found
from zeroov.outputs.images import png, scene_overlay
from zeroov.show.words import in_fonts, legible
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
    pen = ImageDraw.Draw(page)
    for number, name in enumerate(names, start=1):
        text, families = legible(name)
        x, baseline = float(LINE // 2), height + LINE * number
        for part, path in in_fonts(f"{number}  {text}" if len(names) > 1 else text, families):
            font = ImageFont.truetype(path, LETTERS)
            pen.text((x, baseline), part, fill="black", font=font, anchor="ls")
            x += font.getlength(part)
    return png(np.asarray(page))
