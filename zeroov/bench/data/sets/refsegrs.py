"""RefSegRS: phrases with masks, often of several regions, on 512 x 512 pictures (zhu-xlab/rrsis)."""

from __future__ import annotations

from pathlib import Path

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import Draft
from zeroov.bench.data.files import below, pictures_by_stem, require
from zeroov.bench.data.forms.phrases import read_phrases
from zeroov.bench.data.sample import MaskTruth

SOURCE = "the data set JessicaYuan/RefSegRS on Hugging Face, or the README of zhu-xlab/rrsis on GitHub"
PREFIXES = ("", "RefSegRS", "refsegrs", "data/RefSegRS")


def read(root: Path, split: str) -> Draft:
    """Read a split; ids are line numbers, because one picture and mask may have several phrases."""
    wanted = {f"list of {split}": below(PREFIXES, f"output_phrase_{split}.txt")}
    [listed] = require(root, "RefSegRS", wanted, SOURCE)
    images, masks = below((listed.rpartition("/")[0],), "images", "masks")
    there = {folder: pictures_by_stem(root / folder) for folder in (images, masks)}
    draft = Draft(root)
    for place, name, phrase in read_phrases(draft, listed):
        stem = name.removesuffix(".tif")
        image = draft.path(place, there[images].get(stem, f"{stem}.tif"), images)
        mask = image and draft.path(place, there[masks].get(stem, f"{stem}.tif"), masks)
        draft.add(place, str(place.line), image, phrase, mask=MaskTruth(file=mask) if mask else None)
    return draft


REFSEGRS = Benchmark(
    name="refsegrs",
    title="RefSegRS",
    splits={"train": 2172, "val": 413, "test": 1817},
    layout=("output_phrase_{train,val,test}.txt", "images/<id>.tif", "masks/<id>.tif"),
    source=SOURCE,
    has_masks=True,
    reader=read,
)
