"""Run a recipe over a split, stage by stage, one model in memory at a time; killed anywhere, it goes on where it was.

What a stage made is kept as dumps in the run's folder; the last stage writes one record per sample. Nothing is held in
memory for the whole split but the questions themselves.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from zeroov.bench.data.sample import Sample, Split
from zeroov.bench.runs import manifest
from zeroov.bench.runs.merging import merge_when_all_are_done, refuse_other_runs
from zeroov.bench.runs.recording import contents_of, failed_record, record
from zeroov.bench.runs.shards import Shard
from zeroov.errors import Failed, HardwareError, RecipeError, Streak, attempt
from zeroov.files.atomic import ensure_writable_folder
from zeroov.files.journal import Journal
from zeroov.pipeline.look import Job
from zeroov.pipeline.models import ModelStage
from zeroov.pipeline.run import Pipeline
from zeroov.recipe import LOOK, Recipe

log = logging.getLogger("zeroov")

Tell = Callable[[str, int, int], None]
Compute = Callable[[Sequence[Sample]], None]


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
    tell: Tell = lambda stage, done, total: None,
) -> Outcome:
    """Run a shard of a split into `folder`; the same call goes on with what is there and does nothing twice.

    A sample whose image or truth has changed since it was recorded is done again.
    """
    started, shard, folder = time.time(), shard or Shard(), ensure_writable_folder(folder)
    if recipe.zoom.rounds and recipe.zoom.ask == "model":
        raise RecipeError('zoom.ask = "model" needs two models at once, a run holds one; --set zoom.ask=category')
    one_model = dataclasses.replace(recipe, runtime=dataclasses.replace(recipe.runtime, keep_loaded=False))
    with contextlib.ExitStack() as closing:
        pipeline = closing.enter_context(
            Pipeline(one_model, device, folder / "dumps", lambda *_: None, keep_evolved=False)
        )
        about = manifest.made_with(split, recipe, pipeline, shard)
        refuse_other_runs(folder, shard, about)
        journal = closing.enter_context(Journal(folder / f"records{shard.suffix}.jsonl", about))
        if retry_failed:
            manifest.forget_failed(journal)
        samples = shard.take(split.samples)
        contents = contents_of(samples, split.root)
        _forget_changed(journal, contents)
        todo = [sample for sample in samples if sample.id not in journal.done]
        if todo:
            manifest.manifest_path(folder, shard).unlink(missing_ok=True)
        runner = _Runner(split, pipeline, journal, contents, tell)
        for number in range(recipe.zoom.rounds + 1):  # 0: the first look
            for stage in ("overview", "focus"):
                if stage in recipe.stages:
                    runner.prepare(cast("ModelStage", stage), number, todo)
        runner.finish(todo)
        failed = manifest.write(folder, shard, about, split, recipe, len(samples), runner.peak_bytes, started)
    merge_when_all_are_done(folder, shard)
    return Outcome(len(samples), len(todo), failed)


def _forget_changed(journal: Journal, contents: Mapping[str, str]) -> None:
    """Take those samples out of a journal whose question, image or truth is not what it was when they were recorded."""
    changed = [name for name, content in journal.done.items() if content != contents.get(name)]
    if changed:
        shown = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
        log.warning(
            "%d of %d samples changed since they were recorded (%s): their images or what is true of them; "
            "they are done again",
            len(changed),
            len(journal.done),
            shown,
        )
        journal.rewrite(journal.done.keys() - set(changed))


class _Runner:
    """The passes over the samples, and what is done when one of them fails."""

    def __init__(self, split: Split, pipeline: Pipeline, journal: Journal, contents: Mapping[str, str], tell: Tell):
        self.split, self.pipeline, self.journal, self.tell = split, pipeline, journal, tell
        self._contents = contents
        self.peak_bytes: dict[str, int] = {}
        self._batch = pipeline.recipe.runtime.batch
        self._streak = Streak()

    def prepare(self, stage: ModelStage, number: int, todo: Sequence[Sample]) -> None:
        """Make a stage's dumps of the first (0) or a closer look for every sample that has none."""
        self.pipeline.models.drop_all()
        self._batch = self.pipeline.recipe.runtime.batch
        upto = LOOK[: LOOK.index(stage) + 1]

        def compute(samples: Sequence[Sample]) -> None:
            jobs = [self._job(sample) for sample in samples]
            for each in upto if number == 0 else LOOK:  # what is done comes from the dumps
                self.pipeline.run(each, jobs)
            for closer in range(1, number + 1):
                self.pipeline.look_closer(jobs, closer, upto if closer == number else LOOK)
            self._meter(jobs)

        waiting, done = self._waiting(todo), 0
        self.tell(stage, 0, len(waiting))
        while done < len(waiting):
            batch = waiting[done : done + self._batch]
            self._attempt(stage, batch, compute)
            done += len(batch)
            self.tell(stage, done, len(waiting))

    def finish(self, todo: Sequence[Sample]) -> None:
        """Evolve and refine image by image, and record every sample."""
        self.pipeline.models.drop_all()
        stages = self.pipeline.recipe.stages

        def compute(samples: Sequence[Sample]) -> None:
            samples = self._waiting(samples)  # without those recorded before another of the image failed
            jobs = [self._job(sample) for sample in samples]
            for stage in self.pipeline.steps:
                self.pipeline.run(stage, jobs)
            self._meter(jobs)
            for sample, job in zip(samples, jobs, strict=True):
                made = record(sample, self._contents[sample.id], job, self.pipeline.recipe, self.split.root)
                self.journal.add(made.to_json())

        waiting, done = self._waiting(todo), 0
        self.tell(stages[-1], 0, len(waiting))
        for _, group in itertools.groupby(waiting, key=lambda sample: sample.image):
            samples = list(group)
            self._attempt("refine", samples, compute)
            done += len(samples)
            self.tell(stages[-1], done, len(waiting))

    def _waiting(self, samples: Sequence[Sample]) -> list[Sample]:
        return [sample for sample in samples if sample.id not in self.journal.done]

    def _attempt(self, stage: ModelStage, samples: Sequence[Sample], compute: Compute) -> None:
        """Compute some samples; after a failure their halves or one by one; what fails alone is recorded as failed."""
        outcome = attempt(lambda: compute(samples))
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
            self._attempt(stage, samples[start : start + step], compute)

    def _job(self, sample: Sample) -> Job:
        return self.pipeline.job(self.split.root / sample.image, sample.expression)

    def _fail(self, sample: Sample, stage: str, failed: Failed) -> None:
        reason = f"{stage}: {failed.reason}"
        log.warning("sample %s failed: %s", sample.id, reason)
        self.journal.add(failed_record(sample, self._contents[sample.id], self.split.root, reason).to_json())
        self._streak.add(failed)

    def _meter(self, jobs: Sequence[Job]) -> None:
        for job in itertools.chain.from_iterable(job.chain() for job in jobs):
            for stage, report in job.reports.items():
                self.peak_bytes[stage] = max(self.peak_bytes.get(stage, 0), report.peak_bytes or 0)
