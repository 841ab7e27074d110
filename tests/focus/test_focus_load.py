from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroov.errors import ModelError
from zeroov.focus import FocusModels, compute_affinities, load_focus
from zeroov.recipe import FocusRecipe
from zeroov.types import Picture

CPU = torch.device("cpu")
UNET = "unet/diffusion_pytorch_model"


@pytest.fixture
def folder(diffusion_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(diffusion_folder, tmp_path / "sd"))


def load(folder: Path, dtype: str = "float32", **options: Any) -> FocusModels:
    return load_focus(folder, FocusRecipe(dtype=dtype), CPU, name="org/sd", revision="abc", **options)


def edit(path: Path, **changes: Any) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def test_loads_frozen_and_silently(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    models = load(folder)
    assert (models.name, models.revision, models.dtype, models.device) == ("org/sd", "abc", torch.float32, CPU)
    for part in (models.unet, models.vae, models.text_encoder):
        assert not part.training
        assert not any(weight.requires_grad for weight in part.parameters())
        assert part.dtype == torch.float32
    assert capfd.readouterr() == ("", "")


def test_loads_in_the_dtype_asked_for(folder: Path) -> None:
    models = load(folder, "bfloat16")
    assert {models.unet.dtype, models.vae.dtype, models.text_encoder.dtype, models.dtype} == {torch.bfloat16}


def test_the_schedule_is_ddim_whatever_the_folder_names(folder: Path) -> None:
    published = {
        "_class_name": "PNDMScheduler",
        "beta_start": 0.1,
        "beta_schedule": "linear",
        "clip_sample": True,
        "set_alpha_to_one": True,
        "skip_prk_steps": True,
        "steps_offset": 1,
    }
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(published))
    scheduler = load(folder).scheduler
    assert type(scheduler) is diffusers.DDIMScheduler
    config = scheduler.config
    assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.00085, 0.012, "scaled_linear")
    assert not config.clip_sample
    assert not config.set_alpha_to_one
    scheduler.set_timesteps(20)
    assert scheduler.timesteps.tolist() == list(range(951, 0, -50))  # as in the official code


def test_predictions(folder: Path) -> None:
    path = folder / "scheduler/scheduler_config.json"
    edit(path, prediction_type="v_prediction")
    assert load(folder).scheduler.config.prediction_type == "v_prediction"
    edit(path, prediction_type="sample")
    with pytest.raises(ModelError, match="predicts `sample`; the Focus stage reads models that predict epsilon or v_"):
        load(folder)


def test_a_model_trained_on_other_noise_is_refused(folder: Path) -> None:
    edit(folder / "scheduler/scheduler_config.json", _class_name="EDMDPMSolverMultistepScheduler")
    with pytest.raises(ModelError, match="is a EDMDPMSolverMultistepScheduler: the model knows another noise"):
        load(folder)


def test_another_class_is_refused(folder: Path) -> None:
    edit(folder / "unet/config.json", _class_name="SD3Transformer2DModel")
    with pytest.raises(
        ModelError, match=r"unet is a SD3Transformer2DModel; .* needs Stable Diffusion 1\.x, 2\.x or SDXL"
    ):
        load(folder)


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_damaged_weights_are_named(folder: Path, part: str) -> None:
    (path,) = (folder / part).glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelError, match=f"{path.name} cannot be read .*; copy it there again"):
        load(folder)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_incomplete_weights_are_named(folder: Path, part: str) -> None:
    (path,) = (folder / part).glob("*.safetensors")
    weights = load_file(path)
    lost = sorted(weights)[0]
    del weights[lost]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match=rf"{path.name} (lacks 1 weights, e\.g\. |cannot be read)"):
        load(folder)


def test_an_inpainting_model_is_refused(folder: Path) -> None:
    config = diffusers.UNet2DConditionModel.load_config(folder / "unet")
    diffusers.UNet2DConditionModel.from_config({**config, "in_channels": 9}).save_pretrained(folder / "unet")
    with pytest.raises(ModelError, match="takes 9 channels and the vae makes 4"):
        load(folder)


def same_answer(folder: Path, other: FocusModels) -> bool:
    recipe = FocusRecipe(resize_to=64, grids=(8,), working_grid=4)
    picture = Picture(torch.arange(3072).to(torch.uint8).view(32, 32, 3).numpy())
    first, second = (compute_affinities(models, [picture], ["a"], recipe)[0] for models in (load(folder), other))
    return bool(abs(first.matrix.astype("f4") - second.matrix).max() < 1e-3)


@pytest.mark.parametrize("kind", ["bin", "fp16.safetensors", "fp16.bin"])
def test_every_form_of_weights_loads(folder: Path, diffusion_folder: Path, kind: str) -> None:
    if kind.endswith("bin") and tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        pytest.skip("transformers reads .bin files with torch 2.6 or newer only")
    for part in ("unet", "vae", "text_encoder"):
        (path,) = (folder / part).glob("*.safetensors")
        weights = load_file(path)
        if kind.startswith("fp16"):
            weights = {name: value.half() for name, value in weights.items()}
        stem = "pytorch_model" if path.stem == "model" and kind.endswith("bin") else path.stem
        if kind.endswith("bin"):
            torch.save(weights, path.with_name(f"{stem}.{kind}"))
        else:
            save_file(weights, path.with_name(f"{stem}.{kind}"), {"format": "pt"})
        path.unlink()
    models = load(folder)
    assert models.unet.dtype == torch.float32
    assert same_answer(diffusion_folder, models)


def test_published_text_encoders_load(folder: Path, diffusion_folder: Path) -> None:
    """Their weights carry the prefix `text_model.` and a table of positions, which newer transformers do without."""
    path = folder / "text_encoder/model.safetensors"
    # transformers before 5 writes the prefix itself
    weights = {f"text_model.{name.removeprefix('text_model.')}": value for name, value in load_file(path).items()}
    weights["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(weights, path, {"format": "pt"})
    assert same_answer(diffusion_folder, load(folder))


def test_offloaded_models_lie_in_cpu_memory(folder: Path) -> None:
    models = load_focus(folder, FocusRecipe(dtype="float32"), torch.device("meta"), name="", revision="", offload=True)
    assert {part.device.type for part in (models.unet, models.vae, models.text_encoder)} == {"cpu"}
