"""Join the shards of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroov.bench.journal import about_path, read_items
from zeroov.bench.manifest import summary
from zeroov.bench.shards import Shard
from zeroov.errors import UsageError
from zeroov.raster.write import write_atomically, write_json


def merge_when_all_are_done(folder: Path, shard: Shard) -> None:
    """Join the shards of a folder if every one of them is finished: the last to finish does it."""
    if shard.count > 1 and len(list(folder.glob(f"manifest-*-of-{shard.count:04}.json"))) == shard.count:
        merge([folder], folder)


def merge(folders: Sequence[Path], out: Path) -> int:
    """Join the shards that lie in `folders` into `out`; return the number of records.

    Shards that were made with different things, that overlap, or of which one is missing or unfinished are refused.
    """
    parts: dict[int, tuple[Path, dict[str, Any]]] = {}
    count, alike = 0, None
    for path in sorted(path for folder in folders for path in folder.glob("records-*-of-*.jsonl")):
        index, of = map(int, re.findall(r"\d+", path.stem)[-2:])
        about = json.loads(about_path(path).read_bytes())
        told = path.with_name(path.stem.replace("records", "manifest") + ".json")
        if not told.exists():
            raise UsageError(f"shard {index}/{of} in `{path.parent}` is not finished; give its command again")
        rest = {key: value for key, value in about.items() if key != "shard"}
        if alike is not None and (rest != alike or of != count):
            different = [key for key in {**alike, **rest} if alike.get(key) != rest.get(key)]
            raise UsageError(
                f"`{path}` does not belong to the other shards: it differs in {', '.join(different) or 'their number'}"
            )
        if index in parts:
            raise UsageError(f"shard {index}/{of} is there twice: `{parts[index][0]}` and `{path}`; leave one out")
        alike, count = rest, of
        parts[index] = path, json.loads(told.read_bytes())
    if not parts:
        raise UsageError(
            f"no shards in {', '.join(f'`{folder}`' for folder in folders)}; `bench run --shard i/n` makes them"
        )
    if missing := [index for index in range(1, count + 1) if index not in parts]:
        raise UsageError(f"of {count} shards, {', '.join(map(str, missing))} are missing; name their folders too")
    items = [item for index in sorted(parts) for item in read_items(parts[index][0])]
    ids = [item["id"] for item in items]
    if len(set(ids)) != len(ids):
        raise UsageError("two shards hold the same sample; they are not parts of one run")
    if alike and len(items) != alike["samples"]:
        raise UsageError(f"the shards hold {len(items)} records, the split has {alike['samples']}")
    items.sort(
        key=lambda item: [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in _parts(item)]
    )
    write_atomically(out / "records.jsonl", b"".join(json.dumps(i, ensure_ascii=False).encode() + b"\n" for i in items))
    manifests = [told for _, told in parts.values()]
    write_json(
        out / "manifest.json",
        manifests[0]
        | summary(items)
        | {
            "made_with": {**(alike or {}), "shard": "1/1"},
            "shards": count,
            "peak_bytes": _largest([told["peak_bytes"] for told in manifests]),
            "dumps": sorted({folder for told in manifests for folder in told["dumps"]}),
        },
    )
    return len(items)


def _parts(item: Mapping[str, Any]) -> list[str]:
    return [part for part in re.split(r"(\d+)", item["id"]) if part]


def _largest(several: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {stage: max(one.get(stage, 0) for one in several) for stage in several[0]}
