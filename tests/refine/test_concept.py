"""SAM 3 asked for a thing by its noun in Refine: its own masks, by its own processor and forward; text beside a box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import zeroov
from tests.candidates.sam3 import write_sam3
from zeroov.candidates.detector import detect, load_detector
from zeroov.errors import ModelError, RecipeError, UsageError
from zeroov.frames import box_iou
from zeroov.recipe import DetectorRecipe, RefineRecipe
from zeroov.refine import concept
from zeroov.refine.draw import refine, refine_at
from zeroov.refine.load import load_segmenter
from zeroov.tiny.segmenters import SEGMENTERS
from zeroov.types import Box, Picture

pytestmark = pytest.mark.skipif(not hasattr(transformers, "Sam3Model"), reason="transformers before 5.0")
CPU = torch.device("cpu")
RECIPE = RefineRecipe(model="sam3", prompt="text", least_part=0)
SIZES = [(80, 120), (1, 300), (113, 41)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sam3(tmp_path_factory.mktemp("sam3"))


@pytest.fixture(scope="module")
def processor(folder: Path) -> Any:
    return transformers.Sam3Processor.from_pretrained(folder)


@pytest.fixture(scope="module")
def by_text(folder: Path) -> Any:
    return load_segmenter(folder, RECIPE, CPU, name="sam3")


@pytest.fixture(scope="module")
def by_both(folder: Path) -> Any:
    return load_segmenter(folder, replace(RECIPE, prompt="box+text"), CPU, name="sam3")


def picture(hw: tuple[int, int]) -> Picture:
    return Picture(np.random.default_rng(0).integers(0, 255, (*hw, 3), dtype=np.uint8))


def instances(segmenter: Any, processor: Any, hw: tuple[int, int], **asked: Any) -> dict[str, torch.Tensor]:
    """Return what SAM 3's own processor and forward see: masks, boxes and scores, the best fitting first."""
    inputs = processor(images=Image.fromarray(picture(hw).rgb), return_tensors="pt", **asked)
    with torch.inference_mode():
        (found,) = processor.post_process_instance_segmentation(
            segmenter.model(**inputs), threshold=0.0, target_sizes=[hw]
        )
    return dict(found)


@pytest.mark.parametrize("hw", SIZES)
def test_the_mask_of_a_candidate_is_the_one_that_sam_3_saw_with_it(
    folder: Path, by_text: Any, processor: Any, hw: tuple[int, int]
) -> None:
    shown, detector = picture(hw), load_detector(folder, DetectorRecipe(), CPU, name="sam3", revision="r")
    (seen,) = detect(detector, [shown], ["ship"], DetectorRecipe(threshold=0.0), 5)
    own = instances(by_text, processor, hw, text="ship")
    encoded = by_text.encode(shown)
    for box in seen.boxes[:3]:
        drawn = refine(by_text, encoded, box, RECIPE, None, None, "ship")
        ious = [box_iou(Box(*each), box) for each in own["boxes"].clamp(min=0).tolist()]
        worth = own["scores"] * torch.tensor(ious) * (torch.tensor(ious) >= concept.LEAST)
        best = int(worth.argmax())
        np.testing.assert_array_equal(drawn.mask, own["masks"][best].bool().numpy())
        assert drawn.predicted_iou == pytest.approx(float(worth[best]), abs=1e-4)


@pytest.mark.parametrize("hw", SIZES)
def test_a_box_beside_the_noun_is_shown_as_its_own_processor_shows_it(
    by_both: Any, processor: Any, hw: tuple[int, int]
) -> None:
    height, width = hw
    box = (0.1 * width, 0.0, 0.8 * width, 0.9 * height)
    own = instances(by_both, processor, hw, text="ship", input_boxes=[[list(box)]], input_boxes_labels=[[1]])
    alone = instances(by_both, processor, hw, text="ship")
    assert not torch.allclose(own["scores"], alone["scores"], atol=1e-3)
    shown = []
    handle = by_both.model.register_forward_hook(lambda _model, _given, made: shown.append(made))
    drawn = refine(by_both, by_both.encode(picture(hw)), Box(*box), RECIPE_BOTH, None, None, "ship")
    handle.remove()
    scores = shown[0].pred_logits[0].sigmoid() * shown[0].presence_logits[0].sigmoid()
    np.testing.assert_allclose(scores, own["scores"], atol=1e-4)
    if drawn.box:
        assert any(np.array_equal(drawn.mask, mask.bool().numpy()) for mask in own["masks"])


