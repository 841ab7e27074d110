"""Detectors of transformers as a source: whole pictures and slices, and folders that are none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zeroov.candidates.detector import detect, load_detector
from zeroov.errors import ModelError
from zeroov.recipe import DetectorRecipe
from zeroov.tiny.build import ensure
from zeroov.types import Picture
from zeroov.weights.complete import faults

CPU = torch.device("cpu")


def test_the_tiny_models_have_a_detector_of_another_family(own_cache: Path, rng: np.random.Generator) -> None:
    recipe = DetectorRecipe(threshold=0.0)
    detector = load_detector(ensure("detector", own_cache / "tiny"), recipe, CPU, name="tiny", revision="0")
    assert type(detector.model).__name__ == "Owlv2ForObjectDetection"
    picture = Picture(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    (found,) = detect(detector, [picture], ["storage tank"], recipe, 5)
    assert len(found.boxes) <= 5


def test_a_detectors_own_code_is_refused(own_cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(ensure("detector", own_cache / "tiny"), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling.Model"}}))
    with pytest.raises(ModelError, match=r"Python code of its own \(auto_map in config.json\).*set detector.model"):
        load_detector(folder, DetectorRecipe(), CPU, name="own", revision="0")


@pytest.mark.parametrize("family", ["GroundingDino", "MMGroundingDino"])
def test_every_family_of_zero_shot_detectors_that_is_named(
    family: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    write_dino(family, tmp_path)
    assert faults(tmp_path, "detector") == []
    recipe = DetectorRecipe(threshold=0.0)
    detector = load_detector(tmp_path, recipe, CPU, name=family, revision="0")
    assert type(detector.model).__name__ == f"{family}ForObjectDetection"
    picture = Picture(rng.integers(0, 255, (80, 120, 3), dtype=np.uint8))
    ship, tank = detect(detector, [picture] * 2, ["ship", "storage tank"], recipe, 5)
    assert len(ship.boxes) == len(tank.boxes) == 5
    assert ship.scores != tank.scores, "the words count"
    assert all(0 <= box.x0 < box.x1 <= 120 and 0 <= box.y0 < box.y1 <= 80 for box in ship.boxes)
    assert list(ship.scores) == sorted(ship.scores, reverse=True)
    least = ship.scores[2]
    (fewer,) = detect(detector, [picture], ["ship"], DetectorRecipe(threshold=least), 5)
    assert min(fewer.scores) >= least
    assert len(fewer.boxes) < 5


def write_dino(family: str, folder: Path) -> None:
    """Write a small checkpoint of a Grounding DINO with its processor."""
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "ship", "storage", "tank"]
    (folder / "vocab.txt").write_text("\n".join(words))
    depths: dict[str, Any] = {"depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 2], "window_size": 2, "embed_dim": 12}
    layers: dict[str, Any] = {f"{part}_layers": 2 for part in ("encoder", "decoder")}
    layers |= {f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")}
    layers |= {f"{part}_attention_heads": 2 for part in ("encoder", "decoder")}
    text = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    config = getattr(transformers, f"{family}Config")(
        backbone_config=transformers.SwinConfig(image_size=64, out_features=["stage2", "stage3", "stage4"], **depths),
        text_config=text,
        d_model=32,
        num_queries=20,
        max_text_len=32,
        **layers,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        getattr(transformers, f"{family}ForObjectDetection")(config).save_pretrained(folder)
    tokenizer: Any = transformers.BertTokenizerFast(vocab_file=str(folder / "vocab.txt"))
    images: Any = transformers.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    transformers.GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)


def test_a_folder_of_another_kind_is_refused_in_words(tiny: Path, tmp_path: Path) -> None:
    for folder in (tiny / "vlm", tmp_path):
        with pytest.raises(ModelError, match="cannot be loaded"):
            load_detector(folder, DetectorRecipe(), CPU, name="x", revision="0")
