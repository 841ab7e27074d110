"""Run a benchmark's samples on a Ray cluster: the records are kept here."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zeroov.bench.data.sample import Sample
from zeroov.bench.runs.order import TOGETHER, of_one_picture
from zeroov.bench.runs.recording import failed_record, record
from zeroov.bench.runs.records import Record
from zeroov.bench.runs.run import Recording
from zeroov.errors import Failed, Streak, attempt
from zeroov.files.atomic import ensure_writable_folder
from zeroov.ground import Pipeline, ground_pictures
from zeroov.pipeline.models import ModelStage, NeedsModel
from zeroov.raster.scene import open_source
from zeroov.recipe import Recipe
from zeroov.scale.pool import Actors, Answers, Described, Pool, Row, connect, require_shared
from zeroov.types import clean_expression


@dataclass(frozen=True)
class BenchWork:
    """What every actor needs: plain values, which are sent to it once."""

    recipe: Recipe
    device: str
    dumps: Path
    root: Path

    def open(self, stages: tuple[ModelStage, ...]) -> Answers:
        """Load the models of some stages in this process; return what makes records of rows with them."""
        pipeline = Pipeline(self.recipe, self.device, self.dumps, keep_evolved=False)
        with pipeline.models.only(*stages):
            require_shared(pipeline)
            pipeline.models.load_all()
        return partial(self._answers, pipeline, stages)

    def _answers(self, pipeline: Pipeline, stages: tuple[ModelStage, ...], rows: Sequence[Row]) -> list[Row]:
        with pipeline.models.only(*stages):
            return self._records(pipeline, rows)

    def _records(self, pipeline: Pipeline, rows: Sequence[Row]) -> list[Row]:
        answered: list[Row] = []
        for row in rows:
            samples: list[Sample] = pickle.loads(base64.b64decode(row["samples"]))
            outcome = attempt(partial(self._record, pipeline, samples, row["contents"]))
            outcomes: list[Record | Failed] = outcome if isinstance(outcome, list) else [outcome]
            if isinstance(outcome, Failed) and len(samples) > 1 and not isinstance(outcome.error, NeedsModel):
                outcomes = []  # an odd one costs itself alone
                for sample, content in zip(samples, row["contents"], strict=True):
                    alone = attempt(partial(self._record, pipeline, [sample], [content]))
                    outcomes += alone if isinstance(alone, list) else [alone]
            pipeline.forget()
            errors = [each.error for each in outcomes if isinstance(each, Failed)]
            if waits := [error.stage for error in errors if isinstance(error, NeedsModel)]:
                answered.append({"number": row["number"], "waits": waits[0]})
                continue
            records = [
                failed_record(sample, content, self.root, each.reason) if isinstance(each, Failed) else each
                for sample, content, each in zip(samples, row["contents"], outcomes, strict=True)
            ]
            foreseen = all(each.foreseen for each in outcomes if isinstance(each, Failed))
            items = json.dumps([each.to_json() for each in records])
            answered.append({"number": row["number"], "items": items, "foreseen": foreseen})
        return answered

    def _record(self, pipeline: Pipeline, samples: Sequence[Sample], contents: Sequence[str]) -> list[Record | Failed]:
        """Ask the samples of one picture together, as a run in one process does."""
        with open_source(self.root / samples[0].image) as scene:
            asked = [(scene, clean_expression(sample.expression)) for sample in samples]
            answers = ground_pictures(pipeline, asked, rounds=pipeline.recipe.zoom.rounds)
            each = zip(samples, contents, answers, strict=True)
            return [record(sample, content, answer, self.root) for sample, content, answer in each]


class RayBench:
    """An engine for `bench run`, on a fixed pool of actors; a cluster that cannot hold them is refused at once."""

    def __init__(self, actors: Actors = None, device: str = "auto", staged: Recipe | None = None) -> None:
        """The models of a recipe that is `staged` have pools of their own, between which maps go by the run's dumps."""
        self.pool: Pool = connect(actors, device, staged)

    def describe(self, recipe: Recipe) -> Described:
        """Ask the cluster what a recipe's models are there."""
        return self.pool.describe(recipe)

    def run(self, recording: Recording, recipe: Recipe, dumps: Path) -> None:
        """Record every sample, in the order in which they are done."""
        root, todo, progress = recording.root.resolve(), recording.samples, recording.progress
        pictures = [
            picture[start : start + TOGETHER]
            for picture in of_one_picture(todo)
            for start in range(0, len(picture), TOGETHER)
        ]

        def row(number: int) -> Row:
            samples = pictures[number]
            contents = [recording.contents[sample.id] for sample in samples]
            return {"number": number, "samples": base64.b64encode(pickle.dumps(samples)), "contents": contents}

        ensure_writable_folder(dumps)
        work, streak, done = BenchWork(recipe, self.pool.device, dumps.resolve(), root), Streak(), 0
        progress.report("samples", 0, len(todo))
        for _, items, foreseen in self.pool.run(work, len(pictures), row):
            recording.journal.add(*items)
            errors = [item["error"] for item in items if item["error"]]
            streak.add(Failed(RuntimeError(errors[0])) if errors and not foreseen else items)
            done += len(items)
            progress.report("samples", done, len(todo))
