"""Run a recipe over a split, stage by stage, one model in memory; killed anywhere, it goes on where it stopped.

What a stage made is kept as dumps, in the run's folder or in one that runs share; the last stage writes one record per
sample. Nothing is held in memory for the whole split but the questions themselves. While a model works on some
pictures, the next ones are decoded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from zeroov.bench.data.sample import Sample, Split
from zeroov.bench.runs import manifest
from zeroov.bench.runs.answers import KnownAnswers, known_answers, refuse_answers
from zeroov.bench.runs.merging import merge_when_all_are_done, refuse_other_runs
from zeroov.bench.runs.order import TOGETHER, by_size, chunks, first_group, of_shard
from zeroov.bench.runs.recording import contents_of, failed_record, image_hw, record
from zeroov.bench.runs.records import Record
from zeroov.errors import Failed, HardwareError, Streak, attempt, first_few
from zeroov.files.atomic import ensure_writable_folder, require_writable_folder
from zeroov.files.journal import Journal, read_items
from zeroov.frames import HW
from zeroov.ground import Pipeline, ground_pictures
from zeroov.look import Question
from zeroov.outputs.answer import Answer
from zeroov.pipeline.models import ModelStage, NeedsModel
from zeroov.progress import SILENT, Progress
from zeroov.raster.ahead import Ahead, whole
from zeroov.raster.scene import Scene, open_source
from zeroov.recipe import Recipe
from zeroov.shards import Shard
from zeroov.spans import span
from zeroov.types import clean_expression

log = logging.getLogger("zeroov")


@dataclasses.dataclass
class Outcome:
    """What a run did: how many samples it has, how many were done now, how many failed in all."""

    samples: int
    done_now: int
    failed: int


@dataclasses.dataclass(frozen=True)
class Recording:
    """What is to be recorded: samples, whose images lie under `root`, with their contents, and the journal for it."""

    root: Path
    samples: Sequence[Sample]
    contents: Mapping[str, str]
    journal: Journal
    progress: Progress


class Engine(Protocol):
    """Where a run's samples are recorded instead of in this process."""

    def describe(self, recipe: Recipe) -> Any:
        """Return what stands for the pipeline: it knows what identifies its models."""

    def run(self, recording: Recording, recipe: Recipe, dumps: Path) -> None:
        """Record every sample."""


