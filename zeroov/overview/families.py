"""Where the supported vision-language families differ: what a token covers and what unit a box is answered in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from zeroov.errors import ModelError
from zeroov.frames import HW


@dataclass(frozen=True)
class Family:
    """One family: `answer_unit` is pixels of the resized image, or thousandths of its sides."""

    answer_unit: Literal["pixels", "thousandths"]

    def answer_frame_hw(self, resized_hw: HW) -> HW:
        """Return the size of the frame in which the model writes its boxes."""
        return resized_hw if self.answer_unit == "pixels" else (1000, 1000)


FAMILIES = {
    "qwen2_5_vl": Family("pixels"),
    "qwen2_vl": Family("thousandths"),
    "qwen3_vl": Family("thousandths"),
}


def family_of(config: Any, name: str) -> Family:
    """Return the family of a model's config, or refuse a model that this stage cannot read."""
    kind = getattr(type(config), "model_type", None)  # transformers 4.57 gives an instance its text part's
    if kind not in FAMILIES:
        raise ModelError(
            f"model `{name}` is of type `{kind}`; Overview reads {', '.join(sorted(FAMILIES))}. "
            "Set overview.model to one of those, e.g. Qwen/Qwen2.5-VL-7B-Instruct"
        )
    return FAMILIES[str(kind)]
