"""A folder of dumps without any model: rectangles in pictures, looked at by one layer, tied together by one matrix."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import dumps
from zeroov import recipe as recipes
from zeroov.dumps import DumpStore
from zeroov.dumps.values import from_affinity, from_overview, write_evolved
from zeroov.evolve import evolve
from zeroov.frames import box_to_mask, cell_centres_xy
from zeroov.outputs.rle import encode_rle
from zeroov.overview.combine import combine
from zeroov.recipe import Recipe
from zeroov.types import Affinity, Box, Overview

GRID = 8
SETS = [
    "--set=overview.layers=[0, 3]",
    "--set=overview.weights=[0.2, 0.8]",
    "--set=overview.capture=all",
    "--set=focus.prompt={expression}",
    "--set=focus.grids=[8]",
    "--set=focus.working_grid=8",
]
SAMPLES = [  # picture, expression, box: non-square pictures, two phrases on the first
    ("a", "the plane", (10, 10, 40, 30)),
    ("a", "the ship", (60, 40, 90, 60)),
    ("b", "the plane", (30, 0, 70, 60)),
    ("c", "the tank", (0, 30, 30, 50)),
]
WRONG = (25, 1, 29, 5)  # what every record answers; it overlaps with hardly any of these boxes
HW = {"a": (60, 90), "b": (60, 90), "c": (50, 30)}


def recipe(**changes: Any) -> Recipe:
    """Return the recipe that makes the world."""
    chosen = recipes.load("fast", recipes.parse_assignments(text.removeprefix("--set=") for text in SETS))
    return chosen.with_values({name.replace("__", "."): value for name, value in changes.items()})


@dataclass(frozen=True)
class World:
    """A folder of dumps, the truths as JSON lines, and the records of a run over it."""

    maps: Path
    truth: Path
    records: Path

    @property
    def store(self) -> DumpStore:
        return DumpStore(self.maps)


def write_world(folder: Path, *, size: int = 1, **changes: Any) -> World:
    """Write dumps of every sample, `size` times each, under the recipe with `changes`, beside those that are there."""
    chosen = recipe(**changes)
    maps = folder / "maps"
    store = DumpStore(maps)
    truths, records = [], []
    for number in range(size):
        for name, expression, corners in SAMPLES:
            hw, box = HW[name], Box(*map(float, corners))
            digest = hashlib.sha256(f"{name}{number}".encode()).hexdigest()
            source = f"/pictures/{number}/{name}.png"
            sample = {"picture": {"digest": digest, "source": source, "hw": list(hw)}, "expression": expression}
            keys = _write_sample(store, chosen, sample, box, hw)
            rle = encode_rle(box_to_mask(box, hw))
            image = f"{number}/{name}.png"
            truths.append({"image": image, "expression": expression, "box": corners, "mask": rle})
            record = {"id": f"{image}-{expression}", "image": "elsewhere.png", "expression": expression, "hw": list(hw)}
            answered = {"status": "found", "box": WRONG, "mask": encode_rle(box_to_mask(Box(*map(float, WRONG)), hw))}
            records.append({**record, **answered, "truth_box": corners, "truth_mask": rle, "dumps": keys})
    world = World(maps, folder / "truth.jsonl", folder / "records.jsonl")
    for path, rows in ((world.truth, truths), (world.records, records)):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return world


def _write_sample(
    store: DumpStore, chosen: Recipe, sample: dict[str, Any], box: Box, hw: tuple[int, int]
) -> dict[str, str]:
    rng = np.random.default_rng(len(sample["expression"]) + hw[0])
    x, y = np.moveaxis(cell_centres_xy((GRID, GRID), hw), -1, 0)
    inside = (box.x0 <= x) & (x < box.x1) & (box.y0 <= y) & (y < box.y1)
    layers = rng.random((4, GRID, GRID), dtype=np.float32)
    layers[3] = inside + 0.3 * layers[3]
    overview = Overview(layers, (0, 1, 2, 3), "[1, 2, 3, 4]", box, 0.9, (56, 56), 3, "vlm", "rev-v")
    cross = combine(layers[[0, 3]], chosen.overview.weights)
    flat = inside.ravel()
    matrix = rng.random((GRID**2, GRID**2)) * 0.3 + (flat[:, None] == flat)
    affinity = Affinity(
        (matrix / matrix.sum(1, keepdims=True)).astype(np.float16), (GRID, GRID), "noise", "sd", "rev-s"
    )
    digest, expression = sample["picture"]["digest"], sample["expression"]
    settings = dumps.overview_settings(chosen.overview, "rev-v", "float32")
    keys = {"overview": dumps.digest("overview", digest, expression, settings)}
    arrays, about = from_overview(overview, cross, chosen.overview)
    store.write("overview", keys["overview"], arrays, {**sample, "settings": settings, **about})
    settings = dumps.focus_settings(chosen.focus, "rev-s", "float32")
    keys["focus"] = dumps.digest("focus", digest, expression, settings)
    arrays, about = from_affinity(affinity)
    store.write("focus", keys["focus"], arrays, {**sample, "settings": settings, **about})
    value = evolve(cross, affinity, hw, chosen.evolve)
    path = write_evolved(store, sample, chosen, keys["overview"], keys["focus"], value)
    return keys | {"evolve": path.name.split(".")[0]}
