"""Layers by their depth: the same recipe for models of any size."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov import recipe as recipes
from zeroov.errors import RecipeError
from zeroov.recipe import OverviewRecipe
from zeroov.recipe.depths import layers_and_weights, layers_at

DEPTHS = "57%-68%"


@pytest.mark.parametrize(
    ("count", "every", "layers"),
    [
        (28, 1, (16, 17, 18, 19)),  # Qwen2.5-VL-7B, InternVL3-8B: the paper's
        (36, 1, (21, 22, 23, 24)),
        (40, 1, (23, 24, 25, 26, 27)),
        (32, 4, (19,)),  # Qwen3.5-9B: every fourth layer can be read
        (24, 4, (15,)),
        (8, 4, (3,)),  # none at these depths: the nearest
    ],
)
def test_depths_are_layers_of_any_model(count: int, every: int, layers: tuple[int, ...]) -> None:
    assert layers_at(DEPTHS, range(every - 1, count, every), count) == layers


@given(st.integers(1, 100), st.floats(0, 100), st.floats(0, 100))
def test_what_was_captured_is_what_is_combined(count: int, one: float, other: float) -> None:
    """Whether all layers were captured or those of the recipe alone."""
    depths = f"{min(one, other):.2f}%-{max(one, other):.2f}%"
    recipe = OverviewRecipe(layers=depths, weights=(1.0,))
    layers = layers_at(depths, range(count), count)
    assert layers_and_weights(recipe, layers, count) == layers_and_weights(recipe, range(count), count)
    assert layers_and_weights(recipe, layers, count)[0] == layers


def test_weights_of_depths_are_one_for_all_or_one_for_each() -> None:
    even = OverviewRecipe(layers=DEPTHS, weights=(2.0,))
    assert layers_and_weights(even, range(28), 28) == ((16, 17, 18, 19), (0.5,) * 4)
    each = OverviewRecipe(layers=DEPTHS)
    assert layers_and_weights(each, range(28), 28) == ((16, 17, 18, 19), (0.1, 0.1, 0.3, 0.5))
    with pytest.raises(RecipeError, match=r"57%-68% are the layers \[23, 24, 25, 26, 27\].* holds 4 weights"):
        layers_and_weights(each, range(40), 40)


@pytest.mark.parametrize("depths", ["57", "57%", "68%-57%", "57%-168%", "all", "", "-1%-5%"])
def test_what_is_no_depths_is_refused(depths: str) -> None:
    with pytest.raises(RecipeError, match="depths of the model like"):
        recipes.load("fast", {"overview.layers": depths})


def test_depths_go_through_a_file_and_have_their_own_digest(tmp_path: Path) -> None:
    recipe = recipes.load("fast", {"overview.layers": DEPTHS})
    file = tmp_path / "own.toml"
    file.write_text(recipe.to_toml())
    again = recipes.load(str(file))
    assert again.overview.layers == DEPTHS
    assert again.digest == recipe.digest != recipes.load("fast").digest
