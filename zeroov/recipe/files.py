"""Recipes as files: the shipped ones by name, a user's by path, and `KEY=VALUE` overrides."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zeroov.errors import RecipeError, did_you_mean
from zeroov.recipe.keys import shown
from zeroov.recipe.schema import Recipe, from_dict

DEFAULT = "fast"


def folder() -> Path:
    """Return the folder of the shipped recipes: inside the wheel, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    return next(p for p in (package / "pipelines", package.parent / "pipelines") if p.is_dir())


def names() -> list[str]:
    """Return the names of the shipped recipes."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def find(name_or_path: str | Path, folder_of_paths: Path = Path()) -> Path:
    """Return the file of a shipped recipe's name or of a path, which may be relative to a folder."""
    text = str(name_or_path)
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:  # `~name` of nobody's home
        raise RecipeError(f"recipe file `{text}` does not exist; `zeroov recipes` lists the shipped ones") from error
    if path.suffix == ".toml" or len(path.parts) > 1:
        path = folder_of_paths / path
        try:
            found = path.is_file()
        except OSError:  # a name that no file system takes
            found = False
        if not found:
            raise RecipeError(f"recipe file `{path}` does not exist; `zeroov recipes` lists the shipped ones")
        return path
    if text not in names():
        raise RecipeError(f"recipe `{text}` is unknown{did_you_mean(text, names())}")
    return folder() / f"{text}.toml"


def load(name_or_path: str | Path = DEFAULT, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe by name or path, with dotted keys changed."""
    recipe = _read(find(name_or_path))
    return recipe.with_values(changes) if changes else recipe


def _read(path: Path, extended_by: tuple[Path, ...] = ()) -> Recipe:
    """Read a recipe file on top of the recipe that it extends; `extended_by` are the files on the way to it."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # neither TOML nor UTF-8, too many digits or brackets
        raise RecipeError(f"recipe file `{path}` is not TOML: {error}") from error
    _find_heads(values, path.parent)
    if "extends" not in values:
        return from_dict({"name": path.stem, **values})
    base = values.pop("extends")
    if not isinstance(base, str):
        raise RecipeError(f"extends takes a recipe's name or file, got {shown(base)}")
    way = (*extended_by, path.resolve())
    try:
        found = find(base, path.parent)
        if found.resolve() in way:
            raise RecipeError("that is a circle; a recipe may not extend itself")
        recipe = _read(found, way)
    except RecipeError as error:
        raise RecipeError(f"`{path}` extends `{base}`: {error}") from error
    changes: dict[str, Any] = {"name": path.stem, "description": ""}
    for name, value in values.items():
        if isinstance(value, dict) and (value or name in recipe.to_dict()):
            changes |= {f"{name}.{key}": item for key, item in value.items()}
        else:
            changes[name] = value
    return recipe.with_values(changes)


def _find_heads(values: dict[str, Any], folder_of_paths: Path) -> None:
    """Let a file of heads that a recipe names be relative to the recipe's folder."""
    section = values.get("overview")
    named = section.get("heads") if isinstance(section, dict) else None
    if isinstance(section, dict) and isinstance(named, str) and named.endswith(".toml"):
        section["heads"] = str(folder_of_paths / named)


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Parse `KEY=VALUE` texts; VALUE is TOML, or plain text where it is not TOML."""
    changes = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set takes KEY=VALUE, e.g. --set evolve.alpha=0.35, got `{text}`")
        try:
            parsed = tomllib.loads(f"value = {value.strip()}")
            changes[key.strip()] = parsed["value"] if len(parsed) == 1 else value.strip()
        except (ValueError, RecursionError):  # no TOML, too many digits or brackets
            changes[key.strip()] = value.strip()
    return changes
