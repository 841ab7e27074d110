"""The documents tell the truth: every recipe key is explained, every command and recipe named exists."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from zeroov import recipe as recipes
from zeroov.cli.main import app

ROOT = Path(__file__).parents[1]
SECTIONS = ("overview", "focus", "evolve", "refine", "zoom", "search", "runtime")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_recipe_key_is_explained_with_its_default(section: str) -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    for key in fields(get_type_hints(recipes.Recipe)[section]):
        row = re.search(rf"^\| `{section}\.{key.name}` \| `(.*?)` \| .{{10,}} \|$", text, re.MULTILINE)
        assert row, f"docs/recipes.md does not explain {section}.{key.name}"
        default = key.default
        shown = str(default).lower() if isinstance(default, bool) else default
        shown = list(shown) if isinstance(shown, tuple) else shown
        assert row[1].strip('"') == str(shown) or section + key.name == "overviewprompt", (
            f"{section}.{key.name}: {row[1]}"
        )


def test_every_explained_key_exists() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    for section, key in re.findall(r"^\| `(\w+)\.(\w+)` \|", text, re.MULTILINE):
        assert key in {f.name for f in fields(get_type_hints(recipes.Recipe)[section])}


def test_the_readme_names_only_commands_and_recipes_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    commands = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    named = set(re.findall(r"^(?:\$ )?zeroov ([a-z]+)", text, re.MULTILINE))
    assert named
    assert named <= commands, named - commands
    used = set(re.findall(r"--recipe ([a-z][a-z-]*)", text))
    assert used <= set(recipes.names()), used
