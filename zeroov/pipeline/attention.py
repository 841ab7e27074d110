"""A_C as a recipe makes it, and Evolve on it: the one place for both, with and without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zeroov.errors import RecipeError
from zeroov.evolve import evolve
from zeroov.language.phrase import parse
from zeroov.language.position import position_prior
from zeroov.look import Question
from zeroov.overview.combine import combine, select
from zeroov.recipe import OverviewRecipe, Recipe
from zeroov.recipe.depths import layers_and_weights
from zeroov.types import Affinity, Evolved, Float32, Overview
from zeroov.zoom.merge import near_weights
from zeroov.zoom.pyramid import average_maps

Scale = tuple[Question, Overview]
"""A look at a window of the picture, and what Overview made of it."""


def combined(overview: Overview, recipe: OverviewRecipe) -> Float32:
    """Return A_C (rows, cols) of the layers alone; `ValueError` where the Overview holds not all of the recipe's."""
    layers, weights = layers_and_weights(recipe, overview.layer_numbers, overview.depth)
    return combine(select(overview.layers, overview.layer_numbers, layers), weights)


def cross_of(overview: Overview, recipe: OverviewRecipe, expression: str) -> Float32:
    """Return A_C (rows, cols) of one look, weighed by the words of place in its expression where the recipe says so."""
    cross = combined(overview, recipe)
    if not recipe.position:
        return cross
    return cross * position_prior(parse(expression).place, (cross.shape[0], cross.shape[1]), recipe.position)


def attention_map(question: Question, overview: Overview, scales: Sequence[Scale], recipe: Recipe) -> Float32:
    """Return A_C as Evolve takes it (rows, cols): of a pyramid, the average over its windows, which `scales` holds.

    A closer look's is drawn to where the look before saw the object. Words of place speak of the whole picture: they
    weigh neither a window of it nor a scene that is searched, whose candidates they weigh.
    """
    alone = replace(recipe.overview, position=0.0)
    placed = question.placed and question.near is None
    cross = cross_of(overview, recipe.overview if placed else alone, question.expression)
    grid_hw, hw = (cross.shape[0], cross.shape[1]), question.picture.hw
    if question.near is not None:
        return cross * near_weights(question.near, hw, grid_hw, recipe.zoom.pull)
    if not scales:
        return cross
    maps = [(cross, (0, 0, hw[1], hw[0]))]
    maps += [(cross_of(look, alone, part.expression), part.picture.window) for part, look in scales]
    return average_maps(maps, hw, grid_hw)


def evolve_as(recipe: Recipe, attention: Float32, affinity: Affinity | None, image_hw: tuple[int, int]) -> Evolved:
    """Return what Evolve makes of A_C and an affinity under a recipe."""
    grid = recipe.focus.working_grid
    growing = "evolve" in recipe.stages
    return evolve(attention, affinity, image_hw, recipe.evolve, grid_hw=(grid, grid), growing=growing)


def refuse_pyramid(recipe: OverviewRecipe, what: str) -> None:
    """Refuse a recipe whose A_C is made of several looks where only one is at hand."""
    if recipe.pyramid:
        raise RecipeError(f"{what} has one look per picture, overview.pyramid several; --set overview.pyramid=[]")
