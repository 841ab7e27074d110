"""RRSIS-D: one templated expression, mask and box per 800 x 800 DIOR image (Lsan2401/RMSIN)."""

from __future__ import annotations

from pathlib import Path

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import Draft
from zeroov.bench.data.files import below, first_of, require
from zeroov.bench.data.forms.refer import read_refer

SOURCE = "the README of Lsan2401/RMSIN on GitHub links it"
PREFIXES = ("", "RRSIS-D", "refer/data", "data")
REFS = (*below(PREFIXES, "rrsisd/refs(unc).p"), "refs(unc).p")
INSTANCES = (*below(PREFIXES, "rrsisd/instances.json"), "instances.json")
IMAGES = (*below(PREFIXES, "images/rrsisd/JPEGImages", "images/JPEGImages", "JPEGImages", "images"),)


def read(root: Path, split: str) -> Draft:
    """Read a split. Boxes are xyxy here, although REFER documents xywh: as xywh most of them would leave the image."""
    refs, instances = require(root, "RRSIS-D", {"REFER file": REFS, "annotations": INSTANCES}, SOURCE)
    draft = Draft(root)
    read_refer(draft, refs, instances, first_of(root, IMAGES) or IMAGES[0], split, "xyxy")
    return draft


RRSISD = Benchmark(
    name="rrsisd",
    title="RRSIS-D",
    splits={"train": 12181, "val": 1740, "test": 3481},
    layout=("rrsisd/refs(unc).p", "rrsisd/instances.json", "images/rrsisd/JPEGImages/00001.jpg"),
    source=SOURCE,
    has_masks=True,
    reader=read,
)
