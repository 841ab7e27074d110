"""What large runs cost: `python scripts/bench_scale.py merging` and so on; each ends with one JSON line.

merging: 1,000 shards with 1,000,000 results in all are written, then merged to GeoParquet. Seconds, and the process's
peak resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import recipe as recipes
from zeroov.batch import finished_parts, merge, one_by_one
from zeroov.batch.images import Asked
from zeroov.batch.items import item_id
from zeroov.batch.shards import done_path, journal_path, write_done
from zeroov.batch.write import Asking
from zeroov.outputs.rle import encode_rle
from zeroov.shards import Shard

EXPRESSION = "the white plane"
RECIPE = recipes.load("mini")


def peak_mib() -> float:
    """Return the process's peak resident memory (Linux counts KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def write_shards(folder: Path, shards: int, results: int) -> None:
    """Write shards as a batch leaves them: an object of 30 x 40 pixels in each image."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[:30, :40]
    mask = encode_rle((x - 20) ** 2 / 400 + (y - 15) ** 2 / 225 < 1)
    for index in range(1, shards + 1):
        path = journal_path(folder, Shard(index, shards))
        asked = []
        with path.open("w") as file:
            for number in range((index - 1) * results // shards, index * results // shards):
                name = f"/survey/sheet-{number % 500:03}/tile-{number:07}.tif"
                each = Asked(name, name, f"{number:040x}", (EXPRESSION,))
                found = {"score": 0.5, "box": [10, 10, 50, 40], "origin_xy": [10, 10], "mask": mask, "extra": {}}
                place = [0.3, 0.0, 500_000.0 + 76.8 * (number % 1000), 0.0, -0.3, 5_000_000.0 - 76.8 * (number // 1000)]
                item = {
                    **{"id": item_id(each, EXPRESSION), "image": name, "content": each.content, "error": ""},
                    **{"expression": EXPRESSION, "hw": [256, 256], "crs": "EPSG:32633", "transform": place},
                    **{"bands": [1, 2, 3], "score": 0.5, "words": "a plane", "says_absent": False, "why_empty": ""},
                    "found": [found],
                }
                file.write(json.dumps(item) + "\n")
                asked.append(each)
        write_done(path, Asking(asked, [EXPRESSION], {}, RECIPE), {"model": "none"})
        assert done_path(path).exists()


def merging(
    folder: Path, shards: int, results: int, formats: str = "geoparquet", *, traced: bool = True
) -> dict[str, Any]:
    """Merge; `traced_mib` is the peak of Python's own memory, which tracing makes slow."""
    write_shards(folder, shards, results)
    before = peak_mib()
    began, processor = time.perf_counter(), time.process_time()
    if traced:
        tracemalloc.start()
    parts = finished_parts(folder)
    names = formats.split(",")
    writers = one_by_one(folder, names, parts.expressions, list(parts.names))
    outcome = merge(parts, writers, RECIPE)
    measured = {"traced_mib": round(tracemalloc.get_traced_memory()[1] / 2**20, 2)} if traced else {}
    tracemalloc.stop()
    assert not outcome.unwritten, outcome.unwritten
    return {
        **{"shards": shards, "results": results, "rows": outcome.answers["found"], "formats": formats},
        **{"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(time.process_time() - processor, 1)},
        **{"peak_mib": round(peak_mib()), "peak_before_mib": round(before)},
        **{"written_mib": round(sum(path.stat().st_size for path in outcome.files) / 2**20, 1)},
        **measured,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("merging")
    command.add_argument("--shards", type=int, default=1000)
    command.add_argument("--results", type=int, default=1_000_000)
    command.add_argument("--format", default="geoparquet")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = merging(Path(folder) / "out", args.shards, args.results, args.format, traced=False)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
