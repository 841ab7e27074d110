"""Heads that are fixed once: from a run's maps into a file, from the file into a recipe, and for that model alone."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.bench.own import write_own
from zeroov import recipe as recipes
from zeroov.bench.data import registry
from zeroov.bench.runs.records import read_run
from zeroov.bench.runs.run import run
from zeroov.cli.main import app
from zeroov.dumps import DumpStore, overview_settings, read_dump
from zeroov.errors import RecipeError
from zeroov.ground import Pipeline
from zeroov.look import Question
from zeroov.overview.heads import count_best
from zeroov.types import Picture

pytestmark = pytest.mark.usefixtures("kept_models")
ALL: dict[str, Any] = {"overview.capture": "all", "stages": ["overview"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of one table: on `val` with all layers, without them, and on `test`."""
    folder = tmp_path_factory.mktemp("heads")
    csv = write_own(folder / "own", 2)
    for name, split, changes in (("val", "val", ALL), ("few", "val", {"stages": ["overview"]}), ("test", "test", ALL)):
        table = registry.find("file").read(csv, split)
        assert run(table, recipes.load("mini", changes), folder / name, device="cpu").failed == 0
    return folder


def fix(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["bench", "heads", str(folder), *arguments])


def test_the_heads_of_a_run_become_those_of_a_recipe(folder: Path, tmp_path: Path) -> None:
    said = fix(folder / "val", "--out", str(tmp_path / "heads"), "--count", "2")
    assert said.exit_code == 0, said.output
    file = tmp_path / "heads.toml"
    assert f"wrote     {file}" in said.output
    about = tomllib.loads(file.read_text())
    made = read_run(folder / "val")
    maps = DumpStore(folder / "val" / "dumps")
    dumps = [read_dump(maps.path("overview", each.dumps["overview"])) for each in made.records]
    counts = count_best(dump.arrays["heads"] for dump in dumps)
    assert about["samples"] == len(made.records) > 2
    assert (about["model"], about["benchmark"], about["split"]) == ("builtin:mini", "file", "val")
    assert about["counts"] == [counts[layer, head] for layer, head in about["heads"]]
    assert sorted(about["counts"])[0] >= np.sort(counts, axis=None)[-3]

    recipe = recipes.load("mini", {"overview.heads": str(file)})
    plain = " ".join(f"{layer}.{head}" for layer, head in about["heads"])
    assert recipe.overview.heads == f"{plain} of builtin:mini at {about['revision']}"
    picture = Picture(np.zeros((60, 80, 3), np.uint8))
    with Pipeline(recipe, "cpu") as pipeline:
        [made_now] = pipeline.overview([Question(picture, "the ship")])
        assert set(made_now.value.layer_numbers) == {layer for layer, _ in about["heads"]}
        [found] = pipeline.glance([Question(picture, "the ship")])
        assert found.attention.shape == made_now.value.layers.shape[1:]


def test_what_a_file_says_decides_and_not_where_it_lies(tmp_path: Path) -> None:
    text = 'model = "m x"\nrevision = "r"\nsplit = "val"\nheads = [[5, 2], [3, 1], [5, 0]]\n'
    (tmp_path / "deeper").mkdir()
    for name in ("a.toml", "deeper/b.toml"):
        (tmp_path / name).write_text(text)
    (tmp_path / "own.toml").write_text('extends = "mini"\n[overview]\nheads = "deeper/b.toml"\n')
    found = [
        recipes.load("mini", {"overview.heads": str(tmp_path / "a.toml")}),
        recipes.load(tmp_path / "own.toml"),
        recipes.load("mini", {"overview.heads": "5.0 5.2 3.1 of m x at r"}),
    ]
    assert {recipe.overview.heads for recipe in found} == {"3.1 5.0 5.2 of m x at r"}
    assert len({recipe.digest for recipe in found}) == 1
    assert recipes.from_dict(found[0].to_dict()) == found[0]
    settings = overview_settings(found[0].overview, "r", "float32")
    assert (settings["heads"], settings["layers"]) == ("3.1 5.0 5.2", [3, 5])
    fixed = found[0].overview.fixed_heads
    assert fixed
    assert (fixed.by_layer, fixed.weights) == ({3: [1], 5: [0, 2]}, (1 / 3, 2 / 3))


def test_heads_chosen_on_a_test_split_are_refused(folder: Path, tmp_path: Path) -> None:
    said = fix(folder / "test", "--out", str(tmp_path / "heads.toml"))
    assert said.exit_code == 2
    assert "on split `test`" in said.stderr
    assert not (tmp_path / "heads.toml").exists()
    (tmp_path / "by_hand.toml").write_text('model = "m"\nrevision = "r"\nsplit = "testA"\nheads = [[1, 0]]\n')
    with pytest.raises(RecipeError, match="testA"):
        recipes.load("mini", {"overview.heads": str(tmp_path / "by_hand.toml")})


def test_maps_without_single_heads_say_how_to_make_them(folder: Path, tmp_path: Path) -> None:
    said = fix(folder / "few", "--out", str(tmp_path / "heads.toml"))
    assert said.exit_code == 2
    assert "overview.capture=all" in said.stderr


def test_the_heads_of_another_model_are_refused_before_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "heads.toml").write_text('model = "builtin:old"\nrevision = "0123"\nsplit = "val"\nheads = [[1, 0]]\n')
    with Pipeline(recipes.load("mini", {"overview.heads": str(tmp_path / "heads.toml")}), "cpu") as pipeline:
        with pytest.raises(RecipeError, match="those of builtin:old at 0123") as caught:
            pipeline.ground(np.zeros((60, 80, 3), np.uint8), "the ship")
        assert not pipeline.models.holds("overview")
    assert "zeroov bench heads" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "heads = [[1, 0]]",
        'model = "m"\nrevision = "r"\nsplit = "val"\nheads = []',
        'model = "m"\nrevision = "r"\nsplit = "val"\nheads = [[1]]',
        'model = "m"\nrevision = "r"\nsplit = "val"\nheads = [[1, true]]',
        'model = "m"\nrevision = "r"\nsplit = "val"\nheads = [[1, -1]]',
        'model = "m"\nrevision = "r"\nsplit = "val"\nheads = [[1, 0], [1, 0]]',
        'model = "m"\nrevision = ""\nsplit = "val"\nheads = [[1, 0]]',
        'model = "m"\nrevision = 5\nsplit = "val"\nheads = [[1, 0]]',
        "heads = [",
    ],
)
def test_what_is_no_file_of_heads_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "heads.toml").write_text(text)
    with pytest.raises(RecipeError, match="heads"):
        recipes.load("mini", {"overview.heads": str(tmp_path / "heads.toml")})


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sharp",
        "1",
        "1.",
        "1.2.3",
        "1.0,2.0",
        "1.0 1.0",
        "/no/file.toml",
        "~nobody-here/a.toml",
        "a\0b.toml",
        -1,
        "-1.0",
    ],
)
def test_what_names_no_heads_is_refused(value: Any) -> None:
    with pytest.raises(RecipeError, match="heads"):
        recipes.load("mini", {"overview.heads": value})


def test_all_layers_hold_all_heads() -> None:
    with pytest.raises(RecipeError, match=r"overview\.heads"):
        recipes.load("mini", {"overview.heads": "1.0", "overview.capture": "all"})
