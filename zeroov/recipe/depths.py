"""Which layers a recipe means: by their numbers, or by their depth, so that a recipe holds for models of any size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zeroov.errors import RecipeError
from zeroov.recipe.keys import numbers

if TYPE_CHECKING:
    from zeroov.recipe.looking import OverviewRecipe

RANGE = re.compile(r"(\d+(?:\.\d+)?)%\s*-\s*(\d+(?:\.\d+)?)%")  # "57%-68%"
_numbers = numbers(0, 999)


def layers_or_depths(value: tuple[int, ...] | str) -> str | None:
    """Take layers by their numbers, or a text like "57%-68%"."""
    if not isinstance(value, str):
        return _numbers(value)
    found = RANGE.fullmatch(value)
    if found and float(found[1]) <= float(found[2]) <= 100:
        return None
    return 'takes a list of numbers, or depths of the model like "57%-68%"'


def layers_at(depths: str, readable: Sequence[int], count: int) -> tuple[int, ...]:
    """Return those of the `readable` layers that lie at some depths of a model of `count` layers, at least one.

    Layer n lies at n / count. Where none does, it is the one nearest to the middle of the depths.
    """
    found = RANGE.fullmatch(depths)
    assert found
    low, high = (float(share) / 100 for share in found.groups())
    layers = tuple(layer for layer in readable if low <= layer / count <= high)
    return layers or (min(readable, key=lambda layer: abs(layer / count - (low + high) / 2)),)


def layers_and_weights(
    recipe: OverviewRecipe, captured: Sequence[int], count: int
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return which of the `captured` layers of a model of `count` (0: not known) a recipe combines, with their weights.

    Of heads that are fixed, they are those that have some, and each counts as many as it has.

    Of depths, a single weight is spread evenly over the layers that are found; else there is one for each of them.
    """
    if fixed := recipe.fixed_heads:
        return tuple(fixed.by_layer), fixed.weights
    if not isinstance(recipe.layers, str):
        return recipe.layers, recipe.weights
    layers = layers_at(recipe.layers, captured, count or max(captured) + 1)
    if len(recipe.weights) == 1:
        return layers, (recipe.weights[0] / len(layers),) * len(layers)
    if len(recipe.weights) != len(layers):
        raise RecipeError(
            f"overview.layers = {recipe.layers} are the layers {list(layers)} of this model, and overview.weights "
            f"holds {len(recipe.weights)} weights; give one weight for all of them, or one for each"
        )
    return layers, recipe.weights
