"""Evolve's array operations against the official way, cell by cell in Python, in one run.

    python scripts/bench_evolve.py

The loops below are the obvious ones: a double loop over query and key cells, growth by a queue, one tensor element
at a time. Ends with one JSON line.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import deque
from typing import Any

import numpy as np
import torch

from zeroov import evolve

GRID, IMAGE_HW, ROUNDS = 32, (800, 800), 5


def by_loops(cross: torch.Tensor, affinity: torch.Tensor, tau: float = 0.3, k: int = 7) -> tuple[Any, Any]:
    """Fuse and grow, cell by cell, over torch tensors."""
    fused = torch.zeros(GRID, GRID)
    for row in range(GRID):
        for col in range(GRID):
            fused += cross[row, col] * affinity[row * GRID + col].reshape(GRID, GRID)
    fused = fused / fused.norm()
    fused = (fused - fused.min()) / (fused.max() - fused.min() + 1e-6)
    region = torch.zeros(GRID, GRID, dtype=torch.bool)
    queue: deque[tuple[int, int]] = deque()
    for value in cross.unique().flip(0)[:k]:
        for row, col in (cross == value).nonzero().tolist():
            region[row, col] = True
            queue.append((row, col))
    while queue:
        row, col = queue.popleft()
        for r in range(max(row - 1, 0), min(row + 2, GRID)):
            for c in range(max(col - 1, 0), min(col + 2, GRID)):
                if not region[r, c] and fused[r, c] > tau:
                    region[r, c] = True
                    queue.append((r, c))
    return fused, region


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
    ours, loops = [], []
    for round_ in range(ROUNDS + 1):
        cross, affinity = sample(round_)
        matrix = torch.from_numpy(affinity).float()
        start = time.perf_counter()
        slow_fused, slow_region = by_loops(torch.from_numpy(cross), matrix)
        loops.append(time.perf_counter() - start)
        start = time.perf_counter()
        fused = evolve.fuse(cross, affinity)
        region = evolve.grow(fused, cross)
        ours.append(time.perf_counter() - start)
        evolve.binarise(fused, region, IMAGE_HW)
        np.testing.assert_allclose(fused, slow_fused.numpy(), atol=1e-5)
        np.testing.assert_array_equal(region, slow_region.numpy())
    ours, loops = ours[1:], loops[1:]  # the first round warms up
    ratios = [slow / fast for slow, fast in zip(loops, ours, strict=True)]
    result = {
        "bench": "evolve",
        "grid": GRID,
        "ms": {"ours": round(statistics.median(ours) * 1e3, 3), "loops": round(statistics.median(loops) * 1e3, 1)},
        "loops_over_ours": round(statistics.median(ratios), 1),
        "bars": {"loops_over_ours": 30},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
