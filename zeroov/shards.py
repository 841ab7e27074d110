"""Split work over processes and machines: which part of it this process does."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from zeroov.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` parts, from 1 on."""

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(f"shard {self.index}/{self.count}: the first number runs from 1 to the second")

    @property
    def suffix(self) -> str:
        """What a shard's files have in their names; nothing when there is one shard."""
        return "" if self.count == 1 else f"-{self.index:04}-of-{self.count:04}"

    def has(self, thing: int | str) -> bool:
        """Return whether a thing is this shard's: things are dealt in turn by their numbers, from 0, or by their texts.

        Which shard a text falls to depends on nothing but the text and the number of shards.
        """
        if isinstance(thing, str):
            thing = int.from_bytes(hashlib.sha256(thing.encode(errors="surrogatepass")).digest()[:8])
        return thing % self.count == self.index - 1

    def take(self, things: Sequence[T]) -> Sequence[T]:
        """Return this shard's things: they are dealt in turn."""
        return things[self.index - 1 :: self.count]


WHOLE = Shard()


@dataclass(frozen=True)
class Array:
    """The variables by which a system that starts many tasks numbers them: `index` counts from `first`, else from 0."""

    index: str
    count: str
    first: str = ""
    step: str = ""


ARRAYS = {
    "Slurm": Array("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"),
    "AWS Batch": Array("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
    "Kubernetes": Array("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),  # only the first is set by itself
    "Cloud Run": Array("CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
}


def parse(text: str) -> Shard:
    """Read `2/8`."""
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if not match:
        raise UsageError(f"shard `{text}` is not of the form i/n, e.g. 2/8 for the second of eight")
    return Shard(int(match[1]), int(match[2]))


def of_this_process(count: int | None = None) -> Shard:
    """Return the shard that an array job, `accelerate launch` or `torchrun` gave this process; else the whole.

    `count` is the number of an array's tasks where its system does not say it. The processes that torchrun started
    inside of a task share what is the task's.
    """
    tasks = next(
        (_task(name, array, count) for name, array in ARRAYS.items() if os.environ.get(array.index, "").strip()), None
    )
    if tasks is None and count is not None:
        raise UsageError(
            f"--of {count} goes with the number of an array job's task, and none is set "
            f"({', '.join(array.index for array in ARRAYS.values())}); outside of one give --shard I/{count}"
        )
    rank, world = _number("RANK", 0), _number("WORLD_SIZE", 1)
    if world <= 1:
        return tasks or WHOLE
    if tasks is None:
        return Shard(rank + 1, world)
    return Shard((tasks.index - 1) * world + rank + 1, tasks.count * world)


def _task(name: str, array: Array, count: int | None) -> Shard:
    of = count or _number(array.count, 0)
    if not of:
        raise UsageError(
            f"{name} numbers this task ({array.index}) and does not say of how many; give --of N, or set {array.count}"
        )
    index = _number(array.index, 0)
    if array.first:
        index = (index - _number(array.first, 0)) // max(1, _number(array.step, 1))
    return Shard(index + 1, of)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "").strip()
    try:
        return int(text) if text else default
    except ValueError as error:
        raise UsageError(f"{name} is `{text}`, and should be a number; give --shard I/N") from error


def device_of_this_process(device: str) -> str:
    """Return the device for this process: with several on a machine, each has its own GPU."""
    local = os.environ.get("LOCAL_RANK")
    if device not in ("auto", "cuda") or local is None or of_this_process().count == 1:
        return device
    import torch

    return f"cuda:{int(local) % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
