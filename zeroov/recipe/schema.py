"""What a recipe says: models, prompt, layers, thresholds, everything that decides an answer.

One frozen dataclass per stage; each key with its default and the check that a value must pass. Results depend on
nothing that is not written here.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zeroov.errors import RecipeError, did_you_mean
from zeroov.recipe.keys import (
    at_least,
    between,
    from_plain,
    key,
    named,
    no_checkpoint,
    no_other_braces,
    numbers,
    one_of,
    to_plain,
)
from zeroov.recipe.looking import DTYPE, OverviewRecipe
from zeroov.recipe.selecting import CandidatesRecipe, DetectorRecipe, EvidenceRecipe, SelectRecipe

LOOK = ("overview", "focus", "evolve")  # what a look consists of; Refine draws what it found
STAGES = (*LOOK, "select", "refine")
PAPER = (*LOOK, "refine")  # the stages of the published method
SELECTING = ("candidates", "detector", "evidence", "select")  # sections that say nothing without the stage `select`
AS_IN_A_PICTURE = 4.0  # of search.place
CHECKPOINT = ("type", "checkpoint")  # of [refine]: the official Segment Anything


@dataclass(frozen=True)
class FocusRecipe:
    """Stage 2: the diffusion model and how its self-attention is read."""

    model: str = key("CompVis/stable-diffusion-v1-4", named)
    revision: str = key("", None)
    dtype: str = key("auto", DTYPE)
    method: str = key("noise", one_of("nulltext", "invert", "noise"))
    prompt: str = key("{expression}", no_other_braces)  # "" makes the affinity independent of the expression
    grids: tuple[int, ...] = key((64, 32), numbers(1, 256))
    working_grid: int = key(32, between(1, 128))
    pooling: str = key("spatial", one_of("spatial", "flattened"))  # flattened: the official code's scramble
    resize_to: int = key(512, between(8, 4096))  # the picture's side in model pixels, aspect ignored
    t: int = key(100, between(0, 999))  # method noise only, as are clean, ensemble and seed
    clean: bool = key(False)
    ensemble: int = key(1, between(1, 64))
    seed: int = key(0, between(0, 2**31 - 1))
    steps: int = key(20, between(1, 1000))  # methods invert and nulltext only
    guidance: float = key(7.5, between(0, 100))  # method nulltext only
    inner_steps: int = key(10, between(0, 1000))

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

    k: int = key(7, at_least(1))
    tau: float = key(0.3, between(0, 1))
    alpha: float = key(0.4, between(0, 1))
    official: bool = key(False)  # the official normalisation of A_C, (x - min) / (max + 1e-6)
    canvas: int = key(0, between(0, 8192))  # side of the square on which the map is cut; 0: the image's own size


@dataclass(frozen=True)
class RefineRecipe:
    """Stage 4: a model of masks: of the hub or a folder, or where `model` is empty a checkpoint of Segment Anything."""

    model: str = key("", no_checkpoint)
    revision: str = key("", None)
    type: str = key("vit_h", one_of("vit_b", "vit_l", "vit_h", "vit_tiny", "vit_mini"))
    checkpoint: str = key("sam_vit_h_4b8939.pth", named)
    dtype: str = key("float32", DTYPE)
    prompt: str = key("box", one_of("box", "box+point", "box+mask", "box+text", "text"))
    choose: str = key("predicted", one_of("predicted", "agreement", "box"))  # among SAM's three masks
    within: float = key(0.0, between(0, 20))  # of the mask, only what lies in the box grown so many times; 0: all
    inclusive_box: bool = key(False)  # the official code's corners: the last pixel instead of the edge
    least_part: float = key(0.5, between(0, 1))  # a part of the mask below this share of the largest one is left out

    def __post_init__(self) -> None:
        if self.by_text and not self.model:
            raise RecipeError(
                f"refine.prompt = {self.prompt} needs a model that takes text; set refine.model, facebook/sam3"
            )

    @property
    def by_text(self) -> bool:
        """Whether the object's kind is asked for, beside its box."""
        return self.prompt in ("text", "box+text")


@dataclass(frozen=True)
class ZoomRecipe:
    """The coarse-to-fine second look: 0 rounds is off."""

    rounds: int = key(0, between(0, 3))
    context: float = key(2.5, between(1, 20))  # side of the crop over the longer side of the answer's box
    least_side: int = key(0, between(0, 8192))  # of the crop, in pixels of the image
    until: float = key(0.25, between(0, 1))  # a box that takes this share of its picture needs no closer look
    at: str = key("both", one_of("both", "map", "answer"))
    ask: str = key("category", one_of("category", "expression", "model"))
    pull: float = key(0.8, between(0, 1))  # how far the first look draws the second one's attention to its place
    agreement: float = key(0.3, between(0, 1))  # below it the closer look is not believed
    merge: str = key("refined", one_of("refined", "mean", "weighted"))


