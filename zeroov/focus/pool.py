"""Pool self-attention to the working grid while it is made, so that the full matrix never exists.

A working cell is made of m source cells, on the query side and on the key side. Cells are numbered row by row; a layer
has `tokens` of them, the working grid `n`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Attention weights held at once, all heads together. On an idle CPU 2**20 to 2**23 are alike, on a busy one each step
# waits for all threads, so that small pieces lose; a GPU wants few and large ones.
CHUNK_CPU, CHUNK = 2**21, 2**23


@dataclass(frozen=True, eq=False)
class Pooling:
    """How (tokens, tokens) becomes (n, n): the (m, n) `sources` of each working cell and how they are joined.

    Without `share` they are averaged as queries, summed as keys and multiplied by `key_scale`; as keys they may be put
    in order beforehand when each cell is used exactly once (`ordered`), since a softmax does not mind. With `share`,
    float32 (n,), m is 2 and both sides interpolate from the first source to the second.
    """

    sources: Tensor
    key_scale: float = 1.0
    ordered: bool = False
    share: Tensor | None = None

    def join_queries(self, weights: Tensor, rows: slice) -> Tensor:
        """Return (rows, tokens) from the weights (heads, m, rows, tokens) of the working cells `rows`."""
        if self.share is None:
            return weights.mean(dim=(0, 1))
        first, second = weights.mean(dim=0)
        return torch.lerp(first, second, self.share[rows, None])

    def join_keys(self, weights: Tensor) -> Tensor:
        """Return (rows, n) from (rows, tokens)."""
        if not self.ordered:
            weights = weights[:, self.sources.flatten()]
        parts = weights.view(-1, *self.sources.shape)
        if self.share is None:
            return parts.sum(dim=1) * self.key_scale
        return torch.lerp(parts[:, 0], parts[:, 1], self.share)


@functools.cache
def spatial(grid: int, working_grid: int, device: torch.device) -> Pooling:
    """Pool by blocks of cells: mean over the query cells, sum over the key cells, so that rows still sum to 1.

    A grid coarser than the working grid is spread instead: a cell's weight goes in equal parts to the cells it covers.
    """
    cells = torch.arange(grid**2, device=device).view(grid, grid)
    if grid >= working_grid:
        side = grid // working_grid
        blocks = cells.view(working_grid, side, working_grid, side).permute(1, 3, 0, 2)
        return Pooling(blocks.reshape(side**2, working_grid**2), ordered=True)
    side = working_grid // grid
    covering = cells.repeat_interleave(side, 0).repeat_interleave(side, 1)
    return Pooling(covering.reshape(1, working_grid**2), key_scale=side**-2)


@functools.cache
def flattened(grid: int, working_grid: int, device: torch.device) -> Pooling:
    """Resize the matrix bilinearly as if it were a picture: the official code's bug, which scrambles columns.

    Half-pixel centres, no antialiasing. Rows do not sum to 1 afterwards (a 64-grid keeps about a quarter on a 32-grid),
    nor do they in the official code, which thereby weighs the 64-grid less.
    """
    tokens, n = grid**2, working_grid**2
    centres = ((torch.arange(n, device=device) + 0.5) * (tokens / n) - 0.5).clamp(min=0)
    low = centres.long()
    return Pooling(torch.stack([low, (low + 1).clamp(max=tokens - 1)]), share=centres - low)


def pooled_attention(query: Tensor, key: Tensor, pooling: Pooling) -> Tensor:
    """Return softmax(query key^T / sqrt(d)), mean over heads, pooled: float32 (pictures, n, n), row = query cell.

    `query` and `key` are (pictures, heads, tokens, d) of any float dtype; the softmax is float32.
    """
    pictures, heads, tokens, width = query.shape
    m, n = pooling.sources.shape
    queries = query.float()[:, :, pooling.sources] / math.sqrt(width)  # (pictures, heads, m, n, d)
    keys = key.float()
    if pooling.ordered:
        keys = keys[:, :, pooling.sources.flatten()]
    keys = keys.transpose(2, 3).contiguous()
    pooled = queries.new_empty(pictures, n, n)
    cells = max(1, (CHUNK_CPU if query.device.type == "cpu" else CHUNK) // (heads * m * tokens))
    room = queries.new_empty(
        2, heads * m * min(cells, n) * tokens
    )  # kept for all chunks: fresh pages are slow on the CPU
    for picture in range(pictures):
        for start in range(0, n, cells):
            rows = slice(start, start + cells)
            wanted = queries[picture, :, :, rows].flatten(1, 2)
            logits, weights = room[:, : wanted.shape[1] * heads * tokens].view(2, heads, -1, tokens)
            torch.bmm(wanted, keys[picture], out=logits)
            torch.softmax(logits, dim=-1, out=weights)
            joined = pooling.join_queries(weights.view(heads, m, -1, tokens), rows)
            pooled[picture, rows] = pooling.join_keys(joined)
    return pooled
