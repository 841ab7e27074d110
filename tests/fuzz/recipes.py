"""Recipes as files and as `KEY=VALUE`: what is taken is a recipe that reads back as itself, all else is refused."""

from __future__ import annotations

import functools
import json
import tomllib
from pathlib import Path
from random import Random

from tests.fuzz.damage import damaged_bytes, damaged_lines, damaged_value, odd_value
from zeroov import recipe as recipes
from zeroov.recipe import Recipe, from_dict

VALUES = (
    "0",
    "1",
    "-1",
    "0.5",
    "1e308",
    "inf",
    "nan",
    "true",
    '"none"',
    "none",
    "[]",
    "[1]",
    "[16, 17]",
    "[0.5, 0.5]",
    "",
)
ODD_VALUES = (
    "[" * 50,
    "{a = 1}",
    "1979-05-27",
    '"""',
    "0x1F",
    "1\n[focus]",
    "'",
    "=",
    "1_000",
    "9" * 30,
    "+inf",
    "\x00",
    "é",
)


def assignments(random: Random, folder: Path) -> None:
    """Change keys of a shipped recipe, as `--set` does."""
    base = _shipped()[random.choice(recipes.names())]
    known = list(base.deciding())
    given = []
    for _ in range(random.choice((1, 1, 2, 4))):
        key = random.choice(known)
        if random.random() < 0.1:
            key = random.choice(
                ("", ".", "focus", "focus.", ".alpha", "a.b.c", key.upper(), key[:-1], "name", "évolve.k")
            )
        value = random.choice(VALUES if random.random() < 0.7 else ODD_VALUES)
        if random.random() < 0.2:
            value = str(odd_value(random))
        given.append(f"{key}{random.choice(('=', '=', ' = ', '==', ''))}{value}")
    _require_round_trip(base.with_values(recipes.parse_assignments(given)))


def files(random: Random, folder: Path) -> None:
    """Load a recipe file with faults in it, which may extend others."""
    recipe = _shipped()[random.choice(recipes.names())]
    text = recipe.to_toml().encode()
    if random.random() < 0.3:
        lines = [f"extends = {json.dumps(random.choice((*recipes.names(), 'a.toml', './a.toml', '../a.toml', 'x')))}"]
        lines += [f"[{random.choice(('evolve', 'focus', 'zoom', 'nope', ''))}]", f"k = {random.choice(VALUES)}"]
        text = "\n".join(lines).encode()
    if random.random() < 0.4:
        values = damaged_value(random, recipe.to_dict())
        _require_round_trip(from_dict(values if isinstance(values, dict) else {}))  # a TOML file is a table
        return
    damage = random.choice((damaged_bytes, damaged_lines))
    (folder / "a.toml").write_bytes(damage(random, text))
    _require_round_trip(recipes.load(folder / "a.toml"))


@functools.cache
def _shipped() -> dict[str, Recipe]:
    return {name: recipes.load(name) for name in recipes.names()}


def _require_round_trip(recipe: Recipe) -> None:
    again = from_dict(tomllib.loads(recipe.to_toml()))
    assert again == recipe, "a recipe that reads back as another"
    assert again.digest == recipe.digest
