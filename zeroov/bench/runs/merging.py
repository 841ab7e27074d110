"""Join the shards of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroov.bench.runs.manifest import summary
from zeroov.bench.runs.records import read_manifest, read_records
from zeroov.errors import OutputError, UsageError
from zeroov.files.atomic import ensure_writable_folder, write_atomically, write_json
from zeroov.files.journal import about_path, require_same
from zeroov.files.lock import Lock
from zeroov.shards import Shard


def merge_when_all_are_done(folder: Path, shard: Shard) -> None:
    """Join the shards of a folder if every one of them is finished: the last to finish does it."""
    if shard.count > 1 and len(list(folder.glob(f"manifest-*-of-{shard.count:04}.json"))) == shard.count:
        merge([folder], folder)


def merge(folders: Sequence[Path], out: Path) -> int:
    """Join the shards that lie in `folders` into `out`; return the number of records.

    Refused are shards that were made with different things, that overlap, or of which one is missing or unfinished, and
    a folder `out` that holds a run made with anything else.
    """
    parts: dict[int, tuple[Path, dict[str, Any]]] = {}
    count, alike = 0, None
    for path in sorted(path for folder in folders for path in folder.glob("records-*-of-*.jsonl")):
        index, of = map(int, re.findall(r"\d+", path.stem)[-2:])
        about = _made_with(path)
        manifest = path.with_name(path.stem.replace("records", "manifest") + ".json")
        if not manifest.exists():
            raise UsageError(f"shard {index}/{of} in `{path.parent}` is not finished; give its command again")
        rest = _without_shard(about)
        if alike is not None and (rest != alike or of != count):
            different = [key for key in {**alike, **rest} if alike.get(key) != rest.get(key)]
            raise UsageError(
                f"`{path}` does not belong to the other shards: it differs in {', '.join(different) or 'their number'}"
            )
        if index in parts:
            raise UsageError(f"shard {index}/{of} is there twice: `{parts[index][0]}` and `{path}`; leave one out")
        alike, count = rest, of
        parts[index] = path, _manifest(manifest)
    if not parts:
        raise UsageError(
            f"no shards in {', '.join(f'`{folder}`' for folder in folders)}; `bench run --shard i/n` makes them"
        )
    if missing := [index for index in range(1, count + 1) if index not in parts]:
        raise UsageError(f"of {count} shards, {', '.join(map(str, missing))} are missing; name their folders too")
    items = [record.to_json() for index in sorted(parts) for record in read_records(parts[index][0])]
    ids = [item["id"] for item in items]
    if len(set(ids)) != len(ids):
        raise UsageError("two shards hold the same sample; they are not parts of one run")
    if alike and len(items) != (samples := alike.get("samples")):
        raise UsageError(f"the shards hold {len(items)} records, the split has {samples}")
    items.sort(
        key=lambda item: [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in _parts(item)]
    )
    manifests = [manifest for _, manifest in parts.values()]
    made_with = {**(alike or {}), "shard": "1/1"}
    whole = ensure_writable_folder(out) / "records.jsonl"
    with Lock(whole.with_suffix(".lock"), whole, wait=True):
        if whole.exists():
            require_same(whole, _made_with(whole), made_with)
        (out / "manifest.json").unlink(missing_ok=True)  # whoever is killed from here on leaves an unfinished run
        write_json(about_path(whole), made_with)
        lines = (json.dumps(item, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n" for item in items)
        write_atomically(whole, b"".join(lines))
        write_json(
            out / "manifest.json",
            manifests[0]
            | summary(items)
            | {
                "made_with": made_with,
                "shards": count,
                "peak_bytes": _largest([manifest["peak_bytes"] for manifest in manifests]),
                "dumps": sorted({folder for manifest in manifests for folder in manifest["dumps"]}),
            },
        )
    return len(items)


def refuse_other_runs(folder: Path, shard: Shard, made_with: Mapping[str, Any]) -> None:
    """Refuse a folder that holds records, whole or in shards, made with anything else, or shards of another number."""
    wanted = _without_shard(json.loads(json.dumps(made_with)))
    for path in sorted(folder.glob("records*.jsonl")):
        require_same(path, _without_shard(_made_with(path)), wanted)
        numbers = re.findall(r"\d+", path.stem)
        if numbers and shard.count > 1 and int(numbers[-1]) != shard.count:
            raise OutputError(
                f"`{path}` is one of {int(numbers[-1])} shards, and now there are {shard.count}; "
                f"go on with --shard I/{int(numbers[-1])}, or name another folder"
            )


def _made_with(path: Path) -> dict[str, Any]:
    """Return what a file of records was made with, from the file beside it."""
    try:
        return dict(json.loads(about_path(path).read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise OutputError(f"nothing says what `{path}` was made with ({error}); name another folder") from error


def _manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a shard; refuse one that does not hold what is put together here."""
    manifest = read_manifest(path)
    peaks, dumps = manifest.get("peak_bytes"), manifest.get("dumps")
    if not (
        isinstance(peaks, dict)
        and all(isinstance(peak, int) for peak in peaks.values())
        and isinstance(dumps, list)
        and all(isinstance(folder, str) for folder in dumps)
    ):
        raise UsageError(f"`{path}` is no shard's manifest; remove it, and give the shard's command again")
    return manifest


def _without_shard(made_with: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made_with.items() if key != "shard"}


def _parts(item: Mapping[str, Any]) -> list[str]:
    return [part for part in re.split(r"(\d+)", item["id"]) if part]


def _largest(peaks: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {stage: max(peak.get(stage, 0) for peak in peaks) for stage in peaks[0]}
