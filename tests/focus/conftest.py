from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from zeroov.focus import FocusModels, load_focus
from zeroov.recipe import FocusRecipe
from zeroov.tiny.build import write_diffusion
from zeroov.types import Picture

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """So small a model loses more by waiting for threads on a busy machine than it gains by them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diffusion")
    write_diffusion(folder)
    return folder


@pytest.fixture(scope="session")
def small() -> FocusRecipe:
    return FocusRecipe(dtype="float32", resize_to=128, grids=(16, 8), working_grid=8, steps=3, prompt="{expression}")


@pytest.fixture(scope="session")
def _loaded(diffusion_folder: Path, small: FocusRecipe) -> FocusModels:
    models = load_focus(diffusion_folder, small, CPU, name="tiny", revision="r1")
    with torch.no_grad():
        for name, parameter in models.unet.named_parameters():
            if name.endswith("attn1.to_q.weight"):  # random weights attend to everything alike: make the maps peaked
                parameter *= 30
            if name.endswith("attn2.to_out.0.weight"):  # and let the prompt matter
                parameter *= 30
    return models


@pytest.fixture
def models(_loaded: FocusModels) -> Iterator[FocusModels]:
    before = dict(_loaded.unet.attn_processors)
    yield _loaded
    after = _loaded.unet.attn_processors
    assert all(after[name] is before[name] for name in before), "a test left another attention processor behind"


@pytest.fixture(scope="session")
def pictures() -> list[Picture]:
    random = np.random.default_rng(0)
    shapes = ((50, 70, 3), (64, 64, 3), (30, 200, 3))
    return [Picture(random.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]


@pytest.fixture
def v_models(models: FocusModels) -> FocusModels:
    """The same weights under the convention of SD 2.x at 768 pixels."""
    scheduler = type(models.scheduler).from_config(models.scheduler.config, prediction_type="v_prediction")
    return dataclasses.replace(models, scheduler=scheduler)
