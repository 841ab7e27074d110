"""What a run was made with, and its result: the file that is written last."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zeroov.bench.data.sample import Split
from zeroov.bench.runs.records import is_run, read_manifest
from zeroov.errors import OutputError, UsageError
from zeroov.files.atomic import write_json
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.recipe import Recipe
from zeroov.shards import Shard
from zeroov.version import __version__

PACKAGES = ("torch", "transformers", "diffusers", "accelerate", "segment-anything", "numpy", "opencv-python-headless")


def made_with(split: Split, recipe: Recipe, pipeline: Pipeline, shard: Shard) -> dict[str, Any]:
    """Return everything that decides a run's records; two runs that differ in it are never mixed."""
    asked = hashlib.sha256()
    for sample in split.samples:
        asked.update(json.dumps([sample.id, sample.image, sample.expression]).encode())
    return {
        "zeroov": __version__,
        "benchmark": split.benchmark,
        "split": split.name,
        "samples": len(split.samples),
        "questions": asked.hexdigest()[:16],
        "shard": f"{shard.index}/{shard.count}",
        "models": pipeline.models.identities(),
        **recipe.deciding(),
    }


def manifest_path(folder: Path, shard: Shard) -> Path:
    """Return where a shard's manifest lies. It is there only while the shard is finished."""
    return folder / f"manifest{shard.suffix}.json"


def dumps_folder(folder: Path, dumps: Path | None) -> Path:
    """Return where the maps of the run in `folder` are kept: in `dumps`, or in a folder of its own."""
    if dumps is None:
        return folder / "dumps"
    if is_run(dumps):
        listed = read_manifest(dumps / "manifest.json").get("dumps") or [dumps / "dumps"]
        where = " or ".join(f"`--dumps {each}`" for each in listed)
        raise UsageError(f"`{dumps}` is a run, and --dumps takes a folder of maps; this run's are named by {where}")
    return dumps.expanduser()


def note_dumps(folder: Path, shard: Shard, used: Path) -> None:
    """Note that maps of a shard lie in `used` from now on.

    A run that is interrupted and goes on with another folder has records whose maps lie in the first one, and no
    manifest yet that could say so.
    """
    now, before = str(used.resolve()), _noted_dumps(folder, shard)
    if now not in before[:1]:
        write_json(_dumps_path(folder, shard), [now, *(each for each in before if each != now)])


def _noted_dumps(folder: Path, shard: Shard) -> list[str]:
    """Return the folders where a shard's maps lie, the latest first."""
    path = _dumps_path(folder, shard)
    try:
        return [str(each) for each in json.loads(path.read_bytes())] if path.exists() else []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise OutputError(f"`{path}` is no list of folders ({error}); remove it") from error


def _dumps_path(folder: Path, shard: Shard) -> Path:
    return folder / f"dumps{shard.suffix}.json"


def write(
    folder: Path,
    shard: Shard,
    about: Mapping[str, Any],
    split: Split,
    recipe: Mapping[str, Any],
    samples: int,
    peak_bytes: Mapping[str, int],
    started: float,
) -> int:
    """Write the manifest of a finished shard, with what `recipe` says of it; return how many samples failed.

    Where one is there, nothing was done now: it says how the records were made, and stays.
    """
    items = read_items(folder / f"records{shard.suffix}.jsonl")
    if len(items) != samples:
        raise OutputError(f"`{folder}` holds {len(items)} records of {samples}; give the same command again")
    path = manifest_path(folder, shard)
    if path.exists():
        return int(summary(items)["failed"])
    manifest = {
        **summary(items),
        **recipe,
        "made_with": dict(about),
        "split_samples": split.size,
        "root": str(split.root),
        "remarks": len(split.remarks),
        "peak_bytes": dict(peak_bytes),
        "session_seconds": round(time.time() - started, 1),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "device": _device(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _commit(),
        "command": sys.argv[1:],
        "dumps": _noted_dumps(folder, shard) or [str((folder / "dumps").resolve())],
    }
    write_json(path, manifest)
    return int(manifest["failed"])


def summary(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many samples there are, failed and came out empty, and each stage's seconds."""
    spent: dict[str, float] = {}
    for item in items:
        for stage, seconds in item["seconds"].items():
            spent[stage] = spent.get(stage, 0.0) + seconds
    return {
        "samples": len(items),
        "failed": sum(item["status"] == "failed" for item in items),
        "empty": sum(item["status"] == "empty" for item in items),
        "seconds": {stage: round(seconds, 3) for stage, seconds in spent.items()},
    }


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the checkout that zeroov runs from, `+` where it was changed; `None` outside of one."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    try:
        asked = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