@dataclass(frozen=True)
class SearchRecipe:
    """Large scenes: a glance at the whole, a look at every tile, a closer look at the best candidates."""

    tile: int = key(1024, between(32, 8192))  # side of the windows, in pixels of the scene
    overlap: float = key(0.25, between(0, 0.9))
    glance: int = key(1024, between(32, 8192))  # longer side of the reduced whole scene
    candidates: int = key(100, between(1, 10_000))  # at most so many are looked at again, closer
    place: float = key(4.0, between(0, 20))  # how much words of place weigh; 4: as in a picture
    relations: bool = key(True)  # the tiles are asked for the other objects of the expression too
    least_score: float = key(0.1, between(0, 1))  # a look below it has found nothing
    least_valid: float = key(0.02, between(0, 1))  # a tile with a smaller share of valid pixels is nodata


@dataclass(frozen=True)
class RuntimeRecipe:
    """How models are held in memory: decides cost, never the answer."""

    keep_loaded: bool = key(True)  # false: each model is freed before the next is loaded
    offload: bool = key(False)  # true: accelerate spreads a model over GPU, CPU memory and disk
    batch: int = key(1, between(1, 1024))  # pictures per call of a model, where there are several
    questions: int = key(8, between(1, 1024))  # about one picture, in one call of the language model
    keep_mib: int = key(512, at_least(0))  # memory for what is kept of pictures about which more may be asked


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an answer: the stages to run, in their fixed order, and a section for each."""

    name: str = "custom"
    description: str = ""
    stages: tuple[str, ...] = PAPER
    min_score: float = key(0.0, between(0, 1))  # answers below it are empty
    said_absent: str = key("empty", one_of("empty", "keep"))  # an answer whose words say that the object is not there
    overview: OverviewRecipe = field(default_factory=OverviewRecipe)
    focus: FocusRecipe = field(default_factory=FocusRecipe)
    evolve: EvolveRecipe = field(default_factory=EvolveRecipe)
    refine: RefineRecipe = field(default_factory=RefineRecipe)
    candidates: CandidatesRecipe = field(default_factory=CandidatesRecipe)
    detector: DetectorRecipe = field(default_factory=DetectorRecipe)
    evidence: EvidenceRecipe = field(default_factory=EvidenceRecipe)
    select: SelectRecipe = field(default_factory=SelectRecipe)
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
        plain: dict[str, Any] = to_plain(dataclasses.asdict(self))
        return plain

    def deciding(self) -> dict[str, Any]:
        """Return every key that decides an answer, dotted, with its plain value: all but names and [runtime].

        The sections of the stage `select` decide nothing in a recipe without it, but for what is changed in [select]: a
        search chooses by it too. Of [refine] either the model or the checkpoint decides.
        """
        silent = ("runtime", *(() if "select" in self.stages else SELECTING))
        flat: dict[str, Any] = {}
        for name, value in self.to_dict().items():
            if isinstance(value, dict):
                flat |= {f"{name}.{key}": item for key, item in value.items() if name not in silent}
            elif name not in ("name", "description"):
                flat[name] = value
        for name in CHECKPOINT if self.refine.model else ("model", "revision"):
            del flat[f"refine.{name}"]
        for name in self.overview.undecided:
            del flat[f"overview.{name}"]
        if "select" in silent:
            usual = dataclasses.asdict(SelectRecipe())
            chosen = dataclasses.asdict(self.select)
            flat |= {f"select.{key}": item for key, item in chosen.items() if item != usual[key]}
        return flat

    @property
    def select_in_scene(self) -> SelectRecipe:
        """The weights of a choice among all candidates of a scene that is searched."""
        return dataclasses.replace(self.select, place=self.select.place * self.search.place / AS_IN_A_PICTURE)

    @functools.cached_property
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
        sections = {name: list(keys) for name, keys in merged.items() if isinstance(keys, dict)}
        for dotted, value in changes.items():
            section, _, name = dotted.rpartition(".")
            if section and not isinstance(merged.get(section), dict):
                raise RecipeError(f"recipe section `{section}` is unknown{did_you_mean(section, sections)}")
            if not section and isinstance(merged.get(name), dict):
                raise RecipeError(
                    f"`{name}` is a section of the recipe; set one of its keys, e.g. `{name}.{sections[name][0]}`"
                )
            (merged[section] if section else merged)[name] = value
            if section and name == "model" and f"{section}.revision" not in changes:
                merged[section]["revision"] = ""  # the pinned revision was the other model's
        return from_dict(merged)


def changed(values: Mapping[str, Any], base: Recipe) -> dict[str, Any]:
    """Return those of some dotted keys and their values that a recipe has too, with another value."""
    known = base.deciding() | {
        f"refine.{name}": getattr(base.refine, name) for name in ("model", "revision", *CHECKPOINT)
    }
    if "refine.checkpoint" in values:  # then it decides, and no model does
        values = {"refine.model": "", **values}
    return {key: value for key, value in values.items() if key in known and known[key] != value}


def deciding(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a manifest's keys, with their values, that are a recipe's, also those of another version."""
    known = Recipe().deciding()
    return {key: value for key, value in values.items() if key in known or "." in key}


def from_dict(values: Mapping[str, Any]) -> Recipe:
    """Build a recipe from nested plain values; every key and value is checked."""
    recipe: Recipe = from_plain(Recipe, values)
    return recipe
