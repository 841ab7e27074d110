"""Draw training scenes once, to memory-mapped arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from scripts.training.resume import Limits
from zeroov.mini.kinds import COLOURS, KINDS
from zeroov.mini.scenes import Scene, make_scene, seed_for

SIDE = 256
GRID = 32
MOST = 6
"""Most objects in a scene of the default style."""
FACTS = 6
"""What is noted of an object: kind, colour (numbers), centre x, y, width, height (fractions of the scene)."""


def describe(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """Describe a scene in a few words: 'red plane, blue ship on grass', the objects in an order drawn from `rng`."""
    order = rng.permutation(len(scene.objects)) if rng else np.arange(len(scene.objects))
    things = ", ".join(f"{scene.objects[int(i)].colour} {scene.objects[int(i)].kind}" for i in order)
    return f"{things} on {scene.terrain}" if things else scene.terrain


def model_pixels(scene: Scene) -> npt.NDArray[np.uint8]:
    """Resize a scene as `zeroov.focus` does: uint8 (SIDE, SIDE, 3)."""
    return np.array(Image.fromarray(scene.image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def cover(mask: npt.NDArray[np.bool_], grid: int) -> npt.NDArray[np.float32]:
    """Return the share of each grid cell that the mask covers, (grid, grid)."""
    whole = cv2.resize(mask.astype(np.float32), (grid * 16, grid * 16), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(whole, (grid, grid), interpolation=cv2.INTER_AREA), dtype=np.float32)


def instance_map(scene: Scene, grid: int) -> npt.NDArray[np.int8]:
    """Return per cell the number of the object that covers most of it, -1 where none covers half."""
    owner = np.full((grid, grid), -1, np.int8)
    for number, thing in enumerate(scene.objects):
        owner[cover(thing.mask, grid) >= 0.5] = number
    return owner


def facts(scene: Scene) -> npt.NDArray[np.float32]:
    """Return (MOST, FACTS), zero rows for objects that are not there."""
    height, width = scene.height_width
    rows = np.zeros((MOST, FACTS), np.float32)
    for row, thing in zip(rows, scene.objects, strict=False):
        x0, y0, x1, y1 = thing.box_xyxy
        row[:2] = list(KINDS).index(thing.kind), list(COLOURS).index(thing.colour)
        row[2:] = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height
    return rows


ARRAYS: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
    "pixels": ((SIDE, SIDE, 3), np.uint8),
    "owner32": ((32, 32), np.int8),
    "owner16": ((16, 16), np.int8),
    "facts": ((MOST, FACTS), np.float32),
}


def kept_array(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[np.generic]:
    """Open a memory-mapped array that an earlier run made, or make it; a kill leaves it whole or not there."""
    if not path.exists():
        part = path.with_suffix(".part")
        np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape).flush()
        part.replace(path)
    found = np.lib.format.open_memmap(path, mode="r+")
    if found.shape != shape:
        raise SystemExit(f"{path} holds {found.shape[0]} scenes, --scenes asks for {shape[0]}; use another --state")
    return found


class ScenePool:
    """The first `size` training scenes on disk, in the order of their seeds."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.size, self._captions = size, folder / "captions.jsonl"
        self.arrays = {
            name: kept_array(folder / f"{name}.npy", (size, *shape), dtype) for name, (shape, dtype) in ARRAYS.items()
        }

    def captions(self) -> list[str]:
        """Return the descriptions of the scenes drawn so far; what a kill left of a line is no line."""
        text = self._captions.read_text(encoding="utf-8") if self._captions.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def fill(self, limits: Limits) -> bool:
        """Draw what is missing, a scene's caption after its arrays; tell whether all is there."""
        drawn = self.captions()
        if len(drawn) == self.size:
            return True
        part = self._captions.with_suffix(".part")
        part.write_text("".join(json.dumps(caption) + "\n" for caption in drawn), encoding="utf-8")
        part.replace(self._captions)
        with self._captions.open("a", encoding="utf-8") as file:
            for index in range(len(drawn), self.size):
                if limits.out_of_time():
                    return False
                scene = make_scene(seed_for("train", index))
                self.arrays["pixels"][index] = model_pixels(scene)
                self.arrays["owner32"][index] = instance_map(scene, 32)
                self.arrays["owner16"][index] = instance_map(scene, 16)
                self.arrays["facts"][index] = facts(scene)
                file.write(json.dumps(describe(scene, np.random.default_rng(index))) + "\n")
                file.flush()
        return True


def pixels_of(pool: ScenePool, indices: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return scenes as the VAE reads them: float32 (N, 3, SIDE, SIDE) in [-1, 1]."""
    picked = pool.arrays["pixels"][np.asarray(indices)]
    return np.ascontiguousarray(picked.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(127.5) - 1
