"""What a cached attention map depends on, and its key.

A key is a digest of the picture's content, the expression as far as the stage reads it, and exactly the settings on
which that stage's arrays depend, the model's revision included. A threshold of Evolve is not among Overview's, so
changing it re-runs nothing before Evolve; a layer's weight is applied to the kept layers, so changing it re-runs
Evolve alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from zeroov.recipe import EvolveRecipe, FocusRecipe, OverviewRecipe, Recipe
from zeroov.recipe.keys import to_plain
from zeroov.recipe.looking import SERVER

FORMAT = 2  # 2: arrays are compressed
_FOCUS_KEYS = ("model", "method", "prompt", "grids", "working_grid", "pooling", "resize_to")
_METHOD_KEYS = {
    "noise": ("t", "clean", "ensemble", "seed"),
    "invert": ("steps",),
    "nulltext": ("steps", "guidance", "inner_steps"),
}


def overview_settings(recipe: OverviewRecipe, revision: str, dtype: str) -> dict[str, Any]:
    """Return what Overview's maps depend on; what is made of them afterwards is not part of it."""
    settings = asdict(recipe) | {"revision": revision, "dtype": dtype}
    settings["layers"] = "all" if recipe.capture == "all" else _plain(recipe.layers, sort=True)
    if fixed := recipe.fixed_heads:  # whose model the revision tells
        settings |= {"heads": fixed.plain, "layers": list(fixed.by_layer)}
    for unused in ("weights", "capture", "position", "pyramid", *(() if recipe.relative else ("relative_prompt",))):
        settings.pop(unused)
    if recipe.prefill_only:
        settings.pop("max_new_tokens")
    for unused in SERVER:
        settings.pop(unused)
    if recipe.answer != "served":
        settings.pop("served_model")
    if recipe.answer == "decoded":
        settings.pop("answer")  # older dumps have none
    if recipe.answer == "given":
        settings.pop("max_new_tokens")
    if recipe.relative and recipe.heads:
        settings["relative_to"] = "the same heads"  # older dumps were divided by those of the other prompt
    return settings


def _plain(layers: tuple[int, ...] | str, sort: bool = False) -> list[int] | str:
    return layers if isinstance(layers, str) else sorted(layers) if sort else list(layers)


def focus_settings(recipe: FocusRecipe, revision: str, dtype: str) -> dict[str, Any]:
    """Return what Focus's matrix depends on: the keys of other methods are not part of it."""
    values = asdict(recipe)
    used = (*_FOCUS_KEYS, *_METHOD_KEYS[recipe.method])
    settings = {name: list(values[name]) if isinstance(values[name], tuple) else values[name] for name in used}
    settings["grids"] = sorted(settings["grids"])
    if recipe.method == "noise" and recipe.clean:
        settings.pop("seed")
        settings.pop("ensemble")
    return settings | {"revision": revision, "dtype": dtype}


def focus_expression(recipe: FocusRecipe, expression: str) -> str:
    """Return the text that Focus reads for an expression: the same for all when the prompt does not hold it."""
    return recipe.prompt.replace("{expression}", expression)


def evolve_settings(
    recipe: EvolveRecipe, overview: OverviewRecipe, overview_key: str, focus_key: str
) -> dict[str, Any]:
    """Return what Evolve's result depends on: the two maps, how the layers are combined, and its own thresholds."""
    combination: dict[str, Any] = {"layers": _plain(overview.layers), "weights": list(overview.weights)}
    combination |= {"position": overview.position, "pyramid": list(overview.pyramid)}
    return asdict(recipe) | combination | {"overview": overview_key, "focus": focus_key}


def listing_settings(recipe: Recipe, by: str, revision: str = "", dtype: str = "") -> dict[str, Any]:
    """Return what a list of objects depends on: who made it, the language model or a detector, and how it was asked."""
    if by == "detector":
        asked = asdict(recipe.detector)
    else:
        names = ("model", "quantize", "attention", "min_pixels", "max_pixels")
        asked = {name: getattr(recipe.overview, name) for name in names}
        asked |= {name: getattr(recipe.candidates, name) for name in ("prompt", "max_new_tokens", "repetition_penalty")}
        asked |= recipe.overview.served
    return asked | {"by": by, "most": recipe.candidates.most, "revision": revision, "dtype": dtype}


def weighed_settings(recipe: Recipe, revision: str = "", dtype: str = "") -> dict[str, Any]:
    """Return what the weighing of a question's answers depends on, beside the question and the answers."""
    names = ("model", "quantize", "attention", "min_pixels", "max_pixels")
    return {name: getattr(recipe.overview, name) for name in names} | {"revision": revision, "dtype": dtype}


def pool_settings(recipe: Recipe, keys: Mapping[str, str], searched: bool = False) -> dict[str, Any]:
    """Return what a pool of candidates depends on: the maps, by their keys, and what was asked beside.

    In a scene that was searched, also how that was cut.
    """
    asked = {"candidates": asdict(recipe.candidates), "evidence": asdict(recipe.evidence), "ask": recipe.zoom.ask}
    if "detector" in recipe.candidates.sources:
        asked["detector"] = asdict(recipe.detector)
    if recipe.zoom.ask == "model":
        asked |= recipe.overview.served
    if searched:
        asked["search"] = asdict(recipe.search)
    plain: dict[str, Any] = to_plain({**asked, "overview": keys["overview"], "focus": keys["focus"]})
    return plain


def differing(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return in which settings a dump differs from what a recipe wants; the machine's own are left out."""
    names = sorted((made.keys() | wanted.keys()) - {"revision", "dtype"})
    return [f"{name} = {made.get(name)!r}" for name in names if made.get(name) != wanted.get(name)]


def settings_digest(stage: str, settings: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits that a stage's dumps share when they were made alike, whatever the sample.

    Left out are the keys of a sample's own maps in Evolve's settings, and the model's name, as in the key.
    """
    counted = {name: value for name, value in settings.items() if name not in ("overview", "focus", "model")}
    text = json.dumps([stage, counted], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def digest(stage: str, picture_digest: str, expression: str, settings: dict[str, Any]) -> str:
    """Return the key: 32 hexadecimal digits.

    The model's name is left out: its revision identifies the weights, and a moved folder holds the same ones.
    """
    counted = {name: value for name, value in settings.items() if name != "model"}
    text = json.dumps([FORMAT, stage, picture_digest, expression, counted], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
