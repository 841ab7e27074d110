"""Which heads look at the object: sharpness, attention sum, the count over samples; and heads that are fixed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.overview.conftest import look
from zeroov.errors import RecipeError
from zeroov.overview.heads import BEST, LEAST, best_heads, count_best, head_figures, looking, spatial_entropy
from zeroov.overview.load import OverviewModels
from zeroov.overview.stage import captured_layers
from zeroov.recipe import OverviewRecipe
from zeroov.types import Float32, Picture


def with_cells(*cells: tuple[int, int, float]) -> Float32:
    row = np.zeros((6, 8), np.float32)
    for at, column, value in cells:
        row[at, column] = value
    return row


@pytest.mark.parametrize(
    ("cells", "entropy"),
    [
        ([(1, 1, 0.5)], 0.0),
        ([(1, 1, 0.5), (2, 2, 0.5)], 0.0),  # corners touch
        ([(1, 1, 0.5), (1, 3, 0.5)], math.log(2)),
        ([(1, 1, 0.2), (1, 3, 0.2), (3, 1, 0.2), (3, 3, 0.2)], math.log(4)),
        ([(5, column, 0.1) for column in range(8)], math.inf),  # the whole bottom row
        ([(5, column, 0.1) for column in range(7)], 0.0),
        ([(4, column, 0.1) for column in range(8)], 0.0),
        ([], math.inf),
        ([(1, 1, LEAST / 48 * 0.9)], math.inf),  # hardly above the mean
        ([(1, 1, LEAST / 48 * 1.1)], 0.0),
    ],
)
def test_few_parts_are_sharp(cells: list[tuple[int, int, float]], entropy: float) -> None:
    assert spatial_entropy(with_cells(*cells)) == pytest.approx(entropy, abs=1e-5)


def test_shares_are_those_of_what_stands_out() -> None:
    row = with_cells((1, 1, 0.6), (3, 3, 0.3)) + np.float32(0.01)
    above = np.array([0.6, 0.3]) - 0.9 / 48
    shares = above / above.sum()
    assert spatial_entropy(row) == pytest.approx(float(-(shares * np.log(shares)).sum()), rel=1e-5)


def test_figures_are_of_each_head() -> None:
    maps = np.stack([np.stack([with_cells((1, 1, 0.5), (1, 3, 0.5)), with_cells((0, 0, 0.3))])] * 3)
    figures = head_figures(maps)
    assert figures.shape == (3, 2, 2)
    np.testing.assert_allclose(figures[2], [[1.0, math.log(2)], [0.3, 0.0]], rtol=1e-5)


def test_heads_look_from_the_elbow_of_their_sums_on() -> None:
    sums = np.array([[0.5, 0.01], [0.02, 0.9], [0.05, 0.03]])
    # sorted: .01 .02 .03 .05 .5 .9 on a line from .01 to .9: .05 lies farthest below it
    assert looking(sums).tolist() == [[True, False], [False, True], [True, False]]


def nobody() -> Float32:
    figures = np.ones((2, 2, 2), np.float32)
    figures[..., 1] = np.inf
    return figures


def test_the_best_are_the_sharpest_quarter_of_those_that_look() -> None:
    figures = np.zeros((4, 4, 2), np.float32)
    figures[..., 0] = np.linspace(0.02, 0.01, 16).reshape(4, 4)
    figures[:2, :, 0] = 0.8  # eight look, and the one at the elbow
    figures[..., 1] = np.arange(16).reshape(4, 4)[::-1]  # the sharpest look elsewhere
    figures[1, 0, 1] = figures[2, 0, 1] = np.inf
    assert np.argwhere(best_heads(figures)).tolist() == [[1, 1], [1, 2]]
    many = np.zeros((40, 40, 2), np.float32)
    many[..., 0] = np.linspace(0, 1, 1600).reshape(40, 40)
    assert best_heads(many).sum() == BEST
    assert best_heads(nobody()).sum() == 0


def test_samples_are_counted() -> None:
    first, second = np.ones((1, 4, 2), np.float32), np.ones((1, 4, 2), np.float32)
    first[0, 2, 1] = second[0, 2, 1] = 0
    assert count_best([first, second, nobody().reshape(1, 4, 2)]).tolist() == [[0, 0, 2, 0]]


def test_fixed_heads_are_read_and_no_others(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    count = models.model.config.text_config.num_attention_heads
    wide = replace(recipe, layers=(1, 3), weights=(1.0, 1.0))
    [mean] = look(models, pictures[:1], ["a"], wide)
    each = []
    for head in range(count):
        [found] = look(models, pictures[:1], ["a"], replace(recipe, heads=f"3.{head}"))
        assert found.layer_numbers == (3,)
        each.append(found.layers[0])
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(np.mean(each, axis=0), mean.layers[1], atol=1e-6)
    [both] = look(models, pictures[:1], ["a"], replace(recipe, heads="3.1 1.0 3.0"))
    assert both.layer_numbers == (1, 3)
    np.testing.assert_allclose(both.layers[1], np.mean(each[:2], axis=0), atol=1e-6)


def test_figures_of_single_heads_come_with_all_layers(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    [found] = look(models, pictures[:1], ["a"], replace(recipe, capture="all"))
    count = models.model.config.text_config.num_attention_heads
    assert found.heads is not None
    assert found.heads.shape == (len(found.layer_numbers), count, 2)
    np.testing.assert_allclose(found.heads[..., 0].mean(axis=1), found.layers.sum(axis=(1, 2)), rtol=1e-4)
    assert look(models, pictures[:1], ["a"], recipe)[0].heads is None


@pytest.mark.parametrize(
    ("heads", "fits"),
    [
        ("1.99", "the model has"),
        ("77.0", "the model has layers 0 to"),
        ("1.0 of builtin:other at 0123", "those of builtin:other at 0123"),
    ],
)
def test_heads_that_the_model_lacks_or_of_another_model_are_refused(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, heads: str, fits: str
) -> None:
    with pytest.raises(RecipeError, match=fits):
        look(models, pictures[:1], ["a"], replace(recipe, heads=heads))


def test_heads_of_this_model_under_another_name_are_taken(models: OverviewModels, recipe: OverviewRecipe) -> None:
    own = replace(recipe, heads=f"1.0 of /a/moved folder at {models.revision}")
    assert captured_layers(models, own) == (1,)
