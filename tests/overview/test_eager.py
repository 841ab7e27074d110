"""One layer's eager attention against the whole model's, and the model as it was afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.overview.conftest import PHRASES
from tests.overview.test_capture import eager_maps
from zeroov.errors import ModelError
from zeroov.overview.eager import eager_map
from zeroov.overview.load import OverviewModels
from zeroov.recipe import OverviewRecipe
from zeroov.types import Picture


@pytest.mark.parametrize("layer", [0, 3])
def test_one_layer_equals_the_model_s_own_eager_attention(
    models: OverviewModels, eager: Any, pictures: list[Picture], recipe: OverviewRecipe, layer: int
) -> None:
    alone = replace(recipe, layers=(layer,), weights=(1.0,), max_new_tokens=1)
    for picture, phrase in zip(pictures, PHRASES, strict=True):
        expected, _ = eager_maps(models, eager, picture, phrase, alone)
        found = eager_map(models, picture, phrase, recipe, layer)
        np.testing.assert_allclose(found, expected[0], atol=1e-6, rtol=0)
        assert expected.max() > 1e-3, "the comparison is not between zeros"


def test_the_model_is_left_as_it_was(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [part for part in models.model.modules() if hasattr(part, "layer_idx") and hasattr(part, "q_proj")]
    text = models.model.config.get_text_config()

    def untouched() -> bool:
        hooks = [hook for part in layers for hook in (*part._forward_hooks, *part._forward_pre_hooks)]
        return not hooks and all(part.config is text for part in layers) and text._attn_implementation == "sdpa"

    assert untouched()
    eager_map(models, pictures[0], "a", recipe, 2)
    assert untouched()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr(layers[1].q_proj, "forward", broken)
    with pytest.raises(RuntimeError, match="broken inside"):
        eager_map(models, pictures[0], "a", recipe, 2)
    assert untouched()


def test_a_layer_that_the_model_lacks_is_refused(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    with pytest.raises(ModelError, match=r"no attention layer 9; set overview\.layers"):
        eager_map(models, pictures[0], "a", recipe, 9)
