"""How the two stages that make maps are asked: what a map depends on, who computes it, how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zeroov import dumps
from zeroov.dumps import values as dumped
from zeroov.errors import UsageError
from zeroov.look import Question
from zeroov.pipeline.attention import combined
from zeroov.pipeline.cache import Work
from zeroov.pipeline.talking import served_answers
from zeroov.progress import Progress
from zeroov.recipe import OverviewRecipe
from zeroov.types import Affinity, Overview

if TYPE_CHECKING:
    from zeroov.pipeline.run import Stages


def overview_work(stages: Stages) -> Work[Overview]:
    """Return how the language model is asked where it looks while it answers."""
    recipe, models = stages.recipe.overview, stages.models
    if fixed := recipe.fixed_heads:
        fixed.require(models.reference("overview"), models.locate("overview").revision)  # before it is loaded
    settings = dumps.overview_settings(recipe, models.locate("overview").revision, models.dtype_name("overview"))

    def compute(batch: Sequence[Question]) -> list[Overview]:
        from zeroov.overview.stage import Given, captured_layers, look

        pictures, expressions = [each.picture for each in batch], [each.expression for each in batch]
        layers = captured_layers(models.overview(), recipe)
        truncated = recipe.prefill_only or recipe.answer != "decoded"
        given = [Given(text) for text in given_in(batch, recipe)]
        if recipe.answer == "served":
            given = served_answers(stages, batch)
        prefixes = stages.read(pictures, max(layers) if truncated else None)
        return look(models.overview(), pictures, prefixes, expressions, recipe, given)

    def key(question: Question) -> str:
        text = "\n".join((question.expression, *given_in([question], recipe)))
        return dumps.digest("overview", question.picture.digest, text, settings)

    return Work(
        stage="overview",
        model="overview",
        settings=settings,
        key=key,
        compute=compute,
        to_dump=lambda value: dumped.from_overview(value, combined(value, recipe), recipe),
        from_dump=dumped.to_overview,
        reads=True,
    )


def given_in(questions: Sequence[Question], recipe: OverviewRecipe) -> list[str]:
    """Return the answers that questions came with; none where the recipe has its own."""
    given = [question.given for question in questions if question.given is not None]
    if len(given) not in (0, len(questions)) or bool(given) != (recipe.answer == "given"):
        raise UsageError(
            "an answer that is given and the recipe's overview.answer go together: give one with each expression and "
            "use --set overview.answer=given, or give none"
        )
    return given


def focus_work(stages: Stages, progress: Progress) -> Work[Affinity]:
    """Return how the diffusion model is asked which cells of a picture belong together."""
    recipe, models = stages.recipe.focus, stages.models
    settings = dumps.focus_settings(recipe, models.locate("focus").revision, models.dtype_name("focus"))

    def compute(batch: Sequence[Question]) -> list[Affinity]:
        from zeroov.focus.stage import compute_affinities

        pictures, expressions = [each.picture for each in batch], [each.expression for each in batch]
        return compute_affinities(models.focus(), pictures, expressions, recipe, steps)

    def steps(done: int, total: int) -> None:
        if total > 1:  # inversion: many calls of the UNet for one picture
            progress.report("focus, steps", done, total)

    def key(question: Question) -> str:
        text = dumps.focus_expression(recipe, question.expression)
        return dumps.digest("focus", question.picture.digest, text, settings)

    size = None if "{expression}" in recipe.prompt else _bytes_of
    return Work("focus", "focus", settings, key, compute, dumped.from_affinity, dumped.to_affinity, size)


def _bytes_of(affinity: Affinity) -> int:
    return affinity.matrix.nbytes
