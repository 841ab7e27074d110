"""What the Explorer sends to the browser: plain values, with the names of the server's results."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from os import PathLike
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zeroov.client import Client, ServerError
from zeroov.errors import OutputError, UsageError
from zeroov.outputs.answer import Answer
from zeroov.outputs.formats.coco import require_countable
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.html import encoded, reason
from zeroov.outputs.rle import run_lengths
from zeroov.raster.scene import Source
from zeroov.recipe import EvolveRecipe, Recipe
from zeroov.types import Uint8

MOST_FOUND = 500  # objects of one answer that are drawn
Numbers = tuple[float, ...]


class Asked(Protocol):
    """All that the Explorer knows of a pipeline."""

    recipe: Recipe

    def ground(self, source: Source, expression: str, **options: Any) -> Answer:
        """Answer one question."""


@dataclass(frozen=True, eq=False)
class Shown:
    """An answer, as the browser draws it, and as GeoJSON in degrees; this is empty where the image has no place."""

    answer: Any
    result: dict[str, Any]
    geojson: dict[str, Any]


class Here:
    """Asks a pipeline of this process about one image."""

    def __init__(self, image: Source, pipeline: Asked, bands: tuple[int, ...] | None) -> None:
        self._image, self._pipeline, self._bands = image, pipeline, bands

    def ask(self, expression: str, bbox: Numbers | None) -> Shown:
        """Ask one question; a `bbox` is in pixels of the image."""
        options: dict[str, Any] = {} if bbox is None else {"bbox": (*bbox, "px")}
        answer = self._pipeline.ground(self._image, expression, bands=self._bands, **options)
        return Shown(answer, result_of(answer, self._pipeline.recipe.evolve), geojson_of(answer))


class There:
    """Asks a server about one image, which is sent to it once."""

    def __init__(self, image: Source, client: Client, bands: tuple[int, ...] | None) -> None:
        if not isinstance(image, str | PathLike):
            raise UsageError(f"a server is sent the file of an image: give its path, got a {type(image).__name__}")
        self._client, self._picture = client, client.upload(image, bands)

    def ask(self, expression: str, bbox: Numbers | None) -> Shown:
        """Ask one question; a `bbox` is in pixels of the image."""
        options: dict[str, Any] = {} if bbox is None else {"box": list(bbox)}
        answer = self._client.ask(self._picture, expression, **options)
        names = ("expression", "status", "score", "doubtful", "why_empty", "why")
        result = {name: answer.about[name] for name in names}
        result["found"] = [
            {name: each[name] for name in ("box_xyxy", "score", "mask", "doubtful")}
            for each in answer.about["found"][:MOST_FOUND]
        ]
        return Shown(answer, result | {"evolve": self._evolve(answer.id)}, answer.about["geojson"] or {})

    def _evolve(self, answer: str) -> dict[str, Any] | None:
        """Return the maps of an answer, where the server has them of the whole image."""
        try:
            maps = self._client.explain(answer)
        except ServerError as error:
            if error.status == 404:  # a searched scene, or a box that was given
                return None
            raise
        if maps["fused"] is None or list(maps["picture_hw"]) != list(self._picture.hw):
            return None
        recipe = {name: maps["recipe"][name] for name in ("k", "tau", "alpha", "canvas")}
        return {"cross_on_grid": maps["cross_on_grid"], "fused": maps["fused"], "hw": maps["picture_hw"], **recipe}


def geojson_of(answer: Answer) -> dict[str, Any]:
    """Return what was found in degrees; empty where the image has no place, or extra `geo` is missing."""
    try:
        return answer.to_geojson()
    except OutputError:
        return {}


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
