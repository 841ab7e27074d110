"""The language model's answers of another run, whose attention a run reads without decoding them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zeroov.bench.data.sample import Sample
from zeroov.bench.runs.records import Record, read_run
from zeroov.errors import UsageError
from zeroov.recipe import Recipe


@dataclass(frozen=True)
class KnownAnswers:
    """What another run, `name`, recorded, by the samples' ids."""

    name: str
    records: Mapping[str, Record]

    def of(self, sample: Sample, content: str) -> str:
        """Return the answer to a sample; refuse one that is missing, or was about another picture or question."""
        record = self.records.get(sample.id)
        if record is None or record.status == "failed":
            raise UsageError(
                f"run `{self.name}` has no answer to it: it {'failed' if record else 'was not asked'} there"
            )
        if record.expression != sample.expression or record.content not in ("", content):
            raise UsageError(f"run `{self.name}` was asked something else: its image, question or truth has changed")
        return record.answer

    def digest(self, samples: Sequence[Sample]) -> str:
        """Return what identifies the answers to samples."""
        known = [self.records[each.id] for each in samples if each.id in self.records]
        facts = [[each.id, each.expression, each.content, each.status == "failed", each.answer] for each in known]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def refuse_answers(run: Path | None) -> None:
    """Refuse the answers of another run where samples are recorded elsewhere than in this process."""
    if run is not None:
        raise UsageError("another run's answers are read in this process; leave out --engine, or --answers")


def known_answers(run: Path | None, recipe: Recipe) -> KnownAnswers | None:
    """Read the answers of a run, whole or a file of records, for a recipe that reads given answers."""
    if (run is None) == (recipe.overview.answer == "given"):
        raise UsageError(
            "a recipe with overview.answer = given reads the answers of another run, and only such a recipe does: "
            "name the run by --answers RUN"
        )
    if run is None:
        return None
    if recipe.zoom.rounds:
        raise UsageError("--answers RUN knows no answers about closer looks; leave out zoom.rounds")
    known = read_run(run)
    return KnownAnswers(known.name, {record.id: record for record in known.records})
