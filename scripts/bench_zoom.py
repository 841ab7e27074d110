"""What a closer look and a search are worth: `OMP_NUM_THREADS=1 python scripts/bench_zoom.py --scenes 100`.

Miniature scenes of the test split, 224, 1,120 and 2,240 pixels wide; in the large ones objects are 20 to 60 pixels,
which the first look sees blurred. The same questions with one look, with a closer one, and (`--tile`) with a search
over tiles: box Pr@0.5 and mask mIoU, the paired test against the one look, and the cost as a multiple of it.
`--form` asks questions of one form alone. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

import zeroov
from zeroov import frames
from zeroov.bench.scoring.statistics import paired
from zeroov.ground import Pipeline
from zeroov.mini.expressions import FORMS, Form, ask
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.recipe import load, parse_assignments
from zeroov.types import Bool, Box

PRESENT = tuple(form for form in FORMS if form != "absent")
LENGTHS = (20, 60)  # of the asked object's longer side in large scenes, in pixels
FIRST = 10_000  # scene of the test split; those before are others' tests


def questions(side: int, count: int, forms: tuple[Form, ...]) -> list[tuple[Scene, str, int]]:
    """Return so many scenes with an expression and its target each."""
    style = SceneStyle(height_width=(side, side), scale=1.0 if side <= 224 else 0.6)
    found: list[tuple[Scene, str, int]] = []
    index = FIRST
    while len(found) < count:
        scene, rng = make_scene(seed_for("test", index), style), np.random.default_rng(index)
        index += 1
        expression = ask(scene, rng, (forms[len(found) % len(forms)],)) or ask(scene, rng, forms)
        if expression is None or expression.target is None:
            continue
        x0, y0, x1, y1 = scene.objects[expression.target].box_xyxy
        if side <= 224 or LENGTHS[0] <= max(x1 - x0, y1 - y0) <= LENGTHS[1]:
            found.append((scene, expression.text, expression.target))
    return found


class Measured(NamedTuple):
    """Each question's box IoU and mask IoU, and the seconds of all."""

    box: Any
    mask: Any
    seconds: float


def measure(asked: list[tuple[Scene, str, int]], changes: dict[str, Any], searched: bool = False) -> Measured:
    """Ask all questions."""
    boxes, masks = [], []
    with zeroov.load(load("mini", changes), device="cpu") as pipeline:
        pipeline.ground(asked[0][0].image, asked[0][1], search=False)  # loads the models
        began = time.perf_counter()
        for scene, text, target in asked:
            mask, box = (look_everywhere if searched else look)(pipeline, scene, text)
            truth = scene.objects[target]
            boxes.append(frames.box_iou(box, Box(*map(float, truth.box_xyxy))) if box else 0.0)
            masks.append((mask & truth.mask).sum() / (mask | truth.mask).sum())
        seconds = time.perf_counter() - began
    return Measured(np.array(boxes), np.array(masks), seconds)


def look(pipeline: Pipeline, scene: Scene, text: str) -> tuple[Bool, Box | None]:
    """Ground in the whole picture."""
    answer = pipeline.ground(scene.image, text, search=False)
    return answer.mask, answer.box


def look_everywhere(pipeline: Pipeline, scene: Scene, text: str) -> tuple[Bool, Box | None]:
    """Search tile by tile."""
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(scene.image).save(Path(folder) / "scene.tif")
        answer = pipeline.ground(Path(folder) / "scene.tif", text, search=True)
    return answer.mask, answer.box


def printed(name: str, first: Measured, second: Measured) -> dict[str, Any]:
    """Print and return what the second way is worth beside the first."""
    hits = paired((first.box > 0.5).astype(float), (second.box > 0.5).astype(float))
    ious = paired(first.mask, second.mask)
    cost = second.seconds / first.seconds
    print(
        f"{name}: box Pr@0.5 {(first.box > 0.5).mean():.3f} -> {(second.box > 0.5).mean():.3f} "
        f"({hits.difference:+.3f}, p = {hits.p:.4f}), mask mIoU {first.mask.mean():.3f} -> {second.mask.mean():.3f} "
        f"(p = {ious.p:.4f}), {cost:.2f} x the time",
        flush=True,
    )
    return {
        "way": name,
        "scenes": len(first.box),
        "box_pr50": [float((one.box > 0.5).mean()) for one in (first, second)],
        "box_pr50_p": hits.p,
        "mask_miou": [float(one.mask.mean()) for one in (first, second)],
        "mask_miou_p": ious.p,
        "cost": cost,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--sides", type=int, nargs="+", default=(224, 1120, 2240))
    parser.add_argument("--tile", type=int, default=0, help="search tiles of so many pixels too, in larger scenes")
    parser.add_argument("--form", choices=PRESENT, action="append", help="by itself all forms take turns")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all, e.g. a model")
    parser.add_argument("--zoom", action="append", default=[], metavar="KEY=VALUE", help="for the closer look")
    parser.add_argument("--search", action="append", default=[], metavar="KEY=VALUE", help="for the search")
    args = parser.parse_args()
    torch.set_num_threads(1)
    every = parse_assignments(args.set)
    rows = []
    for side in args.sides:
        asked = questions(side, args.scenes, tuple(args.form or PRESENT))
        one = measure(asked, every)
        closer = measure(asked, {**every, "zoom.rounds": 1, **parse_assignments(args.zoom)})
        rows.append({"side": side, **printed(f"{side:5}, closer look", one, closer)})
        if args.tile and side > 2 * args.tile:
            changes = {**every, "search.tile": args.tile, **parse_assignments(args.search)}
            rows.append({"side": side, **printed(f"{side:5}, search", one, measure(asked, changes, searched=True))})
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
