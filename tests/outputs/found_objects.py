"""Found objects to write."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.write import FORMATS
from zeroov.types import Box

PROVENANCE = {"model": "Qwen/ä", "revision": "abc", "recipe": "fast", "recipe_digest": "0123", "tiles": 9}
HW = (300, 500)
SCENE = SceneInfo("/data/Szene ä 1.tif", HW, "EPSG:32633", (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_000_000.0))
PLAIN = SceneInfo("photo.jpg", HW)
# The formats whose libraries are installed.
WRITABLE = tuple(name for name, each in FORMATS.items() if all(map(importlib.util.find_spec, each.modules)))


def airport() -> Found:
    """An L of 30 x 20 with a courtyard, and one pixel apart from it; the window is larger than that."""
    mask = np.zeros((50, 60), np.bool_)
    mask[10:40, 20:30] = True
    mask[30:40, 20:40] = True
    mask[33:36, 23:27] = False
    mask[45, 50] = True
    box = frames.mask_to_box(mask)
    assert box
    return Found(
        mask, (200, 100), frames.crop_to_image(box, (200, 100)), 0.75, "the white terminal", extra={"round": 2}
    )


def pond() -> Found:
    """A rectangle at the scene's corner."""
    return Found(np.ones((8, 12), np.bool_), (488, 292), Box(488, 292, 500, 300), 0.5, 'the pond, with "quotes" & <ä>')


def full_mask(*founds: Found, hw: tuple[int, int] = HW) -> np.ndarray:
    mask = np.zeros(hw, np.bool_)
    for found in founds:
        x0, y0, x1, y1 = found.window_xyxy
        mask[y0:y1, x0:x1] |= found.mask
    return mask


def loaded(path: Path) -> Any:
    """Read JSON as it must be: without NaN, with one top-level value."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
