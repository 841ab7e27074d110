"""The pipeline: owns the loaded models and the dumps' folder, runs the stages in order, and says who looks again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from zeroov import hardware
from zeroov import recipe as recipes
from zeroov.dumps import DumpStore
from zeroov.language.phrase import parse
from zeroov.mini.recognise import looks_drawn
from zeroov.pipeline.attention import seen
from zeroov.pipeline.closer import closer_look
from zeroov.pipeline.look import Job
from zeroov.pipeline.models import REMEDY, LoadedModels, ModelStage, log
from zeroov.pipeline.stages import Progress, Stages
from zeroov.raster.scene import open_picture
from zeroov.recipe import LOOK, Recipe
from zeroov.types import Box, Float32, Grounding, Picture, Refined, Window, clean_expression
from zeroov.zoom.pyramid import scales

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray
    from PIL.Image import Image

    Source = str | PathLike[str] | Image | NDArray[Any] | Picture

Work = TypeVar("Work", bound=Callable[..., Any])


def in_turn(work: Work) -> Work:
    """Let threads take turns at a method of `Pipeline`, or at a function whose first argument is one."""

    @functools.wraps(work)
    def waiting(pipeline: Pipeline, *args: Any, **options: Any) -> Any:
        with pipeline.turn:
            return work(pipeline, *args, **options)

    return cast("Work", waiting)


class Pipeline:
    """A recipe on a device. Models are loaded when a stage first needs them; `close` or a `with` block frees them.

    Threads may share a pipeline: they take turns, and each question or search is finished before the next one begins.
    """

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
        self._stages = Stages(self.models, self.store, keep_evolved, progress or (lambda stage, done, total: None))
        self._warned = False
        self.turn = threading.RLock()
        """Held by the thread that works: a question reads attention on the models themselves."""

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @in_turn
    def close(self) -> None:
        """Free the models."""
        self.models.drop_all()

    def ground(self, image: Source, expression: str) -> Grounding:
        """Find the one object that `expression` describes in `image`: a path, a PIL image, or a uint8 RGB array."""
        return self.ground_all([(image, expression)])[0]

    @in_turn
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

    @in_turn
    def job(self, image: Source, expression: str) -> Job:
        """Open a picture and check an expression."""
        job = Job(open_picture(image), clean_expression(expression))
        self.warn_if_unknown(job.picture)
        return job

    @in_turn
    def warn_if_unknown(self, picture: Picture) -> None:
        """Warn, once, where the miniature models are asked about something else than their own little world."""
        if self.recipe.overview.model == "builtin:mini" and not self._warned and not looks_drawn(picture.rgb):
            self._warned = True
            log.warning(
                "`%s` is no scene that zeroov drew: the miniature models know nothing else, and their answer means "
                "nothing; `zeroov models get` fetches the real ones",
                picture.source,
            )

    @in_turn
    def run(self, stage: str, jobs: Sequence[Job]) -> None:
        """Run one stage over `jobs`, if the recipe has it; the results land in each job's reports."""
        wanted = self.recipe.stages
        if stage == "overview" and stage in wanted:
            self._stages.overview([*jobs, *(part for job in jobs for part, _ in self._parts(job))])
        elif stage == "focus" and stage in wanted:
            self._stages.focus(jobs)
        elif stage == "evolve" and ("focus" in wanted or "evolve" in wanted):
            self._stages.evolve(jobs)
        elif stage == "zoom":
            for number in range(1, self.recipe.zoom.rounds + 1):
                self.look_closer(jobs, number)
        elif stage == "refine" and stage in wanted:
            self._stages.refine([look for job in jobs for look in job.to_refine(self.recipe.zoom)])

    @in_turn
    def look_closer(self, jobs: Sequence[Job], number: int, stages: Sequence[str] = LOOK) -> None:
        """Run some stages of the `number`-th closer look of `jobs`, where the look before it found something small."""
        for job in jobs:
            looks = job.believed(self.recipe.zoom.agreement)
            if len(looks) == number and looks[-1].closer is None:
                looks[-1].closer = closer_look(job, looks[-1], self.recipe.zoom, self.category)
        closer = [job.chain()[number] for job in jobs if len(job.chain()) > number]
        for stage in stages:
            self.run(stage, closer)

    @in_turn
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

    def seen(self, job: Job) -> Float32:
        """Return A_C as Evolve takes it."""
        return seen(job, self.recipe)

    def _parts(self, job: Job) -> list[tuple[Job, Window]]:
        """Return the windows of a picture that the recipe's pyramid looks at too, each a job of its own."""
        if self.recipe.overview.pyramid and job.window is None and not job.parts:
            for window in scales(job.picture.hw, self.recipe.overview.pyramid):
                x0, y0, x1, y1 = window
                crop = Picture(np.ascontiguousarray(job.picture.rgb[y0:y1, x0:x1]), job.picture.source)
                job.parts.append((Job(crop, job.expression, window=window), window))
        return job.parts

    @in_turn
    def draw(self, picture: Picture, box: Box) -> Refined | None:
        """Draw the object in a box with Segment Anything alone; `None` in a recipe without it."""
        from zeroov.refine.sam import encode, refine

        if "refine" not in self.recipe.stages:
            return None
        self.models.load("refine")
        with hardware.memory_guard("refine", REMEDY):
            sam = self.models.refine()
            return refine(sam, encode(sam, picture), box, replace(self.recipe.refine, prompt="box"), None)


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
