"""A_C as a recipe makes it: an Overview's layers combined, words of place heard, and what other looks saw."""

from __future__ import annotations

from dataclasses import replace

from zeroov.errors import RecipeError
from zeroov.language.phrase import parse
from zeroov.language.position import position_prior
from zeroov.overview.combine import combine, select
from zeroov.pipeline.look import Job
from zeroov.recipe import OverviewRecipe, Recipe
from zeroov.types import Float32, Overview
from zeroov.zoom.merge import near_weights
from zeroov.zoom.pyramid import average_maps


def combined(overview: Overview, recipe: OverviewRecipe) -> Float32:
    """Return A_C (rows, cols) of the layers alone; `ValueError` where the Overview holds not all of the recipe's."""
    return combine(select(overview.layers, overview.layer_numbers, recipe.layers), recipe.weights)


def cross_of(overview: Overview, recipe: OverviewRecipe, expression: str) -> Float32:
    """Return A_C (rows, cols) of one look, the words of place in its expression heard where the recipe says so."""
    cross = combined(overview, recipe)
    if not recipe.position:
        return cross
    return cross * position_prior(parse(expression).place, (cross.shape[0], cross.shape[1]), recipe.position)


def seen(job: Job, recipe: Recipe) -> Float32:
    """Return A_C as Evolve takes it (rows, cols): of a pyramid, the average over its windows.

    A closer look's is drawn to where the look before saw the object.
    """
    cross = cross_of(job.overview, recipe.overview, job.expression)
    grid_hw = cross.shape[0], cross.shape[1]
    if job.near is not None:
        return cross * near_weights(job.near, job.picture.hw, grid_hw, recipe.zoom.pull)
    if not job.parts:
        return cross
    alone = replace(recipe.overview, position=0.0)  # words of place speak of the whole picture
    maps = [(cross, (0, 0, *job.picture.hw[::-1]))]
    maps += [(cross_of(part.overview, alone, part.expression), window) for part, window in job.parts]
    return average_maps(maps, job.picture.hw, grid_hw)


def refuse_pyramid(recipe: OverviewRecipe, what: str) -> None:
    """Refuse a recipe whose A_C is made of several looks where only one is at hand."""
    if recipe.pyramid:
        raise RecipeError(f"{what} has one look per picture, overview.pyramid several; --set overview.pyramid=[]")
