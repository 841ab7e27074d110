"""What large runs cost: `python scripts/bench_scale.py merging` and so on; each ends with one JSON line.

merging: 1,000 shards with 1,000,000 results in all are written, then merged. Seconds, and the process's peak resident
memory.

processes: drawn scenes by recipe mini, in one process and in two shards at once. Processor seconds, which other work on
the machine does not change, without those of loading; the speed-up is that of two idle cores.

ray: the same scenes on a Ray cluster of this machine with two actors, beside the two shards. Processor seconds of the
actors' own answers, and of the driver; Ray's own servers are not counted.

driver: 1,000,000 rows of references, and actors that answer at once: the driver's memory, and rows per second.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zeroov import recipe as recipes
from zeroov.batch import batch, finished_parts, merge, one_by_one, rows_in
from zeroov.batch.ask import AskOptions
from zeroov.batch.images import Asked
from zeroov.batch.items import item_id
from zeroov.batch.shards import done_path, journal_path, write_done
from zeroov.batch.write import Asking
from zeroov.bench.mini.measure import questions
from zeroov.ground import Pipeline
from zeroov.outputs.rle import encode_rle
from zeroov.pipeline.models import ModelStage
from zeroov.scale.pool import Answers, Row, connect
from zeroov.scale.ray import Work, row_of
from zeroov.shards import Shard, parse

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


def drawn(folder: Path, count: int) -> list[str]:
    """Draw scenes; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, question in enumerate(itertools.islice((each for each in questions(2 * count) if each.truth), count)):
        files.append(str(folder / f"{number:04}.png"))
        Image.fromarray(question.scene.image).save(files[-1])
    return files


def one(listed: Path, out: Path, shard: Shard) -> dict[str, Any]:
    """Do a shard in this process; return the processor and other seconds of the asking alone."""
    files = listed.read_text().split()
    with Pipeline(RECIPE, "cpu") as pipeline:
        pipeline.models.load_all()
        batch(pipeline, files[:1], [EXPRESSION], out / f"warm{shard.suffix}", {})
        began, processor = time.perf_counter(), time.process_time()
        rows = rows_in([str(listed)], None, shard)
        outcome = batch(pipeline, rows, [EXPRESSION], out, {}, shard=shard)
        return {
            "images": outcome.done_now,
            "cpu_seconds": time.process_time() - processor,
            "seconds": time.perf_counter() - began,
        }


def at_once(listed: Path, out: Path, count: int) -> list[dict[str, Any]]:
    """Do all shards at once, each in a process of its own."""
    command = [sys.executable, "-m", "scripts.bench_scale", "one", str(listed), str(out)]
    root = Path(__file__).parents[1]
    working = [
        subprocess.Popen([*command, f"{index}/{count}"], stdout=subprocess.PIPE, text=True, cwd=root)
        for index in range(1, count + 1)
    ]
    return [json.loads(each.communicate()[0].splitlines()[-1]) for each in working]


def processes(folder: Path, images: int) -> dict[str, Any]:
    """Compare two processes with one."""
    listed = folder / "list.txt"
    listed.write_text("\n".join(drawn(folder / "images", images)))
    alone, two = at_once(listed, folder / "one", 1), at_once(listed, folder / "two", 2)
    cpu = [sum(each["cpu_seconds"] for each in parts) for parts in (alone, two)]
    slowest = max(each["cpu_seconds"] for each in two)
    return {
        **{"images": images, "cpu_seconds_one": round(cpu[0], 2), "cpu_seconds_two": round(cpu[1], 2)},
        **{"speed_up_by_cpu": round(cpu[0] / slowest, 3)},
        "seconds": [round(max(each["seconds"] for each in parts), 1) for parts in (alone, two)],
    }


@dataclass(frozen=True)
class Timed(Work):
    """Says of each row how many processor seconds its actor had spent on answers by then."""

    def open(self, stages: tuple[ModelStage, ...]) -> Answers:
        answers, spent = super().open(stages), [0.0]

        def timed(rows: Sequence[Row]) -> list[Row]:
            began = time.process_time()
            done = answers(rows)
            spent[0] += time.process_time() - began
            about = {"pid": os.getpid(), "cpu_seconds": spent[0]}
            return [{**row, "items": json.dumps([about])} for row in done]

        return timed