RECIPE_BOTH = replace(RECIPE, prompt="box+text")


def test_a_box_alone_is_shown_with_the_word_that_says_so(by_text: Any, processor: Any) -> None:
    hw, box = (80, 120), (10.0, 8.0, 90.0, 70.0)
    own = instances(by_text, processor, hw, input_boxes=[[list(box)]], input_boxes_labels=[[1]])
    shown = []
    handle = by_text.model.register_forward_hook(lambda _model, _given, made: shown.append(made))
    refine(by_text, by_text.encode(picture(hw)), Box(*box), RECIPE, None)
    handle.remove()
    scores = shown[0].pred_logits[0].sigmoid() * shown[0].presence_logits[0].sigmoid()
    np.testing.assert_allclose(scores, own["scores"], atol=1e-4)


def test_a_box_in_which_no_such_thing_is_seen_draws_nothing(by_text: Any) -> None:
    encoded = by_text.encode(picture((80, 120)))
    assert refine(by_text, encoded, Box(0, 0, 1, 1), RECIPE, None, None, "ship").box is None


def test_a_picture_is_encoded_once_and_asking_changes_nothing(by_text: Any) -> None:
    encoded = by_text.encode(picture((80, 120)))
    first = refine(by_text, encoded, Box(10, 8, 90, 70), RECIPE, None, None, "ship")
    refine(by_text, encoded, Box(10, 8, 90, 70), RECIPE, None, None, "storage tank")
    again = refine(by_text, encoded, Box(10, 8, 90, 70), RECIPE, None, None, "ship")
    np.testing.assert_array_equal(first.mask, again.mask)
    assert encoded.bytes > 1000


def test_a_point_is_refused(by_text: Any) -> None:
    with pytest.raises(UsageError, match="takes no point"):
        refine_at(by_text, by_text.encode(picture((80, 120))), [(5, 5, True)], RECIPE)
    with pytest.raises(UsageError, match="takes no point"):
        refine_at(by_text, by_text.encode(picture((80, 120))), [(5, 5, True)], RECIPE, box=Box(1, 2, 30, 40))


def test_what_takes_no_text_is_refused(tmp_path: Path) -> None:
    SEGMENTERS["sam2"](tmp_path / "sam2")
    with pytest.raises(ModelError, match="takes no text"):
        load_segmenter(tmp_path / "sam2", RECIPE, CPU, name="sam2")
    with pytest.raises(RecipeError, match=r"refine\.model"):
        RefineRecipe(prompt="text")


@pytest.mark.parametrize("prompt", ["text", "box+text"])
def test_the_pipeline_asks_for_the_kind_that_was_listed(
    tiny: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, prompt: str
) -> None:
    asked: list[str] = []
    tokens: Callable[..., Any] = concept.tokens_of

    def noting(tokenizer: Any, noun: str, longest: int) -> Any:
        asked.append(noun)
        return tokens(tokenizer, noun, longest)

    monkeypatch.setattr(concept, "tokens_of", noting)
    changes: dict[str, Any] = {"refine__model": str(folder), "refine__prompt": prompt, "overview__max_new_tokens": 3}
    changes |= {"stages": ["overview", "evolve", "refine"], "said_absent": "keep", "min_score": 0.0}
    with zeroov.load("tiny", device="cpu", **changes) as pipeline:
        pipeline.ground(picture((60, 90)).rgb, "the white plane on the left")
        pipeline.ground(picture((60, 90)).rgb, "x", bbox=(5, 5, 40, 40, "px"))
    assert asked == ["plane", "visual"]
