"""Load a vision-language model and its processor from a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers.utils.import_utils import is_bitsandbytes_available

from zeroov.errors import ModelError, first_line
from zeroov.hardware import pick_dtype
from zeroov.overview.families import Family, family_of
from zeroov.recipe import OverviewRecipe
from zeroov.weights.own_code import from_folder, refuse_own_code
from zeroov.weights.quiet import quietly


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
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": recipe.attention}
    if recipe.quantize == "4bit":
        options["quantization_config"] = _four_bit(dtype, device)
        options["device_map"] = {"": device}
    elif offload and device.type == "cuda":
        options |= {"device_map": "auto", "max_memory": _room(device)}
    refuse_own_code(folder, "overview.model", "Qwen/Qwen2.5-VL-7B-Instruct")
    try:
        config = from_folder(AutoConfig, folder)
        family = family_of(config, name)
        with quietly("transformers"):
            processor = from_folder(AutoProcessor, folder)
            processor.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False)
            model, report = from_folder(AutoModelForImageTextToText, folder, output_loading_info=True, **options)
    except ModelError:
        raise
    except Exception as error:  # damaged files raise nearly anything; tokenizers raises plain Exception
        raise ModelError(
            f"the vision-language model in `{folder}` cannot be loaded ({first_line(error)}); "
            "copy its files there again, or fetch a hub model again with `zeroov models get`"
        ) from error
    if report["missing_keys"]:  # they would be filled with random numbers
        missing = sorted(report["missing_keys"])
        raise ModelError(
            f"the weights in `{folder}` lack {len(missing)} tensors, e.g. {missing[0]}; "
            "copy the files there again, or fetch a hub model again with `zeroov models get`"
        )
    if "device_map" not in options:
        model = model.to(device)
    model.eval().requires_grad_(False)
    return OverviewModels(model, processor, family, device, name, revision)


def _room(device: torch.device) -> dict[int | str, int]:
    """Return the free memory of the wanted GPU and of the CPU, for accelerate to spread a model over."""
    from accelerate.utils import get_max_memory

    memory: dict[int | str, int] = get_max_memory()
    return {place: free for place, free in memory.items() if place in (device.index or 0, "cpu")}


def _four_bit(dtype: torch.dtype, device: torch.device) -> Any:
    from transformers import BitsAndBytesConfig

    if device.type != "cuda" or not is_bitsandbytes_available():
        raise ModelError(
            'overview.quantize = "4bit" needs a CUDA device and bitsandbytes: pip install "zeroov[four-bit]"'
        )
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
