"""Evolve's array operations against the official way, cell by cell in Python, in one run.

    python scripts/bench_evolve.py

The loops below are built like the official ones: a double loop over the query cells, growth by a list used as a
queue, one tensor element at a time. Both sides get the affinity in float32, as the official dumps hold it; what ours
take from a float16 dump, conversion included, is printed too. Ends with one JSON line.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from zeroov import evolve

GRID, ROUNDS = 32, 21


def by_loops(cross: torch.Tensor, affinity: torch.Tensor, tau: float = 0.3, k: int = 7) -> tuple[Any, Any]:
    """Fuse and grow, cell by cell, over torch tensors."""
    fused = torch.zeros(GRID, GRID)
    cells = affinity.reshape(GRID, GRID, GRID, GRID)
    for row in range(GRID):
        for col in range(GRID):
            fused += cross[row, col] * cells[row, col]
    fused = fused / (fused.norm() + 1e-6)
    fused = (fused - fused.min()) / (fused.max() - fused.min() + 1e-6)
    region = torch.zeros(GRID, GRID, dtype=torch.bool)
    queue: list[tuple[int, int]] = []
    for value in cross.unique().flip(0)[:k]:
        for row, col in (cross == value).nonzero().tolist():
            region[row, col] = True
            queue.append((row, col))
    while queue:
        row, col = queue.pop(0)
        for r in range(row - 1, row + 2):
            for c in range(col - 1, col + 2):
                if 0 <= r < GRID and 0 <= c < GRID and not region[r, c] and fused[r, c] > tau:
                    region[r, c] = True
                    queue.append((r, c))
    return fused, region


def by_arrays(cross: Any, affinity: Any) -> tuple[Any, Any]:
    """Fuse and grow our way."""
    fused = evolve.fuse(cross, affinity)
    return fused, evolve.grow(fused, cross)


def timed(times: list[float], work: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """Do the work three times and note the best, as timeit does: the machine's other work is not ours."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        made = work()
        best = min(best, time.perf_counter() - start)
    times.append(best)
    return made


def sample(seed: int) -> tuple[Any, Any]:
    """Return a smooth cross map and a smooth affinity whose rows sum to 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:GRID, 0:GRID].reshape(2, -1).astype(np.float32)
    near = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    affinity = np.exp(-near / 18) * rng.uniform(0.5, 1, (GRID**2, GRID**2))
    affinity /= affinity.sum(1, keepdims=True)
    cross = np.exp(-((y - 12) ** 2 + (x - 20) ** 2) / 20).reshape(GRID, GRID) + 0.05 * rng.random((GRID, GRID))
    return cross.astype(np.float32), affinity.astype(np.float16)


def main() -> None:
    seconds: dict[str, list[float]] = {"loops": [], "ours": [], "ours_from_float16": []}
    for round_ in range(ROUNDS + 1):
        cross, half = sample(round_)
        full = half.astype(np.float32)
        matrix = torch.from_numpy(full)
        cross_tensor = torch.from_numpy(cross)
        slow_fused, slow_region = timed(seconds["loops"], partial(by_loops, cross_tensor, matrix))
        for name, affinity in (("ours", full), ("ours_from_float16", half)):
            fused, region = timed(seconds[name], partial(by_arrays, cross, affinity))
            np.testing.assert_allclose(fused, slow_fused.numpy(), atol=1e-5)
            np.testing.assert_array_equal(region, slow_region.numpy())
    middle = {name: statistics.median(times[1:]) for name, times in seconds.items()}  # the first round warms up
    result = {
        "bench": "evolve",
        "grid": GRID,
        "region_cells": int(region.sum()),
        "ms": {name: round(value * 1e3, 3) for name, value in middle.items()},
        "loops_over_ours": round(middle["loops"] / middle["ours"], 1),
        "loops_over_ours_from_float16": round(middle["loops"] / middle["ours_from_float16"], 1),
        "bars": {"loops_over_ours": 30},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
