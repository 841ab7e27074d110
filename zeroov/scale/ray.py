"""Ask a batch's images on a Ray cluster: rows of references go out, rows of answers come back, and the journal is here.

Each actor holds the whole pipeline, and a GPU where the cluster has any. What an image's answer is does not depend on
where it was asked. A failed image is a row with a reason; what a lost node had in hand is asked again elsewhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov.batch.ask import Asker, AskOptions, Items, Texts
from zeroov.batch.images import Asked
from zeroov.batch.items import info_of
from zeroov.batch.write import Output, warn_of_refusals
from zeroov.errors import Failed, PictureError
from zeroov.ground import Pipeline
from zeroov.progress import SILENT, Progress
from zeroov.raster import web
from zeroov.recipe import Recipe
from zeroov.scale.pool import Answers, Described, Pool, Row, connect

log = logging.getLogger("zeroov")


@dataclass(frozen=True)
class Work:
    """What every actor needs: plain values, which are sent to it once."""

    recipe: Recipe
    device: str
    dumps: Path | None
    options: AskOptions

    def open(self) -> Answers:
        """Load the pipeline in this process; return what answers rows."""
        pipeline = Pipeline(self.recipe, self.device, self.dumps)
        pipeline.models.load_all()
        return _Fused(pipeline, self.options)


class _Fused:
    """Answers rows with one pipeline that holds all models."""

    def __init__(self, pipeline: Pipeline, options: AskOptions) -> None:
        self._asker = Asker(pipeline, {}, options, SILENT)

    def __call__(self, rows: Sequence[Row]) -> list[Row]:
        todo = {Asked(row["image"], row["place"], row["content"], tuple(row["texts"])): row for row in rows}
        by_place = {(each.place, each.content): row["number"] for each, row in todo.items()}
        answered = []
        for items, outcome in self._asker.ask({each: each.expressions for each in todo}):
            foreseen = not isinstance(outcome, Failed) or outcome.foreseen
            number = by_place[items[0]["image"], items[0]["content"]]
            answered.append({"number": number, "items": json.dumps(items), "foreseen": foreseen})
        return answered


class RayEngine:
    """An engine for `batch`: a fixed pool of actors on the cluster of RAY_ADDRESS, or on one of this machine's own.

    `actors` is by default the cluster's number of GPUs, or half of its CPUs. A cluster that cannot hold them is refused
    when this is made, before any work.
    """

    def __init__(
        self,
        actors: int | None = None,
        device: str = "auto",
        dumps: Path | None = None,
    ) -> None:
        self.pool, self._dumps = connect(actors, device), dumps

    def describe(self, recipe: Recipe) -> Described:
        """Ask the cluster what a recipe's models are there: this process may have no such device."""
        return self.pool.describe(recipe)

    def __call__(
        self, pipeline: Any, writers: Mapping[str, Output], options: AskOptions, progress: Progress
    ) -> RayAsker:
        """Make an asker of the pipeline's recipe; its models are not loaded in this process."""
        return RayAsker(self.pool, Work(pipeline.recipe, self.pool.device, self._dumps, options), writers)


class RayAsker:
    """Asks images on the actors of a pool."""

    def __init__(self, pool: Pool, work: Work, writers: Mapping[str, Output]) -> None:
        self._pool, self._work, self._writers = pool, work, writers

    def ask(self, todo: Texts) -> Generator[tuple[Items, object], None, None]:
        """Yield the items of each image's expressions in the order in which they come, and how it failed if it did."""
        asked = list(todo)
        for number, items, foreseen in self._pool.run(self._work, len(asked), rows_for(asked, todo)):
            each = asked[number]
            failed = [item["error"] for item in items if "found" not in item]
            if failed:
                log.warning("%s: %s", each.name, failed[0])
                error = PictureError(failed[0]) if foreseen else RuntimeError(failed[0])
                yield items, Failed(error)
            else:
                warn_of_refusals(info_of(each, items[0]), self._writers)
                yield items, items


def rows_for(asked: Sequence[Asked], todo: Texts) -> Iterator[Row]:
    """Yield what an actor needs of each image: no pixel; a path from the root, for its folder is another one."""
    for number, each in enumerate(asked):
        image = each.image if web.is_address(each.image) else each.place
        yield {
            **{"number": number, "image": image, "place": each.place, "content": each.content},
            "texts": list(todo[each]),
        }
