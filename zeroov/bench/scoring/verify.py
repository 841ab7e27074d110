"""Whether a run has the figures that were published of another one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zeroov.bench.runs.records import Run, reading_named
from zeroov.bench.scoring import protocols
from zeroov.bench.scoring.publish import facts_of
from zeroov.bench.scoring.score import score
from zeroov.bench.scoring.tables import aligned
from zeroov.errors import ZeroovError

NEAR = 0.005  # points of percent: half of the last digit that is printed


@dataclass(frozen=True)
class Fact:
    """Something beside the figures, as published and as it is here."""

    name: str
    published: Any
    here: Any

    @property
    def same(self) -> bool:
        """Whether it is the same here."""
        return bool(self.published == self.here)


@dataclass(frozen=True)
class Checked:
    """A figure in percent, as published and as it is here, `None` where one of the two has none."""

    name: str
    published: float | None
    here: float | None
    interval: tuple[float, float] | None

    @property
    def verdict(self) -> Literal["same", "near", "other"]:
        """`same`: no difference in what is printed. `near`: it lies in the published interval. `other`: it does not."""
        if self.published is None or self.here is None:
            return "other"
        if abs(self.published - self.here) < NEAR:
            return "same"
        return "near" if self.interval and self.interval[0] <= self.here <= self.interval[1] else "other"


@dataclass(frozen=True)
class Check:
    """Whether a run has the figures that were published."""

    run: str
    facts: tuple[Fact, ...]
    figures: tuple[Checked, ...]

    @property
    def same(self) -> bool:
        """Whether every figure is the same."""
        return all(figure.verdict == "same" for figure in self.figures)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, figures in percent."""
        return {
            "run": self.run,
            "same": self.same,
            "facts": [vars(fact) | {"same": fact.same} for fact in self.facts],
            "figures": [vars(figure) | {"verdict": figure.verdict} for figure in self.figures],
        }

    def __str__(self) -> str:
        width = max(len(fact.name) for fact in self.facts)
        heads = [f"{fact.name:{width}}  {_said(fact)}" for fact in self.facts]
        lines = [["percent", "published", "here", ""]]
        for figure in self.figures:
            numbers = ["-" if value is None else f"{value:.2f}" for value in (figure.published, figure.here)]
            lines.append([figure.name, *numbers, figure.verdict])
        count = sum(figure.verdict == "same" for figure in self.figures)
        near = any(figure.verdict == "near" for figure in self.figures)
        total = f"{count} of {len(self.figures)} figures are the same in two decimals"
        return "\n\n".join(
            ["\n".join(heads), aligned(lines), total + ("; near: inside the published 95 % interval" if near else "")]
        )


def check(run: Run, document: Mapping[str, Any]) -> Check:
    """Score a run as a document says that it was scored, and set each figure beside the published one."""
    figures = [figure for entry in document["scores"] for figure in _checked(run, entry)]
    here = facts_of(run)
    facts = [Fact(name, document.get(name), value) for name, value in here.items()]
    return Check(run.name, tuple(facts), tuple(figures))


def _checked(run: Run, entry: Mapping[str, Any]) -> Iterator[Checked]:
    """Yield the figures of one score of a document."""
    try:
        protocol, reading, by = (
            protocols.named(entry["protocol"]),
            reading_named(entry["reading"]),
            [str(key) for key in entry["by"]],
        )
        there = {
            (row["target"], row["by"], row["group"], name): [float(figure[end]) for end in ("value", "low", "high")]
            for row in entry["rows"]
            for name, figure in row["figures"].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise ZeroovError(f"these published figures cannot be checked ({fault}); was the file changed?") from error
    found = score(run, protocol, by, reading)
    own = {
        (row.target, row.by, row.group, name): 100 * figure.value
        for row in found.rows
        for name, figure in row.figures.items()
    }
    for place in dict.fromkeys([*there, *own]):
        target, key, group, name = place
        what = f"{target} {name}" if name != "pointing" else name
        label = ", ".join(filter(None, (protocol.name, reading, f"{key} {group}".strip(), what)))
        value, *ends = there.get(place, (None, 0.0, 0.0))
        interval = (ends[0], ends[1]) if place in there else None
        yield Checked(label, value, own.get(place), interval)


def _said(fact: Fact) -> str:
    """Say whether a fact is the same."""
    if fact.same:
        return "the same"
    texts = [json.dumps(value) if isinstance(value, dict) else str(value) for value in (fact.published, fact.here)]
    return f"{texts[0]} published, {texts[1]} here"
