"""SAM 3 asked for nouns: one encoding for many, long nouns, odd pictures, and the file it is published in."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from tests.candidates.sam3 import write_sam3
from zeroov.candidates.detector import Detector, detect, load_detector
from zeroov.recipe import DetectorRecipe
from zeroov.types import Picture
from zeroov.weights.complete import faults
from zeroov.weights.sam3 import tokens_of

pytestmark = pytest.mark.skipif(not hasattr(transformers, "Sam3Model"), reason="transformers before 5.0")
CPU = torch.device("cpu")
RECIPE = DetectorRecipe(threshold=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sam3(tmp_path_factory.mktemp("sam3"))


@pytest.fixture(scope="module")
def detector(folder: Path) -> Detector:
    return load_detector(folder, RECIPE, CPU, name="sam3", revision="r1")


def picture(hw: tuple[int, int], seed: int = 0) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 255, (*hw, 3), dtype=np.uint8))


def test_the_detector_is_taken_out_of_the_published_file(folder: Path, detector: Detector) -> None:
    from safetensors.torch import load_file

    assert faults(folder, "detector") == []
    assert type(detector.model).__name__ == "Sam3Model"
    saved, ours = load_file(folder / "model.safetensors"), detector.model.state_dict()
    theirs = {name.removeprefix("detector_model."): value for name, value in saved.items()}
    assert len(ours) > 100
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize("hw", [(80, 120), (1, 300), (113, 41)])
def test_boxes_are_those_of_its_own_processor_and_forward(detector: Detector, hw: tuple[int, int]) -> None:
    asked = picture(hw)
    image = Image.fromarray(asked.rgb)
    (ship, tank) = detect(detector, [asked] * 2, ["ship", "storage tank"], RECIPE, 200)
    for noun, found in (("ship", ship), ("storage tank", tank)):
        inputs = detector.processor(images=image, text=noun, return_tensors="pt")
        with torch.inference_mode():
            (own,) = detector.processor.post_process_instance_segmentation(
                detector.model(**inputs), threshold=0.0, target_sizes=[hw]
            )
        best = int(own["scores"].argmax())
        assert found.scores[0] == pytest.approx(float(own["scores"][best]), abs=1e-5)
        box = own["boxes"][best].clamp(min=0)
        limits = torch.tensor([hw[1], hw[0], hw[1], hw[0]])
        assert found.boxes[0].xyxy == pytest.approx(torch.minimum(box, limits).tolist(), abs=1e-3)
    assert ship.scores != tank.scores, "the words count"
    assert (ship.answer, ship.model, ship.revision) == ("", "sam3", "r1")


def test_many_questions_are_answered_as_single_ones_and_a_picture_is_encoded_once(detector: Detector) -> None:
    first, second = picture((80, 120)), picture((60, 40), 1)
    pictures, kinds = [first, second, first], ["ship", "ship", "storage tank"]
    encoded: list[int] = []
    handle = detector.model.vision_encoder.register_forward_hook(lambda *_: encoded.append(1))
    together = detect(detector, pictures, kinds, RECIPE, 30)
    handle.remove()
    assert len(encoded) == 2
    for asked, kind, found in zip(pictures, kinds, together, strict=True):
        (alone,) = detect(detector, [asked], [kind], RECIPE, 30)
        assert alone == found
    least = together[0].scores[1]
    (fewer,) = detect(detector, [first], ["ship"], DetectorRecipe(threshold=least), 30)
    assert all(score > least for score in fewer.scores)


def test_a_long_noun_is_cut_to_its_last_words(detector: Detector, caplog: pytest.LogCaptureFixture) -> None:
    long = "very " * 30 + "old ship"
    with caplog.at_level(logging.WARNING, logger="zeroov"):
        cut, short = detect(detector, [picture((40, 40))] * 2, [long, "very very very very old ship"], RECIPE, 5)
    assert "SAM 3 reads 32 tokens" in caplog.text
    assert caplog.text.rstrip().endswith("old ship`")
    assert len(cut.boxes) == len(short.boxes) == 5
    tokens: Any = tokens_of(detector.processor.tokenizer, "x" * 500, 32)
    assert tokens["input_ids"].shape == (1, 32)  # one endless word


def test_half_precision(folder: Path) -> None:
    half = load_detector(folder, DetectorRecipe(dtype="bfloat16"), CPU, name="sam3", revision="r1")
    (found,) = detect(half, [picture((80, 120))], ["ship"], RECIPE, 5)
    assert len(found.boxes) == 5
    assert all(0 <= score <= 1 for score in found.scores)
