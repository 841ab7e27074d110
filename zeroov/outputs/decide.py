"""Decide what of an answer is shown: its score and the model's own words may make it an empty one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from zeroov.outputs.found import Found

DENIED = "the model says that there is no such object"
UNDECIDED: dict[str, Any] = {"min_score": 0.0, "said_absent": "keep"}  # the recipe keys that decide nothing else


class Deciding(Protocol):
    """What decides: a recipe, or whatever else has its two keys."""

    @property
    def min_score(self) -> float:
        """Below this score nothing is shown."""

    @property
    def said_absent(self) -> str:
        """Whether what the model denies is left out (`empty`) or kept (`keep`)."""


def decide(found: Sequence[Found], why_empty: str, says_absent: bool, by: Deciding) -> tuple[tuple[Found, ...], str]:
    """Return what is shown of what was found, and why nothing is.

    `why_empty` says why nothing was found at all; `says_absent` that the model, asked the whole expression, says that
    the object is not there.
    """
    if says_absent and (by.said_absent == "empty" or not found):
        return (), DENIED
    shown = tuple(each for each in found if each.score >= by.min_score)
    if found and not shown:
        return (), f"the score {max(each.score for each in found):.3f} is below min_score = {by.min_score:g}"
    return shown, why_empty
