"""What every model of masks offers: a picture is encoded once, then asked with boxes, points and masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from zeroov.frames import XYXY, Square
from zeroov.types import Float32, Picture


@dataclass(frozen=True, eq=False)
class EncodedPicture:
    """A picture as a model's decoder takes it: `features` are the model's own, `square` says how the picture lies."""

    features: Any
    square: Square

    @property
    def bytes(self) -> int:
        """Memory that its features hold."""
        return _bytes_of(self.features)


def _bytes_of(features: Any) -> int:
    if isinstance(features, Tensor):
        return features.nbytes
    return sum(map(_bytes_of, features.values() if isinstance(features, dict) else features))


Point = tuple[float, float, bool]
"""x, y, and whether the object is there."""


class Prompt(NamedTuple):
    """What one object is asked with, in pixels of the square; `mask` is log-odds (low_res_side, low_res_side).

    Each point is x, y, and whether the object is there; one where it is not says what does not belong to it. `text` is
    its kind, for a model that takes words.
    """

    box_xyxy: XYXY | None = None
    points: tuple[Point, ...] = ()
    mask: Float32 | None = None
    text: str = ""


class Hypotheses(NamedTuple):
    """The masks that a model offers for one prompt.

    `low_res` are logits (1, masks, rows, cols), float32; `predicted_iou` (1, masks) is what the model thinks of each.
    `object_logit` (1, 1) says how sure it is that an object is there at all; `None` of a model that does not say so.
    """

    low_res: Tensor
    predicted_iou: Tensor
    object_logit: Tensor | None = None


class Segmenter(Protocol):
    """A frozen model that draws masks. It keeps nothing between two calls."""

    @property
    def low_res_side(self) -> int:
        """The side of the masks that it takes as prompts."""

    @property
    def threshold(self) -> float:
        """The logit above which a pixel is of the object."""

    def encode(self, picture: Picture) -> EncodedPicture:
        """Run the image encoder, in the dtype of its weights; everything after it is float32."""

    def hypotheses(self, encoded: EncodedPicture, prompt: Prompt) -> Hypotheses:
        """Return the masks that the model offers for a prompt, three of them unless it was trained with others."""
