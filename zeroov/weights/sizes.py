"""How many numbers the weights of a model are, read from headers and lengths of its files; no weight is read."""

from __future__ import annotations

import json
import math
from pathlib import Path

from zeroov.weights.complete import wanted_files


def count_weights(path: Path, part: str) -> int:
    """Return how many numbers a complete `vlm` or `diffusion` folder, or a checkpoint's file, loads.

    A safetensors file says so in its header. Of any other file only the length is known: it is taken for 32-bit
    numbers, or 16-bit ones where its name says fp16.
    """
    if path.is_file():
        return _count(path)
    names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
    return sum(_count(path / name) for name in wanted_files(part, names) if name.endswith((".safetensors", ".bin")))


def _count(file: Path) -> int:
    if file.suffix != ".safetensors":
        return file.stat().st_size // (2 if ".fp16." in file.name else 4)
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
