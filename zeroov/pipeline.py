"""The pipeline: owns the loaded models, runs the stages in order, keeps what they made as dumps when asked to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from zeroov import dumps, hardware
from zeroov import recipe as recipes
from zeroov.closer import closer_look
from zeroov.cross import cross_of
from zeroov.dumps import DumpStore
from zeroov.dumps import values as dumped
from zeroov.errors import DumpError
from zeroov.evolve import evolve
from zeroov.job import Job
from zeroov.loaded import REMEDY, LoadedModels, ModelStage, log
from zeroov.mini.recognise import looks_drawn
from zeroov.overview.combine import combine, select
from zeroov.raster.read import open_picture
from zeroov.raster.write import ensure_writable_folder
from zeroov.recipe import LOOK, Recipe
from zeroov.types import Affinity, Box, Float32, Grounding, Overview, Picture, Refined, StageReport, clean_expression
from zeroov.zoom.crop import Window
from zeroov.zoom.merge import near_weights
from zeroov.zoom.phrase import parse
from zeroov.zoom.pyramid import average_maps, scales

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray
    from PIL.Image import Image

    Source = str | PathLike[str] | Image | NDArray[Any] | Picture

# stage, samples done, samples in all; done = 0 as a stage begins
Progress = Callable[[str, int, int], None]


class Pipeline:
    """A recipe on a device. Models are loaded when a stage first needs them; `close` or a `with` block frees them."""

    def __init__(
        self,
        recipe: Recipe,
        device: str = "auto",
        dumps_folder: str | Path | None = None,
        progress: Progress | None = None,
        *,
        keep_evolved: bool = True,
    ):
        """`keep_evolved` = false leaves out Evolve's dumps, which are large and quickly made again."""
        self.recipe = recipe
        self.device = hardware.pick_device(device)
        self.models = LoadedModels(recipe, self.device)
        self.store = DumpStore(dumps_folder) if dumps_folder is not None else None
        self._keep_evolved = keep_evolved
        self._warned = False
        self._progress = progress or (lambda stage, done, total: None)

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self.models.drop_all()

    def ground(self, image: Source, expression: str) -> Grounding:
        """Find the one object that `expression` describes in `image`: a path, a PIL image, or a uint8 RGB array."""
        return self.ground_all([(image, expression)])[0]

    def ground_all(self, samples: Iterable[tuple[Source, str]]) -> list[Grounding]:
        """Ground several samples stage by stage, so that each model is loaded once and can be freed before the next."""
        jobs = [self.job(image, expression) for image, expression in samples]
        for stage in self.recipe.stages:
            if stage != "evolve":
                self.models.locate(cast("ModelStage", stage))  # a missing model is told before the first one works
        for stage in self.steps:
            self.run(stage, jobs)
        return [job.result(self.recipe) for job in jobs]

    @property
    def steps(self) -> tuple[str, ...]:
        """The stages in their order, `zoom` among them: it looks again before Refine draws."""
        return (*LOOK, "zoom", "refine")

    def job(self, image: Source, expression: str) -> Job:
        """Open a picture and check an expression."""
        job = Job(open_picture(image), clean_expression(expression))
        self.warn_if_unknown(job.picture)
        return job

    def warn_if_unknown(self, picture: Picture) -> None:
        """Warn, once, where the miniature models are asked about something else than their own little world."""
        if self.recipe.overview.model == "builtin:mini" and not self._warned and not looks_drawn(picture.rgb):
            self._warned = True
            log.warning(
                "`%s` is no scene that zeroov drew: the miniature models know nothing else, and their answer means "
                "nothing; `zeroov models get` fetches the real ones",
                picture.source,
            )

    def run(self, stage: str, jobs: Sequence[Job]) -> None:
        """Run one stage over `jobs`, if the recipe has it; the results land in each job's reports."""
        wanted = self.recipe.stages
        if stage == "overview" and stage in wanted:
            self._overview([*jobs, *(part for job in jobs for part, _ in self._parts(job))])
        elif stage == "focus" and stage in wanted:
            self._focus(jobs)
        elif stage == "evolve" and ("focus" in wanted or "evolve" in wanted):
            self._evolve(jobs)
        elif stage == "zoom":
            for number in range(1, self.recipe.zoom.rounds + 1):
                self.look_closer(jobs, number)
        elif stage == "refine" and stage in wanted:
            self._refine([look for job in jobs for look in job.to_refine(self.recipe.zoom)])

    def look_closer(self, jobs: Sequence[Job], number: int, stages: Sequence[str] = LOOK) -> None:
        """Run some stages of the `number`-th closer look of `jobs`, where the look before it found something small."""
        for job in jobs:
            looks = job.believed(self.recipe.zoom.agreement)
            if len(looks) == number and looks[-1].closer is None:
                looks[-1].closer = closer_look(job, looks[-1], self.recipe.zoom, self.category)
        closer = [job.chain()[number] for job in jobs if len(job.chain()) > number]
        for stage in stages:
            self.run(stage, closer)

    def category(self, expression: str) -> str:
        """Return the kind of thing that an expression speaks of: by rules, or as the language model names it."""
        if self.recipe.zoom.ask == "model":
            from zeroov.overview.name import name_category

            if named := name_category(self.models.overview(), expression):
                return named
            log.warning('the model named no category for "%s"; it is taken by rules', expression)
        return parse(expression).category

    def path(self, job: Job, stage: str) -> Path:
        """Return where a job's dump of a stage is; needs a dumps folder."""
        assert self.store is not None
        return self.store.path(stage, job.keys[stage])

    def cross(self, overview: Overview) -> Float32:
        """Combine an Overview's layers as the recipe says: A_C (rows, cols)."""
        layers = select(overview.layers, overview.layer_numbers, self.recipe.overview.layers)
        return combine(layers, self.recipe.overview.weights)

    def seen(self, job: Job) -> Float32:
        """Return A_C as Evolve takes it: a closer look's is drawn to where the look before saw the object."""
        settings = self.recipe.overview
        cross = cross_of(job.overview, settings, job.expression)
        if job.near is None:
            maps = [(cross, (0, 0, *job.picture.hw[::-1]))]
            for part, window in job.parts:
                alone = replace(settings, position=0.0)  # words of place speak of the whole picture
                maps.append((cross_of(part.overview, alone, part.expression), window))
            return average_maps(maps, job.picture.hw, (cross.shape[0], cross.shape[1])) if job.parts else cross
        shape = cross.shape[0], cross.shape[1]
        return cross * near_weights(job.near, job.picture.hw, shape, self.recipe.zoom.pull)

    def _parts(self, job: Job) -> list[tuple[Job, Window]]:
        """Return the windows of a picture that the recipe's pyramid looks at too, each a job of its own."""
        if self.recipe.overview.pyramid and job.window is None and not job.parts:
            for window in scales(job.picture.hw, self.recipe.overview.pyramid):
                x0, y0, x1, y1 = window
                crop = Picture(np.ascontiguousarray(job.picture.rgb[y0:y1, x0:x1]), job.picture.source)
                job.parts.append((Job(crop, job.expression, window=window), window))
        return job.parts

    def _overview(self, jobs: Sequence[Job]) -> None:
        settings = dumps.overview_settings(
            self.recipe.overview, self.models.locate("overview").revision, self.models.dtype_name("overview")
        )
        for job in jobs:
            job.keys["overview"] = dumps.digest("overview", job.picture.digest, job.expression, settings)

        def compute(batch: Sequence[Job]) -> list[Overview]:
            from zeroov.overview.stage import look

            pictures, expressions = [job.picture for job in batch], [job.expression for job in batch]
            return look(self.models.overview(), pictures, expressions, self.recipe.overview)

        def kept(value: Overview) -> dumped.Parts:
            return dumped.from_overview(value, self.cross(value), self.recipe.overview)

        self._cached("overview", jobs, settings, compute, kept, dumped.to_overview)

    def _focus(self, jobs: Sequence[Job]) -> None:
        settings = dumps.focus_settings(
            self.recipe.focus, self.models.locate("focus").revision, self.models.dtype_name("focus")
        )
        for job in jobs:
            text = dumps.focus_expression(self.recipe.focus, job.expression)
            job.keys["focus"] = dumps.digest("focus", job.picture.digest, text, settings)

        def steps(done: int, total: int) -> None:
            if total > 1:  # inversion: many calls of the UNet for one picture
                self._progress("focus, steps", done, total)

        def compute(batch: Sequence[Job]) -> list[Affinity]:
            from zeroov.focus.stage import compute_affinities

            pictures, expressions = [job.picture for job in batch], [job.expression for job in batch]
            return compute_affinities(self.models.focus(), pictures, expressions, self.recipe.focus, steps)

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
        self._progress(stage, 0, len(jobs))
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
        pending, size = list(todo.values()), self.recipe.runtime.batch
        if pending and self.store:
            ensure_writable_folder(self.store.folder)  # told before the work, not after
        load_seconds = self.models.load(stage) if pending else 0.0  # before the meter, which sees the stage alone
        for start in range(0, len(pending), size):
            batch = pending[start : start + size]
            with hardware.memory_guard(stage, REMEDY), hardware.metered(self.device) as meter:
                values = compute(batch)
            for job, value in zip(batch, values, strict=True):
                key = job.keys[stage]
                made[key] = StageReport(value, meter.seconds / len(batch), meter.peak_bytes, load_seconds)
                load_seconds = 0.0
                if self.store:
                    arrays, about = to_parts(value)
                    costs = {"seconds": made[key].seconds, "peak_bytes": meter.peak_bytes}
                    self.store.write(stage, key, arrays, {**job.about(), "settings": settings, **costs, **about})
            self._progress(stage, len(jobs) - len(pending) + start + len(batch), len(jobs))
        for job in jobs:
            job.reports[stage] = made[job.keys[stage]]
        self._progress(stage, len(jobs), len(jobs))

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

    def _evolve(self, jobs: Sequence[Job]) -> None:
        recipe = self.recipe
        grid = recipe.focus.working_grid
        self._progress("evolve", 0, len(jobs))
        for done, job in enumerate(jobs, start=1):
            with hardware.metered(self.device) as meter:
                value = evolve(
                    self.seen(job),
                    job.affinity,
                    job.picture.hw,
                    recipe.evolve,
                    grid_hw=(grid, grid),
                    growing="evolve" in recipe.stages,
                )
            job.reports["evolve"] = StageReport(value, meter.seconds, meter.peak_bytes)
            if self.store and self._keep_evolved and not job.near:  # a closer look's depends on the look before it
                keys = job.keys["overview"], job.keys.get("focus", "")
                dumped.write_evolved(self.store, job.about(), recipe, *keys, value)
            self._progress("evolve", done, len(jobs))

    def draw(self, picture: Picture, box: Box) -> Refined | None:
        """Draw the object in a box with Segment Anything alone; `None` in a recipe without it."""
        from zeroov.refine.sam import encode, refine

        if "refine" not in self.recipe.stages:
            return None
        self.models.load("refine")
        with hardware.memory_guard("refine", REMEDY):
            sam = self.models.refine()
            return refine(sam, encode(sam, picture), box, replace(self.recipe.refine, prompt="box"), None)

    def _refine(self, jobs: Sequence[Job]) -> None:
        from zeroov.refine.sam import encode, refine

        self._progress("refine", 0, len(jobs))
        encoded: tuple[str, Any] | None = None
        for done, job in enumerate(jobs, start=1):
            box = job.coarse()[1]
            if box is not None:  # an empty answer passes through untouched, and loads no model
                load_seconds = self.models.load("refine")
                sam = self.models.refine()
                with hardware.memory_guard("refine", REMEDY), hardware.metered(self.device) as meter:
                    if encoded is None or encoded[0] != job.picture.digest:
                        encoded = job.picture.digest, encode(sam, job.picture)
                    value = refine(sam, encoded[1], box, self.recipe.refine, job.evolved)
                job.reports["refine"] = StageReport(value, meter.seconds, meter.peak_bytes, load_seconds)
                if value.box is None:
                    log.warning("SAM drew nothing in the box; the mask before Refine is kept")
            self._progress("refine", done, len(jobs))


def load(
    recipe: str | Path | Recipe = recipes.DEFAULT,
    *,
    device: str = "auto",
    dumps: str | Path | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Pipeline:
    """Return a pipeline for a recipe's name, file, or value.

    `changes` override recipe keys, a double underscore for the dot: `load("fast", evolve__alpha=0.35)`. With a
    `dumps` folder every stage's maps are kept there and used again.
    """
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    chosen = recipe if isinstance(recipe, Recipe) else recipes.load(recipe)
    return Pipeline(chosen.with_values(dotted), device, dumps, progress)
