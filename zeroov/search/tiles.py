"""Bring together what several windows of a scene saw. Pure geometry."""

from __future__ import annotations

from collections.abc import Sequence

from zeroov import frames
from zeroov.types import Box


def distinct(boxes: Sequence[Box], scores: Sequence[float], share: float = 0.5) -> list[int]:
    """Return the positions of the boxes to keep: of all boxes of one object, the one with the highest score."""
    kept: list[int] = []
    for position in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if not any(frames.share_of_smaller(boxes[position], boxes[other]) > share for other in kept):
            kept.append(position)
    return kept
