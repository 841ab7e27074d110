"""A recipe says everything that decides an answer. TOML in, TOML out; an unknown key is an error."""

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
