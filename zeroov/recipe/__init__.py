"""Recipes: every key that decides an answer, with its default and its check, and reading them from TOML."""

from zeroov.recipe.files import DEFAULT, find, load, names, parse_assignments
from zeroov.recipe.schema import (
    LOOK,
    PROMPT,
    STAGES,
    EvolveRecipe,
    FocusRecipe,
    OverviewRecipe,
    Recipe,
    RefineRecipe,
    RuntimeRecipe,
    SearchRecipe,
    ZoomRecipe,
    from_dict,
)

__all__ = [
    "DEFAULT",
    "LOOK",
    "PROMPT",
    "STAGES",
    "EvolveRecipe",
    "FocusRecipe",
    "OverviewRecipe",
    "Recipe",
    "RefineRecipe",
    "RuntimeRecipe",
    "SearchRecipe",
    "ZoomRecipe",
    "find",
    "from_dict",
    "load",
    "names",
    "parse_assignments",
]
