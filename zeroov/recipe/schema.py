"""What a recipe says: models, prompt, layers, thresholds, everything that decides an answer.

One frozen dataclass per stage. An unknown key, a value of the wrong kind or out of range is a `RecipeError` that names
the key, what it got, and what it takes. Results depend on nothing that is not written here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from zeroov.errors import RecipeError, did_you_mean

LOOK = ("overview", "focus", "evolve")  # what a look consists of; Refine draws what it found
STAGES = (*LOOK, "refine")
PROMPT = (
    "Locate it according to the following description.  {expression} "
    "The output format should be like [x1, y1, x2, y2] without any other text."
)

Check = Callable[[Any], str | None]


def _key(default: Any, check: Check | None = None) -> Any:
    """Declare a recipe key with its default and the check that its value must pass."""
    return field(default=default, metadata={"check": check})


def _between(low: float, high: float) -> Check:
    return lambda value: None if low <= value <= high else f"must lie between {low:g} and {high:g}"


def _at_least(low: float) -> Check:
    return lambda value: None if value >= low else f"must be at least {low:g}"


def _one_of(*names: str) -> Check:
    return lambda value: None if value in names else f"is unknown{did_you_mean(value, names)}"


def _named(value: str) -> str | None:
    return None if value.strip() else "must not be empty"


def _holds_expression(value: str) -> str | None:
    return None if "{expression}" in value else "must hold {expression}"


def _no_other_braces(value: str) -> str | None:
    rest = value.replace("{expression}", "")
    return "may hold {expression} and no other braces" if "{" in rest or "}" in rest else None


def _numbers(low: int, high: int) -> Check:
    def check(values: tuple[int, ...]) -> str | None:
        if not values:
            return "must not be empty"
        if len(set(values)) != len(values):
            return "must not repeat a number"
        return None if all(low <= v <= high for v in values) else f"must hold numbers between {low} and {high}"

    return check


def _weights(values: tuple[float, ...]) -> str | None:
    fine = values and min(values) >= 0 and 0 < sum(values) < math.inf
    return None if fine else "must hold finite weights >= 0, one of them above 0"


def _shares(values: tuple[float, ...]) -> str | None:
    return None if all(0.1 <= value < 1 for value in values) else "must hold shares from 0.1 to below 1"


DTYPE = _one_of("auto", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class OverviewRecipe:
    """Stage 1: the vision-language model and which of its attention is read."""

    model: str = _key("Qwen/Qwen2.5-VL-7B-Instruct", _named)
    revision: str = _key("", None)
    dtype: str = _key("auto", DTYPE)
    quantize: str = _key("none", _one_of("none", "4bit"))
    attention: str = _key("sdpa", _one_of("sdpa", "flash_attention_2"))
    prompt: str = _key(PROMPT, _holds_expression)
    layers: tuple[int, ...] = _key((16, 17, 18, 19), _numbers(0, 999))
    weights: tuple[float, ...] = _key((0.1, 0.1, 0.3, 0.5), _weights)
    max_new_tokens: int = _key(128, _between(1, 4096))
    min_pixels: int = _key(0, _at_least(0))  # 0: the model's own bound
    max_pixels: int = _key(0, _at_least(0))
    capture: str = _key("layers", _one_of("layers", "all"))
    heads: int = _key(0, _at_least(0))  # 0: the mean of all heads; n: of the n sharpest of each layer
    relative: bool = _key(False)
    relative_prompt: str = _key("Write a general description of the image.", _named)
    prefill_only: bool = _key(False)
    position: float = _key(0.0, _between(0, 20))  # how much the words of place in the expression weigh A_C
    pyramid: tuple[float, ...] = _key((), _shares)  # also look at windows of these shares of the picture

    def __post_init__(self) -> None:
        if len(self.layers) != len(self.weights):
            raise RecipeError(
                f"overview.layers names {len(self.layers)} layers and overview.weights holds {len(self.weights)} "
                "weights; give one weight for each layer"
            )
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise RecipeError(f"overview.min_pixels {self.min_pixels} exceeds overview.max_pixels {self.max_pixels}")


@dataclass(frozen=True)
class FocusRecipe:
    """Stage 2: the diffusion model and how its self-attention is read."""

    model: str = _key("CompVis/stable-diffusion-v1-4", _named)
    revision: str = _key("", None)
    dtype: str = _key("auto", DTYPE)
    method: str = _key("noise", _one_of("nulltext", "invert", "noise"))
    prompt: str = _key("{expression}", _no_other_braces)  # "" makes the affinity independent of the expression
    grids: tuple[int, ...] = _key((64, 32), _numbers(1, 256))
    working_grid: int = _key(32, _between(1, 128))
    pooling: str = _key("spatial", _one_of("spatial", "flattened"))  # flattened: the official code's scramble
    resize_to: int = _key(512, _between(8, 4096))  # the picture's side in model pixels, aspect ignored
    t: int = _key(100, _between(0, 999))  # method noise only, as are clean, ensemble and seed
    clean: bool = _key(False)
    ensemble: int = _key(1, _between(1, 64))
    seed: int = _key(0, _between(0, 2**31 - 1))
    steps: int = _key(20, _between(1, 1000))  # methods invert and nulltext only
    guidance: float = _key(7.5, _between(0, 100))  # method nulltext only
    inner_steps: int = _key(10, _between(0, 1000))

    def __post_init__(self) -> None:
        for grid in self.grids:
            big, small = max(grid, self.working_grid), min(grid, self.working_grid)
            if big % small:
                raise RecipeError(
                    f"focus.grids holds {grid}: it and focus.working_grid {self.working_grid} must divide one another"
                )
        if self.pooling == "flattened" and self.working_grid != 32:
            raise RecipeError("focus.pooling `flattened` reproduces the official code, whose focus.working_grid is 32")


@dataclass(frozen=True)
class EvolveRecipe:
    """Stage 3: seeds, growth and the threshold of the mask."""

    k: int = _key(7, _at_least(1))
    tau: float = _key(0.3, _between(0, 1))
    alpha: float = _key(0.4, _between(0, 1))
    official: bool = _key(False)  # the official normalisation of A_C, (x - min) / (max + 1e-6)
    canvas: int = _key(0, _between(0, 8192))  # side of the square on which the map is cut; 0: the image's own size


@dataclass(frozen=True)
class RefineRecipe:
    """Stage 4: Segment Anything."""

    type: str = _key("vit_h", _one_of("vit_b", "vit_l", "vit_h", "vit_tiny", "vit_mini"))
    checkpoint: str = _key("sam_vit_h_4b8939.pth", _named)
    dtype: str = _key("float32", DTYPE)
    prompt: str = _key("box", _one_of("box", "box+point", "box+mask"))
    inclusive_box: bool = _key(False)  # the official code's corners: the last pixel instead of the edge


@dataclass(frozen=True)
class ZoomRecipe:
    """The coarse-to-fine second look: 0 rounds is off."""

    rounds: int = _key(0, _between(0, 3))
    context: float = _key(2.5, _between(1, 20))  # side of the crop over the longer side of the answer's box
    least_side: int = _key(0, _between(0, 8192))  # of the crop, in pixels of the image
    until: float = _key(0.25, _between(0, 1))  # a box that takes this share of its picture needs no closer look
    at: str = _key("both", _one_of("both", "map", "answer"))
    ask: str = _key("category", _one_of("category", "expression", "model"))
    pull: float = _key(0.8, _between(0, 1))  # how far the first look draws the second one's attention to its place
    agreement: float = _key(0.3, _between(0, 1))  # below it the closer look is not believed
    merge: str = _key("refined", _one_of("refined", "mean", "weighted"))


@dataclass(frozen=True)
class SearchRecipe:
    """Large scenes: a glance at the whole, a look at every tile, a closer look at the best candidates."""

    tile: int = _key(1024, _between(32, 8192))  # side of the windows, in pixels of the scene
    overlap: float = _key(0.25, _between(0, 0.9))
    glance: int = _key(1024, _between(32, 8192))  # longer side of the reduced whole scene
    candidates: int = _key(5, _between(1, 1000))  # how many are looked at again, closer
    place: float = _key(4.0, _between(0, 20))  # how much the expression's words of place weigh
    least_score: float = _key(0.1, _between(0, 1))  # a look below it has found nothing
    least_valid: float = _key(0.02, _between(0, 1))  # a tile with a smaller share of valid pixels is nodata


@dataclass(frozen=True)
class RuntimeRecipe:
    """How models are held in memory: decides cost, never the answer."""

    keep_loaded: bool = _key(True)  # false: each model is freed before the next is loaded
    offload: bool = _key(False)  # true: accelerate spreads a model over GPU, CPU memory and disk
    batch: int = _key(1, _between(1, 1024))  # pictures per call of a model, where there are several


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an answer: the stages to run, in their fixed order, and a section for each."""

    name: str = "custom"
    description: str = ""
    stages: tuple[str, ...] = STAGES
    min_score: float = _key(0.0, _between(0, 1))  # answers below it are empty
    overview: OverviewRecipe = field(default_factory=OverviewRecipe)
    focus: FocusRecipe = field(default_factory=FocusRecipe)
    evolve: EvolveRecipe = field(default_factory=EvolveRecipe)
    refine: RefineRecipe = field(default_factory=RefineRecipe)
    zoom: ZoomRecipe = field(default_factory=ZoomRecipe)
    search: SearchRecipe = field(default_factory=SearchRecipe)
    runtime: RuntimeRecipe = field(default_factory=RuntimeRecipe)

    def __post_init__(self) -> None:
        for stage in self.stages:
            if stage not in STAGES:
                raise RecipeError(f"stages: `{stage}` is unknown{did_you_mean(stage, STAGES)}")
        if tuple(s for s in STAGES if s in self.stages) != self.stages or "overview" not in self.stages:
            raise RecipeError(
                f"stages must be some of {list(STAGES)}, in this order and with `overview`, got {list(self.stages)}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as nested plain values, lists for tuples."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain

    def deciding(self) -> dict[str, Any]:
        """Return every key that decides an answer, dotted, with its plain value: all but names and [runtime]."""
        flat: dict[str, Any] = {}
        for name, value in self.to_dict().items():
            if isinstance(value, dict):
                flat |= {f"{name}.{key}": item for key, item in value.items() if name != "runtime"}
            elif name not in ("name", "description"):
                flat[name] = value
        return flat

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that two recipes share when they decide alike."""
        text = json.dumps(self.deciding(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_toml(self) -> str:
        """Return the recipe as TOML, every key with its value."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    def with_values(self, changes: Mapping[str, Any]) -> Recipe:
        """Return a copy with dotted keys changed, e.g. `{"evolve.alpha": 0.35}`."""
        merged = self.to_dict()
        for dotted, value in changes.items():
            section, _, key = dotted.rpartition(".")
            if section and not isinstance(merged.get(section), dict):
                raise RecipeError(f"recipe section `{section}` is unknown{did_you_mean(section, _sections())}")
            if not section and isinstance(merged.get(key), dict):
                raise RecipeError(
                    f"`{key}` is a section of the recipe; set one of its keys, e.g. `{key}.{_first(key)}`"
                )
            (merged[section] if section else merged)[key] = value
            if section and key == "model" and f"{section}.revision" not in changes:
                merged[section]["revision"] = ""  # the pinned revision was the other model's
        return from_dict(merged)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _sections() -> list[str]:
    return [name for name, hint in get_type_hints(Recipe).items() if dataclasses.is_dataclass(hint)]


def _first(section: str) -> str:
    return dataclasses.fields(get_type_hints(Recipe)[section])[0].name


def _convert(where: str, value: Any, hint: Any) -> Any:
    """Return `value` as the annotated kind, or refuse it; an int is taken for a float, nothing else is bent."""
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{where} takes a list, got {value!r}")
        return tuple(_convert(where, item, get_args(hint)[0]) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        kind = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[hint]
        raise RecipeError(f"{where} takes {kind}, got {value!r}")
    return value


def _build(cls: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    hints = get_type_hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls)}
    built = {}
    for key, value in values.items():
        where = f"{prefix}{key}"
        if key not in known:
            raise RecipeError(f"recipe key `{where}` is unknown{did_you_mean(key, known)}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise RecipeError(f"`{where}` is a section of the recipe, got {value!r}")
            built[key] = _build(typing.cast(type, hints[key]), value, f"{where}.")
            continue
        built[key] = _convert(where, value, hints[key])
        check: Check | None = known[key].metadata.get("check")
        fault = check(built[key]) if check else None
        if fault:
            raise RecipeError(f"{where} = {value!r} {fault}")
    return cls(**built)


def from_dict(values: Mapping[str, Any]) -> Recipe:
    """Build a recipe from nested plain values; every key and value is checked."""
    recipe: Recipe = _build(Recipe, values, "")
    return recipe
