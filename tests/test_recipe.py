from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from zeroov import recipe as recipes
from zeroov.errors import RecipeError, UsageError


@pytest.mark.parametrize("name", ["paper", "official", "fast", "qwen-sam", "tiny"])
def test_every_shipped_recipe_round_trips(name: str) -> None:
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.description
    assert recipes.from_dict(tomllib.loads(recipe.to_toml())) == recipe


def test_paper_is_what_the_paper_says() -> None:
    paper = recipes.load("paper")
    assert paper.overview.layers == (16, 17, 18, 19)
    assert paper.overview.weights == (0.1, 0.1, 0.3, 0.5)
    assert "description.  {expression} The" in paper.overview.prompt
    assert (paper.evolve.k, paper.evolve.tau, paper.evolve.alpha) == (7, 0.3, 0.4)
    assert (paper.focus.method, paper.focus.grids, paper.focus.pooling) == ("nulltext", (64, 32), "spatial")
    optional = (paper.overview.relative, paper.overview.heads, paper.overview.prefill_only, paper.evolve.official)
    assert not any(optional)


def test_official_differs_from_paper_by_the_official_bugs_alone() -> None:
    paper, official = recipes.load("paper").to_dict(), recipes.load("official").to_dict()
    differing = {
        f"{section}.{key}": official[section][key]
        for section in ("overview", "focus", "evolve", "refine", "zoom", "runtime")
        for key in paper[section]
        if paper[section][key] != official[section][key]
    }
    assert differing == {
        "focus.pooling": "flattened",
        "evolve.official": True,
        "evolve.canvas": 800,
        "refine.inclusive_box": True,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evolve.alfa": 0.3}, r"`evolve.alfa` is unknown; did you mean `alpha`\?"),
        ({"evolv.alpha": 0.3}, r"section `evolv` is unknown; did you mean `evolve`"),
        ({"colour": 1}, r"`colour` is unknown"),
        ({"evolve": 1}, r"`evolve` is a section"),
        ({"evolve.alpha": 1.5}, r"evolve.alpha = 1.5 must lie between 0 and 1"),
        ({"evolve.alpha": "high"}, r"evolve.alpha takes a number, got 'high'"),
        ({"evolve.k": 2.5}, r"evolve.k takes a whole number"),
        ({"evolve.k": True}, r"evolve.k takes a whole number"),
        ({"evolve.official": 1}, r"evolve.official takes true or false"),
        ({"focus.method": "noize"}, r"focus.method = 'noize' is unknown; did you mean `noise`"),
        ({"focus.t": 1000}, r"focus.t = 1000 must lie between 0 and 999"),
        ({"focus.grids": []}, r"focus.grids = \[\] must not be empty"),
        ({"focus.grids": [24]}, r"focus.grids holds 24"),
        ({"overview.layers": [1, 2]}, r"names 2 layers and overview.weights holds 4"),
        ({"overview.layers": 3}, r"overview.layers takes a list"),
        ({"overview.prompt": "where?"}, r"must hold \{expression\}"),
        ({"overview.dtype": "bf16"}, r"overview.dtype = 'bf16' is unknown"),
        ({"overview.weights": [0, 0, 0, 0]}, r"one of them above 0"),
        ({"refine.type": "vit_x"}, r"refine.type = 'vit_x' is unknown"),
        ({"stages": ["evolve", "overview"]}, r"in this order"),
        ({"stages": ["overvew"]}, r"did you mean `overview`"),
        ({"overview.min_pixels": 9, "overview.max_pixels": 3}, r"exceeds"),
    ],
)
def test_a_wrong_key_or_value_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipes.load("fast", changes)


def test_another_model_drops_the_pinned_revision() -> None:
    recipe = recipes.load("fast", {"overview.model": "Qwen/Qwen2.5-VL-3B-Instruct"})
    assert recipe.overview.revision == ""
    assert recipe.focus.revision
    pinned = recipes.load("fast", {"overview.model": "a/b", "overview.revision": "abc"})
    assert pinned.overview.revision == "abc"


def test_assignments_are_toml_or_plain_text() -> None:
    changes = recipes.parse_assignments(
        [
            "evolve.alpha=0.35",
            "overview.layers=[1, 2]",
            "focus.prompt=",
            'name="x"',
            "overview.model=./my model",
            "a=b=c",
        ]
    )
    assert changes == {
        "evolve.alpha": 0.35,
        "overview.layers": [1, 2],
        "focus.prompt": "",
        "name": "x",
        "overview.model": "./my model",
        "a": "b=c",
    }
    with pytest.raises(UsageError, match="KEY=VALUE"):
        recipes.parse_assignments(["evolve.alpha"])


def test_a_recipe_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[evolve]\nalpha = 0.5\n")
    assert recipes.load(path).evolve.alpha == 0.5
    assert recipes.load(str(path)).name == "mine"
    path.write_text("[evolve\n")
    with pytest.raises(RecipeError, match="is not TOML"):
        recipes.load(path)
    with pytest.raises(RecipeError, match="does not exist"):
        recipes.load(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match=r"`pa[^`]*` is unknown; did you mean `paper`"):
        recipes.load("papper")
