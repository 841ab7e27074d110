"""Fix the best heads of a model once, from the maps of a run that read all layers: no model runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tomli_w
from numpy.typing import NDArray

from zeroov.bench.runs.records import Run
from zeroov.bench.scoring.about import made_with
from zeroov.bench.sweeps.maps import Maps
from zeroov.dumps import read_dump
from zeroov.dumps.values import to_overview
from zeroov.errors import DumpError, UsageError
from zeroov.files.atomic import write_atomically
from zeroov.overview.heads import count_best
from zeroov.progress import SILENT, Progress
from zeroov.recipe.heads import Heads, refuse_test
from zeroov.types import Float32

Counted = tuple[tuple[int, ...], NDArray[np.int64], int]
"""The layers, how often each head (L, heads) is among the best of a sample, and of how many samples."""


def count_heads(run: Run, maps: Maps, progress: Progress = SILENT) -> Counted:
    """Count over a run's samples which heads look at the picture and are sharp in it."""
    refuse_test(str(made_with(run.manifest).get("split", "")), f"the heads of run `{run.name}`")
    paths = [path for record in run.records if (path := maps.path("overview", record.dumps.get("overview", "")))]
    if not paths:
        raise DumpError(f"none of the overview dumps of run `{run.name}` is in {maps}; --dumps names other folders")
    layers: set[tuple[int, ...]] = set()

    def figures() -> Iterator[Float32]:
        for done, path in enumerate(paths):
            progress.report("heads", done, len(paths))
            value = to_overview(read_dump(path))
            if value.heads is None:
                raise UsageError(
                    f"`{path}` says nothing of single heads; make the run's maps in a new folder with "
                    "--set overview.capture=all, and with overview.heads = 0"
                )
            layers.add(value.layer_numbers)
            yield value.heads

    counts = count_best(figures())
    progress.report("heads", len(paths), len(paths))
    [numbers] = layers  # one model has one set of them
    return numbers, counts, len(paths)


def most_frequent(counted: Counted, count: int) -> tuple[tuple[int, int], ...]:
    """Return the heads (layer, head) that are most often among the best, the most frequent first."""
    layers, counts, _ = counted
    order = np.argsort(-counts, axis=None, kind="stable")[:count]
    best = [(int(layer), int(head)) for layer, head in zip(*np.unravel_index(order, counts.shape), strict=True)]
    fine = [(layers[layer], head) for layer, head in best if counts[layer, head]]
    if len(fine) < count:
        raise UsageError(f"only {len(fine)} heads were ever among the best; ask for fewer with --count")
    return tuple(fine)


def write_heads(path: Path, run: Run, counted: Counted, best: tuple[tuple[int, int], ...]) -> Heads:
    """Write the file that `overview.heads` takes: the heads, and whose they are."""
    made = made_with(run.manifest)
    model = made["models"]["overview"]
    layers, counts, samples = counted
    heads = Heads(tuple(sorted(best)), str(model["model"]), str(model["revision"]))
    about = {
        "model": heads.model,
        "revision": heads.revision,
        "benchmark": str(made["benchmark"]),
        "split": str(made["split"]),
        "samples": samples,
        "heads": [list(pair) for pair in heads.pairs],
        "counts": [int(counts[layers.index(layer), head]) for layer, head in heads.pairs],
    }
    write_atomically(path, tomli_w.dumps(about).encode())
    return heads
