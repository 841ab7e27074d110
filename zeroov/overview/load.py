"""Load a vision-language model and its processor from a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers.utils.import_utils import is_bitsandbytes_available, is_flash_attn_2_available

from zeroov.errors import ModelError
from zeroov.hardware import pick_dtype
from zeroov.overview.families import Family, family_of
from zeroov.quiet import quietly
from zeroov.recipe import OverviewRecipe


@dataclass(frozen=True)
class OverviewModels:
    """A loaded `PreTrainedModel` and its processor; `name` and `revision` sign the answers."""

    model: Any
    processor: Any
    family: Family
    device: torch.device
    name: str
    revision: str


def load_overview(
    folder: Path, recipe: OverviewRecipe, device: torch.device, *, name: str, revision: str, offload: bool = False
) -> OverviewModels:
    """Load the model in `folder` onto `device`, or with `offload` spread over the GPU, CPU memory and disk."""
    dtype = pick_dtype(recipe.dtype, device)
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": _kernel(device, dtype)}
    if recipe.quantize == "4bit":
        options["quantization_config"] = _four_bit(dtype, device)
    if offload or recipe.quantize != "none":
        options["device_map"] = "auto"
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        family = family_of(config, name)
        with quietly():
            processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
            model: Any = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"the vision-language model in `{folder}` cannot be loaded ({first_line}); "
            "check the folder, or fetch it again with `zeroov models get`"
        ) from error
    if "device_map" not in options:
        model = model.to(device)
    model.eval().requires_grad_(False)
    return OverviewModels(model, processor, family, device, name, revision)


def _kernel(device: torch.device, dtype: torch.dtype) -> str:
    """Return flash attention where it is installed and can run, else SDPA."""
    half = dtype in (torch.float16, torch.bfloat16)
    return "flash_attention_2" if device.type == "cuda" and half and is_flash_attn_2_available() else "sdpa"


def _four_bit(dtype: torch.dtype, device: torch.device) -> Any:
    from transformers import BitsAndBytesConfig

    if device.type != "cuda" or not is_bitsandbytes_available():
        raise ModelError(
            'overview.quantize = "4bit" needs a CUDA device and bitsandbytes: pip install "zeroov[four-bit]"'
        )
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
