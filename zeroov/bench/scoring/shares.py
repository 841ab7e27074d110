"""Figures that a benchmark of drawn kinds needs beside the plain ones: means as in real data, and absent objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.bench.data import Benchmark, find, names
from zeroov.bench.runs.records import Record
from zeroov.bench.scoring.statistics import auroc
from zeroov.bench.scoring.tables import percent


@dataclass(frozen=True)
class Absent:
    """How a run answers what is not there: samples, the shares answered with nothing, and the AUROC of the score.

    `empty` is the share of absent objects that got an empty answer, `empty_when_there` that of those that are there.
    `auroc` is the probability that the score of one that is there is above that of one that is not.
    """

    samples: int
    empty: float
    empty_when_there: float
    auroc: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures, shares in percent."""
        shares = {"empty": 100 * self.empty, "empty_when_there": 100 * self.empty_when_there}
        return {"samples": self.samples, **shares, "auroc": 100 * self.auroc}

    def __str__(self) -> str:
        return (
            f"absent objects, n = {self.samples}: {percent(self.empty)} answered with nothing "
            f"({percent(self.empty_when_there)} of those that are there); AUROC of the score {percent(self.auroc)}"
        )


def benchmark_of(made: Mapping[str, Any]) -> Benchmark | None:
    """Return the benchmark that a run's manifest names, if it is a known one."""
    name = made.get("benchmark")
    return find(name) if isinstance(name, str) and name in names() else None


def weights_of(kinds: Sequence[str], shares: Mapping[str, float]) -> NDArray[np.float64]:
    """Return a weight for each sample, 1 on average, with which each kind counts as much as it does in real data."""
    counts = Counter(kinds)
    each = np.array([shares.get(kind, 0.0) / counts[kind] for kind in kinds], dtype=np.float64)
    total = each.sum()
    return each * (len(kinds) / total) if total > 0 else np.ones(len(kinds))


def absent_of(records: Sequence[Record], kind: str) -> Absent | None:
    """Return how the objects of the kind of expression that is absent were answered; `None` where there are none."""
    away = [record for record in records if record.kind == kind and record.status != "failed"]
    there = [record for record in records if record.kind != kind and record.status != "failed"]
    if not away or not there:
        return None

    def empty(group: Sequence[Record]) -> float:
        return sum(record.status == "empty" for record in group) / len(group)

    scores = [np.array([record.score for record in group]) for group in (there, away)]
    return Absent(len(away), empty(away), empty(there), auroc(*scores))
