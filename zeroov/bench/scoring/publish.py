"""A run's figures as one document that others can check: how they were made, and what they are."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroov.bench.runs.records import READINGS, Reading, Run
from zeroov.bench.scoring.about import changes, limited_from, made_with
from zeroov.bench.scoring.protocols import Protocol
from zeroov.bench.scoring.score import Score, score, statuses
from zeroov.errors import UsageError, ZeroovError
from zeroov.recipe import deciding
from zeroov.weights.find import public_name

FORMAT = 1
UNSTABLE = ("seconds", "dumps", "error")  # of a record: what differs from machine to machine, with equal answers
# Of a recipe: what may be a path.
MODELS = ("overview.model", "focus.model", "detector.model", "refine.model", "refine.checkpoint")
MADE = ("finished", "device", "python", "packages", "commit", "seconds", "peak_bytes")


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
        **facts_of(run),
        **{name: run.manifest[name] for name in MADE if run.manifest.get(name) is not None},
        "recipe": {
            "name": run.manifest.get("recipe"),
            "changes": without_folders(changes(run.manifest)),
            "keys": recipe_keys(run),
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
            if answers(run, reading):
                yield score(run, protocol, by, reading)


def answers(run: Run, reading: Reading) -> bool:
    """Return whether a run has answers of a reading; a run that found nothing has final ones."""
    return reading == "final" or any(record.read(reading) != (None, None) for record in run.records)


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


def records_digest(run: Run) -> str:
    """Return a digest of what was asked, what is true and what was answered, whatever the order of the records."""
    digest = hashlib.sha256()
    for record in sorted(run.records, key=lambda record: record.id):
        plain = {name: value for name, value in record.to_json().items() if name not in UNSTABLE}
        digest.update(json.dumps(plain, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def facts_of(run: Run) -> dict[str, Any]:
    """Return what figures depend on, beside the protocol; it is the same where a run is repeated exactly."""
    made = made_with(run.manifest)
    return {
        "benchmark": made.get("benchmark"),
        "split": made.get("split"),
        "samples": len(run.records),
        "limited_from": limited_from(run.manifest),
        "counts": statuses(run),
        "questions": made.get("questions"),
        "recipe_digest": run.manifest.get("recipe_digest"),
        "models": models_of(made),
        "zeroov": made.get("zeroov"),
        "records": records_digest(run),
    }


def recipe_keys(run: Run) -> dict[str, Any]:
    """Return the recipe's keys that decide a run's answers, with their values, models without their folders."""
    return without_folders(deciding(made_with(run.manifest)))


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
