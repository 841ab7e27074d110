"""From a picture to a mask with a tile and with recurrent layers, and maps that a sweep of depths takes from a dump."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zeroov
from tests.overview.kinds import write
from zeroov import recipe as recipes
from zeroov.dumps.store import DumpStore
from zeroov.errors import DumpError
from zeroov.pipeline.replay import replay


@pytest.mark.parametrize("kind", ["internvl", "qwen3_5"])
def test_an_odd_picture_is_grounded_and_evolved_again_from_its_dump(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path / kind)
    changes = {"overview.model": str(tmp_path / kind), "overview.layers": "40%-100%", "overview.weights": [1.0]}
    recipe = recipes.load("tiny", {**changes, "overview.max_new_tokens": 2})
    pipeline = zeroov.load(recipe, device="cpu", dumps=tmp_path / "dumps")
    rgb = np.random.default_rng(0).integers(0, 256, (61, 137, 3), dtype=np.uint8)
    answer = pipeline.ground(rgb, "the plane")
    assert answer.mask.shape == (61, 137)
    again = list(replay(DumpStore(tmp_path / "dumps"), DumpStore(tmp_path / "again"), recipe))
    assert len(again) == 1
    other = recipe.with_values({"overview.layers": "0%-30%"})
    with pytest.raises(DumpError, match=r"holds the layers 40%-100%, and overview\.layers is 0%-30%"):
        list(replay(DumpStore(tmp_path / "dumps"), DumpStore(tmp_path / "again"), other))
