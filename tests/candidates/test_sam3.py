"""SAM 3 asked for nouns: one encoding for many, long nouns, odd pictures, and the file it is published in."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from zeroov.candidates.detector import Detector, detect, load_detector
from zeroov.candidates.sam3 import tokens_of
from zeroov.recipe import DetectorRecipe
from zeroov.tiny.segmenters import sam3_parts, squashing
from zeroov.tiny.tokenizers import write_clip_tokenizer
from zeroov.types import Picture
from zeroov.weights.complete import faults

pytestmark = pytest.mark.skipif(not hasattr(transformers, "Sam3Model"), reason="transformers before 5.0")
CPU = torch.device("cpu")
RECIPE = DetectorRecipe(threshold=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SAM 3 with random weights, saved as the published one is: the detector, a tracker, and few settings."""
    from transformers import Sam3VideoConfig, Sam3VideoModel

    folder = tmp_path_factory.mktemp("sam3")
    vocabulary = write_clip_tokenizer(folder)
    parts = sam3_parts()
    small = {"hidden_size": 32, "intermediate_size": 32, "num_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    words = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, **ends}
    words |= {"projection_dim": 32, "vocab_size": vocabulary, "max_position_embeddings": 32}
    memory = {"memory_attention_hidden_size": 32, "memory_encoder_hidden_size": 32, "memory_fuser_embed_dim": 32}
    memory |= {"mask_downsampler_embed_dim": 32, "memory_encoder_output_channels": 32, "memory_attention_num_layers": 1}
    detector = {"vision_config": parts["vision_config"], "geometry_encoder_config": small, "text_config": words}
    detector |= {"detr_encoder_config": small, "detr_decoder_config": {**small, "num_queries": 20}}
    detector |= {"mask_decoder_config": {"hidden_size": 32}}
    config = Sam3VideoConfig(
        detector_config=detector,
        tracker_config={**parts, **memory, "image_size": 112, "memory_attention_rope_feat_sizes": [8, 8]},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Sam3VideoModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "tracker" not in name:  # fresh ones are so small that nothing depends on the words
                weight.mul_(4)
            if name.endswith("detr_decoder.reference_points.weight"):
                weight.mul_(20)  # boxes in many places
    model.save_pretrained(folder)
    own = json.loads(squashing(112).to_json_string()) | {"image_processor_type": "Sam3ImageProcessor"}
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": own}))
    return folder


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
