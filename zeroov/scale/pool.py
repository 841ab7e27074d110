"""Actors on a Ray cluster: rows of references go out, rows of answers come back, each once.

What a lost node had in hand is asked again elsewhere. By itself each actor holds all models of a recipe. Staged, the
models have pools of their own, and a row goes from pool to pool: where an actor's models come to an end, the row waits
for the model that it needs next, and what was made of it lies in the dumps. A row that needs an earlier model again
goes through the pools once more.
"""

from __future__ import annotations

import importlib
import itertools
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from zeroov.errors import HardwareError, OutputError, UsageError, ZeroovError, count_of, first_line
from zeroov.ground import Pipeline
from zeroov.outputs.extras import need
from zeroov.pipeline.models import MODEL_STAGES, ModelStage
from zeroov.recipe import Recipe
from zeroov.weights.needs import model_stages

log = logging.getLogger("zeroov")
INSTALL = "`pip install 'zeroov[ray]'`"
ROWS_SENT = 10_000  # in one object, so that it lies in the store and not in the driver
ROWS_A_TASK = 64  # what is asked again when a node is lost
# The driver keeps some 25 kB of each task to its end: many rows are sent in few tasks, of up to so many rows.
TASKS, MOST_ROWS_A_TASK = 4096, 256
ROWS_A_CALL = 8
Row = dict[str, Any]
Answers = Callable[[Sequence[Row]], Sequence[Row]]
ANSWERED = ("number", "items", "foreseen", "waits")  # the columns that come back
POOLS: dict[str, tuple[ModelStage, ...]] = {
    "overview": ("overview",),
    "focus": ("focus",),
    "rest": ("detector", "refine"),
}
ALL = "all"
Actors = int | Mapping[str, int] | None  # so many, or so many in each pool, by its name
PASSES = 50  # of a row through all pools: a closer look, or a question to several candidates, takes one or two


class Works(Protocol):
    """What an actor opens once, and then asks."""

    def open(self, stages: tuple[ModelStage, ...]) -> Answers:
        """Return what answers rows, in the actor's process, with the models of some stages alone.

        An answer holds the row's `number`, and its `items`, as JSON, and whether a failure was `foreseen`; or, in
        `waits`, the stage whose model it needs next.
        """


class Actor:
    """A process of the cluster: it opens its work once, and answers rows; what ends the work is a row too.

    Rows that are answered, or wait for another model, it lets through. The `last` pool leaves out what nobody needs.
    """

    def __init__(self, work: Works, stages: tuple[ModelStage, ...], last: bool) -> None:
        self._stages, self._last = stages, last
        self._error: ZeroovError | None = None
        try:
            self._answers = work.open(stages)
        except ZeroovError as error:
            self._error = error

    def __call__(self, batch: Any) -> Any:
        """Answer a table of rows."""
        pyarrow = need("pyarrow", "Ray")
        rows: list[Row] = batch.to_pylist()
        mine = [row for row in rows if not row["items"] and row["waits"] in ("", *self._stages)]
        try:
            if self._error:
                raise self._error
            answers = {answer["number"]: answer for answer in (self._answers(mine) if mine else ())}
            rows = [{**row, "waits": "", **answers[row["number"]]} if row["number"] in answers else row for row in rows]
        except ZeroovError as error:
            rows = [{"number": -1, "items": str(error), "foreseen": True, "waits": ""}]
        schema = pyarrow.schema([batch.schema.field(name) for name in ANSWERED]) if self._last else batch.schema
        return pyarrow.Table.from_pylist(rows, schema=schema)


@dataclass(frozen=True)
class Described:
    """A recipe on the cluster's devices as this process sees it: what identifies its models, and no model."""

    recipe: Recipe
    identified: Mapping[str, Mapping[str, str]]
    provenance: Mapping[str, str]

    @property
    def models(self) -> Described:
        """What knows the identities of the models."""
        return self

    def identities(self) -> dict[str, dict[str, str]]:
        """Return what identifies the models of the recipe's stages: name, revision and dtype by stage."""
        return {stage: dict(each) for stage, each in self.identified.items()}


@dataclass(frozen=True)
class Part:
    """Actors that hold the models of the same stages."""

    stages: tuple[ModelStage, ...]
    actors: int


