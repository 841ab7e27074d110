from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zeroov import evolve, frames
from zeroov.recipe import EvolveRecipe
from zeroov.types import Affinity

LEVELS = [float(np.float32(v)) for v in (0, 0.1, 0.25, 0.31, 0.5, 1)]
maps = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda hw: st.tuples(*(arrays(np.float32, hw, elements=st.sampled_from(LEVELS)),) * 2)
)


def walk(fused: np.ndarray, cross: np.ndarray, k: int, tau: float) -> np.ndarray:
    """The slow, obvious way: breadth first from every seed, cell by cell."""
    top = np.unique(cross)[::-1][:k]
    region = np.isin(cross, top)
    queue = deque(zip(*np.nonzero(region), strict=True))
    while queue:
        row, col = queue.popleft()
        for r in range(max(row - 1, 0), min(row + 2, fused.shape[0])):
            for c in range(max(col - 1, 0), min(col + 2, fused.shape[1])):
                if not region[r, c] and fused[r, c] > tau:
                    region[r, c] = True
                    queue.append((r, c))
    return region


@given(maps, st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.5]))
@settings(max_examples=200, deadline=None)
def test_growing_equals_walking(pair: tuple[np.ndarray, np.ndarray], k: int, tau: float) -> None:
    fused, cross = pair
    np.testing.assert_array_equal(evolve.grow(fused, cross, k, tau), walk(fused, cross, k, tau))


def test_fusing_equals_the_double_loop(rng: np.random.Generator) -> None:
    cross, affinity = rng.random((3, 4), dtype=np.float32), rng.random((12, 12), dtype=np.float32)
    spread = np.zeros(12)
    for key in range(12):
        for query in range(12):
            spread[key] += cross.ravel()[query] * affinity[query, key]
    expected = (spread - spread.min()) / (spread.max() - spread.min())
    np.testing.assert_allclose(evolve.fuse(cross, affinity).ravel(), expected, atol=1e-5)


def test_seeds_stay_in_the_region_where_the_fused_map_is_low() -> None:
    cross, fused = np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32)
    cross[0, 0] = 1
    region = evolve.grow(fused, cross, k=1)
    assert region[0, 0]
    assert region.sum() == 1


def test_seeds_are_counted_by_distinct_values() -> None:
    cross = np.array([[3, 3, 2], [1, 0, 0]], np.float32)
    np.testing.assert_array_equal(evolve.seeds(cross, 2), [[True, True, True], [False, False, False]])


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_constant_map_finds_nothing(value: float) -> None:
    affinity = Affinity(np.full((16, 16), 1 / 16, np.float16), (4, 4), "noise", "m", "r")
    result = evolve.evolve(np.full((2, 3), value, np.float32), affinity, (20, 30), EvolveRecipe())
    assert result.box is None
    assert not result.mask.any()
    assert result.mask.shape == (20, 30)
    assert not result.fused.any()


def test_a_blob_is_found_where_it_is() -> None:
    cross = np.zeros((8, 8), np.float32)
    cross[2:4, 5:7] = 1
    affinity = Affinity(np.eye(64, dtype=np.float16), (8, 8), "noise", "m", "r")
    result = evolve.evolve(cross, affinity, (80, 160), EvolveRecipe(k=1))
    assert result.box is not None
    np.testing.assert_allclose(result.box.xyxy, (100, 20, 140, 40), atol=8)  # a cell is 20 x 10 pixels


def test_the_official_canvas_is_brought_to_the_image() -> None:
    cross = np.zeros((8, 8), np.float32)
    cross[2:4, 5:7] = 1
    affinity = Affinity(np.eye(64, dtype=np.float16), (8, 8), "noise", "m", "r")
    own = evolve.evolve(cross, affinity, (400, 600), EvolveRecipe(k=1))
    official = evolve.evolve(cross, affinity, (400, 600), EvolveRecipe(k=1, canvas=800))
    assert own.box
    assert official.box
    assert frames.box_iou(own.box, official.box) > 0.97


def test_without_an_affinity_the_map_itself_is_grown() -> None:
    cross = np.zeros((4, 4), np.float32)
    cross[1, 1] = 1
    result = evolve.evolve(cross, None, (40, 40), EvolveRecipe(k=1), grid_hw=(8, 8))
    np.testing.assert_allclose(result.fused, frames.min_max(evolve.to_grid(cross, (8, 8))))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evolve.to_grid(np.zeros(3, np.float32), (2, 2)), "rows, cols"),
        (lambda: evolve.to_grid(np.full((2, 2), np.nan, np.float32), (2, 2)), "finite"),
        (lambda: evolve.fuse(np.zeros((2, 2), np.float32), np.zeros((3, 3), np.float16)), r"\(4, 4\)"),
        (lambda: evolve.grow(np.zeros((2, 2)), np.zeros((2, 3))), "share a grid"),
        (lambda: evolve.grow(np.zeros((2, 2)), np.zeros((2, 2)), k=0), "at least 1"),
    ],
)
def test_wrong_shapes_are_told(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_without_growing_the_region_is_the_whole_grid(rng: np.random.Generator) -> None:
    cross = rng.random((5, 7), dtype=np.float32)
    affinity = Affinity(rng.random((12, 12)).astype(np.float16), (3, 4), "noise", "model", "revision")
    found = evolve.evolve(cross, affinity, (30, 40), EvolveRecipe(tau=0.9), growing=False)
    assert found.region.all()
    assert not evolve.evolve(cross, affinity, (30, 40), EvolveRecipe(tau=0.9)).region.all()


def test_without_an_affinity_the_grid_is_that_of_the_paper(rng: np.random.Generator) -> None:
    assert evolve.evolve(rng.random((5, 7), dtype=np.float32), None, (30, 40), EvolveRecipe()).fused.shape == (32, 32)
