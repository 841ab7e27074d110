"""Stage 3: from a cross-attention map and an affinity to a mask and its box."""

from __future__ import annotations

import numpy as np

from zeroov import frames
from zeroov.evolve.fuse import fuse, to_grid
from zeroov.evolve.grow import binarise, grow, seeds
from zeroov.recipe import EvolveRecipe
from zeroov.types import Affinity, Evolved, Float32


def evolve(
    cross: Float32,
    affinity: Affinity | None,
    image_hw: tuple[int, int],
    recipe: EvolveRecipe,
    *,
    grid_hw: tuple[int, int] = (32, 32),
    growing: bool = True,
) -> Evolved:
    """Fuse, grow and cut. `cross` is A_C (rows, cols).

    Two ablations have no stage of their own: without an `affinity` the map on `grid_hw` replaces the fused map;
    without `growing` the region is the whole grid.
    """
    grid = affinity.grid_hw if affinity else grid_hw
    cross_on_grid = to_grid(cross, grid, official=recipe.official)
    fused = fuse(cross_on_grid, affinity.matrix) if affinity else frames.min_max(cross_on_grid)
    region = grow(fused, cross_on_grid, recipe.k, recipe.tau) if growing else np.ones(grid, dtype=np.bool_)
    mask = binarise(fused, region, image_hw, recipe.alpha, recipe.canvas)
    return Evolved(
        cross_on_grid=cross_on_grid,
        fused=fused,
        region=region,
        seeds=seeds(cross_on_grid, recipe.k),
        mask=mask,
        box=frames.mask_to_box(mask),
    )
