from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zeroov import recipe as recipes
from zeroov.overview import stage
from zeroov.overview.load import OverviewModels, load_overview
from zeroov.overview.prefix import read_picture
from zeroov.recipe import OverviewRecipe
from zeroov.types import Overview, Picture

PHRASES = ("a", "the white plane to the left of the long terminal", "白色的飞机")
SIZES_HW = ((120, 200), (310, 150), (60, 60))


def look(
    models: OverviewModels,
    pictures: Sequence[Picture],
    expressions: Sequence[str],
    recipe: OverviewRecipe,
    given: Sequence[str] = (),
) -> list[Overview]:
    """Read pictures and ask about them, one expression for each."""
    stage.captured_layers(models, recipe)
    prefixes = [read_picture(models, picture, recipe) for picture in pictures]
    return stage.look(models, pictures, prefixes, expressions, recipe, [stage.Given(text) for text in given])


def require_as_alone(
    models: OverviewModels,
    pictures: Sequence[Picture],
    expressions: Sequence[str],
    recipe: OverviewRecipe,
    rtol: float = 1e-3,
) -> None:
    """Require of the answers and maps of one batch that they are those of each question alone."""
    together = look(models, pictures, expressions, recipe)
    for picture, expression, found in zip(pictures, expressions, together, strict=True):
        [alone] = look(models, [picture], [expression], recipe)
        assert (found.answer, found.steps) == (alone.answer, alone.steps)
        assert found.confidence == pytest.approx(alone.confidence, rel=rtol)
        np.testing.assert_allclose(found.layers, alone.layers, rtol=rtol)


@pytest.fixture(scope="session")
def recipe() -> OverviewRecipe:
    return recipes.load("tiny", {"overview.max_new_tokens": 3}).overview


@pytest.fixture(scope="session")
def models(tiny: Path, recipe: OverviewRecipe) -> OverviewModels:
    return load_overview(tiny / "vlm", recipe, torch.device("cpu"), name="tiny", revision="r")


@pytest.fixture(scope="session")
def pictures() -> list[Picture]:
    rng = np.random.default_rng(1)
    return [Picture(rng.integers(0, 256, (*hw, 3), dtype=np.uint8)) for hw in SIZES_HW]


@pytest.fixture(scope="session")
def eager(tiny: Path) -> Any:
    from transformers import Qwen2_5_VLForConditionalGeneration

    return Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny / "vlm", attn_implementation="eager").eval()
