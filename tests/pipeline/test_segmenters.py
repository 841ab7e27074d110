"""The whole pipeline with models of other families than the paper's: of masks, of candidates, of diffusion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

import zeroov
from tests.candidates.sam3 import write_sam3
from tests.focus.families import write_sdxl
from zeroov.errors import ModelError
from zeroov.ground import Pipeline
from zeroov.refine.draw import refine, refine_at
from zeroov.types import Box, Picture

QUICK: dict[str, Any] = {
    "overview__max_new_tokens": 3,
    "focus__resize_to": 128,
    "focus__grids": [16, 8],
    "focus__working_grid": 16,
    "min_score": 0.0,
    "said_absent": "keep",
}


@pytest.fixture(scope="module")
def pipeline(tiny: Path) -> Pipeline:
    return zeroov.load("tiny", device="cpu", refine__model="builtin:tiny", refine__choose="box", **QUICK)


@pytest.mark.parametrize("hw", [(33, 117), (90, 41)])
def test_a_sentence_is_grounded_with_masks_of_sam_2(pipeline: Pipeline, hw: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*hw, 3), dtype=np.uint8)
    result = pipeline.ground(rgb, "the white plane")
    assert result.mask.shape == hw
    assert list(result.looks[0].costs) == ["overview", "focus", "evolve", "refine"]
    refined = result.looks[0].refined
    assert refined is not None
    assert refined.object_score is not None
    np.testing.assert_array_equal(result.mask, refined.mask)
    assert type(pipeline.models.refine().model).__name__ == "Sam2Model"  # type: ignore[attr-defined]


def test_boxes_and_points_of_one_picture_share_its_encoding(pipeline: Pipeline) -> None:
    picture = Picture(np.random.default_rng(1).integers(0, 256, (90, 150, 3), dtype=np.uint8))
    segmenter, recipe = pipeline.models.refine(), pipeline.recipe.refine
    for box in (Box(20, 10, 90, 70), Box(60, 30, 140, 80)):
        drawn = pipeline.draw(picture, box)[0]
        alone = refine(segmenter, segmenter.encode(picture), box, recipe, None, picture.valid)
        np.testing.assert_array_equal(drawn.mask, alone.mask)
        assert drawn.object_score == alone.object_score
    at = pipeline.draw_at(picture, [(55, 40, True)])
    np.testing.assert_array_equal(
        at.mask, refine_at(segmenter, segmenter.encode(picture), [(55, 40, True)], recipe, picture.valid).mask
    )


def test_the_miniature_models_have_no_model_of_masks_of_transformers() -> None:
    with pytest.raises(ModelError, match="`builtin:mini` has no segmenter"):
        zeroov.load("mini", device="cpu", refine__model="builtin:mini").models.locate("refine")


@pytest.mark.skipif(not hasattr(transformers, "Sam3Model"), reason="transformers before 5.0")
def test_a_small_sdxl_and_sam_3_stand_behind_the_same_stages(tiny: Path, tmp_path: Path) -> None:
    sam3 = str(write_sam3(tmp_path / "sam3"))
    write_sdxl(tiny / "diffusion", tmp_path / "sdxl")
    settings = {
        **QUICK,
        "stages": ["overview", "focus", "evolve", "select", "refine"],
        "candidates__sources": ["detector", "answer", "evolved"],
        "detector__threshold": 0.0,
        "detector__model": sam3,
        "refine__model": sam3,
        "focus__model": str(tmp_path / "sdxl"),
        "focus__resize_to": 256,
    }
    pipeline = zeroov.load("tiny", device="cpu", **settings)
    asked = [(np.random.default_rng(hw).integers(0, 256, (*hw, 3), dtype=np.uint8)) for hw in ((33, 117), (90, 41))]
    for rgb in asked:
        (look,) = pipeline.ground(rgb, "the second plane from the left").looks
        assert list(look.costs) == ["overview", "focus", "evolve", "select", "refine"]
        assert look.selection is not None
        assert any("detector" in each.sources for each in look.selection.pool.candidates)
        assert look.refined is not None
        assert look.refined.mask.shape == rgb.shape[:2]
