"""What a benchmark asks and what is true: the values that readers make and runs and scores use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zeroov.types import Bool, Box


@dataclass(frozen=True)
class MaskTruth:
    """A true mask as its data set keeps it; `zeroov.bench.data.masks.read_mask` makes pixels of it.

    Exactly one is set: `file`, a picture below the data set's root, of which pixels above `threshold` are the object;
    `rle`, COCO run lengths; `polygons`, COCO polygons in pixels of an image of `hw`.
    """

    file: str | None = None
    threshold: int = 127
    rle: Mapping[str, Any] | None = None
    polygons: tuple[tuple[float, ...], ...] | None = None
    hw: tuple[int, int] | None = None


@dataclass(frozen=True)
class Sample:
    """One question with its truth.

    `id` is unique within the split and stays the same over runs; `image` is a path below the data set's root, with
    forward slashes. `box` is half-open pixels of that image. `category` and `kind` (of expression) serve breakdowns
    and are empty where the data set has none; nothing of the truth is ever shown to a model.
    """

    id: str
    image: str
    expression: str
    box: Box | None = None
    mask: MaskTruth | None = None
    category: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Remark:
    """Something odd in a data set's files, and the rule by which it was handled."""

    file: str
    line: int | None
    what: str
    rule: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else self.file
        return f"{where}: {self.what}; {self.rule}"


@dataclass(frozen=True)
class Split:
    """A split as read: its samples in their order, and everything odd that was met on the way.

    `limited_from` is how many samples there were before only the first ones were taken; `None`: all are here.
    """

    benchmark: str
    name: str
    root: Path
    samples: tuple[Sample, ...]
    remarks: tuple[Remark, ...] = field(default=())
    limited_from: int | None = None

    @property
    def size(self) -> int:
        """How many samples the whole split has."""
        return len(self.samples) if self.limited_from is None else self.limited_from

    def first(self, count: int) -> Split:
        """Return the split with its first samples alone."""
        return replace(self, samples=self.samples[:count], limited_from=self.size)


Overlap = tuple[float, float]
"""Intersection and union, in pixels."""


def mask_overlap(predicted: Bool, truth: Bool) -> Overlap:
    """Return the intersection and the union of two masks of one shape."""
    if predicted.shape != truth.shape:
        raise ValueError(f"masks of one shape are compared, got {predicted.shape} and {truth.shape}")
    return float(np.count_nonzero(predicted & truth)), float(np.count_nonzero(predicted | truth))
