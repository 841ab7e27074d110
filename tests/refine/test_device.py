"""Segment Anything on a CUDA device in half precision, without the device: shapes, dtypes and devices fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.no_device import NoDevice, moved, no_device, of_zeroov
from tests.refine.conftest import HERE
from zeroov.recipe import RefineRecipe
from zeroov.refine.draw import refine, refine_at
from zeroov.refine.load import load_sam, load_segmenter
from zeroov.refine.sam import OfficialSam
from zeroov.tiny.segmenters import SEGMENTERS
from zeroov.types import Box, Evolved, Picture

ENCODED, ASKED = (f"zeroov/refine/sam.py:{name}" for name in ("encode", "hypotheses"))
REFINED = "zeroov/refine/draw.py:_best"


@pytest.fixture(scope="module")
def half(tiny: Path) -> Any:
    return load_sam(tiny / "sam.pth", RefineRecipe(type="vit_tiny", dtype="float16"), torch.device("cpu"))


@pytest.fixture
def device() -> Iterator[NoDevice]:
    with no_device({REFINED: lambda: 1}) as device:
        yield device


@pytest.mark.parametrize("prompt", ["box", "box+point", "box+mask"])
def test_every_prompt_is_answered_by_an_encoder_in_half_precision(
    half: Any, device: NoDevice, picture: Picture, prompt: str
) -> None:
    grid = np.ones((8, 8), dtype=np.float32)
    evolved = Evolved(grid, grid, grid > 0, grid > 0, np.ones(picture.hw, dtype=np.bool_), Box(0, 0, 200, 120))
    on_device = OfficialSam(moved(half.sam))
    encoded = on_device.encode(picture)
    assert (encoded.features.device.type, encoded.features.dtype) == ("cuda", torch.float32)
    assert device.waits == []
    assert of_zeroov(device.copies) == [ENCODED]
    refined = refine(on_device, encoded, Box(3, 4, 50, 60), RefineRecipe(type="vit_tiny", prompt=prompt), evolved)
    assert refined.mask.shape == picture.hw
    assert device.waits == [REFINED] * 3  # the best hypothesis, its mask, its score: once a box
    assert of_zeroov(device.copies) == [ENCODED, ASKED]


def test_a_point_waits_as_a_box_does(half: Any, device: NoDevice, picture: Picture) -> None:
    on_device = OfficialSam(moved(half.sam))
    encoded = on_device.encode(picture)
    assert refine_at(on_device, encoded, [(30, 40, True)], RefineRecipe(type="vit_tiny")).mask.shape == picture.hw
    assert device.waits == [REFINED] * 3
    assert of_zeroov(device.copies) == [ENCODED, ASKED]


def test_a_tensor_left_on_the_cpu_is_caught(half: Any, device: NoDevice, picture: Picture) -> None:
    on_device = OfficialSam(moved(half.sam))
    on_device.sam.pixel_std = torch.ones(3, 1, 1)
    with pytest.raises(RuntimeError, match=r"same device: aten\.div"):
        on_device.encode(picture)


@pytest.mark.parametrize("family", HERE)
def test_a_family_of_transformers_works_on_the_device_in_half_precision(
    tmp_path: Path, device: NoDevice, picture: Picture, family: str
) -> None:
    SEGMENTERS[family](tmp_path / family)
    recipe = RefineRecipe(model=family, dtype="float16", prompt="box+mask")
    loaded = load_segmenter(tmp_path / family, recipe, torch.device("cpu"), name=family)
    on_device = replace(loaded, model=moved(loaded.model))
    grid = np.ones((8, 8), dtype=np.float32)
    evolved = Evolved(grid, grid, grid > 0, grid > 0, np.ones(picture.hw, dtype=np.bool_), Box(0, 0, 200, 120))
    encoded = on_device.encode(picture)
    refined = refine(on_device, encoded, Box(3, 4, 50, 60), recipe, evolved)
    assert refined.mask.shape == picture.hw
    sure = family not in ("sam", "sam_hq")
    assert device.waits == [REFINED] * (4 if sure else 3), "the best hypothesis, its mask, its scores"
    assert refine_at(on_device, encoded, [(30, 40, True)], recipe).mask.shape == picture.hw
