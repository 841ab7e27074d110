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
from zeroov.bench.runs.shards import Shard
from zeroov.errors import OutputError
from zeroov.files.atomic import write_json
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.recipe import Recipe
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
        "dumps": [str((folder / "dumps").resolve())],
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
