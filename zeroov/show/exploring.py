"""What the Explorer sends to the browser: plain values, with the names of the server's results."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.errors import OutputError
from zeroov.outputs.answer import Answer
from zeroov.outputs.formats.coco import require_countable
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.html import encoded, reason
from zeroov.outputs.rle import run_lengths
from zeroov.recipe import EvolveRecipe
from zeroov.types import Uint8

MOST_FOUND = 500  # objects of one answer that are drawn


def picture_url(rgb: Uint8) -> str:
    """Return a picture (H, W, 3) as an address that holds it whole."""
    data, kind = encoded(rgb)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def result_of(answer: Answer, recipe: EvolveRecipe) -> dict[str, Any]:
    """Return an answer as the browser draws it, with the two small maps from which Evolve is drawn again."""
    found = [
        _object(each, answer.info) | {"doubtful": answer.doubt(each) or None} for each in answer.found[:MOST_FOUND]
    ]
    return {
        "expression": answer.expression,
        "status": answer.status,
        "score": round(answer.score, 6),
        "doubtful": answer.doubtful or None,
        "why_empty": answer.why_empty or None,
        "why": reason(answer),
        "found": found,
        "evolve": _evolve(answer, recipe),
    }


def _object(found: Found, info: SceneInfo) -> dict[str, Any]:
    """Return an object in pixels of the image: its box, its score, and its mask as run lengths where these count it."""
    about: dict[str, Any] = {"box_xyxy": list(found.box.xyxy), "score": round(found.score, 6), "mask": None}
    try:
        require_countable(info)
    except OutputError:  # the scene is too large: its box is drawn
        return about
    return about | {"mask": run_lengths(found.mask, found.origin_xy, info.hw)}


def _evolve(answer: Answer, recipe: EvolveRecipe) -> dict[str, Any] | None:
    """Return W, the fused map, and the recipe's values; `None` where no look at the whole image has them."""
    looks = [] if answer.area else [look for look in answer.looks[:1] if look.evolved]
    for look in looks:
        assert look.evolved
        return {
            "cross_on_grid": _floats(look.evolved.cross_on_grid),
            "fused": _floats(look.evolved.fused),
            "hw": list(look.picture.hw),
            "k": recipe.k,
            "tau": recipe.tau,
            "alpha": recipe.alpha,
            "canvas": recipe.canvas,
        }
    return None


def _floats(values: NDArray[np.floating]) -> dict[str, Any]:
    data = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return {"shape": list(values.shape), "f32": base64.b64encode(data).decode()}
