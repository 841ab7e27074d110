"""Ask a batch's images on a Ray cluster: rows of references go out, rows of answers come back, and the journal is here.

Each actor holds the whole pipeline, or the models of some stages alone, and a GPU where the cluster has any. What an
image's answer is does not depend on where it was asked. A failed image is a row with a reason; what a lost node had in
hand is asked again elsewhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zeroov.batch.ask import Asker, AskOptions, Items, Texts
from zeroov.batch.images import Asked
from zeroov.batch.items import info_of
from zeroov.batch.write import Output, warn_of_refusals
from zeroov.errors import Failed, PictureError, UsageError
from zeroov.files.atomic import ensure_writable_folder
from zeroov.ground import Pipeline
from zeroov.pipeline.models import ModelStage, NeedsModel
from zeroov.progress import SILENT, Progress
from zeroov.raster import web
from zeroov.recipe import Recipe
from zeroov.scale.pool import Actors, Answers, Described, Pool, Row, connect, require_shared

log = logging.getLogger("zeroov")


@dataclass(frozen=True)
class Work:
    """What every actor needs: plain values, which are sent to it once."""

    recipe: Recipe
    device: str
    dumps: Path | None
    options: AskOptions

    def open(self, stages: tuple[ModelStage, ...]) -> Answers:
        """Load the models of some stages in this process; return what answers rows with them."""
        pipeline = Pipeline(self.recipe, self.device, self.dumps)
        with pipeline.models.only(*stages):
            require_shared(pipeline)
            pipeline.models.load_all()
        return _Answering(pipeline, self.options, stages)


class _Answering:
    """Answers rows with one pipeline, which has the models of some stages alone."""

    def __init__(self, pipeline: Pipeline, options: AskOptions, stages: tuple[ModelStage, ...]) -> None:
        self._asker, self._models, self._stages = Asker(pipeline, {}, options, SILENT), pipeline.models, stages

    def __call__(self, rows: Sequence[Row]) -> list[Row]:
        todo = {Asked(row["image"], row["place"], row["content"], tuple(row["texts"])): row for row in rows}
        by_place = {(each.place, each.content): row["number"] for each, row in todo.items()}
        answered: list[Row] = []
        with self._models.only(*self._stages):
            for items, outcome in self._asker.ask({each: each.expressions for each in todo}):
                number = by_place[items[0]["image"], items[0]["content"]]
                if isinstance(outcome, Failed) and isinstance(outcome.error, NeedsModel):
                    answered.append({"number": number, "waits": outcome.error.stage})
                    continue
                foreseen = not isinstance(outcome, Failed) or outcome.foreseen
                answered.append({"number": number, "items": json.dumps(items), "foreseen": foreseen})
        return answered


class RayEngine:
    """An engine for `batch`: fixed pools of actors on the cluster of RAY_ADDRESS, or on one of this machine's own.

    `actors` are by default as many as the cluster has GPUs, or half of its CPUs. The models of a recipe that is
    `staged` have pools of their own, and what one of them made goes to the next by way of `dumps`. What cannot be done
    so, and a cluster that cannot hold the actors, is refused when this is made, before any work.
    """

    def __init__(
        self,
        actors: Actors = None,
        device: str = "auto",
        dumps: Path | None = None,
        staged: Recipe | None = None,
    ) -> None:
        if staged and dumps is None:
            raise UsageError("--staged needs --dumps DIR, which all nodes see: maps go from actor to actor by it")
        self.pool, self._dumps = connect(actors, device, staged), dumps

    def describe(self, recipe: Recipe) -> Described:
        """Ask the cluster what a recipe's models are there: this process may have no such device."""
        return self.pool.describe(recipe)

    def __call__(
        self, pipeline: Any, writers: Mapping[str, Output], options: AskOptions, progress: Progress
    ) -> RayAsker:
        """Make an asker of the pipeline's recipe; its models are not loaded in this process."""
        if self._dumps:
            ensure_writable_folder(self._dumps)
        return RayAsker(self.pool, Work(pipeline.recipe, self.pool.device, self._dumps, options), writers)


class RayAsker:
    """Asks images on the actors of a pool."""

    def __init__(self, pool: Pool, work: Work, writers: Mapping[str, Output]) -> None:
        self._pool, self._work, self._writers = pool, work, writers

    def ask(self, todo: Texts) -> Generator[tuple[Items, object], None, None]:
        """Yield the items of each image's expressions in the order in which they come, and how it failed if it did."""
        asked = list(todo)
        for number, items, foreseen in self._pool.run(self._work, len(asked), partial(row_of, asked, todo)):
            each = asked[number]
            failed = [item["error"] for item in items if "found" not in item]
            if failed:
                log.warning("%s: %s", each.name, failed[0])
                error = PictureError(failed[0]) if foreseen else RuntimeError(failed[0])
                yield items, Failed(error)
            else:
                warn_of_refusals(info_of(each, items[0]), self._writers)
                yield items, items


def row_of(asked: Sequence[Asked], todo: Texts, number: int) -> Row:
    """Return what an actor needs of an image: no pixel; a path from the root, for its folder is another one."""
    each = asked[number]
    image = each.image if web.is_address(each.image) else each.place
    return {
        **{"number": number, "image": image, "place": each.place, "content": each.content},
        "texts": list(todo[each]),
    }
