"""A_C as a recipe makes it of an Overview: its layers combined and, where the recipe says so, words of place heard."""

from __future__ import annotations

from zeroov.errors import RecipeError
from zeroov.overview.combine import combine, select
from zeroov.recipe import OverviewRecipe
from zeroov.types import Float32, Overview
from zeroov.zoom.phrase import parse
from zeroov.zoom.position import position_prior


def cross_of(overview: Overview, recipe: OverviewRecipe, expression: str) -> Float32:
    """Return A_C (rows, cols); `ValueError` where the Overview holds not all of the recipe's layers."""
    cross = combine(select(overview.layers, overview.layer_numbers, recipe.layers), recipe.weights)
    if not recipe.position:
        return cross
    return cross * position_prior(parse(expression).place, (cross.shape[0], cross.shape[1]), recipe.position)


def refuse_pyramid(recipe: OverviewRecipe, what: str) -> None:
    """Refuse a recipe whose A_C is made of several looks where only one is at hand."""
    if recipe.pyramid:
        raise RecipeError(f"{what} has one look per picture, overview.pyramid several; --set overview.pyramid=[]")
