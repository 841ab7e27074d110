"""Run lengths and polygons: written ones are read back by pycocotools, damaged ones are refused or mean a mask."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from pycocotools import mask as coco

from tests.fuzz.damage import damaged_bytes, damaged_value, odd_value
from zeroov import frames
from zeroov.outputs.rle import decode_rle, draw_polygons, encode_rle, run_lengths
from zeroov.types import Bool


def run_length_texts(random: Random, folder: Path) -> None:
    """Write masks and windows of them, read them back by pycocotools, and read what is damaged."""
    mask = drawn(random, (random.randrange(1, 40), random.randrange(1, 40)))
    rle = encode_rle(mask)
    assert np.array_equal(decode_rle(rle), mask), "a mask that reads back as another"
    if mask.any():
        origin_xy, scene_hw = (random.randrange(5), random.randrange(5)), (mask.shape[0] + 9, mask.shape[1] + 9)
        whole = np.zeros(scene_hw, np.bool_)
        whole[origin_xy[1] :, origin_xy[0] :][: mask.shape[0], : mask.shape[1]] = mask
        written = run_lengths(mask, origin_xy, scene_hw)
        assert np.array_equal(coco.decode(written).astype(np.bool_), whole), "pycocotools reads another mask"
        assert np.array_equal(decode_rle(written), whole)
    made: Any = {**rle, "counts": damaged_bytes(random, rle["counts"].encode()).decode("latin-1")}
    if random.random() < 0.3:
        made = {"size": rle["size"], "counts": damaged_value(random, _plain_counts(mask))}
    if random.random() < 0.3:
        made = damaged_value(random, made)
    made = made if isinstance(made, dict) else {}
    read = decode_rle(made)
    assert read.shape == tuple(made["size"]), f"{read.shape} of {made['size']}"
    assert np.array_equal(decode_rle(encode_rle(read)), read)


def polygons(random: Random, folder: Path) -> None:
    """Draw polygons, whole and damaged ones."""
    hw = random.randrange(1, 60), random.randrange(1, 60)
    shapes: Any = [
        [round(random.uniform(-10, 70), random.choice((0, 2))) for _ in range(2 * random.choice((3, 4, 8)))]
        for _ in range(random.choice((1, 1, 2, 3)))
    ]
    if random.random() < 0.5:
        shapes = damaged_value(random, shapes)
    shapes = shapes if isinstance(shapes, list) else [shapes]
    shapes = [shape for shape in shapes if isinstance(shape, list)]  # `refer` hands over nothing else
    if all(isinstance(value, int | float) and not abs(value) > 1e300 for shape in shapes for value in shape):
        mask = draw_polygons(shapes, odd_value(random) if random.random() < 0.05 else hw)
        assert mask.shape == hw, f"{mask.shape} of {hw}"


def drawn(random: Random, hw: frames.HW) -> Bool:
    """Draw a mask: rectangles, noise, stripes, all, or nothing."""
    height, width = hw
    kind = random.randrange(6)
    mask = np.zeros(hw, np.bool_)
    if kind < 3:
        for _ in range(kind + 1):
            y, x = random.randrange(height), random.randrange(width)
            mask[y : y + random.randrange(1, height + 1), x : x + random.randrange(1, width + 1)] ^= True
    elif kind == 3:
        mask = np.random.default_rng(random.getrandbits(32)).random(hw) < random.choice((0.05, 0.5, 0.95))
    elif kind == 4:
        mask[:: random.choice((1, 2)), :: random.choice((1, 2, 3))] = True
    elif random.random() < 0.5:
        mask[:] = True
    return mask


def _plain_counts(mask: Bool) -> list[int]:
    flat = mask.T.reshape(-1).astype(np.int8)
    turns = np.flatnonzero(np.diff(np.concatenate(([0], flat)))).tolist()
    return np.diff([0, *turns, flat.size]).tolist()
