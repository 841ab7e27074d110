"""What a list of classes does, asked of every image: `OMP_NUM_THREADS=1 python scripts/bench_classes.py --scenes 40`.

Scenes of the validation split of the miniature world. Of each every kind is asked, as `zeroov batch` asks a list,
whether it is there or not. Per least score: how many questions about what is there have a label; how many of these
labels lie on an object of the kind (box IoU above 0.5); how many questions about what is not there have a label; how
many of these lie on an object that has another class's label too, and how many of those have the lower score of the
two. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import NamedTuple

import zeroov
from zeroov import frames
from zeroov.batch.classes import ONE_PLACE, overlap
from zeroov.mini.kinds import KINDS
from zeroov.mini.scenes import Scene, make_scene, seed_for
from zeroov.outputs.answer import Answer
from zeroov.outputs.decide import decide
from zeroov.outputs.found import Found
from zeroov.recipe import load
from zeroov.types import Box

LEAST = (0.0, 0.2, 0.25, 0.3, 0.35, 0.4)

HEAD = (
    "| least score | there, labelled | of these on the kind | not there, labelled | of these under two classes | "
    "of these, the lower score |\n|---|---|---|---|---|---|"
)


class Asked(NamedTuple):
    """A question, whether an object of its kind is there, and where: the boxes of all of them."""

    scene: int
    answer: Answer
    truths: tuple[Box, ...]


def ask(count: int, zoom: bool) -> list[Asked]:
    """Ask every kind of so many scenes."""
    asked = []
    with zeroov.load("mini", device="cpu") as pipeline:
        for index in range(count):
            scene = make_scene(seed_for("val", index))
            answers = pipeline.ground(scene.image, [f"the {kind}" for kind in KINDS], zoom=zoom, undecided=True)
            asked += [Asked(index, each, boxes_of(scene, kind)) for kind, each in zip(KINDS, answers, strict=True)]
    return asked


def boxes_of(scene: Scene, kind: str) -> tuple[Box, ...]:
    """Return the boxes of a scene's objects of a kind."""
    return tuple(Box(*map(float, thing.box_xyxy)) for thing in scene.objects if thing.kind == kind)


def shown(asked: Asked, least: float) -> Found | None:
    """Return the label that a question gets."""
    by = load("mini", {"min_score": least})
    found, _ = decide(asked.answer.found, asked.answer.why_empty, asked.answer.says_absent, by)
    return found[0] if found else None


def rivals_of(one: Asked, asked: list[Asked], labels: dict[int, Found | None]) -> list[float]:
    """Return by how much the labels of other classes on the same object score above a question's."""
    label = labels[id(one)]
    assert label
    others = [labels[id(each)] for each in asked if each.scene == one.scene and each is not one]
    return [each.score - label.score for each in others if each and overlap(label, each) >= ONE_PLACE]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--zoom", action="store_true", help="with a closer look")
    options = parser.parse_args()
    began = time.perf_counter()
    asked = ask(options.scenes, options.zoom)
    there, absent = [each for each in asked if each.truths], [each for each in asked if not each.truths]
    denied = [sum(each.answer.says_absent for each in part) for part in (there, absent)]
    print(f"there: {len(there)} questions, {denied[0]} denied; not there: {len(absent)}, {denied[1]} denied")
    print(HEAD)
    rows = []
    for least in LEAST:
        labels = {id(each): shown(each, least) for each in asked}
        labelled = [(label, each.truths) for each in there if (label := labels[id(each)])]
        right = sum(any(frames.box_iou(label.box, box) > 0.5 for box in boxes) for label, boxes in labelled)
        false = sum(labels[id(each)] is not None for each in absent)
        rivals = [rivals_of(each, asked, labels) for each in absent if labels[id(each)]]
        twice = sum(bool(each) for each in rivals)
        lower = sum(max(each, default=0.0) > 0.0 for each in rivals)
        print(
            f"| {least:g} | {len(labelled)} of {len(there)} | {right} | {false} of {len(absent)} | {twice} | {lower} |"
        )
        row = {
            "least": least,
            "labelled": len(labelled),
            "right": right,
            "false": false,
            "twice": twice,
            "lower": lower,
        }
        rows.append(row)
    seconds = round(time.perf_counter() - began, 1)
    counts = {"there": len(there), "absent": len(absent), "denied": denied, "rows": rows, "seconds": seconds}
    print(json.dumps({"scenes": options.scenes, "zoom": options.zoom, **counts}))


if __name__ == "__main__":
    main()
