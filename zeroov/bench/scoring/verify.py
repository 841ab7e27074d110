"""Whether a run has the figures that were published of another one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zeroov.bench.runs.records import Run, reading_named
from zeroov.bench.scoring import protocols
from zeroov.bench.scoring.about import made_with
from zeroov.bench.scoring.publish import answers, facts_of, recipe_keys
from zeroov.bench.scoring.score import score
from zeroov.bench.scoring.tables import aligned
from zeroov.errors import UsageError, ZeroovError, count_of

NEAR = 0.005  # points of percent: half of the last digit that is printed
HEADLINE = "mIoU"  # shown even where it is the same


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
    """A figure in percent, as published and as it is here, `None` where one of the two lacks it."""

    name: str
    published: float | None
    here: float | None
    interval: tuple[float, float] | None

    @property
    def verdict(self) -> Literal["same", "near", "other", "missing"]:
        """`same`: no difference in what is printed. `near`: it lies in the published interval. `other`: it does not.

        `missing`: one of the two lacks the figure.
        """
        if self.published is None or self.here is None:
            return "missing"
        if abs(self.published - self.here) < NEAR:
            return "same"
        return "near" if self.interval and self.interval[0] <= self.here <= self.interval[1] else "other"


@dataclass(frozen=True)
class Uncompared:
    """Something published that could not be compared: its name, how many figures it has, and why."""

    name: str
    figures: int
    reason: str


@dataclass(frozen=True)
class Check:
    """Whether a run has the figures that were published. Of the recipe's keys, `facts` holds those that differ."""

    run: str
    facts: tuple[Fact, ...]
    figures: tuple[Checked, ...]
    uncompared: tuple[Uncompared, ...]

    @property
    def same(self) -> bool:
        """Whether every published figure is there and is the same."""
        whole = self.figures and not any(left.figures for left in self.uncompared)
        return bool(whole) and all(figure.verdict == "same" for figure in self.figures)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, figures in percent."""
        return {
            "run": self.run,
            "same": self.same,
            "facts": [vars(fact) | {"same": fact.same} for fact in self.facts],
            "figures": [vars(figure) | {"verdict": figure.verdict} for figure in self.figures],
            "uncompared": [vars(left) for left in self.uncompared],
        }

    def __str__(self) -> str:
        width = max(len(fact.name) for fact in self.facts)
        heads = [f"{fact.name:{width}}  {_said(fact)}" for fact in self.facts]
        lines = [["percent", "published", "here", ""]]
        shown = [each for each in self.figures if each.verdict != "same" or each.name.endswith(HEADLINE)]
        for figure in shown:
            numbers = ["-" if value is None else f"{value:.2f}" for value in (figure.published, figure.here)]
            lines.append([figure.name, *numbers, figure.verdict])
        count = sum(figure.verdict == "same" for figure in self.figures)
        near = any(figure.verdict == "near" for figure in self.figures)
        left = [f"not compared: {each.name}, {_figures(each)}since {each.reason}" for each in self.uncompared]
        total = len(self.figures) + sum(each.figures for each in self.uncompared)
        ends = f"{count} of {total} figures are the same in two decimals"
        ends += "; near: inside the published 95 % interval" if near else ""
        ends += f"; {hidden} of them are not shown (--json)" if (hidden := len(self.figures) - len(shown)) else ""
        return "\n\n".join(["\n".join(heads), aligned(lines), "\n".join([*left, ends])])


def check(run: Run, document: Mapping[str, Any]) -> Check:
    """Score a run as a document says that it was scored, and set each figure beside the published one.

    What the run has no answers for is not compared, and the reason is given.
    """
    facts = [Fact(name, document.get(name), value) for name, value in facts_of(run).items()]
    figures, uncompared = list[Checked](), list[Uncompared]()
    if made_with(run.manifest):
        facts += _differing_keys(run, document)
    else:
        uncompared.append(Uncompared("the recipe", 0, f"`{run.name}` does not say how it was made"))
    for entry in document["scores"]:
        found = _checked(run, entry)
        if isinstance(found, Uncompared):
            uncompared.append(found)
        else:
            figures += found
    return Check(run.name, tuple(facts), tuple(figures), tuple(uncompared))


def _differing_keys(run: Run, document: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield the recipe's keys whose values differ, models by what the document says of them."""
    recipe = document.get("recipe")
    there, here = recipe.get("keys") if isinstance(recipe, Mapping) else None, recipe_keys(run)
    if not isinstance(there, Mapping):
        raise ZeroovError("these published figures do not hold their recipe's keys; was the file changed?")
    facts = (Fact(key, there.get(key), here.get(key)) for key in dict.fromkeys([*there, *here]))
    yield from (fact for fact in facts if not fact.same)


def _checked(run: Run, entry: Mapping[str, Any]) -> list[Checked] | Uncompared:
    """Return the figures of one score of a document; or why the run cannot be scored so."""
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
    try:
        if not answers(run, reading):
            raise UsageError(f"`{run.name}` has no {reading} answers")
        found = score(run, protocol, by, reading)
    except UsageError as error:
        return Uncompared(f"{protocol.name}, {reading}", len(there), str(error))
    own = {
        (row.target, row.by, row.group, name): 100 * figure.value
        for row in found.rows
        for name, figure in row.figures.items()
    }
    checked = []
    for place in dict.fromkeys([*there, *own]):
        target, key, group, name = place
        what = f"{target} {name}" if name != "pointing" else name
        label = ", ".join(filter(None, (protocol.name, reading, f"{key} {group}".strip(), what)))
        value, *ends = there.get(place, (None, 0.0, 0.0))
        interval = (ends[0], ends[1]) if place in there else None
        checked.append(Checked(label, value, own.get(place), interval))
    return checked


def _figures(left: Uncompared) -> str:
    return f"{count_of(left.figures, 'figure')}, " if left.figures else ""


def _said(fact: Fact) -> str:
    """Say whether a fact is the same."""
    if fact.same:
        return "the same"
    texts = [value if isinstance(value, str) else json.dumps(value) for value in (fact.published, fact.here)]
    return f"{texts[0]} published, {texts[1]} here"
