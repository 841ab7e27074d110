"""Run a recipe over a split, stage by stage, one model in memory; killed anywhere, it goes on where it stopped.

What a stage made is kept as dumps, in the run's folder or in one that runs share; the last stage writes one record per
sample. Nothing is held in memory for the whole split but the questions themselves.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.bench.data.sample import Sample, Split
from zeroov.bench.runs import manifest
from zeroov.bench.runs.merging import merge_when_all_are_done, refuse_other_runs
from zeroov.bench.runs.recording import contents_of, failed_record, record
from zeroov.bench.runs.shards import Shard
from zeroov.errors import Failed, HardwareError, Streak, attempt, first_few
from zeroov.files.atomic import ensure_writable_folder, require_writable_folder
from zeroov.files.journal import Journal, read_items
from zeroov.ground import Pipeline, ground_pictures
from zeroov.outputs.answer import Answer
from zeroov.pipeline.models import ModelStage, NeedsModel
from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import open_source
from zeroov.recipe import Recipe
from zeroov.types import clean_expression

log = logging.getLogger("zeroov")


@dataclasses.dataclass
class Outcome:
    """What a run did: how many samples it has, how many were done now, how many failed in all."""

    samples: int
    done_now: int
    failed: int


def run(
    split: Split,
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "auto",
    shard: Shard | None = None,
    retry_failed: bool = False,
    dumps: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    progress: Progress = SILENT,
) -> Outcome:
    """Run a shard of a split into `folder`; the same call goes on with what is there and does nothing twice.

    A sample whose image or truth has changed since it was recorded is done again. `changes` are the keys in which the
    recipe differs from the one that it is named after; the manifest names them. Maps are taken from `dumps` and kept
    there; several runs may share it, also at once: a map has the name of what made it, and is written whole.
    """
    maps = manifest.dumps_folder(folder, dumps)
    started, shard, folder = time.time(), shard or Shard(), require_writable_folder(folder)
    one_model = dataclasses.replace(recipe, runtime=dataclasses.replace(recipe.runtime, keep_loaded=False))
    with contextlib.ExitStack() as closing:
        pipeline = closing.enter_context(Pipeline(one_model, device, maps, keep_evolved=False))
        about = manifest.made_with(split, recipe, pipeline, shard)
        refuse_other_runs(folder, shard, about)
        journal = closing.enter_context(Journal(ensure_writable_folder(folder) / f"records{shard.suffix}.jsonl", about))
        if retry_failed:
            journal.rewrite({str(item["id"]) for item in read_items(journal.path) if item["status"] != "failed"})
        samples = shard.take(split.samples)
        contents = contents_of(samples, split.root)
        _forget_changed(journal, contents)
        todo = [sample for sample in samples if sample.id not in journal.done]
        if todo:
            manifest.manifest_path(folder, shard).unlink(missing_ok=True)
            manifest.note_dumps(folder, shard, maps)
        runner = _Runner(split, pipeline, journal, contents, progress)
        runner.run(todo)
        named: dict[str, Any] = {"recipe": recipe.name, "recipe_digest": recipe.digest}
        named |= {} if changes is None else {"changes": dict(changes)}
        failed = manifest.write(folder, shard, about, split, named, len(samples), runner.peak_bytes, started)
    merge_when_all_are_done(folder, shard)
    return Outcome(len(samples), len(todo), failed)


def _forget_changed(journal: Journal, contents: Mapping[str, str]) -> None:
    """Take those samples out of a journal whose question, image or truth is not what it was when they were recorded."""
    changed = [name for name, content in journal.done.items() if content != contents.get(name)]
    if changed:
        log.warning(
            "%d of %d samples changed since they were recorded (%s): their images or what is true of them; "
            "they are done again",
            len(changed),
            len(journal.done),
            first_few(changed),
        )
        journal.rewrite(journal.done.keys() - set(changed))


class _Runner:
    """Passes over the samples, each with one model in memory, and what is done when a sample fails.

    A pass takes every sample as far as the dumps and its model carry it: to its record, or to the model that it needs
    next.
    """

    def __init__(
        self, split: Split, pipeline: Pipeline, journal: Journal, contents: Mapping[str, str], progress: Progress
    ):
        self.split, self.pipeline, self.journal, self.progress = split, pipeline, journal, progress
        self.peak_bytes: dict[str, int] = {}
        self._contents = contents
        self._waiting: dict[str, ModelStage] = {}
        self._batch = pipeline.recipe.runtime.batch
        self._streak = Streak()

    def run(self, todo: Sequence[Sample]) -> None:
        """Record every sample."""
        self._waiting = {sample.id: "overview" for sample in todo}
        while self._waiting:
            before = dict(self._waiting)
            counts = Counter(self._waiting.values())
            stage = max(counts, key=lambda each: (each != "refine", counts[each]))  # Refine ends most samples: last
            samples = [sample for sample in todo if self._waiting.get(sample.id) == stage]
            with self.pipeline.models.only(stage):
                self._pass(stage, samples)
            assert self._waiting != before, f"a pass with the {stage} model changed nothing"

    def _pass(self, stage: ModelStage, samples: Sequence[Sample]) -> None:
        self._batch = self.pipeline.recipe.runtime.batch
        self.progress.report(stage, 0, len(samples))
        done = 0
        while done < len(samples):
            group = samples[done : done + self._batch]
            if stage == "refine":  # a picture is encoded once for all of its samples
                same = itertools.takewhile(lambda each: each.image == samples[done].image, samples[done:])  # noqa: B023
                group = list(same)
            self._attempt(stage, group)
            done += len(group)
            self.progress.report(stage, done, len(samples))

    def _attempt(self, stage: ModelStage, samples: Sequence[Sample]) -> None:
        """Advance some samples; after a failure their halves or one by one; what fails alone is recorded as failed."""
        outcome = attempt(partial(self._advance, samples))
        if not isinstance(outcome, Failed):
            self._streak.add(outcome)
            return
        short_of_memory = isinstance(outcome.error, HardwareError)
        if short_of_memory and not self.pipeline.models.holds(stage):  # the model itself does not fit
            raise outcome.error
        if len(samples) == 1:
            self._fail(samples[0], stage, outcome)
            return
        step = 1
        if short_of_memory:
            step = self._batch = max(1, len(samples) // 2)
            log.warning("%s ran out of memory with %d samples at once; it goes on with %d", stage, len(samples), step)
        for start in range(0, len(samples), step):
            self._attempt(stage, samples[start : start + step])

    def _advance(self, samples: Sequence[Sample]) -> None:
        """Record samples, or note which model they wait for; those that are recorded already are left out."""
        samples = [sample for sample in samples if sample.id in self._waiting]
        with contextlib.ExitStack() as opened:
            asked = [
                (opened.enter_context(open_source(self.split.root / sample.image)), clean_expression(sample.expression))
                for sample in samples
            ]
            try:
                answers = ground_pictures(self.pipeline, asked, rounds=self.pipeline.recipe.zoom.rounds)
            except NeedsModel as needed:
                self._waiting |= {sample.id: needed.stage for sample in samples}
                return
        for sample, answer in zip(samples, answers, strict=True):
            self._meter(answer)
            made = record(sample, self._contents[sample.id], answer, self.split.root)
            self.journal.add(made.to_json())
            del self._waiting[sample.id]

    def _fail(self, sample: Sample, stage: str, failed: Failed) -> None:
        reason = f"{stage}: {failed.reason}"
        log.warning("sample %s failed: %s", sample.id, reason)
        self.journal.add(failed_record(sample, self._contents[sample.id], self.split.root, reason).to_json())
        del self._waiting[sample.id]
        self._streak.add(failed)

    def _meter(self, answer: Answer) -> None:
        for look in answer.all_looks:
            for stage, cost in look.costs.items():
                self.peak_bytes[stage] = max(self.peak_bytes.get(stage, 0), cost.peak_bytes or 0)
