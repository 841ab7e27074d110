"""Readers of data sets: files with faults become a split with remarks, or are refused; no path leaves the root."""

from __future__ import annotations

import functools
import json
import pickle
from pathlib import Path, PurePosixPath
from random import Random

from tests.fuzz.damage import damaged_bytes, damaged_lines, damaged_value
from tests.layouts import LAYOUTS, write_layout
from zeroov.bench.data import find
from zeroov.bench.data.masks import read_mask
from zeroov.errors import ZeroovError

HW = (32, 40)
READ_AS = {".jpg", ".png", ".tif"}


def splits(random: Random, folder: Path) -> None:
    """Damage one annotation file of a data set, and read a split and its masks."""
    layout = _layout(random.choice(list(LAYOUTS)), folder.parent)
    file = random.choice(layout.files)
    data = file.read_bytes()
    try:
        file.write_bytes(_damaged(random, file, data))
        _read(layout)
    finally:
        file.write_bytes(data)


class _Layout:
    """A data set on the disk, written once; its annotation files are damaged in their place and mended again."""

    def __init__(self, name: str, folder: Path) -> None:
        self.root = folder / name.replace("/", "-")
        self.benchmark = find(name.partition("/")[0])
        self.split = next(split for split in ("test", "val", "all") if split in self.benchmark.splits)
        write_layout(name, self.root, {self.split: 3}, HW)
        files = [path for path in sorted(self.root.rglob("*")) if path.is_file()]
        masks = [path for path in files if path.parent.name in ("mask", "masks")]
        self.files = [path for path in files if path.suffix not in READ_AS] + masks[:1]


@functools.cache
def _layout(name: str, folder: Path) -> _Layout:
    return _Layout(name, folder)


def _read(layout: _Layout) -> None:
    read = layout.benchmark.read(layout.root, layout.split)
    for remark in read.remarks:
        assert "\n" not in str(remark), f"a remark of several lines: {remark}"
    for sample in read.samples:
        assert sample.expression.strip(), "a sample without an expression"
        for name in (sample.image, sample.mask.file if sample.mask else None):
            assert name is None or ".." not in PurePosixPath(name).parts, f"{name} leaves the root"
            assert name is None or not PurePosixPath(name).is_absolute(), f"{name} leaves the root"
        if sample.mask:
            try:
                mask = read_mask(sample.mask, layout.root, HW)
            except ZeroovError:
                continue
            assert mask.shape == HW


def _damaged(random: Random, file: Path, data: bytes) -> bytes:
    """Return a file's bytes with faults in what they hold, or in themselves."""
    if random.random() < 0.6:
        if file.suffix == ".json":
            return json.dumps(damaged_value(random, json.loads(data))).encode()
        if file.suffix == ".p":
            return pickle.dumps(damaged_value(random, pickle.loads(data)), protocol=random.choice((0, 2)))
        if file.suffix in (".txt", ".csv", ".jsonl", ".xml"):
            return damaged_lines(random, data)
    return damaged_bytes(random, data)
