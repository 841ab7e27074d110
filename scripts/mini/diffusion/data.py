"""Draw training scenes once, to memory-mapped arrays that another process may read while they fill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

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


class ScenePool:
    """The first `size` training scenes on disk; `ready()` of them are drawn so far, in the order of their seeds."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.size = folder, size
        self.arrays: dict[str, npt.NDArray[np.generic]] = {}
        for name, (shape, dtype) in ARRAYS.items():
            path = folder / f"{name}.npy"
            mode = "r+" if path.exists() else "w+"
            self.arrays[name] = np.lib.format.open_memmap(
                path, mode=mode, dtype=None if mode == "r+" else dtype, shape=None if mode == "r+" else (size, *shape)
            )

    def ready(self) -> int:
        """Count the scenes drawn."""
        path = self.folder / "captions.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def captions(self) -> list[str]:
        """Return the descriptions of the scenes drawn."""
        return [json.loads(line) for line in (self.folder / "captions.jsonl").read_text("utf-8").splitlines()]

    def fill(self) -> None:
        """Draw what is missing; a scene's caption is written after its arrays, so that a cut-off run goes on."""
        cv2.setNumThreads(1)
        with (self.folder / "captions.jsonl").open("a", encoding="utf-8") as file:
            for index in range(self.ready(), self.size):
                scene = make_scene(seed_for("train", index))
                self.arrays["pixels"][index] = model_pixels(scene)
                self.arrays["owner32"][index] = instance_map(scene, 32)
                self.arrays["owner16"][index] = instance_map(scene, 16)
                self.arrays["facts"][index] = facts(scene)
                file.write(json.dumps(describe(scene, np.random.default_rng(index))) + "\n")
                file.flush()


def fill_pool(folder: Path, size: int) -> None:
    """Fill the pool: what the drawing process runs."""
    ScenePool(folder, size).fill()


def pixels_of(pool: ScenePool, indices: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return scenes as the VAE reads them: float32 (N, 3, SIDE, SIDE) in [-1, 1]."""
    picked = pool.arrays["pixels"][np.asarray(indices)]
    return np.ascontiguousarray(picked.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(127.5) - 1
