"""The shipped miniature models through the whole pipeline, on test scenes that they never saw."""

from __future__ import annotations

import numpy as np

import zeroov
from zeroov import frames
from zeroov.mini.expressions import expressions_for
from zeroov.mini.scenes import make_scene, seed_for
from zeroov.types import Box


def test_the_miniature_pipeline_finds_what_is_asked_for() -> None:
    samples, truths = [], []
    for index in range(20):
        scene = make_scene(seed_for("test", 1000 + index))
        target = index % len(scene.objects)
        expressions = expressions_for(scene, target)
        if expressions:
            samples.append((scene.image, expressions[index % len(expressions)].text))
            truths.append(scene.objects[target])
    with zeroov.load("mini", device="cpu") as pipeline:
        results = pipeline.ground_all(samples)
    masks, pointed, boxes = [], [], []
    for result, truth in zip(results, truths, strict=True):
        union = (result.mask | truth.mask).sum()
        masks.append((result.mask & truth.mask).sum() / union)
        overview, evolved = result.stages["overview"].value, result.stages["evolve"].value
        boxes.append(frames.box_iou(overview.answer_box, Box(*truth.box_xyxy)) if overview.answer_box else 0)
        y, x = (np.array(np.unravel_index(evolved.cross_on_grid.argmax(), (32, 32))) + 0.5) * 7
        x0, y0, x1, y1 = truth.box_xyxy
        pointed.append(x0 <= x < x1 and y0 <= y < y1)
    accuracy = np.mean(np.array(boxes) > 0.5)
    print(f"mask mIoU {np.mean(masks):.3f}, pointing {np.mean(pointed):.3f}, box Pr@0.5 {accuracy:.3f}")
    assert len(samples) >= 15
    assert np.mean(masks) >= 0.60
    assert np.mean(pointed) >= 0.70
    assert accuracy >= 0.70
