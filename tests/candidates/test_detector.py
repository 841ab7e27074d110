"""Detectors of transformers as a source: whole pictures and slices, and folders that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from zeroov.candidates.detector import detect, load_detector, windows
from zeroov.errors import ModelError
from zeroov.recipe import DetectorRecipe
from zeroov.tiny.build import ensure
from zeroov.types import Picture, Window

CPU = torch.device("cpu")


def test_slices_cover_the_picture_and_none_is_larger_than_asked() -> None:
    for hw, side in (((100, 250), 80), ((81, 80), 80), ((300, 40), 64)):
        whole, *slices = windows(hw, side, 0.2)
        assert whole == Window(0, 0, hw[1], hw[0])
        covered = np.zeros(hw, int)
        for window in slices:
            assert max(window.hw) <= side
            covered[window.y0 : window.y1, window.x0 : window.x1] += 1
        assert covered.min() >= 1
    assert windows((80, 80), 80, 0.2) == windows((80, 80), 0, 0.2) == [Window(0, 0, 80, 80)]


def test_what_it_sees_lies_in_the_picture_and_scores_above_the_threshold(
    own_cache: Path, rng: np.random.Generator
) -> None:
    recipe = DetectorRecipe(threshold=0.05, slices=48)
    detector = load_detector(ensure("detector", own_cache / "tiny"), recipe, CPU, name="tiny", revision="0")
    picture = Picture(rng.integers(0, 255, (80, 120, 3), dtype=np.uint8))
    (found,) = detect(detector, [picture], ["storage tank"], recipe, 5)
    assert 0 < len(found.boxes) <= 5
    assert list(found.scores) == sorted(found.scores, reverse=True)
    assert min(found.scores) >= 0.05
    assert all(0 <= box.x0 < box.x1 <= 120 and 0 <= box.y0 < box.y1 <= 80 for box in found.boxes)


def test_a_folder_of_another_kind_is_refused_in_words(tiny: Path, tmp_path: Path) -> None:
    for folder in (tiny / "vlm", tmp_path):
        with pytest.raises(ModelError, match="cannot be loaded"):
            load_detector(folder, DetectorRecipe(), CPU, name="x", revision="0")
