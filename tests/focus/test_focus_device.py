"""Focus on a CUDA device in half precision, without the device: shapes, dtypes and devices fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.focus.families import write_sdxl
from tests.no_device import CUDA, NoDevice, moved, no_device, of_zeroov
from zeroov.focus import FocusModels, compute_affinities, load_focus
from zeroov.focus import latents as walk
from zeroov.focus.capture import AttentionMaps
from zeroov.focus.pool import flattened, spatial
from zeroov.recipe import FocusRecipe
from zeroov.types import Picture

CHECK, READ = "zeroov/focus/stage.py:_finite", "zeroov/focus/stage.py:compute_affinities"
GOOD_ENOUGH = "zeroov/focus/latents.py:optimise_null_text"
ANSWERS = {CHECK: lambda: True, GOOD_ENOUGH: lambda: 1.0}
COPIED = ("encode_picture", "_encoded", "make_noise", "predict_noise")  # the last: a timestep, one number
HALF = FocusRecipe(
    dtype="float16", resize_to=64, grids=(8, 4), working_grid=4, steps=2, inner_steps=2, prompt="{expression}"
)


@pytest.fixture(scope="module")
def halves(diffusion_folder: Path) -> FocusModels:
    return load_focus(diffusion_folder, HALF, torch.device("cpu"), name="tiny", revision="r1")


@pytest.fixture
def device() -> Iterator[NoDevice]:
    with no_device(ANSWERS) as device:
        yield device
    spatial.cache_clear()
    flattened.cache_clear()


def on(models: FocusModels) -> FocusModels:
    names = ("unet", "vae", "text_encoder", "text_encoder_2")
    parts = {name: moved(part) for name in names if (part := getattr(models, name)) is not None}
    return dataclasses.replace(models, device=CUDA, **parts)


@pytest.mark.parametrize(
    ("method", "prediction"), [("noise", "epsilon"), ("invert", "v_prediction"), ("nulltext", "epsilon")]
)
def test_every_method_runs_in_half_precision_and_waits_for_few_values(
    halves: FocusModels, device: NoDevice, pictures: list[Picture], method: str, prediction: str
) -> None:
    recipe = dataclasses.replace(HALF, method=method)
    scheduler = type(halves.scheduler).from_config(halves.scheduler.config, prediction_type=prediction)
    models = dataclasses.replace(on(halves), scheduler=scheduler)
    (affinity,) = compute_affinities(models, pictures[:1], ["a plane"], recipe)
    assert affinity.matrix.shape == (16, 16)
    # The optimisation ends where the loss is small; the rest is asked once a picture, when all steps are done.
    optimised = (recipe.steps - 1) * recipe.inner_steps if method == "nulltext" else 0
    assert device.waits == [GOOD_ENOUGH] * optimised + [CHECK, READ]
    assert set(of_zeroov(device.copies)) <= {f"zeroov/focus/latents.py:{name}" for name in COPIED}


def test_sdxl_runs_in_half_precision_with_its_sizes_on_the_device(
    diffusion_folder: Path, tmp_path: Path, pictures: list[Picture]
) -> None:
    write_sdxl(diffusion_folder, tmp_path / "sdxl")
    recipe = dataclasses.replace(HALF, resize_to=128)
    models = load_focus(tmp_path / "sdxl", recipe, torch.device("cpu"), name="sdxl", revision="r1")
    with no_device(ANSWERS) as device:
        (affinity,) = compute_affinities(on(models), pictures[:1], ["a plane"], recipe)
    spatial.cache_clear()
    assert affinity.matrix.shape == (16, 16)
    assert device.waits == [CHECK, READ]
    assert set(of_zeroov(device.copies)) <= {f"zeroov/focus/latents.py:{name}" for name in COPIED}


@pytest.mark.parametrize(
    ("pooling", "working_grid"), [("spatial", 2), ("spatial", 4), ("spatial", 8), ("flattened", 2), ("flattened", 8)]
)
def test_every_pooling_stays_on_the_device(device: NoDevice, pooling: str, working_grid: int) -> None:
    maps = AttentionMaps((4,), working_grid, pooling)
    query, key = torch.zeros(2, 2, 3, 16, 8, dtype=torch.float16, device=CUDA)
    maps.add(4, query, key)
    maps.add(4, query, key)
    made = maps.mean()
    assert (made.device, made.dtype, made.shape) == (CUDA, torch.float32, (2, working_grid**2, working_grid**2))
    assert device.waits == device.copies == []


def test_a_tensor_left_on_the_cpu_is_caught(
    halves: FocusModels, device: NoDevice, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "make_noise", lambda like, seed: torch.randn(like.shape))
    with pytest.raises(RuntimeError, match=r"same device: aten\.add"):
        compute_affinities(on(halves), pictures[:1], ["a plane"], HALF)


def test_another_dtype_than_the_weights_is_caught(
    halves: FocusModels, device: NoDevice, pictures: list[Picture]
) -> None:
    with pytest.raises(RuntimeError, match=r"dtype|type"):
        compute_affinities(dataclasses.replace(on(halves), dtype=torch.float32), pictures[:1], ["a plane"], HALF)
