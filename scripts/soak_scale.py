"""Is a batch in shards the same when it is disturbed? `python scripts/soak_scale.py --pictures 2000 --kills 20`.

Tiny pictures, half of them on the disk and half behind a web server, one of which never answers. Their answers are
instant: a threshold on the pixels, no model, so that it is the journals, shards, formats and the merge that are tried.
Four shards are done undisturbed, and once more with workers that are killed (SIGKILL) at random moments and with a disk
that is full once (a limit on the size of files). Both are merged, and must hold the same. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.raster.scenes import write_scene
from tests.raster.site import serving
from zeroov import recipe as recipes
from zeroov.batch import batch, finished_parts, merge, one_by_one, rows_in
from zeroov.batch.ask import Items, Texts
from zeroov.batch.images import Asked
from zeroov.batch.items import failed_item, item_id
from zeroov.batch.shards import journal_path
from zeroov.errors import Failed, attempt
from zeroov.outputs.found import SceneInfo
from zeroov.outputs.rle import encode_rle
from zeroov.raster.scene import open_source
from zeroov.shards import Shard, parse

SHARDS, EXPRESSION, NEVER = 4, "the bright field", "never.tif"
PLACE = (0.3, 0.0, 500_000.0, 0.0, -0.3, 5_000_000.0)


class Instant:
    """Stands for a pipeline: the recipe's name, and models that there are none of."""

    recipe = recipes.load("mini")
    provenance: Mapping[str, str] = {"model": "threshold", "recipe": "mini"}

    @property
    def models(self) -> Instant:
        return self

    def identities(self) -> dict[str, dict[str, str]]:
        return {}


class Threshold:
    """Asks pictures which of their pixels are bright."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def ask(self, todo: Texts) -> Generator[tuple[Items, object], None, None]:
        for each, texts in todo.items():
            outcome = attempt(lambda each=each: self._items(each))  # type: ignore[misc]
            if isinstance(outcome, Failed):
                yield [failed_item(each, text, outcome.reason) for text in texts], outcome
            else:
                yield outcome, outcome

    def _items(self, asked: Asked) -> Items:
        with open_source(asked.image) as scene:
            info, bright = SceneInfo.of(scene), scene.read().rgb[..., 0] > 150
        y, x = np.nonzero(bright)
        box = [float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1)]
        mask = encode_rle(bright[y.min() : y.max() + 1, x.min() : x.max() + 1])
        found = {"score": 0.5, "box": box, "origin_xy": [int(x.min()), int(y.min())], "mask": mask, "extra": {}}
        assert info.transform
        return [
            {
                **{"id": item_id(asked, EXPRESSION), "image": asked.place, "content": asked.content, "error": ""},
                **{"expression": EXPRESSION, "hw": list(info.hw), "crs": info.crs, "transform": list(info.transform)},
                **{"bands": [1, 2, 3], "score": 0.5, "words": "", "says_absent": False, "why_empty": ""},
                "found": [found],
            }
        ]


def work(listed: Path, out: Path, shard: Shard, room: int) -> None:
    """Do a shard; with `room` no file may grow by more bytes than that over the size of the shard's journal."""
    if room:
        path = journal_path(out, shard)
        limit = (path.stat().st_size if path.exists() else 0) + room
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    rows = rows_in([str(listed)], None, shard)
    batch(Instant(), rows, [EXPRESSION], out, {}, shard=shard, engine=Threshold)


def start(listed: Path, out: Path, index: int, room: int = 0) -> subprocess.Popen[str]:
    """Start a worker in a process of its own."""
    command = [sys.executable, "-m", "scripts.soak_scale", "--worker", str(listed), str(out), f"{index}/{SHARDS}"]
    return subprocess.Popen([*command, str(room)], stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])


def lines(out: Path, index: int) -> int:
    """Return how many lines a shard's journal has."""
    path = journal_path(out, Shard(index, SHARDS))
    return path.read_bytes().count(b"\n") if path.exists() else 0


