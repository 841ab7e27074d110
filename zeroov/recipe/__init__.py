"""Recipes: every key that decides an answer, with its default and its check, and reading them from TOML."""

from zeroov.recipe.files import DEFAULT, load, names, parse_assignments
from zeroov.recipe.looking import OverviewRecipe
from zeroov.recipe.schema import (
    STAGES,
    EvolveRecipe,
    FocusRecipe,
    Recipe,
    RefineRecipe,
    RuntimeRecipe,
    SearchRecipe,
    ZoomRecipe,
    changed,
    deciding,
    from_dict,
)
from zeroov.recipe.selecting import CandidatesRecipe, DetectorRecipe, EvidenceRecipe, SelectRecipe

__all__ = [
    "DEFAULT",
    "STAGES",
    "CandidatesRecipe",
    "DetectorRecipe",
    "EvidenceRecipe",
    "EvolveRecipe",
    "FocusRecipe",
    "OverviewRecipe",
    "Recipe",
    "RefineRecipe",
    "RuntimeRecipe",
    "SearchRecipe",
    "SelectRecipe",
    "ZoomRecipe",
    "changed",
    "deciding",
    "from_dict",
    "load",
    "names",
    "parse_assignments",
]
