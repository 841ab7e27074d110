"""From boxes, or intersections and unions, to figures: pure arrays, one row per sample, as a protocol counts them.

Every figure is a function of sums over the samples. So the same two steps, `per_sample` and `figures`, serve the
value itself, its bootstrap (sums of drawn rows) and the paired test (rows of two runs side by side).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeroov.bench.scoring.protocols import BoxRule, Rule
from zeroov.bench.scoring.statistics import ratio
from zeroov.types import Bool

Floats = NDArray[np.float64]

FURTHEST = 1e9  # pixels from an image's corner; what lies further out is taken for that far, or squares would overflow


def per_sample(intersections: NDArray[Any], unions: NDArray[Any], rule: Rule) -> Floats:
    """Return what `figures` sums, (..., samples, columns), from intersections and unions of shape (..., samples).

    The columns: a hit or not at each threshold, the IoU, the intersection, the union.
    """
    shared, union = np.asarray(intersections, np.float64), np.asarray(unions, np.float64)
    iou = ious(shared, union, rule)
    counted = _repeating_last(iou, union > 0) if rule.repeats_last else iou
    precision: Any = np.float32 if rule.single else np.float64  # 0.6 is not the same number in both
    limits, counted = np.array(rule.thresholds, precision), counted.astype(precision)
    hits = counted[..., None] > limits if rule.strict else counted[..., None] >= limits
    return np.concatenate([hits, iou[..., None], shared[..., None], union[..., None]], axis=-1, dtype=np.float64)


def with_misses(rows: Floats, known: Bool) -> Floats:
    """Return `rows` of `per_sample`, one for each true value of `known` (samples,), with a row of zeros for each false.

    A sample whose truth cannot be read is such a row: IoU 0, no hit at any threshold, and nothing in the sums of oIoU,
    since the size of its truth is unknown.
    """
    placed = np.zeros((len(known), rows.shape[1]))
    placed[known] = rows
    return placed


def ious(intersections: Floats, unions: Floats, rule: Rule) -> Floats:
    """Return each sample's IoU, which is what mIoU is the mean of."""
    precision: Any = np.float32 if rule.single else np.float64
    shared = intersections.astype(precision) + precision(rule.shared_epsilon)
    union = unions.astype(precision) + precision(rule.union_epsilon)
    quotients: Floats = np.full(shared.shape, rule.empty_union)
    np.divide(shared, union, out=quotients, where=unions > 0)
    return quotients


def figures(sums: Floats, samples: int, rule: Rule) -> Floats:
    """Return the figures, (..., names), from the sums (..., columns) of so many rows of `per_sample`."""
    last = len(rule.thresholds)
    parts = [sums[..., :last] / samples]
    if rule.mean:
        parts.append(sums[..., last, None] / samples)
    if rule.overall:
        parts.append(ratio(sums[..., last + 1, None], sums[..., last + 2, None]) + rule.overall_shift)
    return np.concatenate(parts, axis=-1)


def box_overlaps(predicted: Floats, truth: Floats, hw: NDArray[Any], rule: BoxRule) -> tuple[Floats, Floats]:
    """Return intersections and unions, in the rule's frame, of predicted and true boxes, a row (x0, y0, x1, y1) each.

    Both are in pixels of their images, of sizes `hw` (n, 2); a row of NaN is a sample without a predicted box.
    """
    predicted, truth = np.clip(predicted, -FURTHEST, FURTHEST), np.clip(truth, -FURTHEST, FURTHEST)
    absent = np.isnan(predicted[:, 0])
    scale, margin, size = _frame(hw, rule)
    ours = np.where(absent[:, None], 0.0, predicted * scale + margin)
    true = (_on_grid(truth, hw, rule.truth_grid) if rule.truth_grid else truth) * scale + margin
    if rule.whole:  # to the sixth decimal first, or what was 29 of 100 in pixels would come back as 28
        ours, true = np.trunc(ours.round(6)), np.trunc(true.round(6))
    if rule.clipped != "neither":
        ours = np.clip(ours, 0, size)
    if rule.clipped == "both":
        true = np.clip(true, 0, size)
    if rule.last_pixel:
        ours = np.where(absent[:, None], 0.0, ours - (0, 0, 1, 1))
    beyond = 1.0 if rule.inclusive else 0.0
    near, far = np.maximum(ours[:, :2], true[:, :2]), np.minimum(ours[:, 2:], true[:, 2:])
    shared = np.maximum(far - near + beyond, 0).prod(axis=1)
    areas = [np.maximum(box[:, 2:] - box[:, :2] + beyond, 0).prod(axis=1) for box in (ours, true)]
    union = areas[0] + areas[1] - shared
    if rule.missing != "origin":
        shared = np.where(absent, 0.0, shared)
        union = np.where(absent, areas[1] if rule.missing == "truth" else 0.0, union)
    return shared, union


def fitted_hw(hw: tuple[int, int], frame: str, side: int) -> tuple[int, int]:
    """Return the size to which a mask of an image of `hw` is resized; padding around it changes no overlap."""
    if frame == "own":
        return hw
    if frame == "stretched":
        return side, side
    longest = max(hw)
    return max(round(hw[0] * side / longest), 1), max(round(hw[1] * side / longest), 1)


def _frame(hw: NDArray[Any], rule: BoxRule) -> tuple[Floats, Floats, Floats]:
    """Return what maps boxes (n, 4) into the rule's frame, a factor and a margin, and where the frame ends."""
    wh = np.asarray(hw, np.float64)[:, ::-1]
    if rule.frame == "own":
        scale, margin, size = np.ones_like(wh), np.zeros_like(wh), wh
    elif rule.frame == "stretched":
        scale, margin, size = rule.side / wh, np.zeros_like(wh), np.full_like(wh, rule.side)
    else:
        scale, margin = _padded(wh, rule.side)
        size = np.full_like(wh, rule.side)
    return np.tile(scale, 2), np.tile(margin, 2), np.tile(size, 2)


def _padded(wh: Floats, side: int) -> tuple[Floats, Floats]:
    """Return the factor and the margins that fit images into the middle of a square."""
    scale = np.broadcast_to(side / wh.max(axis=1, keepdims=True), wh.shape)
    return scale, (side - np.rint(wh * scale)) / 2


def _on_grid(truth: Floats, hw: NDArray[Any], side: int) -> Floats:
    """Return true boxes as whole numbers of a padded square keep them, at most side - 1, back in image pixels."""
    scale, margin = (np.tile(part, 2) for part in _padded(np.asarray(hw, np.float64)[:, ::-1], side))
    whole: Floats = np.clip(np.trunc((np.trunc(truth) * scale + margin).round(6)), 0, side - 1)
    back: Floats = (whole - margin) / scale
    return back


def _repeating_last(iou: Floats, answered: Bool) -> Floats:
    """Return each sample's IoU, where it was not answered that of the last one that was; 0 before the first."""
    position = np.where(answered, np.arange(iou.shape[-1]), -1)
    last = np.maximum.accumulate(position, axis=-1)
    return np.where(last >= 0, np.take_along_axis(iou, np.maximum(last, 0), axis=-1), 0.0)
