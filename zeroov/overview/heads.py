"""Which heads look at the object: how sharp a head's attention is in the picture, and how much of it is there. Pure.

The criterion is that of Localization Heads (arXiv 2503.06287): among heads that look at the picture at all, those whose
attention lies in few places. Heads that are so in many samples are fixed once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from zeroov.types import Float32

LEAST = 0.001 * 576  # attention above a head's mean that counts, in a picture of one token; theirs has 24 x 24
BEST = 10  # heads of a sample that count, at most a quarter of those that look at the picture


def head_figures(per_head: Float32) -> Float32:
    """Return (L, heads, 2) of maps (L, heads, rows, cols): the attention sum, and the spatial entropy.

    The entropy is that of the shares of the connected parts that stand out of the mean. It is infinite where nothing
    does, or the whole bottom row, as in heads that look at the end of the picture.
    """
    figures = np.empty((*per_head.shape[:2], 2), np.float32)
    figures[..., 0] = per_head.sum(axis=(2, 3))
    for layer, head in np.ndindex(*per_head.shape[:2]):
        figures[layer, head, 1] = spatial_entropy(per_head[layer, head])
    return figures


def spatial_entropy(row: Float32) -> float:
    """Return the entropy of the shares of what stands out of a map (rows, cols), by its connected parts."""
    above = np.maximum(row - row.mean(), 0)
    active = above > LEAST / row.size
    if not active.any() or active[-1].all():
        return math.inf
    count, labels = cv2.connectedComponents(active.astype(np.uint8), connectivity=8)
    masses = np.bincount(labels[active], weights=above[active].astype(np.float64), minlength=count)[1:]
    shares = masses / masses.sum()
    return float(-(shares * np.log(shares)).sum())


def looking(sums: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which heads look at the picture: their sum is not below the elbow of all sums.

    The elbow is the sorted sum that lies farthest below the line from the least to the largest one.
    """
    ordered = np.sort(sums, axis=None).astype(np.float64)
    line = np.linspace(ordered[0], ordered[-1], ordered.size)
    found: NDArray[np.bool_] = sums >= ordered[int(np.argmax(line - ordered))]
    return found


def best_heads(figures: Float32) -> NDArray[np.bool_]:
    """Return which heads (L, heads) of one sample's figures are its best: they look, and are the sharpest."""
    able = looking(figures[..., 0]) & np.isfinite(figures[..., 1])
    order = np.argsort(np.where(able, figures[..., 1], np.inf), axis=None, kind="stable")
    count = min(BEST, math.ceil(int(able.sum()) / 4))
    best = np.zeros(able.size, dtype=np.bool_)
    best[order[:count]] = True
    return best.reshape(able.shape)


def count_best(samples: Iterable[Float32]) -> NDArray[np.int64]:
    """Return how often each head (L, heads) is among the best of a sample."""
    counts: NDArray[np.int64] = np.sum([best_heads(figures) for figures in samples], axis=0, dtype=np.int64)
    return counts
