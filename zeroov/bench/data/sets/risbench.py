"""RISBench: free-form expressions with masks, one 512 x 512 picture per expression (HIT-SIRS/CroBIM)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import Draft
from zeroov.bench.data.files import below, require
from zeroov.bench.data.forms.phrases import read_phrases
from zeroov.bench.data.sample import MaskTruth

SOURCE = "the README of HIT-SIRS/CroBIM on GitHub links it"
PREFIXES = ("", "RISBench", "risbench", "data/RISBench")


def read(root: Path, split: str) -> Draft:
    """Read a split; ids are the file names, of which every expression has its own.

    Lines of `val` name pictures called `train_...`, so that a name is never made from the split.
    """
    wanted = {f"list of {split}": below(PREFIXES, f"output_phrase_{split}.txt")}
    [listed] = require(root, "RISBench", wanted, SOURCE)
    [base] = {listed.rpartition("/")[0]}
    images, masks = below((base,), "img_rgb", "mask")
    draft = Draft(root)
    for place, name, phrase in read_phrases(draft, listed):
        file = name if PurePosixPath(name).suffix else f"{name}.png"
        image, mask = draft.path(place, file, images), draft.path(place, file, masks)
        draft.add(place, file, image, phrase, mask=MaskTruth(file=mask) if mask else None)
    return draft


RISBENCH = Benchmark(
    name="risbench",
    title="RISBench",
    # Train and val are 36,313 together; how many are in each was not found published.
    splits={"train": None, "val": None, "test": 16159},
    layout=("output_phrase_{train,val,test}.txt", "img_rgb/test_0_0.png", "mask/test_0_0.png"),
    source=SOURCE,
    has_masks=True,
    reader=read,
)
