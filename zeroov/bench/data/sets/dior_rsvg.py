"""DIOR-RSVG: expressions with boxes on 800 x 800 DIOR images (ZhanYang-nwpu/RSVG-pytorch)."""

from __future__ import annotations

from pathlib import Path

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import Draft, Place
from zeroov.bench.data.forms.voc import Layout, read_voc

LAYOUT = Layout(
    title="DIOR-RSVG",
    source="the README of ZhanYang-nwpu/RSVG-pytorch on GitHub links it",
    prefixes=("", "DIOR_RSVG", "DIOR-RSVG", "dior_rsvg", "rsvg", "data/DIOR_RSVG"),
    objects=38320,
)
OLD_SPLIT = {"train": 15328, "val": 3832, "test": 19160}


def read(root: Path, split: str) -> Draft:
    """Read a split; a remark says so when it is the division of 2022, on which papers until mid-2023 report."""
    draft = read_voc(root, split, LAYOUT)
    if len(draft.samples) == OLD_SPLIT[split]:
        what = f"{OLD_SPLIT[split]} numbers are those of the division of 2022 (40/10/50)"
        draft.remark(Place(f"{split}.txt"), what, "read as it is; scores do not compare with those since June 2023")
    return draft


DIOR_RSVG = Benchmark(
    name="dior-rsvg",
    title=LAYOUT.title,
    splits={"train": 26991, "val": 3829, "test": 7500},
    layout=("DIOR_RSVG/Annotations/00001.xml", "DIOR_RSVG/JPEGImages/00001.jpg", "DIOR_RSVG/{train,val,test}.txt"),
    source=LAYOUT.source,
    has_masks=False,
    reader=read,
)
