"""Read a UNet's self-attention while it runs, pooled to the working grid as it is made."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from zeroov.errors import ModelError
from zeroov.focus import pool
from zeroov.recipe import FocusRecipe


@dataclass(eq=False)
class AttentionMaps:
    """The running sum of one matrix per wanted grid: float32 (pictures, n, n) on the device, row = query cell."""

    grids: Sequence[int]
    working_grid: int
    pooling: str = "spatial"
    sums: dict[int, Tensor] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    @torch.no_grad()
    def add(self, grid: int, query: Tensor, key: Tensor) -> None:
        """Add a layer's attention; `query` and `key` are (pictures, heads, grid * grid, d)."""
        plan = {"spatial": pool.spatial, "flattened": pool.flattened}[self.pooling]
        pooled = pool.pooled_attention(query, key, plan(grid, self.working_grid, query.device))
        self.sums[grid] = self.sums[grid].add_(pooled) if grid in self.sums else pooled
        self.counts[grid] = self.counts.get(grid, 0) + 1

    def mean(self) -> Tensor:
        """Return A_S: per grid the mean over layers and calls, then the mean of the grids."""
        means = [self.sums[grid] / self.counts[grid] for grid in self.grids]
        return torch.stack(means).mean(dim=0)


class _LastLayerRead(Exception):
    """Leave the UNet's forward pass: all that follows is not wanted."""


class _Reader:
    """An attention processor that notes the attention and lets the model's own processor make the output."""

    def __init__(self, own: Any, grid: int, maps: AttentionMaps, stops: bool) -> None:
        self.own, self.grid, self.maps, self.stops = own, grid, maps, stops

    def __call__(self, attn: Any, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        query, key = _query_and_key(attn, hidden_states)
        tokens = query.shape[2]
        if math.isqrt(tokens) != self.grid or self.grid**2 != tokens:
            raise ModelError(
                f"a self-attention layer has {tokens} cells where a {self.grid} x {self.grid} grid was due"
            )
        self.maps.add(self.grid, query, key)
        if self.stops:
            raise _LastLayerRead
        return self.own(attn, hidden_states, *args, **kwargs)


def _query_and_key(attn: Any, hidden_states: Tensor) -> tuple[Tensor, Tensor]:
    """Return what AttnProcessor2_0 would attend with: two (pictures, heads, tokens, d).

    Projected a second time, since the processor keeps its own to itself; it costs about 1 % of a UNet call.
    """
    if hidden_states.ndim == 4:
        hidden_states = hidden_states.flatten(2).transpose(1, 2)
    if attn.group_norm is not None:
        hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
    query = attn.to_q(hidden_states).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
    key = attn.to_k(hidden_states).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
    query = query if attn.norm_q is None else attn.norm_q(query)
    key = key if attn.norm_k is None else attn.norm_k(key)
    return query, key


def layer_grids(unet: Any, latent_side: int) -> dict[str, int]:
    """Return the grid side of each self-attention layer of the down and up blocks, in the order in which they run."""
    levels = len(unet.config.block_out_channels)
    sides = [latent_side]
    while len(sides) < levels:
        sides.append(-(-sides[-1] // 2))  # each level halves by a strided convolution, which rounds up
    grids = {}
    for blocks, sides_by_block in (("down_blocks", sides), ("up_blocks", sides[::-1])):
        for name in unet.attn_processors:
            if name.startswith(f"{blocks}.") and name.endswith(".attn1.processor"):
                grids[name] = sides_by_block[int(name.split(".")[1])]
    return grids


def check_grids(unet: Any, recipe: FocusRecipe, vae_stride: int, name: str) -> None:
    """Refuse a recipe whose grids this UNet does not have where the recipe's pictures are `resize_to` pixels wide."""
    side = recipe.resize_to // vae_stride
    has = sorted(set(layer_grids(unet, side).values()), reverse=True)
    lacking = [grid for grid in recipe.grids if grid not in has]
    if not lacking:
        return
    # The finest layers have the finest of the wanted grids in pictures of this side.
    fitting = recipe.resize_to * max(recipe.grids) // has[0] if has and has[0] else 0
    fits = fitting and set(recipe.grids) <= set(layer_grids(unet, fitting // vae_stride).values())
    cures = [f"--set focus.resize_to={fitting}"] if fits else []
    usable = [grid for grid in has if max(grid, recipe.working_grid) % max(1, min(grid, recipe.working_grid)) == 0]
    cures += [f"--set 'focus.grids={usable}'"] if usable else []
    raise ModelError(
        f"{name} has no self-attention at grid {' and '.join(map(str, lacking))}: at focus.resize_to "
        f"{recipe.resize_to} its latents are {side} x {side}, and its grids {', '.join(map(str, has)) or 'none'}; "
        f"use {' or '.join(cures) or 'another focus.model'}"
    )


@contextlib.contextmanager
def capture_self_attention(
    unet: Any, maps: AttentionMaps, latent_side: int, *, stop_after_last: bool = False
) -> Iterator[None]:
    """Add the self-attention of the wanted grids to `maps` while the block runs the UNet on square latents.

    `stop_after_last` leaves the block as soon as the last wanted layer is read. The UNet's own processors are put back
    however the block ends.
    """
    grids = layer_grids(unet, latent_side)
    read = [name for name, grid in grids.items() if grid in maps.grids]
    own = dict(unet.attn_processors)
    readers = {name: _Reader(own[name], grids[name], maps, stop_after_last and name == read[-1]) for name in read}
    unet.set_attn_processor({**own, **readers})  # takes entries out of the dict it is given
    try:
        yield
    except _LastLayerRead:
        pass
    finally:
        unet.set_attn_processor(dict(own))
