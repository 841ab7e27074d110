"""Does a source of candidates list the objects of a kind?"""

from __future__ import annotations

import time

from zeroov.doctor.cases import Case
from zeroov.doctor.check import Check
from zeroov.frames import box_iou
from zeroov.ground import Pipeline
from zeroov.language.phrase import parse
from zeroov.look import Question
from zeroov.pipeline.asking import listings
from zeroov.progress import SILENT

NEAR = 0.5  # IoU of a listed box with the object's own
NAMES = {"vlm": ("overview list", "candidates.prompt"), "detector": ("detector boxes", "detector.threshold")}


def lists(pipeline: Pipeline, case: Case, source: str, *, random: bool) -> Check:
    """Ask a source for every object of the case's kind, and look for the case's own among them."""
    name, key = NAMES[source]
    start = time.perf_counter()
    kind = parse(case.expression).category
    (found,) = listings(pipeline, source, [Question(case.picture, kind)], SILENT)
    measured = f'{len(found.boxes)} boxes of "{kind}", {time.perf_counter() - start:.2f} s'
    if random:
        return Check(f"{name}, {case.name}", "skipped", f"{measured}; random weights list nothing that is meant")
    best = max((box_iou(box, case.box) for box in found.boxes), default=0.0)
    measured = f"{measured}, the best one has IoU {best:.2f} with the object"
    if best < NEAR:
        remedy = f'look at the list: `zeroov ground IMAGE "the {kind}" --panel`; its recipe key is {key}'
        return Check(f"{name}, {case.name}", "warning", measured, remedy)
    return Check(f"{name}, {case.name}", "ok", measured)
