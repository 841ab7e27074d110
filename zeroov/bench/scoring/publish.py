"""A run's figures as one document that others can check: how they were made, what they are, and whether they hold."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zeroov.bench.runs.records import READINGS, Run, reading_named
from zeroov.bench.scoring import protocols
from zeroov.bench.scoring.protocols import Protocol
from zeroov.bench.scoring.score import Score, changes, made_with, score, statuses
from zeroov.bench.scoring.tables import aligned
from zeroov.errors import UsageError, ZeroovError
from zeroov.recipe import deciding
from zeroov.weights.find import public_name

FORMAT = 1
NEAR = 0.005  # points of percent: half of the last digit that is printed
UNSTABLE = ("seconds", "dumps", "error")  # of a record: what differs from machine to machine, with equal answers
MODELS = ("overview.model", "focus.model", "refine.checkpoint")  # of a recipe: what may be a path
MADE = ("finished", "device", "python", "packages", "commit", "seconds", "peak_bytes")


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


def published(run: Run, scored: Sequence[Protocol], by: Sequence[str] = ()) -> dict[str, Any]:
    """Return how a finished run was made, and its figures under some protocols and every reading that it has.

    The document names no model's path: a model in a folder goes by its folder's name.
    """
    made = made_with(run.manifest)
    if not made:
        raise UsageError(
            f"`{run.name}` has no manifest that says how it was made; name the folder of a run that `zeroov bench run` "
            "finished"
        )
    return {
        "format": FORMAT,
        **_facts(run),
        **{name: run.manifest[name] for name in MADE if run.manifest.get(name) is not None},
        "recipe": {
            "name": run.manifest.get("recipe"),
            "changes": without_folders(changes(run.manifest)),
            "keys": without_folders(deciding(made)),
        },
        "unit": "percent",
        "scores": [
            {
                "protocol": found.protocol.name,
                "counts_as": found.protocol.about,
                "reading": found.reading,
                "by": list(by),
                "rows": [row.to_json() for row in found.rows],
            }
            for protocol in scored
            for found in _readings(run, protocol, by)
        ],
    }


def _readings(run: Run, protocol: Protocol, by: Sequence[str]) -> Iterator[Score]:
    """Yield the score of the final answer, which must be there, and those of the other readings that can be scored."""
    yield score(run, protocol, by)
    for reading in READINGS[1:]:
        with contextlib.suppress(UsageError):  # it has no such answers, or none that the protocol scores
            if any(record.read(reading) != (None, None) for record in run.records):
                yield score(run, protocol, by, reading)


def read_published(path: Path) -> dict[str, Any]:
    """Read a document that `zeroov bench publish` wrote."""
    try:
        value = json.loads(path.read_bytes())
        json.dumps(value, allow_nan=False)  # Python reads NaN and 1e999, and JSON has neither
    except (OSError, ValueError, RecursionError) as error:
        raise ZeroovError(f"`{path}` cannot be read as JSON ({error}); `zeroov bench publish` writes it") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT or not isinstance(value.get("scores"), list):
        raise ZeroovError(
            f"`{path}` holds no published figures of format {FORMAT}; `zeroov bench publish RUN --out FILE` writes them"
        )
    return value


def check(run: Run, document: Mapping[str, Any]) -> Check:
    """Score a run as a document says that it was scored, and set each figure beside the published one."""
    figures = [figure for entry in document["scores"] for figure in _checked(run, entry)]
    here = _facts(run)
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


def records_digest(run: Run) -> str:
    """Return a digest of what was asked, what is true and what was answered, whatever the order of the records."""
    digest = hashlib.sha256()
    for record in sorted(run.records, key=lambda record: record.id):
        plain = {name: value for name, value in record.to_json().items() if name not in UNSTABLE}
        digest.update(json.dumps(plain, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _facts(run: Run) -> dict[str, Any]:
    """Return what figures depend on, beside the protocol; it is the same where a run is repeated exactly."""
    made = made_with(run.manifest)
    return {
        "benchmark": made.get("benchmark"),
        "split": made.get("split"),
        "samples": len(run.records),
        "counts": statuses(run),
        "questions": made.get("questions"),
        "recipe_digest": run.manifest.get("recipe_digest"),
        "models": models_of(made),
        "zeroov": made.get("zeroov"),
        "records": records_digest(run),
    }


def without_folders(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's dotted keys with their values, models by what others may know of them."""
    return {key: _public(key.partition(".")[0], value) if key in MODELS else value for key, value in values.items()}


def models_of(made: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a run's models by stage, as others may know them."""
    models = made.get("models")
    return {
        stage: {name: _public(stage, value) if name == "model" else value for name, value in of.items()}
        for stage, of in (models.items() if isinstance(models, Mapping) else ())
        if isinstance(of, Mapping)
    }


def _public(stage: str, reference: Any) -> Any:
    return public_name(stage, reference) if isinstance(reference, str) else reference


def _said(fact: Fact) -> str:
    """Say whether a fact is the same."""
    if fact.same:
        return "the same"
    texts = [json.dumps(value) if isinstance(value, dict) else str(value) for value in (fact.published, fact.here)]
    return f"{texts[0]} published, {texts[1]} here"
