"""The documents tell the truth: every recipe key is explained, every command and recipe named exists."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from tests.conftest import SLOW
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


def test_the_table_of_costs_has_every_shipped_recipe() -> None:
    costs = (ROOT / "docs" / "recipes.md").read_text().partition("## What a recipe costs")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", costs, re.MULTILINE)) == set(recipes.names())


def test_the_readme_names_only_commands_and_recipes_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    commands = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    named = set(re.findall(r"^(?:\$ )?zeroov ([a-z]+)", text, re.MULTILINE))
    assert named
    assert named <= commands, named - commands
    used = set(re.findall(r"--recipe ([a-z][a-z-]*)", text))
    assert used <= set(recipes.names()), used


def paths_in(text: str) -> set[str]:
    """Return what a text names as a path in this repository."""
    words = re.findall(r"[\w./-]+", text)
    return {word.rstrip(".") for word in words if re.match(r"(zeroov|tests|docs|scripts|pipelines)/", word)}


def test_contributing_names_only_paths_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = paths_in(text) | set(re.findall(r"`(\w+\.(?:md|toml|cff))`", text))
    assert len(named) > 30
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_map_of_files_names_every_room_once() -> None:
    listed = (ROOT / "README.md").read_text().partition("## The files")[2].split("```")[1]
    named = re.findall(r"(?:^|\s{2,})((?:zeroov/)?[\w.]+(?:/|\.py))", listed, re.MULTILINE)
    assert len(set(named)) == len(named)
    assert [path for path in named if not (ROOT / path).exists()] == []
    rooms = {f"zeroov/{path.name}/" for path in (ROOT / "zeroov").iterdir() if (path / "__init__.py").is_file()}
    assert rooms <= set(named), rooms - set(named)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_links_of_a_document_lead_somewhere(document: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_what_is_listed_as_slow_exists() -> None:
    for path, _, name in (slow.partition("::") for slow in SLOW):
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
