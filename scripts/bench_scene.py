"""What a very large scene costs: `OMP_NUM_THREADS=1 python scripts/bench_scene.py --side 20000`.

Writes a synthetic four-band GeoTIFF of drawn scenes side by side, in EPSG:32633, one object of it the only one of its
kind and colour, and searches it as `zeroov ground` does. Memory is measured above what the loaded models take. With
`--dtype uint16` it is stretched like any deep scene, to a contrast that the miniature models never saw: its costs count
then, not what is found. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import rasterio
import torch

import zeroov
from zeroov import frames
from zeroov.ground import Pipeline
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.recipe import load, parse_assignments
from zeroov.types import Box

PART = 1000  # side of one drawn scene
KIND, COLOUR = "stadium", "purple"


def drawn(index: int, special: bool) -> Scene:
    """Return the index-th drawn scene with one object of the special kind and colour, or with none."""
    style = SceneStyle(height_width=(PART, PART), scale=1.2, objects=(3, 6))
    while True:
        scene = make_scene(seed_for("test", 20_000 + index), style)
        count = sum(thing.kind == KIND and thing.colour == COLOUR for thing in scene.objects)
        if count == special:
            return scene
        index += 10_000


def write_scene(path: Path, side: int, dtype: str) -> Box:
    """Write the GeoTIFF and return the true box of the object that is asked for."""
    parts = [drawn(index, special=False) for index in range(8)]
    special = drawn(900, special=True)
    rng = np.random.default_rng(0)
    across = side // PART
    place = (int(across * 0.7), int(across * 0.2))  # column, row
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 4, "dtype": dtype, "tiled": True}
    profile |= {"blockxsize": 512, "blockysize": 512, "compress": "deflate", "bigtiff": "yes", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(0.3, 0, 4e5, 0, -0.3, 5e6)) as file:
        for row in range(across):
            for col in range(across):
                scene = special if (col, row) == place else parts[int(rng.integers(len(parts)))]
                bands = np.concatenate([scene.image, scene.image[..., :1]], axis=2)
                if dtype == "uint16":
                    bands = bands.astype(np.uint16) * 40 + 200
                window = rasterio.windows.Window(col * PART, row * PART, PART, PART)
                file.write(bands.transpose(2, 0, 1), window=window)
    thing = next(thing for thing in special.objects if (thing.kind, thing.colour) == (KIND, COLOUR))
    x0, y0, x1, y1 = (float(v) for v in thing.box_xyxy)
    return frames.crop_to_image(Box(x0, y0, x1, y1), (place[0] * PART, place[1] * PART))


def resident_mib() -> float:
    """Return the process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Peak(threading.Thread):
    """Looks at the resident memory every 20 ms; the system's own high-water mark is set back by every metered stage."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = self.highest = resident_mib()
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Look until `above` ends it."""
        while not self._over.wait(0.02):
            self.highest = max(self.highest, resident_mib())

    def above(self) -> float:
        """Stop; return how far the memory rose above what it was in the beginning."""
        self._over.set()
        self.join()
        return self.highest - self.before


def pipeline_of(args: argparse.Namespace) -> Pipeline:
    """Return the miniature pipeline with the recipe keys that were asked for."""
    changes = {"search.tile": args.tile, **parse_assignments(args.set)}
    return zeroov.load(load("mini", changes), device="cpu")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--dtype", choices=("uint8", "uint16"), default="uint8")
    parser.add_argument("--expression", default=f"the {COLOUR} {KIND}")
    parser.add_argument("--tile", type=int, default=1120)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="recipe keys, e.g. a model")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, pipeline_of(args) as pipeline:
        with ProcessPoolExecutor(1, get_context("spawn")) as other:  # what writing takes is not counted
            truth = other.submit(write_scene, Path(folder) / "scene.tif", args.side, args.dtype).result()
        small = make_scene(seed_for("test", 0)).image
        pipeline.ground(small, "the ship")  # loads all models
        peak = Peak()
        began = time.perf_counter()
        answer = pipeline.ground(Path(folder) / "scene.tif", args.expression)
        seconds = time.perf_counter() - began
        iou = frames.box_iou(answer.box, truth) if answer.box else 0.0
        figures = {
            "side": args.side,
            "dtype": args.dtype,
            "file_mib": round((Path(folder) / "scene.tif").stat().st_size / 2**20),
            "tiles": len(answer.tiles),
            "failed": len(answer.failed),
            "seconds": round(seconds, 1),
            "peak_mib_above_models": round(peak.above()),
            "box_iou": round(iou, 3),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
