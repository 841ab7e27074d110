"""What was found as detections of the library supervision, in pixels of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zeroov.errors import OutputError
from zeroov.outputs.extras import need
from zeroov.outputs.found import Found, SceneInfo

MOST_MASKED = 1_000_000_000  # pixels of all masks together, a byte each


def detections(info: SceneInfo, founds: Sequence[Found], doubts: Sequence[str]) -> Any:
    """Return `supervision.Detections` with a row for each object: xyxy (n, 4), mask (n, H, W) bool, confidence.

    The class is the expression, number 0 the first. `data` holds `class_name`, `expression` and `doubt`, "" where there
    is none. supervision's masks have the size of the whole image, so a large scene is refused.
    """
    supervision = need("supervision", "supervision.Detections", install="`pip install supervision`")
    height, width = info.hw
    if len(founds) * height * width > MOST_MASKED:
        raise OutputError(
            f"{len(founds)} masks of {width} x {height} pixels take {len(founds) * height * width / 1e9:.1f} GB in "
            "supervision.Detections; use to_geodataframe() or to_coco(), or ask about a part of the image (aoi=)"
        )
    info.require_inside(founds)
    masks = np.zeros((len(founds), height, width), np.bool_)
    for mask, found in zip(masks, founds, strict=True):
        x0, y0, x1, y1 = found.window_xyxy
        mask[y0:y1, x0:x1] = found.mask
    expressions = [found.expression for found in founds]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(expressions))}
    names = np.array(expressions, dtype=np.str_)
    return supervision.Detections(
        xyxy=np.array([found.box.xyxy for found in founds], np.float32).reshape(-1, 4),
        mask=masks,
        confidence=np.array([found.score for found in founds], np.float32),
        class_id=np.array([numbers[name] for name in expressions], np.int64),
        data={"class_name": names, "expression": names.copy(), "doubt": np.array(doubts, dtype=np.str_)},
    )
