"""Which settings a sweep scores: every combination of the values that a user gives for some keys of a recipe.

Values are TOML, words of their key (`each`, `all`, `own`, `none`), ranges like `0.2:0.7:0.05`, or lists as the command
itself prints them, `1+2` and `overview+evolve`.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from zeroov.errors import RecipeError, UsageError, did_you_mean
from zeroov.recipe import STAGES, Recipe, SelectRecipe

WHOLE = ("evolve.k", "evolve.canvas")
CHOICES = tuple(f"select.{key.name}" for key in fields(SelectRecipe))  # weights of the choice among candidates
NUMBERS = (*WHOLE, "evolve.tau", "evolve.alpha", "overview.position", *CHOICES)
LISTS = ("overview.layers", "overview.weights", "stages")
WORDS = {"overview.layers": ("each", "all", "own")}
KEYS = (*NUMBERS, "evolve.official", *LISTS, "focus")
MOST = 1000  # values of one range

Grid = dict[str, list[Any]]


@dataclass(frozen=True, eq=False)
class Setting:
    """One combination of values and its recipe; `focus` names the Focus settings whose maps it takes.

    An empty `focus` takes the map that each record names.
    """

    changes: Mapping[str, Any]
    recipe: Recipe
    focus: str = ""


def parse_grid(texts: Sequence[str]) -> Grid:
    """Read `KEY=V1,V2,...` texts; commas inside brackets separate nothing."""
    grid: Grid = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not values:
            raise UsageError(f"--grid takes KEY=V1,V2,..., e.g. evolve.alpha=0.2,0.3,0.4, got `{text}`")
        if key not in KEYS:
            raise UsageError(f"`{key}` cannot be changed without running a model{did_you_mean(key, KEYS)}")
        if key in grid:
            raise UsageError(f"`{key}` is given twice; list all its values in one --grid")
        found = [value for part in _parts(values) for value in _values(key, part.strip())]
        grid[key] = [value for place, value in enumerate(found) if value not in found[:place]]
    if not grid:
        raise UsageError("name at least one key, e.g. --grid evolve.alpha=0.2,0.3,0.4")
    if not grid.keys().isdisjoint(CHOICES) and not grid.keys() <= set(CHOICES):
        raise UsageError("--grid takes keys of `select` alone or none of them: other keys make other candidates")
    if {"focus", "stages"} <= grid.keys():
        raise UsageError("--grid takes `focus` or `stages`, not both: each says whether Focus takes part")
    if "overview.weights" in grid and any(isinstance(value, dict) for value in grid.get("overview.layers", [])):
        raise UsageError("--grid takes overview.weights or layers with their own weights, {2=1, 3=0.5}, not both")
    return grid


def as_text(value: Any) -> str:
    """Return a value as a table shows it and as `parse_grid` reads it."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}={number:g}" for name, number in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def settings_of(recipe: Recipe, grid: Grid, captured: Sequence[int], groups: Sequence[str]) -> list[Setting]:
    """Return every combination of a grid's values.

    `captured` are the layers that all maps hold, `groups` the Focus settings that the folders hold. Where layers vary
    and weights do not, layers of another number than the recipe's weigh alike; where both vary, numbers that do not fit
    each other are passed over.
    """
    grid = dict(grid)
    if "overview.layers" in grid:
        grid["overview.layers"] = _expanded(grid["overview.layers"], [[number] for number in captured])
    if "focus" in grid:
        grid["focus"] = _expanded(grid["focus"], list(groups))
    found = []
    for values in itertools.product(*grid.values()):
        changes = dict(zip(grid, values, strict=True))
        focus = changes.get("focus", "")
        weighted = _layers(recipe, changes, captured)
        if weighted is None:
            continue
        stages = _stages(changes.get("stages", recipe.stages), focus)
        plain = {key: value for key, value in changes.items() if key != "focus"}
        chosen = recipe.with_values({**plain, **weighted, "stages": stages})
        found.append(Setting(changes, chosen, "" if focus == "none" else focus))
    if not found:
        raise UsageError("no combination of overview.layers and overview.weights has as many weights as layers")
    return found