def on_ray(folder: Path, images: int) -> dict[str, Any]:
    """Compare two actors with two shards."""
    listed = folder / "list.txt"
    listed.write_text("\n".join(drawn(folder / "images", images)))
    shards = at_once(listed, folder / "shards", 2)
    _start_ray()
    pool = connect(2, "cpu")
    asked = [Asked.of(row.image, (EXPRESSION,)) for row in rows_in([str(listed)])]
    todo = {each: [EXPRESSION] for each in asked}
    spent: dict[int, float] = {}
    arrived = []
    driver = time.process_time()
    for _, items, _ in pool.run(Timed(RECIPE, "cpu", None, AskOptions()), images, partial(row_of, asked, todo)):
        arrived.append(time.perf_counter())
        spent[items[0]["pid"]] = max(spent.get(items[0]["pid"], 0.0), items[0]["cpu_seconds"])
    driver = time.process_time() - driver
    of_shards, of_actors = sum(each["cpu_seconds"] for each in shards), sum(spent.values())
    return {
        **{"images": images, "cpu_seconds_shards": round(of_shards, 2), "cpu_seconds_actors": round(of_actors, 2)},
        **{"cpu_seconds_driver": round(driver, 2), "overhead_by_cpu": round((of_actors + driver) / of_shards - 1, 3)},
        **{"seconds_shards": round(max(each["seconds"] for each in shards), 1)},
        "seconds_from_first_to_last_row": round(arrived[-1] - arrived[0], 1),
    }


class AtOnce:
    """Work that needs no model: every row is answered with the same found object."""

    def open(self, stages: tuple[ModelStage, ...]) -> Answers:
        """Return what answers at once."""

        def answers(rows: Sequence[Row]) -> list[Row]:
            text = json.dumps([{"id": "x" * 60, "found": [{"score": 0.5, "box": [1, 2, 3, 4], "mask": "m" * 120}]}])
            return [{"number": row["number"], "items": text, "foreseen": True} for row in rows]

        return answers


def driver(rows: int) -> dict[str, Any]:
    """Send rows and take answers; look at this process's memory ten times, what it shares with Ray's store apart."""
    _start_ray()
    pool, sizes = connect(2, "cpu"), []

    def sent(number: int) -> Row:
        address = f"s3://survey/sheet-{number % 500:03}/tile-{number:07}.tif"
        about = {"image": address, "place": address, "content": f"{number:040x}"}
        return {"number": number, **about, "texts": [EXPRESSION]}

    before, began = _memory(), time.perf_counter()
    for done, _ in enumerate(pool.run(AtOnce(), rows, sent), start=1):
        if done == 1:
            began = time.perf_counter()
        if done % max(1, rows // 10) == 0:
            sizes.append(_memory())
            print(f"{done:,} rows after {time.perf_counter() - began:.0f} s: {sizes[-1]} MiB", file=sys.stderr)
    return {
        **{"rows": rows, "rows_per_second": round(rows / (time.perf_counter() - began))},
        **{
            "own_mib_before": before[0],
            "own_mib": [own for own, _ in sizes],
            "shared_mib": [each for _, each in sizes],
        },
        "peak_mib": round(peak_mib()),
    }


def _memory() -> tuple[int, int]:
    """Return this process's own resident memory, and what it shares, in MiB (Linux)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    own, file, shared = (int(lines[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile", "RssShmem"))
    return own + file, shared


def _start_ray() -> None:
    import ray

    ray.init(num_cpus=4, object_store_memory=2**30, log_to_driver=False, include_dashboard=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("merging")
    command.add_argument("--shards", type=int, default=1000)
    command.add_argument("--results", type=int, default=1_000_000)
    command.add_argument("--format", default="geoparquet")
    for name in ("processes", "ray"):
        commands.add_parser(name).add_argument("--images", type=int, default=100)
    commands.add_parser("driver").add_argument("--rows", type=int, default=1_000_000)
    command = commands.add_parser("one")  # a process of `processes`
    for name in ("listed", "out", "shard"):
        command.add_argument(name)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.command == "merging":
            result = merging(folder / "out", args.shards, args.results, args.format, traced=False)
        elif args.command == "processes":
            result = processes(folder, args.images)
        elif args.command == "ray":
            result = on_ray(folder, args.images)
        elif args.command == "driver":
            result = driver(args.rows)
        else:
            result = one(Path(args.listed), Path(args.out), parse(args.shard))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
