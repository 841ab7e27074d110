"""How many numbers the weights of a model are, and what memory they are estimated to need; no weight is read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from zeroov.weights.complete import wanted_files

if TYPE_CHECKING:
    from zeroov.recipe import Recipe

BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0}
BYTES_4BIT = 0.7  # a number in 4 bits, with its scale, and the layers that stay in 16 bits
WORKING_SHARE, WORKING_BYTES = 0.3, 2**30  # of the weights, and in any case: what a stage needs while it works
NULLTEXT_SHARE = 3.0  # the same where gradients go through the UNet


def estimated_bytes(numbers: int, recipe: Recipe, stage: str, dtype: str) -> tuple[float, float]:
    """Estimate the memory of a stage's weights, so many numbers in a dtype, and what it needs beside them to work."""
    quantised = stage == "overview" and recipe.overview.quantize == "4bit"
    weights = numbers * (BYTES_4BIT if quantised else BYTES[dtype])
    share = NULLTEXT_SHARE if stage == "focus" and recipe.focus.method == "nulltext" else WORKING_SHARE
    return weights, weights * share + WORKING_BYTES


def count_weights(path: Path, part: str) -> int:
    """Return how many numbers a complete folder of a part, or a checkpoint's file, loads.

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
