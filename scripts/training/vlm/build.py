"""Build the untrained miniature VLM and its processor, and save both as a `from_pretrained` folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from scripts.training.vlm.tokens import NUMBERS

PIXELS = 224 * 224
MOST_PIXELS = 448 * 448
HIDDEN, HEADS, LAYERS, INNER = 192, 4, 8, 384
VISION_HIDDEN, VISION_HEADS, VISION_DEPTH, VISION_INNER = 128, 4, 4, 384


def build_config(tokenizer: Qwen2Tokenizer) -> Qwen2_5_VLConfig:
    """Describe the model: full attention in every vision block, M-RoPE sections interleaved one frequency at a time.

    Interleaving (24 sections of 1) gives time, height and width fast *and* slow frequencies alike; Qwen's own three
    blocks would leave the width nothing but slow ones, blind on an 8 x 8 grid.
    """
    ids: dict[str, Any] = {name: tokenizer.convert_tokens_to_ids(name) for name in tokenizer.all_special_tokens}
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": 4096,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1000.0,
            "mrope_section": [1] * (HIDDEN // HEADS // 2),
        },
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
    }
    vision = {
        "depth": VISION_DEPTH,
        "hidden_size": VISION_HIDDEN,
        "intermediate_size": VISION_INNER,
        "num_heads": VISION_HEADS,
        "out_hidden_size": HIDDEN,
        "fullatt_block_indexes": list(range(VISION_DEPTH)),
        "window_size": 112,
        "rope_parameters": {"rope_type": "axial", "rope_theta": 100.0},
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def build_processor(tokenizer: Qwen2Tokenizer) -> Qwen2_5_VLProcessor:
    """Pair the tokenizer with Qwen's image processor, told to bring every picture to 224 x 224 to 448 x 448 pixels."""
    size = {"shortest_edge": int(0.9 * PIXELS), "longest_edge": MOST_PIXELS}
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(size=size),
        chat_template=tokenizer.chat_template,
    )


def number_features(width: int) -> torch.Tensor:
    """Give 0 to 1024 smooth embeddings (NUMBERS, width): sines and cosines of wavelengths 14 to 2048 px, mixed."""
    waves = torch.exp(torch.linspace(math.log(14.0), math.log(2048.0), 24))
    angle = torch.arange(NUMBERS)[:, None] * (2 * math.pi / waves)
    waveforms: torch.Tensor = torch.cat([angle.sin(), angle.cos()], 1) / math.sqrt(24)
    mixing: torch.Tensor = torch.linalg.qr(torch.randn(width, 48))[0].T
    features: torch.Tensor = waveforms @ mixing
    return features


@torch.no_grad()
def initialise(model: Any, tokenizer: Qwen2Tokenizer) -> None:
    """Start from weights that already match like with like: W_q = W_k, W_o = 0.3 W_v^T, smooth number embeddings."""
    table = model.get_input_embeddings().weight
    table.copy_(torch.randn_like(table) / math.sqrt(HIDDEN))
    numbers = tokenizer.convert_tokens_to_ids([str(number) for number in range(NUMBERS)])
    table[torch.tensor(numbers)] = number_features(HIDDEN)
    for index, layer in enumerate(model.model.language_model.layers):
        attention, head = layer.self_attn, HIDDEN // HEADS
        basis = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN))[0]
        attention.q_proj.weight.copy_(basis * 0.7)
        attention.k_proj.weight.copy_(basis * 0.7)
        values = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN))[0]
        attention.v_proj.weight.copy_(values)
        attention.o_proj.weight.copy_(values.T * 0.3)
        for bias in (attention.q_proj.bias, attention.k_proj.bias):
            bias.copy_(torch.randn_like(bias) * (0.5 if index < 2 else 0.1))
        layer.mlp.down_proj.weight.mul_(0.5)
        assert attention.head_dim == head
    for block in model.model.visual.blocks:
        for linear in (block.attn.qkv, block.attn.proj, block.mlp.gate_proj, block.mlp.up_proj, block.mlp.down_proj):
            torch.nn.init.normal_(linear.weight, std=1 / math.sqrt(linear.in_features))
        block.attn.proj.weight.mul_(0.3)
        block.mlp.down_proj.weight.mul_(0.3)
    for linear in (model.model.visual.merger.mlp[0], model.model.visual.merger.mlp[2]):
        torch.nn.init.normal_(linear.weight, std=1 / math.sqrt(linear.in_features))
    model.model.visual.merger.mlp[2].weight.mul_(0.1)
    torch.nn.init.normal_(model.model.visual.patch_embed.proj.weight, std=0.02)


def build_model(tokenizer: Qwen2Tokenizer, seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """Make the untrained model, its weights a function of the seed."""
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(build_config(tokenizer))
    initialise(model, tokenizer)
    return model


def save_folder(model: Qwen2_5_VLForConditionalGeneration, tokenizer: Qwen2Tokenizer, folder: Path) -> None:
    """Write the complete folder, weights in float16, config naming float16."""
    half = Qwen2_5_VLForConditionalGeneration(model.config)
    half.load_state_dict(model.state_dict())
    half.tie_weights()
    torch.nn.Module.to(half, torch.float16)
    end, pad = (tokenizer.convert_tokens_to_ids(name) for name in ("<|im_end|>", "<|endoftext|>"))
    half.generation_config = GenerationConfig(
        do_sample=False, bos_token_id=pad, eos_token_id=[end, pad], pad_token_id=pad, max_new_tokens=64
    )
    half.save_pretrained(folder)
    build_processor(tokenizer).save_pretrained(folder)
