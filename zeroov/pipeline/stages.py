"""One stage over many samples: models called in batches, what they made kept as dumps, and what each stage cost.

Which stage runs when, and on which looks, is the pipeline's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zeroov import dumps, hardware
from zeroov.dumps import DumpStore
from zeroov.dumps import values as dumped
from zeroov.errors import DumpError
from zeroov.evolve import evolve
from zeroov.files.atomic import ensure_writable_folder
from zeroov.pipeline.attention import combined, seen
from zeroov.pipeline.look import Job
from zeroov.pipeline.models import REMEDY, LoadedModels, ModelStage, log
from zeroov.types import Affinity, Overview, StageReport

# stage, samples done, samples in all; done = 0 as a stage begins
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Stages:
    """The four stages of a recipe. Each fills in the reports of the jobs it is given, and the keys of their dumps."""

    models: LoadedModels
    store: DumpStore | None
    """Where maps are kept and looked for; `None`: nowhere."""
    keep_evolved: bool
    progress: Progress

    def overview(self, jobs: Sequence[Job]) -> None:
        """Look where the language looks, or take it from the dumps."""
        recipe = self.models.recipe.overview
        settings = dumps.overview_settings(
            recipe, self.models.locate("overview").revision, self.models.dtype_name("overview")
        )
        for job in jobs:
            job.keys["overview"] = dumps.digest("overview", job.picture.digest, job.expression, settings)

        def compute(batch: Sequence[Job]) -> list[Overview]:
            from zeroov.overview.stage import look

            pictures, expressions = [job.picture for job in batch], [job.expression for job in batch]
            return look(self.models.overview(), pictures, expressions, recipe)

        def kept(value: Overview) -> dumped.Parts:
            return dumped.from_overview(value, combined(value, recipe), recipe)

        self._cached("overview", jobs, settings, compute, kept, dumped.to_overview)

    def focus(self, jobs: Sequence[Job]) -> None:
        """Find which pixels belong together, or take it from the dumps."""
        recipe = self.models.recipe.focus
        settings = dumps.focus_settings(recipe, self.models.locate("focus").revision, self.models.dtype_name("focus"))
        for job in jobs:
            text = dumps.focus_expression(recipe, job.expression)
            job.keys["focus"] = dumps.digest("focus", job.picture.digest, text, settings)

        def steps(done: int, total: int) -> None:
            if total > 1:  # inversion: many calls of the UNet for one picture
                self.progress("focus, steps", done, total)

        def compute(batch: Sequence[Job]) -> list[Affinity]:
            from zeroov.focus.stage import compute_affinities

            pictures, expressions = [job.picture for job in batch], [job.expression for job in batch]
            return compute_affinities(self.models.focus(), pictures, expressions, recipe, steps)

        self._cached("focus", jobs, settings, compute, dumped.from_affinity, dumped.to_affinity)

    def _cached(
        self,
        stage: ModelStage,
        jobs: Sequence[Job],
        settings: Mapping[str, Any],
        compute: Callable[[Sequence[Job]], Sequence[Any]],
        to_parts: Callable[[Any], dumped.Parts],
        from_dump: Callable[[Any], Any],
    ) -> None:
        """Fill in a model stage: from dumps where there are, else computed in batches, once for each key."""
        self.progress(stage, 0, len(jobs))
        made: dict[str, StageReport] = {}
        todo: dict[str, Job] = {}
        for job in jobs:
            key = job.keys[stage]
            if key in made or key in todo:
                continue
            report = self._from_dump(stage, key, from_dump)
            if report:
                made[key] = report
            else:
                todo[key] = job
        pending, size = list(todo.values()), self.models.recipe.runtime.batch
        if pending and self.store:
            ensure_writable_folder(self.store.folder)  # told before the work, not after
        load_seconds = self.models.load(stage) if pending else 0.0  # before the meter, which sees the stage alone
        for start in range(0, len(pending), size):
            batch = pending[start : start + size]
            with hardware.memory_guard(stage, REMEDY), hardware.metered(self.models.device) as meter:
                values = compute(batch)
            for job, value in zip(batch, values, strict=True):
                key = job.keys[stage]
                made[key] = StageReport(value, meter.seconds / len(batch), meter.peak_bytes, load_seconds)
                load_seconds = 0.0
                if self.store:
                    arrays, about = to_parts(value)
                    costs = {"seconds": made[key].seconds, "peak_bytes": meter.peak_bytes}
                    self.store.write(stage, key, arrays, {**job.about(), "settings": settings, **costs, **about})
            self.progress(stage, len(jobs) - len(pending) + start + len(batch), len(jobs))
        for job in jobs:
            job.reports[stage] = made[job.keys[stage]]
        self.progress(stage, len(jobs), len(jobs))

    def _from_dump(self, stage: str, key: str, from_dump: Callable[[Any], Any]) -> StageReport | None:
        dump = self.store.read(stage, key) if self.store else None
        if dump is None:
            return None
        try:
            seconds, peak = dump.about.get("seconds", 0.0), dump.about.get("peak_bytes")
            return StageReport(from_dump(dump), seconds, peak, from_dump=True)
        except DumpError as error:
            log.warning("%s; it is made anew", error)
            return None

    def evolve(self, jobs: Sequence[Job]) -> None:
        """Fuse and grow what Overview and Focus made; kept as dumps, but always made again, which is quick."""
        recipe = self.models.recipe
        grid = recipe.focus.working_grid
        self.progress("evolve", 0, len(jobs))
        for done, job in enumerate(jobs, start=1):
            with hardware.metered(self.models.device) as meter:
                value = evolve(
                    seen(job, recipe),
                    job.affinity,
                    job.picture.hw,
                    recipe.evolve,
                    grid_hw=(grid, grid),
                    growing="evolve" in recipe.stages,
                )
            job.reports["evolve"] = StageReport(value, meter.seconds, meter.peak_bytes)
            if self.store and self.keep_evolved and not job.near:  # a closer look's depends on the look before it
                keys = job.keys["overview"], job.keys.get("focus", "")
                dumped.write_evolved(self.store, job.about(), recipe, *keys, value)
            self.progress("evolve", done, len(jobs))

    def refine(self, jobs: Sequence[Job]) -> None:
        """Draw the object in each look's box; a picture is encoded once for the looks at it that follow one another."""
        from zeroov.refine.sam import encode, refine

        self.progress("refine", 0, len(jobs))
        encoded: tuple[str, Any] | None = None
        for done, job in enumerate(jobs, start=1):
            box = job.coarse()[1]
            if box is not None:  # an empty answer passes through untouched, and loads no model
                load_seconds = self.models.load("refine")
                sam = self.models.refine()
                with hardware.memory_guard("refine", REMEDY), hardware.metered(self.models.device) as meter:
                    if encoded is None or encoded[0] != job.picture.digest:
                        encoded = job.picture.digest, encode(sam, job.picture)
                    value = refine(sam, encoded[1], box, self.models.recipe.refine, job.evolved)
                job.reports["refine"] = StageReport(value, meter.seconds, meter.peak_bytes, load_seconds)
                if value.box is None:
                    log.warning("SAM drew nothing in the box; the mask before Refine is kept")
            self.progress("refine", done, len(jobs))
