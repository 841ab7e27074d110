"""Split work over processes and machines: which part of it this process does."""

from __future__ import annotations

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

    def take(self, things: Sequence[T]) -> Sequence[T]:
        """Return this shard's things: they are dealt in turn."""
        return things[self.index - 1 :: self.count]


def parse(text: str) -> Shard:
    """Read `2/8`."""
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if not match:
        raise UsageError(f"shard `{text}` is not of the form i/n, e.g. 2/8 for the second of eight")
    return Shard(int(match[1]), int(match[2]))


def of_this_process() -> Shard:
    """Return the shard that `accelerate launch` or `torchrun` gave this process; the whole when neither did."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    return Shard(int(os.environ.get("RANK", "0")) + 1, count) if count > 1 else Shard()


def device_of_this_process(device: str) -> str:
    """Return the device for this process: with several on a machine, each has its own GPU."""
    local = os.environ.get("LOCAL_RANK")
    if device not in ("auto", "cuda") or local is None or of_this_process().count == 1:
        return device
    import torch

    return f"cuda:{int(local) % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
