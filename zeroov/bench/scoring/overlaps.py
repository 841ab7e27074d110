"""Intersections and unions of records, in the frame that a protocol scores in; masks stay run lengths where they can.

Where a data set has masks alone, the true box is the tight box of the mask; likewise for a system that answers masks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.bench.data.sample import mask_overlap
from zeroov.bench.runs.records import Corners, Reading, Record, Rle
from zeroov.bench.scoring.metrics import Floats, box_overlaps, fitted_hw, per_sample, with_misses
from zeroov.bench.scoring.protocols import TARGETS, BoxRule, MaskRule, Protocol, Rule, Target
from zeroov.frames import resize_mask
from zeroov.outputs.rle import decode_rle


@dataclass(frozen=True, eq=False)
class Overlaps:
    """What a protocol counts of a run's boxes or masks.

    `positions` says which records count, `columns` holds their rows of `metrics.per_sample` under `rule`; of a record
    whose truth cannot be read, the row of `metrics.with_misses`.
    """

    target: Target
    rule: Rule
    positions: NDArray[np.intp]
    columns: Floats

    @property
    def ious(self) -> Floats:
        """The IoU of every record that counts."""
        ious: Floats = self.columns[:, len(self.rule.thresholds)]
        return ious


def overlaps(
    records: Sequence[Record], protocol: Protocol, target: Target, reading: Reading = "final"
) -> Overlaps | None:
    """Return how the answers overlap with the truth, or `None` where there is nothing to count.

    That is so where the protocol scores no such target, no record has its truth, or nothing answered is of its kind.
    """
    rule = protocol.rule(target)
    if rule is None or (target == "mask" and not _answers_masks(records, reading)):
        return None
    if target == "point" and not any(record.point for record in records):
        return None
    counts = counted(records, protocol, target)
    if not counts:
        return None
    chosen = [records[position] for position, truth in counts if truth is not None]
    true = [truth for _, truth in counts if truth is not None]
    if isinstance(rule, BoxRule):
        shared, union = box_pairs(chosen, true, _rows([box_of(*record.read(reading)) for record in chosen]), rule)
    elif target == "point":
        hits = [_inside(record.point, box) for record, box in zip(chosen, true, strict=True)]
        shared, union = np.array(hits, dtype=np.float64), np.ones(len(hits))
    elif isinstance(rule, MaskRule):
        answers = [record.read(reading)[1] for record in chosen]
        pairs = [mask_pair(answer, truth, rule) for answer, truth in zip(answers, true, strict=True)]
        shared, union = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    positions = np.array([position for position, _ in counts], dtype=np.intp)
    return Overlaps(target, rule, positions, counted_rows(counts, shared, union, rule))


def overlaps_by_target(records: Sequence[Record], protocol: Protocol, reading: Reading) -> dict[Target, Overlaps]:
    """Return the overlaps of every target that has something to count."""
    found = {target: overlaps(records, protocol, target, reading) for target in TARGETS}
    return {target: own for target, own in found.items() if own is not None}


Counts = Sequence[tuple[int, Any]]


def counted(records: Sequence[Record], protocol: Protocol, target: Target) -> Counts:
    """Return the position and the truth of every record that counts; the truth is `None` where it cannot be read.

    Where a protocol leaves failed samples out, it leaves these out too: its code could not have read their truth.
    """
    counts: list[tuple[int, Any]] = []
    if protocol.rule(target) is None:
        return counts
    for position, record in enumerate(records):
        truth = record.truth_mask if target == "mask" else box_of(record.truth_box, record.truth_mask)
        unreadable = truth is None and record.truth_mask_unreadable
        left_out = protocol.skips_failed and (unreadable or record.status == "failed")
        if (unreadable or truth is not None) and not left_out:
            counts.append((position, truth))
    return counts


def counted_rows(counts: Counts, shared: Floats, union: Floats, rule: Rule) -> Floats:
    """Return the rows of all that count, from the intersections and the unions of those whose truth is known."""
    return with_misses(per_sample(shared, union, rule), np.array([truth is not None for _, truth in counts]))


def box_pairs(
    records: Sequence[Record], truths: Sequence[Corners], predicted: Floats, rule: BoxRule
) -> tuple[Floats, Floats]:
    """Return the intersections and the unions of predicted (n, 4) and true boxes, in pixels of the records' images."""
    hw = np.array([record.hw for record in records], dtype=np.float64).reshape(-1, 2)
    return box_overlaps(predicted, _rows(truths), hw, rule)


def mask_pair(predicted: Rle | None, truth: Rle, rule: MaskRule) -> tuple[float, float]:
    """Return the intersection and the union of a predicted and a true mask of one image."""
    from pycocotools import mask as coco

    height, width = truth["size"]
    to_hw = fitted_hw((height, width), rule.frame, rule.side)
    if to_hw != (height, width):
        true = resize_mask(decode_rle(truth), to_hw)
        ours = resize_mask(decode_rle(predicted), to_hw) if predicted else np.zeros_like(true)
        return mask_overlap(ours, true)
    if predicted is None:
        return 0.0, float(coco.area(truth))
    shared = float(coco.area(coco.merge([predicted, truth], intersect=True)))
    return shared, float(coco.area(predicted)) + float(coco.area(truth)) - shared


def tight_box(mask: Rle) -> Corners | None:
    """Return the half-open tight box of a mask, or `None` when nothing is set."""
    from pycocotools import mask as coco

    x, y, width, height = (float(side) for side in coco.toBbox(mask))
    return (x, y, x + width, y + height) if width > 0 else None


def box_of(box: Corners | None, mask: Rle | None) -> Corners | None:
    """Return the box that is scored: the one that is there, else the tight box of the mask."""
    return tight_box(mask) if box is None and mask is not None else box


def truth_share(record: Record) -> float | None:
    """Return the share of the image that the true object covers: its mask, or where there is none its box."""
    from pycocotools import mask as coco

    pixels = math.prod(record.hw)
    if record.truth_mask is not None:
        return float(coco.area(record.truth_mask)) / pixels
    if record.truth_box is None:
        return None
    x0, y0, x1, y1 = record.truth_box
    return max(x1 - x0, 0.0) * max(y1 - y0, 0.0) / pixels


def _inside(point: tuple[float, float] | None, box: Corners) -> bool:
    return point is not None and box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def _answers_masks(records: Sequence[Record], reading: Reading) -> bool:
    """Return whether masks are among the answers, or could be, since nothing at all was answered."""
    answers = [record.read(reading) for record in records]
    if reading == "answer":
        return False
    return any(mask is not None for _, mask in answers) or all(box is None for box, _ in answers)


def _rows(boxes: Sequence[Corners | None]) -> Floats:
    """Return boxes as an array (n, 4), NaN where there is none."""
    return np.array([(math.nan,) * 4 if box is None else box for box in boxes], dtype=np.float64).reshape(-1, 4)
