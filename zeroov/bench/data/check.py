"""Verify a benchmark on disk: counts, files, and a few samples opened with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zeroov import frames
from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import files_named
from zeroov.bench.data.files import missing_files
from zeroov.bench.data.masks import read_mask
from zeroov.bench.data.sample import Sample, Split
from zeroov.errors import DatasetError, ZeroovError
from zeroov.raster.scene import open_picture
from zeroov.types import Bool, Box, Picture

AGREE = 0.5  # IoU that a true box and the tight box of the true mask have, unless one of them is read wrongly


@dataclass(frozen=True, eq=False)
class Look:
    """A sample that was opened: its picture, mask and box, and what is wrong with them."""

    sample: Sample
    picture: Picture | None
    mask: Bool | None
    box: Box | None
    problem: str


@dataclass(frozen=True, eq=False)
class SplitReport:
    """What a split holds (`None`: it could not be read, see `problem`), against what was published."""

    name: str
    published: int | None
    split: Split | None
    problem: str = ""
    missing: Sequence[str] = ()
    looks: Sequence[Look] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether the split was read, every file is there, and nothing is wrong with what was opened."""
        return self.split is not None and not self.missing and not any(look.problem for look in self.looks)


def check(benchmark: Benchmark, root: Path, split: str | None, looks: int) -> list[SplitReport]:
    """Verify one split or all; open about `looks` samples, spread evenly.

    `DatasetError` says why where no split can be read. Of data without published splits, the user's own, any split
    may be absent as long as one is there.
    """
    names = [benchmark.split_named(split)] if split else list(benchmark.splits)
    if root.is_file():
        names = names[:1]  # the same file for every split
    read: dict[str, Split | DatasetError] = {}
    for name in names:
        try:
            read[name] = benchmark.read(root, name)
        except DatasetError as error:
            read[name] = error
    errors = [result for result in read.values() if isinstance(result, DatasetError)]
    if len(errors) == len(names):
        raise errors[0]
    each = max(looks // (len(names) - len(errors)), 2)
    has_published = any(benchmark.splits.values())
    return [
        _report(name, benchmark.splits[name], result, each)
        for name, result in read.items()
        if has_published or isinstance(result, Split)
    ]


def _report(name: str, published: int | None, result: Split | DatasetError, looks: int) -> SplitReport:
    if isinstance(result, DatasetError):
        return SplitReport(name, published, None, str(result))
    missing = missing_files(result.root, files_named(result.samples))
    absent = set(missing)
    there = spread([sample for sample in result.samples if sample.image not in absent], looks)
    return SplitReport(name, published, result, "", missing, [look_at(result, sample) for sample in there])


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return `count` samples from the whole length of a split, always the same."""
    count = min(count, len(samples))
    return [samples[(2 * number + 1) * len(samples) // (2 * count)] for number in range(count)]


def look_at(split: Split, sample: Sample) -> Look:
    """Open a sample's picture and mask, and say what of its truth cannot be true."""
    picture, mask, box = None, None, sample.box
    try:
        picture = open_picture(split.root / sample.image)
        if sample.mask:
            mask = read_mask(sample.mask, split.root, picture.hw)
    except ZeroovError as error:
        return Look(sample, picture, None, box, str(error))
    problem = ""
    height, width = picture.hw
    if box and (box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height):
        problem = f"the box {_shown(box)} leaves the picture of {width} x {height}"
    if mask is not None:
        tight = frames.mask_to_box(mask)
        if tight is None:
            problem = "the mask is empty"
        elif box and frames.box_iou(box, tight) < AGREE:
            problem = f"the box {_shown(box)} is not that of the mask, {_shown(tight)}"
        box = box or tight
    return Look(sample, picture, mask, box, problem)


def _shown(box: Box) -> str:
    return "(" + ", ".join(f"{corner:g}" for corner in box.xyxy) + ")"
