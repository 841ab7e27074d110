"""What a closer look is worth: `OMP_NUM_THREADS=1 python scripts/bench_zoom.py --scenes 100`.

Miniature scenes of the test split, 224, 1,120 and 2,240 pixels wide; in the large ones objects are 20 to 60 pixels,
which the first look sees blurred. The same questions with one look and with a closer one, box Pr@0.5 and mask mIoU with
the paired test, and the seconds of both. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import torch

import zeroov
from zeroov import frames
from zeroov.bench.statistics import paired
from zeroov.mini.expressions import FORMS, ask
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.recipe import parse_assignments
from zeroov.types import Box

PRESENT = tuple(form for form in FORMS if form != "absent")
LENGTHS = (20, 60)  # of the asked object's longer side in large scenes, in pixels
FIRST = 10_000  # scene of the test split; those before are others' tests


def questions(side: int, count: int) -> list[tuple[Scene, str, int]]:
    """Return so many scenes with an expression and its target each."""
    style = SceneStyle(height_width=(side, side), scale=1.0 if side <= 224 else 0.6)
    found: list[tuple[Scene, str, int]] = []
    index = FIRST
    while len(found) < count:
        scene, rng = make_scene(seed_for("test", index), style), np.random.default_rng(index)
        index += 1
        expression = ask(scene, rng, (PRESENT[len(found) % len(PRESENT)],)) or ask(scene, rng, PRESENT)
        if expression is None or expression.target is None:
            continue
        x0, y0, x1, y1 = scene.objects[expression.target].box_xyxy
        if side <= 224 or LENGTHS[0] <= max(x1 - x0, y1 - y0) <= LENGTHS[1]:
            found.append((scene, expression.text, expression.target))
    return found


def measure(asked: list[tuple[Scene, str, int]], changes: dict[str, Any]) -> tuple[Any, Any, float, float]:
    """Return each question's box IoU and mask IoU, the seconds of all, and the share of closer looks believed."""
    boxes, masks, believed = [], [], 0
    with zeroov.load("mini", device="cpu", **changes) as pipeline:
        pipeline.ground(asked[0][0].image, asked[0][1])  # loads the models
        began = time.perf_counter()
        for scene, text, target in asked:
            result = pipeline.ground(scene.image, text)
            truth = scene.objects[target]
            true_box = Box(*map(float, truth.box_xyxy))
            boxes.append(frames.box_iou(result.box, true_box) if result.box else 0.0)
            masks.append((result.mask & truth.mask).sum() / (result.mask | truth.mask).sum())
            believed += any(look.believed for look in result.looks)
        seconds = time.perf_counter() - began
    return np.array(boxes), np.array(masks), seconds, believed / len(asked)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--sides", type=int, nargs="+", default=(224, 1120, 2240))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for both, e.g. a model")
    parser.add_argument("--zoom", action="append", default=[], metavar="KEY=VALUE", help="for the closer look")
    args = parser.parse_args()
    torch.set_num_threads(1)
    both = {key.replace(".", "__"): value for key, value in parse_assignments(args.set).items()}
    closer = {key.replace(".", "__"): value for key, value in parse_assignments(args.zoom).items()}
    told = []
    for side in args.sides:
        asked = questions(side, args.scenes)
        box1, mask1, seconds1, _ = measure(asked, both)
        box2, mask2, seconds2, believed = measure(asked, {**both, "zoom__rounds": 1, **closer})
        hits = paired((box1 > 0.5).astype(float), (box2 > 0.5).astype(float))
        ious = paired(mask1, mask2)
        row = {
            "side": side,
            "scenes": len(asked),
            "box_pr50": [float((box1 > 0.5).mean()), float((box2 > 0.5).mean())],
            "box_pr50_p": hits.p,
            "mask_miou": [float(mask1.mean()), float(mask2.mean())],
            "mask_miou_p": ious.p,
            "believed": believed,
            "cost": seconds2 / seconds1,
        }
        told.append(row)
        print(
            f"{side:5}: box Pr@0.5 {row['box_pr50'][0]:.3f} -> {row['box_pr50'][1]:.3f} ({hits.difference:+.3f}, "
            f"p = {hits.p:.4f}), mask mIoU {mask1.mean():.3f} -> {mask2.mean():.3f} (p = {ious.p:.4f}), "
            f"{believed:.0%} believed, {row['cost']:.2f} x the time",
            flush=True,
        )
    print(json.dumps(told))


if __name__ == "__main__":
    main()
