"""Overview on a CUDA device in half precision, without the device: shapes, dtypes and devices fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.no_device import CUDA, NoDevice, moved, no_device, of_zeroov
from tests.overview.conftest import look
from zeroov import recipe as recipes
from zeroov.overview.capture import RowRecorder
from zeroov.overview.load import OverviewModels, load_overview
from zeroov.recipe import OverviewRecipe
from zeroov.types import Picture

# Each is once a prompt, a step (the tokens that were chosen) or a sample: none once a layer.
WAITS = tuple(
    f"zeroov/overview/{name}"
    for name in (
        *("capture.py:__init__", "decode.py:decode"),
        *("capture.py:mean_rows", "capture.py:confidence", "stage.py:look"),
    )
)
COPIES = tuple(f"zeroov/overview/{name}" for name in ("prefix.py:read_prompt", "prefix.py:ask", "decode.py:decode"))


@pytest.fixture(scope="module")
def half() -> OverviewRecipe:
    return recipes.load("tiny", {"overview.max_new_tokens": 2, "overview.dtype": "float16"}).overview


@pytest.fixture(scope="module")
def halves(tiny: Path, half: OverviewRecipe) -> OverviewModels:
    return load_overview(tiny / "vlm", half, torch.device("cpu"), name="tiny", revision="r")


@pytest.fixture
def device() -> Iterator[NoDevice]:
    with no_device({"transformers": lambda: 0, **{wait: lambda: 1 for wait in WAITS}}) as device:
        yield device


def on(models: OverviewModels) -> OverviewModels:
    return dataclasses.replace(models, device=CUDA, model=moved(models.model))


def test_an_answer_is_read_in_half_precision_and_no_layer_waits(
    halves: OverviewModels, half: OverviewRecipe, device: NoDevice, pictures: list[Picture]
) -> None:
    found = look(on(halves), pictures[:2], ["a", "the white plane"], half)  # of two lengths: the shorter is padded
    assert [each.layers.shape for each in found] == [(3, 4, 7), (3, 11, 5)]
    assert of_zeroov(device.waits) == list(WAITS)
    assert of_zeroov(device.copies) == list(COPIES)


def test_a_tensor_left_on_the_cpu_is_caught(
    halves: OverviewModels, half: OverviewRecipe, device: NoDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = RowRecorder(torch.zeros(1, 3, dtype=torch.long), torch.ones(1, 5, device=CUDA), [0])
    query = torch.zeros(1, 4, 1, 16, dtype=torch.float16, device=CUDA)
    with pytest.raises(RuntimeError, match="same device: aten"):
        recorder.add(0, query, torch.zeros(1, 2, 5, 16, dtype=torch.float16), 1.0)
    recorder.add(0, query, torch.zeros(1, 2, 5, 16, dtype=torch.float16, device=CUDA), 1.0)
    assert device.copies[1:] == ["zeroov/overview/capture.py:add"]  # the positions: once a layer of each step
