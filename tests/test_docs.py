"""The documents tell the truth: every recipe key is explained, every command and recipe named exists."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
import yaml

from tests.conftest import SLOW
from zeroov import recipe as recipes
from zeroov.cli.main import app
from zeroov.version import __version__

ROOT = Path(__file__).parents[1]
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
SECTIONS = (
    "overview",
    "focus",
    "evolve",
    "refine",
    "candidates",
    "detector",
    "evidence",
    "zoom",
    "search",
    "select",
    "runtime",
)


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
    for section, key in re.findall(r"^\| `([a-z]+)\.(\w+)` \|", text, re.MULTILINE):
        assert key in {f.name for f in fields(get_type_hints(recipes.Recipe)[section])}


def test_the_table_of_costs_has_every_shipped_recipe() -> None:
    costs = (ROOT / "docs" / "recipes.md").read_text().partition("## What a recipe costs")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z0-9.-]+)`", costs, re.MULTILINE)) == set(recipes.names())


def test_the_table_of_recipes_has_every_shipped_recipe() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    table = text.partition("## Which recipes there are")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z0-9.-]+)`", table, re.MULTILINE)) == set(recipes.names())


@pytest.mark.parametrize("document", ["README.md", "docs/first-steps.md", "docs/recipes.md"])
def test_a_document_names_only_commands_and_recipes_that_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    commands = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    named = set(re.findall(r"^(?:\$ )?zeroov ([a-z]+)", text, re.MULTILINE))
    assert named
    assert named <= commands, named - commands
    used = set(re.findall(r"--recipe ([a-z][a-z0-9-]*(?:\.[0-9]+)?)", text))
    assert used <= set(recipes.names()), used


def commands_in(text: str) -> list[list[str]]:
    """Return the words of every command of zeroov in a document's blocks of code."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for kind, block in blocks if not kind for line in block.replace("\\\n", " ").splitlines()]
    found = [re.match(r"(?:\$ )?(?:[A-Z_]+=\S+ )?zeroov (.*)", line) for line in lines]
    return [shlex.split(match[1].partition(" > ")[0], comments=True) for match in found if match]


@pytest.mark.parametrize("document", ["README.md", *DOCS])
def test_every_command_in_a_document_can_be_typed(document: str) -> None:
    for words in commands_in((ROOT / document).read_text()):
        command: Any = typer.main.get_command(app)
        while hasattr(command, "commands") and words[:1] and words[0] in command.commands:
            command, words = command.commands[words[0]], words[1:]
        if words not in ([], ["--help"]):
            command.make_context("zeroov", words)


def test_documents_have_commands() -> None:
    assert len(commands_in((ROOT / "README.md").read_text())) >= 2
    assert sum(len(commands_in((ROOT / document).read_text())) for document in DOCS) > 100


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
    listed = (ROOT / "docs" / "architecture.md").read_text().partition("## The files")[2].split("```")[1]
    named = re.findall(r"(?:^|\s{2,})((?:zeroov/)?[\w.]+(?:/|\.py))", listed, re.MULTILINE)
    assert len(set(named)) == len(named)
    assert [path for path in named if not (ROOT / path).exists()] == []
    rooms = {f"zeroov/{path.name}/" for path in (ROOT / "zeroov").iterdir() if (path / "__init__.py").is_file()}
    assert rooms <= set(named), rooms - set(named)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "examples/README.md", *DOCS])
def test_the_links_of_a_document_lead_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    for link, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#?)([^)]*)\)", (ROOT / document).read_text()):
        target = folder / link if link else ROOT / document
        assert target.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, anchor


def test_the_paper_is_cited_alike_in_the_readme_and_in_citation_cff() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    [paper] = [one for one in cited["references"] if "RSVG-ZeroOV" in one["title"]]
    readme = (ROOT / "README.md").read_text().partition("\n## Citation\n")[2]
    article, tool = re.findall(r"^@\w+\{.*?^\}$", readme, re.MULTILINE | re.DOTALL)
    authors = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"])
    assert re.sub(r"\s+", " ", re.findall(r"author = \{(.*?)\},$", article, re.MULTILINE | re.DOTALL)[0]) == authors
    assert f"title = {{{paper['title'].replace('RSVG-ZeroOV', '{RSVG-ZeroOV}')}}}" in re.sub(r"\s+", " ", article)
    [doi] = [one["value"] for one in paper["identifiers"] if one["type"] == "doi"]
    assert f"doi = {{{doi}}}" in article
    assert f"title = {{{cited['title']}" in tool
    assert f"version = {{{__version__}}}" in tool
    assert cited["version"] == __version__


def test_what_is_listed_as_slow_exists() -> None:
    for path, _, name in (slow.partition("::") for slow in SLOW):
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