def choices_of(recipe: Recipe, grid: Grid) -> list[Setting]:
    """Return every combination of a grid of weights of the choice among candidates."""
    combined = (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))
    return [Setting(changes, recipe.with_values(changes)) for changes in combined]


def _expanded(values: Sequence[Any], each: Sequence[Any]) -> list[Any]:
    """Return the values with `each` replaced; one that is there already is not repeated."""
    found: list[Any] = []
    for value in values:
        found += [item for item in (each if value == "each" else [value]) if item not in found]
    return found


def _layers(recipe: Recipe, changes: Mapping[str, Any], captured: Sequence[int]) -> dict[str, Any] | None:
    """Return the layers and weights that some changes ask for; `None` where their numbers do not fit."""
    layers: Any = changes.get("overview.layers", "own")
    weights = list(recipe.overview.weights)
    if layers == "own" and isinstance(recipe.overview.layers, str):
        return {"overview.layers": recipe.overview.layers, "overview.weights": changes.get("overview.weights", weights)}
    if layers == "own":
        layers = list(recipe.overview.layers)
    elif layers == "all":
        layers, weights = list(captured), [1.0] * len(captured)
    elif isinstance(layers, dict):
        layers, weights = [int(number) for number in layers], list(layers.values())
    weights = changes.get("overview.weights", weights)
    if len(layers) != len(weights):
        if "overview.weights" in changes:
            return None
        weights = [1.0] * len(layers)
    return {"overview.layers": layers, "overview.weights": weights}


def _stages(stages: Sequence[str], focus: str) -> list[str]:
    """Return the stages without Refine, which needs a model, and with Focus as its choice says."""
    kept = [stage for stage in stages if stage != "refine" and (stage, focus) != ("focus", "none")]
    if focus not in ("", "none") and "focus" not in kept:
        kept = [stage for stage in STAGES if stage in (*kept, "focus")]
    if not {"focus", "evolve"} & set(kept):
        raise RecipeError(f"stages = {kept} leaves nothing to cut a mask from")
    return kept


def _parts(text: str) -> list[str]:
    """Return a text's parts between its commas, those inside brackets left out."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _values(key: str, text: str) -> list[Any]:
    """Return the value of a text, or the values of a range or of `[[2], [2, 3]]`."""
    if key == "focus" and text:
        return [text.strip("\"'")]
    if key in NUMBERS and ":" in text:
        return _range(key, text)
    if text in WORDS.get(key, ()):
        return [text]
    try:
        if key in LISTS and text[:1] not in ("[", "{"):
            return [[part if part in STAGES else _toml(part) for part in text.split("+")]]
        value = _toml(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(key, text, str(error)) from error
    if isinstance(value, dict) and not (key == "overview.layers" and all(map(str.isdecimal, value))):
        raise _refusal(key, text, "a table has layers and their weights, {2=1, 3=0.5}, and belongs to overview.layers")
    many = key in LISTS and isinstance(value, list) and value and isinstance(value[0], list)
    return value if many else [value]


def _toml(text: str) -> Any:
    return tomllib.loads(f"v = {text}")["v"]


def _range(key: str, text: str) -> list[Any]:
    """Return the numbers of `first:last:step`, both ends included."""
    try:
        first, last, step = map(float, text.split(":"))
        count = math.floor((last - first) / step + 1e-9) + 1
        values = [round(first + step * place, 9) for place in range(count if count <= MOST else 0)]
    except (ValueError, ZeroDivisionError, OverflowError):
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise _refusal(key, text, f"a range is first:last:step, e.g. 0.1:0.5:0.1, of at most {MOST} numbers")
    return [int(value) if value.is_integer() and key in WHOLE else value for value in values]


def _refusal(key: str, text: str, fault: str) -> UsageError:
    words = f", or {', '.join(WORDS[key])}" if key in WORDS else ""
    return UsageError(f"`{text}` is no value of `{key}` ({fault}); values are TOML or as printed, 2+3{words}")
