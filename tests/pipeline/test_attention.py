"""The two options of Overview that hear words of place and look at several scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zeroov
from zeroov.errors import RecipeError
from zeroov.look import Question
from zeroov.mini.scenes import make_scene, seed_for
from zeroov.pipeline.attention import cross_of
from zeroov.raster.scene import open_picture
from zeroov.recipe import load
from zeroov.types import Box, Float32, Overview
from zeroov.zoom.pyramid import scales

pytestmark = pytest.mark.usefixtures("kept_models")
SCENE = make_scene(seed_for("test", 3))


def fused(expression: str, **changes: Any) -> tuple[Float32, Overview]:
    with zeroov.load("mini", device="cpu", stages=("overview", "evolve"), **changes) as pipeline:
        (look,) = pipeline.ground(SCENE.image, expression).looks
    assert look.evolved
    return look.evolved.cross_on_grid, look.overview


def test_words_of_place_move_attention_to_their_side() -> None:
    plain, overview = fused("the building on the left")
    moved, again = fused("the building on the left", overview__position=2.0)
    np.testing.assert_array_equal(overview.layers, again.layers)  # the model's own maps are what they were

    def share(values: Float32) -> float:
        return float(values[:, :16].sum() / values.sum())

    assert share(moved) > share(plain)
    unplaced, _ = fused("the building")
    same, _ = fused("the building", overview__position=2.0)
    np.testing.assert_array_equal(unplaced, same)


def test_words_of_place_weigh_neither_a_crop_nor_a_searched_scene() -> None:
    text = "the building on the left"
    closer = Question(open_picture(SCENE.image), text, near=Box(100, 100, 180, 180))
    attentions = []
    for position in (0.0, 4.0):
        with zeroov.load("mini", device="cpu", overview__position=position) as pipeline:
            glance = pipeline.ground(SCENE.image, text, search=True).looks[0]
            attentions.append((pipeline.look([closer])[0].attention, glance.attention))
    for plain, placed in zip(*attentions, strict=True):
        np.testing.assert_array_equal(plain, placed)


def test_no_position_is_the_plain_combination() -> None:
    _, overview = fused("the building on the left")
    recipe = load("mini").overview
    layers = [overview.layers[overview.layer_numbers.index(number)] for number in recipe.layers]
    scaled = [(layer - layer.min()) / (layer.max() - layer.min()) for layer in layers]
    expected = sum(weight * layer for weight, layer in zip(recipe.weights, scaled, strict=True))
    np.testing.assert_allclose(cross_of(overview, recipe, "the building on the left"), expected, atol=1e-6)


def test_a_pyramid_looks_at_every_window(monkeypatch: pytest.MonkeyPatch) -> None:
    from zeroov.overview import stage

    seen: list[tuple[int, int]] = []
    original = stage.look

    def watched(models: Any, pictures: Any, *others: Any) -> Any:
        seen.extend(picture.hw for picture in pictures)
        return original(models, pictures, *others)

    monkeypatch.setattr(stage, "look", watched)
    averaged, _ = fused("the building", overview__pyramid=[0.67])
    windows = scales(SCENE.height_width, [0.67])
    assert sorted(seen) == sorted([SCENE.height_width, *[(y1 - y0, x1 - x0) for x0, y0, x1, y1 in windows]])
    assert averaged.shape == (32, 32)
    assert not np.array_equal(averaged, fused("the building")[0])


def test_a_pyramid_cannot_be_made_of_dumps_of_single_looks(tmp_path: Any) -> None:
    from zeroov.dumps import DumpStore
    from zeroov.pipeline.replay import replay

    with pytest.raises(RecipeError, match="one look per picture"):
        next(replay(DumpStore(tmp_path), DumpStore(tmp_path), load("mini", {"overview.pyramid": [0.5]})))
