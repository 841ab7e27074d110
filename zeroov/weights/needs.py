"""What a recipe needs: which models, how large, under which licence, and whether they are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zeroov.errors import ModelError
from zeroov.weights.find import Kind, is_builtin, locate
from zeroov.weights.official import SAM_FILES

if TYPE_CHECKING:
    from zeroov.recipe import Recipe

State = Literal["found", "missing", "builtin"]

# Bytes of the files that are needed (not of the whole repository; `None`: not known before asking) and the licence.
WELL_KNOWN: dict[str, tuple[int | None, str]] = {
    "Qwen/Qwen2.5-VL-3B-Instruct": (7_500_000_000, "Qwen Research"),
    "Qwen/Qwen2.5-VL-7B-Instruct": (16_600_000_000, "Apache-2.0"),
    "Qwen/Qwen2.5-VL-32B-Instruct": (None, "Apache-2.0"),
    "Qwen/Qwen2.5-VL-72B-Instruct": (None, "Qwen"),
    # float32: UNet 859.5 M, VAE 83.7 M and text encoder 123.1 M parameters; no safety checker, no second format.
    "CompVis/stable-diffusion-v1-4": (4_270_000_000, "CreativeML OpenRAIL-M"),
    "IDEA-Research/grounding-dino-tiny": (690_000_000, "Apache-2.0"),
    "IDEA-Research/grounding-dino-base": (933_000_000, "Apache-2.0"),
    **{name: (file.bytes, "Apache-2.0") for name, file in SAM_FILES.items()},
}


@dataclass(frozen=True)
class Requirement:
    """One model that a recipe's stage needs.

    `state` is "builtin" for what zeroov makes by itself. `path` is where it was found; `problem` says why it was not.
    """

    stage: str
    kind: Kind
    reference: str
    revision: str
    size_bytes: int | None
    licence: str | None
    state: State
    path: Path | None = None
    problem: str = ""


def requirements(recipe: Recipe) -> list[Requirement]:
    """Return what the stages of a recipe need, in their order. Nothing is built and nothing is downloaded."""
    return [_require(stage, *model_of(recipe, stage)) for stage in model_stages(recipe)]


def model_stages(recipe: Recipe) -> list[str]:
    """Return what a recipe has models for, in the order of their use."""
    used = {*recipe.stages}
    if "select" in used and "detector" in recipe.candidates.sources:
        used.add("detector")
    return [stage for stage in ("overview", "focus", "detector", "refine") if stage in used]


def model_of(recipe: Recipe, stage: str) -> tuple[Kind, str, str]:
    """Return the kind of a stage's model, what the recipe calls it, and the revision to which it is pinned, if any."""
    if stage == "overview":
        return "vlm", recipe.overview.model, recipe.overview.revision
    if stage == "focus":
        return "diffusion", recipe.focus.model, recipe.focus.revision
    if stage == "detector":
        return "detector", recipe.detector.model, recipe.detector.revision
    return "sam", recipe.refine.checkpoint, ""


def _require(stage: str, kind: Kind, reference: str, revision: str) -> Requirement:
    if is_builtin(reference):
        return Requirement(stage, kind, reference, "", None, None, "builtin")
    size, licence = WELL_KNOWN.get(Path(reference).name if kind == "sam" else reference, (None, None))
    try:
        located = locate(kind, reference, revision)
    except ModelError as error:
        return Requirement(stage, kind, reference, revision, size, licence, "missing", problem=str(error))
    return Requirement(
        stage, kind, reference, located.revision, _bytes_of(located.path), licence, "found", located.path
    )


def _bytes_of(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
