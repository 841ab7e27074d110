"""Which of several candidates is meant. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroov.frames import HW
from zeroov.language.phrase import Phrase
from zeroov.types import Candidate, Choice

MARGIN = 0.7


@dataclass(frozen=True)
class Seen:
    """Where the other object of a relation, by its number, was seen."""

    relation: int
    candidates: tuple[Candidate, ...]


def choose(
    candidates: Sequence[Candidate],
    phrase: Phrase,
    hw: HW,
    anchors: Sequence[Seen] = (),
    extra: Mapping[str, Sequence[float]] | None = None,
) -> Choice:
    """Return which candidate is meant, by its score and what else is known of it."""
    factors = {name: tuple(values) for name, values in (extra or {}).items()}
    values = np.sqrt([candidate.score for candidate in candidates])
    for factor in factors.values():
        values = values * np.array(factor)
    order = tuple(int(at) for at in np.argsort(-values, kind="stable"))
    margin = float(values[order[1]] / values[order[0]]) if len(order) > 1 else 0.0
    return Choice(tuple(values.tolist()), factors, order, margin >= MARGIN, margin)
