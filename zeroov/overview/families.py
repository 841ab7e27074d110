"""Where the supported vision-language families differ: how a picture becomes tokens, and what of an answer counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from zeroov.errors import ModelError
from zeroov.frames import HW


@dataclass(frozen=True)
class Family:
    """One family.

    `answer_unit` is pixels of the resized image, or thousandths of its sides. `layout` says how tokens lie on a
    picture, row by row: `patches`, merged two by two, of a picture that keeps its shape and is resized by Qwen's own
    package, or `processor`: by the model's own processor, or `tile`: one square, whatever the picture's shape.
    `thinks`: it can think before it answers; its chat is asked not to, and what comes before the end of a thought does
    not count.
    `marks` stand around what counts of an answer, else its last list does. `speaks` are special tokens that a recipe's
    prompts may hold. `recurrent`: some layers keep a state in place of keys, into which padding must not come.
    """

    answer_unit: Literal["pixels", "thousandths"] = "thousandths"
    layout: Literal["patches", "processor", "tile"] = "patches"
    thinks: bool = False
    marks: tuple[str, str] | None = None
    speaks: tuple[str, ...] = ()
    recurrent: bool = False

    def answer_frame_hw(self, resized_hw: HW) -> HW:
        """Return the size of the frame in which the model writes its boxes."""
        return resized_hw if self.answer_unit == "pixels" else (1000, 1000)

    @property
    def chat(self) -> dict[str, Any]:
        """What the chat template is asked for."""
        return {"enable_thinking": False} if self.thinks else {}


QWEN3_5 = Family(thinks=True, recurrent=True)
GLM = Family(layout="processor", thinks=True, marks=("<|begin_of_box|>", "<|end_of_box|>"))
FAMILIES = {
    "qwen2_5_vl": Family("pixels"),
    "qwen2_vl": Family(),
    "qwen3_vl": Family(),
    "qwen3_vl_moe": Family(),
    "qwen3_5": QWEN3_5,
    "qwen3_5_moe": QWEN3_5,
    "glm4v": GLM,
    "glm46v": GLM,
    "glm4v_moe": GLM,
    "internvl": Family(layout="tile", speaks=("<ref>", "</ref>")),
}
SLIDES = "most of its layers see only a sliding window, and how its picture tokens lie is not known here"
# Models that load and answer, and whose attention would be read wrongly.
REFUSED = {
    "qwen4_exp": "each of its queries sees keys of its own choice, so that rows beside its attention would be wrong",
    "molmo2": "it shows a picture in two views with tokens between their columns, and answers points, not boxes",
    "gemma3": SLIDES,
    "gemma3n": SLIDES,
    "gemma4": SLIDES,
}


def family_of(config: Any, name: str) -> Family:
    """Return the family of a model's config, or refuse a model that this stage cannot read."""
    kind = getattr(type(config), "model_type", None)  # transformers 4.57 gives an instance its text part's
    if kind not in FAMILIES:
        reason = f" ({REFUSED[kind]})" if kind in REFUSED else ""
        raise ModelError(
            f"model `{name}` is of type `{kind}`{reason}; Overview reads {', '.join(sorted(FAMILIES))}. "
            "Set overview.model to one of those, e.g. Qwen/Qwen2.5-VL-7B-Instruct"
        )
    return FAMILIES[str(kind)]
