"""A pool of actors on a Ray cluster: rows of references go out, rows of answers come back, each once.

What a lost node had in hand is asked again elsewhere.
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
from zeroov.recipe import Recipe

log = logging.getLogger("zeroov")
INSTALL = "`pip install 'zeroov[ray]'`"
ROWS_SENT = 10_000  # in one object, so that it lies in the store and not in the driver
ROWS_A_TASK = 64  # what is asked again when a node is lost
# The driver keeps some 25 kB of each task to its end: many rows are sent in few tasks, of up to so many rows.
TASKS, MOST_ROWS_A_TASK = 4096, 256
ROWS_A_CALL = 8
Row = dict[str, Any]
Answers = Callable[[Sequence[Row]], Sequence[Row]]


class Works(Protocol):
    """What an actor opens once, and then asks."""

    def open(self) -> Answers:
        """Return what answers rows, in the actor's process."""


class Actor:
    """A process of the cluster: it opens its work once, and answers rows; what ends the work is a row too."""

    def __init__(self, work: Works) -> None:
        self._error: ZeroovError | None = None
        try:
            self._answers = work.open()
        except ZeroovError as error:
            self._error = error

    def __call__(self, batch: Any) -> Any:
        """Answer a table of rows."""
        pyarrow = need("pyarrow", "Ray")
        answered: list[Row] = []
        try:
            if self._error:
                raise self._error
            answered += self._answers(batch.to_pylist())
        except ZeroovError as error:
            answered.append({"number": -1, "items": str(error), "foreseen": True})
        return pyarrow.Table.from_pylist(answered, schema=_schema(pyarrow))


def _schema(pyarrow: Any) -> Any:
    kinds = {"number": pyarrow.int64(), "items": pyarrow.large_string(), "foreseen": pyarrow.bool_()}
    return pyarrow.schema(list(kinds.items()))


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
class Pool:
    """How many actors there are, and what each of them has of the cluster."""

    actors: int
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

    def run(self, work: Works, count: int, rows: Iterator[Row]) -> Iterator[tuple[int, Any, bool]]:
        """Send rows, and yield each one's number, answer, and whether how it failed was foreseen; each once."""
        ray, pyarrow = _ray(), need("pyarrow", "Ray")

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = False
        # A lost node is no fault of the rows that it had in hand.
        alive = _alive(ray)
        tables = []
        while part := list(itertools.islice(rows, ROWS_SENT)):
            tables.append(ray.put(pyarrow.Table.from_pylist(part)))
        if not tables:
            return
        most = min(MOST_ROWS_A_TASK, max(ROWS_A_TASK, count // TASKS))
        each = max(1, min(most, count // (4 * self.actors)))
        answers = (
            ray.data.from_arrow_refs(tables)
            .repartition(target_num_rows_per_block=each)
            .map_batches(
                Actor,
                fn_constructor_args=(work,),
                batch_size=min(each, ROWS_A_CALL),
                batch_format="pyarrow",
                num_cpus=None if self.gpus else 1,
                num_gpus=self.gpus or None,
                compute=ray.data.ActorPoolStrategy(size=self.actors),
            )
        )
        yielded = bytearray(count)
        try:
            for table in answers.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1):
                for number, items, foreseen in zip(
                    *(table[name].to_pylist() for name in table.column_names), strict=True
                ):
                    if number < 0:
                        raise ZeroovError(items)
                    if not yielded[number]:
                        yielded[number] = True
                        yield number, json.loads(items), foreseen
        except ray.exceptions.RayError as error:
            raise OutputError(
                f"the cluster ended the work ({first_line(error)}); what was answered is kept, and the same command "
                "goes on there"
            ) from error
        finally:
            if lost := alive - _alive(ray):
                log.warning("%s left the cluster; what was in hand there was asked again", count_of(len(lost), "node"))
        if count != (done := sum(yielded)):
            raise OutputError(f"the cluster answered {done} of {count} images; the same command asks the others")


def connect(actors: int | None, device: str) -> Pool:
    """Connect to the cluster, or start one of this machine's own; refuse one that cannot hold so many actors."""
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
    actors = actors or gpus or max(1, cpus // 2)
    if actors > room:
        what = count_of(gpus, "GPU") if gpus else f"{count_of(cpus, 'CPU')}, of which one is kept for reading"
        raise HardwareError(
            f"{count_of(actors, 'actor')} do not fit on the cluster of {count_of(len(nodes), 'node')} with {what}; "
            f"give --actors {room} or less"
            if room > 0
            else "the cluster has one CPU, and two are needed"
        )
    return Pool(actors, 1 if gpus else 0, "cuda" if gpus else "cpu")


def _alive(ray: Any) -> set[str]:
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def _ray() -> Any:
    """Import Ray and its data library; where it is missing, say how to install it."""
    try:
        importlib.import_module("ray.data")
        return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError(f"--engine ray needs ray, which is not installed; {INSTALL}") from error
