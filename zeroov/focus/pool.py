"""Pool self-attention to the working grid while it is made, so that the full matrix never exists.

Every pooling here is linear: a working cell takes the weighted sum of a few source cells, on the query side and on the
key side. Cells are numbered row by row; `tokens` is the number of a layer's cells, `n` that of the working grid.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Attention weights held at once, all heads together. On the CPU 2 MB of float32 stay in the cache and in the heap
# (measured: twice as fast as 16 MB); a GPU wants fewer, larger pieces.
CHUNK_CPU, CHUNK = 2**19, 2**23


@dataclass(frozen=True, eq=False)
class Pooling:
    """How (tokens, tokens) becomes (n, n): `sources` (n, m) cells, with (n, m) weights as queries and as keys."""

    sources: Tensor
    query_weights: Tensor
    key_weights: Tensor


@functools.cache
def spatial(grid: int, working_grid: int, device: torch.device) -> Pooling:
    """Pool by blocks of cells: mean over the query cells, sum over the key cells, so that rows still sum to 1.

    A grid coarser than the working grid is spread instead: a cell's weight goes in equal parts to the cells it covers.
    """
    n = working_grid**2
    cells = torch.arange(grid**2).view(grid, grid)
    if grid >= working_grid:
        side = grid // working_grid
        blocks = cells.view(working_grid, side, working_grid, side).transpose(1, 2)
        return _pooling(blocks.reshape(n, side**2), torch.full((n, side**2), side**-2), torch.ones(n, side**2), device)
    side = working_grid // grid
    covering = cells.repeat_interleave(side, 0).repeat_interleave(side, 1)
    return _pooling(covering.reshape(n, 1), torch.ones(n, 1), torch.full((n, 1), side**-2), device)


@functools.cache
def flattened(grid: int, working_grid: int, device: torch.device) -> Pooling:
    """Resize the matrix bilinearly as if it were a picture: the official code's bug, which scrambles columns.

    Half-pixel centres, no antialiasing. Rows do not sum to 1 afterwards (a 64-grid keeps about a quarter on a 32-grid),
    nor do they in the official code, which thereby weighs the 64-grid less.
    """
    tokens, n = grid**2, working_grid**2
    centres = ((torch.arange(n) + 0.5) * (tokens / n) - 0.5).clamp(min=0)
    low = centres.long()
    high = (low + 1).clamp(max=tokens - 1)
    share = (centres - low).float()
    weights = torch.stack([1 - share, share], dim=1)
    return _pooling(torch.stack([low, high], dim=1), weights, weights, device)


def _pooling(sources: Tensor, query_weights: Tensor, key_weights: Tensor, device: torch.device) -> Pooling:
    return Pooling(sources.to(device), query_weights.to(device), key_weights.to(device))


def pooled_attention(query: Tensor, key: Tensor, pooling: Pooling) -> Tensor:
    """Return softmax(query key^T / sqrt(d)), mean over heads, pooled: float32 (pictures, n, n), row = query cell.

    `query` and `key` are (pictures, heads, tokens, d) of any float dtype; the softmax is float32.
    """
    pictures, heads, tokens, width = query.shape
    n, m = pooling.sources.shape
    flat = pooling.sources.flatten()
    wanted = query.float()[:, :, flat] / math.sqrt(width)
    keys = key.float().transpose(2, 3)
    pooled = wanted.new_empty(pictures, n, n)
    cells = max(1, (CHUNK_CPU if query.device.type == "cpu" else CHUNK) // (heads * m * tokens))
    for picture in range(pictures):
        for start in range(0, n, cells):
            rows = slice(start, start + cells)
            weights = torch.softmax(wanted[picture, :, start * m : (start + cells) * m] @ keys[picture], dim=-1)
            queries = weights.mean(dim=0).view(-1, m, tokens)
            queries = (queries * pooling.query_weights[rows, :, None]).sum(dim=1)
            pooled[picture, rows] = (queries[:, flat].view(-1, n, m) * pooling.key_weights).sum(dim=-1)
    return pooled