def disturbed(listed: Path, out: Path, kills: int, pictures: int, rng: random.Random) -> dict[str, Any]:
    """Kill workers, each after a few more answers or at any moment of its start; fill the disk once."""
    out.mkdir(parents=True)
    full = start(listed, out, 1, room=6000)
    said = full.communicate()[1]
    filled = lines(out, 1)
    after: list[int] = []
    for number in range(4 * kills):
        if len(after) == kills:
            break
        index = rng.randrange(SHARDS) + 1
        worker, before = start(listed, out, index), lines(out, index)
        wanted = rng.randrange(1, max(2, pictures // (2 * kills))) if number % 3 else 0
        until = time.monotonic() + (120 if wanted else rng.uniform(0.05, 1.5))
        while worker.poll() is None and time.monotonic() < until:
            if wanted and lines(out, index) >= before + wanted:
                break
            time.sleep(0.002)
        killed = worker.poll() is None
        worker.kill()
        worker.communicate()
        if killed:  # and not done before
            after.append(lines(out, index) - before)
    return {
        "answers_before_each_kill": after,
        "full_disk": full.returncode,
        "answers_before_it": filled,
        "full_disk_said": said.strip()[-200:],
    }


def finish(listed: Path, out: Path) -> dict[str, Any]:
    """Do all shards to their end, and merge them; return what there is."""
    for index in range(1, SHARDS + 1):
        worker = start(listed, out, index)
        said = worker.communicate()[1]
        assert worker.returncode == 0, said
    parts = finished_parts(out)
    writers = one_by_one(out, ["coco", "geoparquet"], parts.expressions, list(parts.names))
    outcome = merge(parts, writers, Instant.recipe)
    paths = sorted(out.glob("answers-*.jsonl"))
    items = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    return {
        "items": sorted(json.dumps(item, sort_keys=True) for item in items),
        "ids": [item["id"] for item in items],
        "coco": sorted(json.dumps(each["segmentation"]) for each in _coco(out)),
        "failed": dict(outcome.failed),
        "images": outcome.images,
        "found": outcome.answers["found"],
        "rest": sorted(path.name for path in out.iterdir() if path.name.startswith(".zeroov-")),
    }


def _coco(out: Path) -> list[dict[str, Any]]:
    return list(json.loads((out / "coco.json").read_bytes())["annotations"])


def soak(folder: Path, pictures: int, kills: int, seed: int = 0) -> dict[str, Any]:
    """Do both runs and compare them; return the figures."""
    os.environ |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "GDAL_HTTP_MAX_RETRY": "2"}
    os.environ |= {"GDAL_HTTP_RETRY_DELAY": "0.01"}
    images, rng = folder / "images", random.Random(seed)
    images.mkdir(parents=True)
    noise = np.random.default_rng(seed)
    for number in range(pictures):
        pixels = noise.integers(0, 99, (3, 48, 64), dtype=np.uint8)
        y, x, h, w = noise.integers(4, 20, 4)
        pixels[:, y : y + h, x : x + w] = 200
        place = (*PLACE[:2], PLACE[2] + 20 * number, *PLACE[3:])
        write_scene(images / f"{number:05}.tif", pixels, crs="EPSG:32633", transform=place)
    with serving(images, NEVER) as site:
        names = [f"{site}/{n:05}.tif" if n % 2 else str(images / f"{n:05}.tif") for n in range(pictures - 1)]
        (folder / "list.txt").write_text(
            "\n".join([*names[: pictures // 3], f"{site}/{NEVER}", *names[pictures // 3 :]])
        )
        began = time.perf_counter()
        (folder / "whole").mkdir()
        whole = finish(folder / "list.txt", folder / "whole")
        undisturbed_seconds = time.perf_counter() - began
        told = disturbed(folder / "list.txt", folder / "killed", kills, pictures, rng)
        killed = finish(folder / "list.txt", folder / "killed")
        seconds = time.perf_counter() - began
    same = {name: whole[name] == killed[name] for name in ("items", "coco", "failed", "images", "found")}
    twice = len(killed["ids"]) - len(set(killed["ids"]))
    return {
        **{"pictures": pictures, "kills": len(told["answers_before_each_kill"]), **told},
        **{"same": same, "twice": twice, "failed": killed["failed"], "images": killed["images"]},
        **{"found": killed["found"], "left_by_kills": len(killed["rest"])},
        **{"undisturbed_seconds": round(undisturbed_seconds, 1), "seconds": round(seconds, 1)},
    }


def main() -> None:
    """Soak and print; a difference is exit code 1."""
    if sys.argv[1:2] == ["--worker"]:
        listed, out, shard, room = sys.argv[2:]
        work(Path(listed), Path(out), parse(shard), int(room))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = soak(Path(folder) / "soak", args.pictures, args.kills, args.seed)
    print(json.dumps(result))
    sys.exit(0 if all(result["same"].values()) and not result["twice"] and result["full_disk"] else 1)


if __name__ == "__main__":
    main()
