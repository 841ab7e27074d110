"""Does memory stay flat over a long run? `OMP_NUM_THREADS=1 python scripts/bench_run.py --samples 2000`.

Writes drawn scenes as a data set of its own, runs recipe `mini` over them, and looks at the process's resident memory
after every hundredth of each stage. Flat: in each stage's second half it grows by less than 2 %. It measures the
processor time of the models' own calls for a sample, and of all that is done beside them; loading is left out. Then it
scores hundreds of settings from the run's dumps on one core. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.layouts import write_layout
from zeroov import recipe as recipes
from zeroov.bench.data import find
from zeroov.bench.runs.records import read_run
from zeroov.bench.runs.run import run
from zeroov.bench.scoring.protocols import named
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.sweep import sweep
from zeroov.progress import Progress
from zeroov.spans import recorded

GRID: dict[str, list[Any]] = {
    "evolve.alpha": [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5],
    "evolve.tau": [0.1, 0.2, 0.3, 0.4, 0.5],
    "evolve.k": [3, 5, 7, 9],
    "overview.layers": [[2], [3]],
}


def resident_bytes() -> int:
    """Return the process's resident memory (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--height-width", type=int, nargs=2, default=(224, 224))
    args = parser.parse_args()
    sizes_of: dict[str, list[int]] = {}

    class Sizes(Progress):
        def show(self, what: str, done: int, total: int) -> None:
            if done and done % max(1, total // 100) == 0:
                sizes_of.setdefault(what, []).append(resident_bytes())

    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "data", Path(folder) / "run"
        write_layout("file", root, {"test": args.samples}, tuple(args.height_width))
        split = find("file").read(root, "test")
        began = time.perf_counter()
        processor = time.process_time()
        with recorded(clock=time.thread_time) as recorder:
            outcome = run(split, recipes.load("mini"), out, device="cpu", progress=Sizes())
        seconds, processor = time.perf_counter() - began, time.process_time() - processor
        parts = recorder.shares.parts
        models = sum(parts[stage] for stage in ("overview", "focus", "evolve", "refine"))
        beside = processor - models - parts["loading"]
        growth = {}
        for stage, sizes in sizes_of.items():
            half = sizes[len(sizes) // 2 :]
            growth[stage] = half[-1] / half[0] - 1
            print(
                f"{stage:9} {sizes[0] / 2**20:8.1f} MiB at the first look, {half[0] / 2**20:8.1f} half way, "
                f"{half[-1] / 2**20:8.1f} at the end ({growth[stage]:+.2%} in the second half)"
            )
        began = time.perf_counter()
        settings = sweep(read_run(out), Maps([out / "dumps"]), GRID, named("honest"), jobs=1).settings
        rate = len(settings) * outcome.samples / (time.perf_counter() - began)
        print(f"{outcome.samples} samples in {seconds:.1f} s, {outcome.failed} failed")
        of_each = {"models_ms": models / outcome.samples * 1e3, "beside_ms": beside / outcome.samples * 1e3}
        print(
            "processor time a sample: models {models_ms:.1f} ms, all beside them {beside_ms:.1f} ms".format(**of_each)
        )
        print(f"ablation: {len(settings)} settings, {rate:,.0f} settings x samples a second on one core")
    done = {"samples": outcome.samples, "seconds": seconds, "growth": growth, "ablations_per_second": rate} | of_each
    print(json.dumps(done | {"flat": max(growth.values()) < 0.02}))


if __name__ == "__main__":
    main()