def run(
    split: Split,
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "auto",
    shard: Shard | None = None,
    retry_failed: bool = False,
    dumps: Path | None = None,
    answers: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Outcome:
    """Run a shard of a split into `folder`; the same call goes on with what is there and does nothing twice.

    A sample whose image or truth has changed since it was recorded is done again. `changes` are the keys in which the
    recipe differs from the one that it is named after; the manifest names them. Maps are taken from `dumps` and kept
    there; several runs may share it, also at once: a map has the name of what made it, and is written whole. `answers`
    is a run whose answers a recipe with `overview.answer = "given"` reads; a sample that it did not answer fails. An
    `engine` records the samples elsewhere, each with all models loaded.
    """
    if engine:
        refuse_answers(answers)
    known = known_answers(answers, recipe)
    maps = manifest.dumps_folder(folder, dumps)
    started, shard, folder = time.time(), shard or Shard(), require_writable_folder(folder)
    one_model = dataclasses.replace(recipe, runtime=dataclasses.replace(recipe.runtime, keep_loaded=False))
    with contextlib.ExitStack() as closing:
        with span("loading"):
            if engine is None:
                pipeline: Any = closing.enter_context(Pipeline(one_model, device, maps, keep_evolved=False))
            else:
                pipeline = engine.describe(recipe)
        about = manifest.made_with(split, recipe, pipeline, shard)
        about |= {"answers": known.digest(split.samples)} if known else {}
        refuse_other_runs(folder, shard, about)
        journal = closing.enter_context(Journal(ensure_writable_folder(folder) / f"records{shard.suffix}.jsonl", about))
        if retry_failed:
            journal.rewrite({str(item["id"]) for item in read_items(journal.path) if item["status"] != "failed"})
        samples = of_shard(split.samples, shard)
        with span("reading"):
            contents = contents_of(samples, split.root)
        _forget_changed(journal, contents)
        todo = [sample for sample in samples if sample.id not in journal.done]
        if todo:
            manifest.manifest_path(folder, shard).unlink(missing_ok=True)
            manifest.note_dumps(folder, shard, maps)
        recording = Recording(split.root, todo, contents, journal, progress)
        peak_bytes: Mapping[str, int] = {}
        if engine is None:
            ahead = closing.enter_context(Ahead(_open_whole))
            runner = _Runner(recording, pipeline, ahead, known)
            runner.run()
            peak_bytes = runner.peak_bytes
        elif todo:
            engine.run(recording, recipe, maps)
        named: dict[str, Any] = {"recipe": recipe.name, "recipe_digest": recipe.digest}
        named |= {} if changes is None else {"changes": dict(changes)}
        failed = manifest.write(folder, shard, about, split, named, len(samples), peak_bytes, started)
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


def _open_whole(image: Path, progress: Progress) -> Scene:
    return whole(open_source(image, progress=progress))


class _Runner:
    """Passes over the samples, each with one model in memory, and what is done when a sample fails.

    A pass takes every sample as far as the dumps and its model carry it: to its record, or to the model that it needs
    next. It asks the samples of a chunk in the order of `order.groups`, and writes their records in that of the split.
    """

    def __init__(self, recording: Recording, pipeline: Pipeline, ahead: Ahead[Path], known: KnownAnswers | None):
        self._work, self._pipeline, self._ahead, self._known = recording, pipeline, ahead, known
        self.peak_bytes: dict[str, int] = {}
        self._waiting: dict[str, ModelStage] = {}
        self._made: dict[str, Record] = {}  # of the chunk in hand
        self._batch = self._together = 1
        recipe = pipeline.recipe
        # After Focus comes Refine, which evolves: to do it already with Focus would do it, and read the maps, twice.
        self._draws_next = "refine" in recipe.stages and "select" not in recipe.stages and not recipe.zoom.rounds
        self._streak = Streak()

    def run(self) -> None:
        """Record every sample."""
        todo = self._work.samples
        self._waiting = {sample.id: "overview" for sample in todo}
        while self._waiting:
            before = dict(self._waiting)
            counts = Counter(self._waiting.values())
            stage = max(counts, key=lambda each: (each != "refine", counts[each]))  # Refine ends most samples: last
            samples = [sample for sample in todo if self._waiting.get(sample.id) == stage]
            with self._pipeline.models.only(stage):
                self._pass(stage, samples)
            assert self._waiting != before, f"a pass with the {stage} model changed nothing"

    def _pass(self, stage: ModelStage, samples: Sequence[Sample]) -> None:
        recipe, done = self._pipeline.recipe, 0
        self._batch = 1 if stage == "refine" else recipe.runtime.batch  # a picture is encoded once for all its samples
        self._together = TOGETHER
        shared = stage != "focus" or "{expression}" not in recipe.focus.prompt  # a picture's samples cost one call
        self._work.progress.report(stage, 0, len(samples))
        parts = chunks(samples, self._batch)
        coming = by_size(parts[0], self._batch, self._hw)
        for chunk, after in zip(parts, [*parts[1:], []], strict=True):
            left, coming = coming, by_size(after, self._batch, self._hw)
            try:
                while left:
                    group = first_group(left, self._batch, self._together, shared=shared)
                    left = left[len(group) :]
                    then = first_group(left or coming, self._batch, self._together, shared=shared)
                    self._ahead.hold([self._path(sample) for sample in (*group, *then)])
                    self._attempt(stage, group)
                    self._pipeline.forget()  # its pictures do not come again in this pass
                    done += len(group)
                    self._work.progress.report(stage, done, len(samples))
            finally:
                self._write(chunk)

    def _path(self, sample: Sample) -> Path:
        return self._work.root / sample.image

    def _hw(self, sample: Sample) -> HW:
        return image_hw(sample, self._work.root)

    def _attempt(self, stage: ModelStage, samples: Sequence[Sample]) -> None:
        """Advance some samples; after a failure their halves or one by one; what fails alone is recorded as failed."""
        outcome = attempt(partial(self._advance, stage, samples))
        if not isinstance(outcome, Failed):
            self._streak.add(outcome)
            return
        short_of_memory = isinstance(outcome.error, HardwareError)
        if short_of_memory and not self._pipeline.models.holds(stage):  # the model itself does not fit
            raise outcome.error
        if len(samples) == 1:
            self._fail(samples[0], stage, outcome)
            return
        step = 1
        if short_of_memory:
            step = self._batch = self._together = max(1, len(samples) // 2)
            log.warning("%s ran out of memory with %d samples at once; it goes on with %d", stage, len(samples), step)
        for start in range(0, len(samples), step):
            self._attempt(stage, samples[start : start + step])

    def _advance(self, stage: ModelStage, samples: Sequence[Sample]) -> None:
        """Make records of samples, or note which model they wait for; those that have one already are left out."""
        samples = [sample for sample in samples if sample.id in self._waiting]
        asked = [(self._ahead.get(self._path(sample)), clean_expression(sample.expression)) for sample in samples]
        if stage == "focus" and self._draws_next:
            self._pipeline.focus([Question(scene.read(), text) for scene, text in asked])
            self._waiting |= {sample.id: "refine" for sample in samples}
            return
        try:
            given = (
                [self._known.of(sample, self._work.contents[sample.id]) for sample in samples] if self._known else []
            )
            answers = ground_pictures(self._pipeline, asked, rounds=self._pipeline.recipe.zoom.rounds, given=given)
        except NeedsModel as needed:
            self._waiting |= {sample.id: needed.stage for sample in samples}
            return
        for sample, answer in zip(samples, answers, strict=True):
            self._meter(answer)
            with span("writing"):
                self._made[sample.id] = record(sample, self._work.contents[sample.id], answer, self._work.root)
            del self._waiting[sample.id]

    def _write(self, samples: Sequence[Sample]) -> None:
        """Write the records that were made of some samples, in the order of the split."""
        made = [self._made.pop(sample.id) for sample in samples if sample.id in self._made]
        if made:
            self._work.journal.add(*(each.to_json() for each in made))

    def _fail(self, sample: Sample, stage: str, failed: Failed) -> None:
        reason = f"{stage}: {failed.reason}"
        log.warning("sample %s failed: %s", sample.id, reason)
        self._made[sample.id] = failed_record(sample, self._work.contents[sample.id], self._work.root, reason)
        del self._waiting[sample.id]
        self._streak.add(failed)

    def _meter(self, answer: Answer) -> None:
        for look in answer.all_looks:
            for stage, cost in look.costs.items():
                self.peak_bytes[stage] = max(self.peak_bytes.get(stage, 0), cost.peak_bytes or 0)
