"""The metrics once more, slowly and by other means: pixels counted one by one, sums in plain loops."""

from __future__ import annotations

import math


def half_open(predicted, truth):
    """Count the unit squares of two boxes with whole corners; `None` is no box."""
    ours, true = squares(predicted, 0), squares(truth, 0)
    return len(ours & true), len(ours | true)


def with_last_pixel(predicted, truth):
    """Count the pixels of two boxes of which the far corners are pixels of their own."""
    ours, true = squares(predicted, 1), squares(truth, 1)
    return len(ours & true), len(ours | true)


def squares(box, beyond):
    if box is None:
        return set()
    x0, y0, x1, y1 = map(int, box)
    return {(x, y) for x in range(x0, x1 + beyond) for y in range(y0, y1 + beyond)}


def clipped(box, width, height):
    if box is None:
        return None
    x0, y0, x1, y1 = box
    return min(max(x0, 0), width), min(max(y0, 0), height), min(max(x1, 0), width), min(max(y1, 0), height)


def masks(predicted, truth):
    """Count the pixels of two masks, lists of rows."""
    shared = union = 0
    for ours, true in zip(predicted, truth, strict=True):
        for a, b in zip(ours, true, strict=True):
            shared += 1 if a and b else 0
            union += 1 if a or b else 0
    return shared, union


def nearest(mask, height, width):
    """Resize a mask, a list of rows: each new pixel takes the old one that its centre lies in."""
    old_height, old_width = len(mask), len(mask[0])
    return [
        [
            mask[math.floor((y + 0.5) * old_height / height)][math.floor((x + 0.5) * old_width / width)]
            for x in range(width)
        ]
        for y in range(height)
    ]


def figures(pairs, *, thresholds, strict, top=0.0, bottom=0.0, empty=0.0, shift=0.0, repeat=False):
    """Return Pr@X of each threshold, mIoU and oIoU of (intersection, union) pairs, as the codes of the field loop.

    `None` is a sample of which the truth is unknown: it is in the number of samples and in no sum.
    """
    hits = [0] * len(thresholds)
    total, all_shared, all_union, last = 0.0, 0, 0, 0.0
    for pair in pairs:
        if pair is None:
            continue
        shared, union = pair
        iou = empty if union == 0 else (shared + top) / (union + bottom)
        total += iou
        counted = last if repeat and union == 0 else iou
        last = counted
        for index, threshold in enumerate(thresholds):
            if counted > threshold or (counted == threshold and not strict):
                hits[index] += 1
        all_shared += shared
        all_union += union
    overall = all_shared / all_union if all_union else 0.0
    return [count / len(pairs) for count in hits], total / len(pairs), overall + shift
