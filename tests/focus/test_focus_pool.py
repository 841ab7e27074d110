from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from zeroov.focus import pool

CPU = torch.device("cpu")


def random_query_key(grid: int, pictures: int = 2, heads: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(grid)
    query, key = torch.randn(2, pictures, heads, grid**2, 5, generator=generator)
    return query * 2, key


def full_matrix(query: Tensor, key: Tensor) -> Tensor:
    return torch.softmax(query @ key.transpose(2, 3) / query.shape[-1] ** 0.5, dim=-1).mean(dim=1)


def pool_by_loops(matrix: np.ndarray, grid: int, working: int) -> np.ndarray:
    side = grid // working
    cells = np.arange(grid**2).reshape(grid, grid)
    blocks = [
        cells[r * side : (r + 1) * side, c * side : (c + 1) * side].ravel()
        for r in range(working)
        for c in range(working)
    ]
    return np.array([[matrix[np.ix_(a, b)].sum(axis=1).mean() for b in blocks] for a in blocks])


@pytest.mark.parametrize(("grid", "working"), [(8, 8), (8, 4), (12, 4), (16, 8)])
def test_spatial_equals_loops(grid: int, working: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CHUNK_CPU", 10_000)  # several chunks, the last one shorter
    query, key = random_query_key(grid)
    pooled = pool.pooled_attention(query, key, pool.spatial(grid, working, CPU))
    for one, matrix in zip(pooled, full_matrix(query, key), strict=True):
        np.testing.assert_allclose(one.numpy(), pool_by_loops(matrix.numpy(), grid, working), atol=1e-6)
    torch.testing.assert_close(pooled.sum(-1), torch.ones(2, working**2))


def test_a_coarser_grid_is_spread_so_that_pooling_gives_it_back() -> None:
    query, key = random_query_key(4)
    spread = pool.pooled_attention(query, key, pool.spatial(4, 8, CPU))
    torch.testing.assert_close(spread.sum(-1), torch.ones(2, 64))
    for one, matrix in zip(spread, full_matrix(query, key), strict=True):
        np.testing.assert_allclose(pool_by_loops(one.numpy(), 8, 4), matrix.numpy(), atol=1e-6)


@pytest.mark.parametrize(("grid", "working"), [(16, 8), (8, 8), (4, 8), (12, 8)])
def test_flattened_resizes_the_matrix_as_a_picture(grid: int, working: int) -> None:
    query, key = random_query_key(grid)
    pooled = pool.pooled_attention(query, key, pool.flattened(grid, working, CPU))
    expected = F.interpolate(full_matrix(query, key)[:, None], (working**2, working**2), mode="bilinear")[:, 0]
    torch.testing.assert_close(pooled, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype: torch.dtype) -> None:
    query, key = (part.to(dtype) for part in random_query_key(8))
    pooled = pool.pooled_attention(query, key, pool.spatial(8, 4, CPU))
    torch.testing.assert_close(pooled, pool.pooled_attention(query.float(), key.float(), pool.spatial(8, 4, CPU)))
    assert pooled.dtype == torch.float32


def test_the_official_scramble() -> None:
    """METHOD.md section 6: around (10, 50) of 64, expected at (5, 25) of 32, comes out at (5, 12) and (5, 28)."""
    marked = torch.zeros(64, 64)
    marked[10:12, 50:52] = 1  # these four cells attend to one another, and hardly to anything else
    query = (marked.flatten() * 6)[None, None, :, None]
    right = pool.pooled_attention(query, query, pool.spatial(64, 32, CPU))[0]
    wrong = pool.pooled_attention(query, query, pool.flattened(64, 32, CPU))[0]

    def cells(matrix: Tensor) -> set[tuple[int, int]]:
        strong = (matrix > 0.5 * matrix.max()).any(dim=1).nonzero().flatten().tolist()
        return {divmod(cell, 32) for cell in strong}

    assert cells(right) == {(5, 25)}
    assert cells(wrong) == {(5, 12), (5, 28)}
    assert float(right[5 * 32 + 25].sum()) == pytest.approx(1, abs=1e-5)