@dataclass(frozen=True)
class Pool:
    """The actors in the order in which rows go through them, and what each of them has of the cluster."""

    parts: tuple[Part, ...]
    gpus: int
    device: str

    def describe(self, recipe: Recipe) -> Described:
        """Return what a recipe's models are on the cluster's devices."""
        ray = _ray()

        def identified() -> Any:
            try:
                with Pipeline(recipe, self.device) as pipeline:
                    return pipeline.models.identities(), pipeline.provenance
            except ZeroovError as error:
                return error

        found = ray.get(ray.remote(num_cpus=1, num_gpus=self.gpus)(identified).remote())
        if isinstance(found, ZeroovError):
            raise found
        return Described(recipe, *found)

    def run(self, work: Works, count: int, row: Callable[[int], Row]) -> Iterator[tuple[int, Any, bool]]:
        """Send `row` of each number below `count`; yield its number, answer, and whether a failure was foreseen.

        Each comes once, in the order in which they are answered.
        """
        ray = _ray()
        # A lost node is no fault of the rows that it had in hand.
        alive = _alive(ray)
        done, left = bytearray(count), dict[int, str]()
        try:
            for turn in range(PASSES):
                numbers, waits = list(left) if turn else range(count), left
                if not numbers:
                    break
                rows = ({**row(number), "waits": waits.get(number, "")} for number in numbers)
                left = {}
                for number, items, foreseen, waiting in self._pass(ray, work, len(numbers), rows):
                    if number < 0:
                        raise ZeroovError(items)
                    if waiting:
                        left[number] = waiting
                    elif not done[number]:
                        done[number] = True
                        yield number, json.loads(items), foreseen
                left = {number: stage for number, stage in left.items() if not done[number]}
        except ray.exceptions.RayError as error:
            raise OutputError(
                f"the cluster ended the work ({first_line(error)}); what was answered is kept, and the same command "
                "goes on there"
            ) from error
        finally:
            if lost := alive - _alive(ray):
                log.warning("%s left the cluster; what was in hand there was asked again", count_of(len(lost), "node"))
        if left:
            raise OutputError(
                f"{count_of(len(left), 'image')} wait for the {next(iter(left.values()))} model after {PASSES} rounds; "
                "if all nodes see the folder of --dumps, leave out --staged"
            )
        if count != sum(done):
            raise OutputError(f"the cluster answered {sum(done)} of {count} images; the same command asks the others")

    def _pass(self, ray: Any, work: Works, count: int, rows: Iterator[Row]) -> Iterator[tuple[int, str, bool, str]]:
        """Send `count` rows through all actors, and yield the columns `ANSWERED` of what comes out."""
        pyarrow = need("pyarrow", "Ray")
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = False
        tables = []
        while some := list(itertools.islice(rows, ROWS_SENT)):
            unanswered = pyarrow.array([""] * len(some), pyarrow.large_string())
            table = pyarrow.Table.from_pylist([{**each, "foreseen": True} for each in some])
            tables.append(ray.put(table.append_column("items", unanswered)))
        most = min(MOST_ROWS_A_TASK, max(ROWS_A_TASK, count // TASKS))
        in_a_task = max(1, min(most, count // (4 * max(part.actors for part in self.parts))))
        data = ray.data.from_arrow_refs(tables).repartition(target_num_rows_per_block=in_a_task)
        for part in self.parts:
            data = data.map_batches(
                Actor,
                fn_constructor_args=(work, part.stages, part is self.parts[-1]),
                batch_size=min(in_a_task, ROWS_A_CALL),
                batch_format="pyarrow",
                num_cpus=None if self.gpus else 1,
                num_gpus=self.gpus or None,
                compute=ray.data.ActorPoolStrategy(size=part.actors),
            )
        for table in data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1):
            yield from zip(*(table[name].to_pylist() for name in ANSWERED), strict=True)


def connect(actors: Actors, device: str, staged: Recipe | None = None) -> Pool:
    """Connect to the cluster, or start one of this machine's own; refuse one that cannot hold so many actors.

    The models of a recipe that is `staged` have pools of their own. `actors` are those of all pools, or of each.
    """
    names = [name for name, stages in POOLS.items() if staged and set(stages) & set(model_stages(staged))] or [ALL]
    if staged:
        _require_stages(staged, names, actors)
    ray = _ray()
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = 0 if device == "cpu" else sum(int(node.get("GPU", 0)) for node in nodes)
    cpus = sum(int(node.get("CPU", 0)) for node in nodes)
    if device.startswith("cuda") and not gpus:
        raise HardwareError(f"--device {device}: the cluster has no GPU; use --device cpu")
    # One CPU at least is left for the tasks that hand out the rows, or nobody does.
    room = gpus or cpus - 1
    if isinstance(actors, Mapping):
        counts = [actors.get(name, 1) for name in names]
    else:
        counts = [actors or max(1, (gpus or cpus // 2) // len(names))] * len(names)
    if sum(counts) > room:
        what = count_of(gpus, "GPU") if gpus else f"{count_of(cpus, 'CPU')}, of which one is kept for reading"
        pools = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
        fewer = (
            f"give --actors {room // len(names)} or less"
            if room >= len(names)
            else f"leave out --staged, which takes {len(names)} at least"
        )
        raise HardwareError(
            f"{count_of(sum(counts), 'actor')}{f' ({pools})' if staged else ''} do not fit on the cluster of "
            f"{count_of(len(nodes), 'node')} with {what}; {fewer}"
            if room > 0
            else "the cluster has one CPU, and two are needed"
        )
    parts = [Part(POOLS.get(name, MODEL_STAGES), count) for name, count in zip(names, counts, strict=True)]
    return Pool(tuple(parts), 1 if gpus else 0, "cuda" if gpus else "cpu")


def require_shared(pipeline: Pipeline) -> None:
    """Refuse to work on a part of the models where the folder of dumps, which exists by then, is not seen."""
    if pipeline.models.limited and (pipeline.store is None or not pipeline.store.folder.is_dir()):
        folder = pipeline.store and pipeline.store.folder
        raise OutputError(f"`{folder}` is not there on every node; --dumps lies where all nodes of the cluster see it")


def _require_stages(recipe: Recipe, names: Sequence[str], actors: Actors) -> None:
    """Refuse a recipe whose models cannot work apart, and pools that it has not."""
    if recipe.zoom.ask == "model":
        raise UsageError(
            "what zoom.ask=model says is in no dump, so that no other actor knows it; leave out --staged, or use "
            "--set zoom.ask=category"
        )
    if unknown := [name for name in (actors if isinstance(actors, Mapping) else ()) if name not in names]:
        raise UsageError(f"recipe {recipe.name} has no pool `{unknown[0]}`; its pools are {', '.join(names)}")


def _alive(ray: Any) -> set[str]:
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def _ray() -> Any:
    """Import Ray and its data library; where it is missing, say how to install it."""
    try:
        importlib.import_module("ray.data")
        return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError(f"--engine ray needs ray, which is not installed; {INSTALL}") from error
