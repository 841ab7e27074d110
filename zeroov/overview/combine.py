"""Combine per-layer attention maps into one: A_C. Pure: NumPy in, NumPy out, no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.types import Float32


def combine(layers: NDArray[np.floating], weights: Sequence[float]) -> Float32:
    """Return A_C (rows, cols): each layer of (L, rows, cols) scaled to [0, 1] by itself, then the weighted sum."""
    if layers.ndim != 3 or len(layers) != len(weights):
        raise ValueError(
            f"layers must be (L, rows, cols) with L weights, got {layers.shape} and {len(weights)} weights"
        )
    combined = np.zeros(layers.shape[1:], dtype=np.float32)
    for layer, weight in zip(layers, weights, strict=True):
        combined += np.float32(weight) * frames.min_max(layer)
    return combined


def select(layers: Float32, captured: Sequence[int], wanted: Sequence[int]) -> Float32:
    """Return the maps of the `wanted` layer numbers out of those `captured`; both 0-based."""
    missing = [number for number in wanted if number not in captured]
    if missing:
        raise ValueError(f"layers {missing} were not captured; captured: {list(captured)}")
    return layers[[list(captured).index(number) for number in wanted]]


def relative(layers: Float32, content_free: Float32) -> Float32:
    """Return the maps divided by those of a content-free prompt, so that tokens that always attract attention fade.

    Both are (L, rows, cols) of non-negative attention. A floor of a thousandth of the layer's mean keeps tokens that
    nobody looks at from dominating.
    """
    floor = content_free.mean(axis=(1, 2), keepdims=True) * np.float32(1e-3) + np.float32(1e-12)
    divided: Float32 = layers / np.maximum(content_free, floor)
    return divided


def sharpest_heads(per_head: Float32, count: int) -> NDArray[np.intp]:
    """Return the numbers (L, count) of each layer's `count` sharpest heads, of maps (L, heads, rows, cols).

    Sharp = low spatial entropy, among heads that give the image at least half as much attention as the layer's median
    head does; a head that ignores the image can be sharp by accident.
    """
    heads = per_head.shape[1]
    if not 1 <= count <= heads:
        raise ValueError(f"overview.heads = {count}, but the model has {heads} attention heads")
    mass = per_head.sum(axis=(2, 3))
    share = per_head / np.maximum(mass[..., None, None], np.float32(1e-12))
    entropy = -(share * np.log(np.maximum(share, np.float32(1e-12)))).sum(axis=(2, 3))
    looking = mass >= np.median(mass, axis=1, keepdims=True) / 2
    return np.argsort(np.where(looking, entropy, np.inf), axis=1, kind="stable")[:, :count]


def mean_of_heads(per_head: Float32, heads: Sequence[Sequence[int]] | NDArray[np.intp] | None) -> Float32:
    """Return (L, rows, cols): of (L, heads, rows, cols), the mean of each layer's `heads`, of all where `None`."""
    if heads is None:
        means = per_head.mean(axis=1)
    else:
        means = np.stack([layer[own].mean(axis=0) for layer, own in zip(per_head, map(list, heads), strict=True)])
    mean: Float32 = np.ascontiguousarray(means, dtype=np.float32)
    return mean
