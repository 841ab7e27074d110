from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from zeroov.weights.sizes import count_weights


def test_a_folder_loads_as_many_numbers_as_its_tensors_hold(tiny: Path) -> None:
    expected = sum(tensor.numel() for tensor in load_file(tiny / "vlm" / "model.safetensors").values())
    assert count_weights(tiny / "vlm", "vlm") == expected > 100_000


def test_of_two_formats_the_one_that_is_loaded_counts(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny / "diffusion", tmp_path / "diffusion"))
    before = count_weights(folder, "diffusion")
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(unet, unet.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert count_weights(folder, "diffusion") == before
    (folder / "safety_checker").mkdir()
    shutil.copy(unet, folder / "safety_checker" / "model.safetensors")
    assert count_weights(folder, "diffusion") == before


def test_a_checkpoint_is_taken_for_32_bit_numbers(tiny: Path) -> None:
    held = sum(tensor.numel() for tensor in torch.load(tiny / "sam.pth", weights_only=True).values())
    assert held < count_weights(tiny / "sam.pth", "sam") < 1.1 * held
