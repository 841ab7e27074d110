"""Build the untrained miniature Stable Diffusion and write it as a complete folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from scripts.training.resume import exported
from zeroov.mini.expressions import POSITIONS, RELATIONS, SUPERLATIVES, SYNONYMS
from zeroov.mini.ground import TERRAINS
from zeroov.mini.kinds import COLOURS, KINDS

TEXT_WIDTH = 64
CHANNELS = (32, 64, 64)
HEADS = 1
SHARPNESS, SHARPENED = 12.0, 2.0
"""Attention logits of two equal cells while training, and by how much the written folder multiplies them."""
VAE_CHANNELS = (8, 16, 32, 32)


@dataclass(frozen=True)
class Parts:
    """Everything that a Stable Diffusion folder holds."""

    vae: Any
    unet: Any
    text_encoder: Any
    tokenizer: CLIPTokenizer
    scheduler: DDIMScheduler

    def embed(self, prompts: list[str]) -> Tensor:
        """Give the text encoder's hidden states (N, 77, width)."""
        tokens = self.tokenizer(prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
        hidden: Tensor = self.text_encoder(tokens["input_ids"].to(self.text_encoder.device))[0]
        return hidden


def build_tokenizer() -> CLIPTokenizer:
    """Learn byte-level merges with CLIP's end-of-word mark until each word of the world is one token."""
    known = [*KINDS, *(kind.plural for kind in KINDS.values()), *SYNONYMS.values(), *COLOURS, *TERRAINS, *POSITIONS]
    words = sorted(set(" ".join([*known, *RELATIONS, *SUPERLATIVES, "a the large small on"]).split()))
    raw = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    ends = [letter + "</w>" for letter in alphabet]
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        min_frequency=2,
        end_of_word_suffix="</w>",
        show_progress=False,
        initial_alphabet=alphabet,
        special_tokens=ends,  # numbered beforehand, or ties between merges would be broken by chance
    )
    raw.train_from_iterator((word for word in words for _ in range(8)), trainer)
    merges: Any = [tuple(pair) for pair in json.loads(raw.to_str())["model"]["merges"]]
    tokens = [*alphabet, *ends, *("".join(pair) for pair in merges)]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)


def kept_tokenizer(folder: Path) -> CLIPTokenizer:
    """Load the tokenizer that this run began with, or learn and keep it: the world's words may change."""
    if not (folder / "tokenizer_config.json").exists():
        with exported(folder) as part:
            build_tokenizer().save_pretrained(part)
    kept: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return kept


def build_parts(seed: int, tokenizer_folder: Path) -> Parts:
    """Make the untrained parts, their weights a function of the seed."""
    torch.manual_seed(seed)
    tokenizer = kept_tokenizer(tokenizer_folder)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=VAE_CHANNELS,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        mid_block_add_attention=False,
        sample_size=256,
    )
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=HEADS,  # diffusers' name for the number of heads
        cross_attention_dim=TEXT_WIDTH,
    )
    compare_by_cosine(unet)
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    return Parts(vae, unet, CLIPTextModel(text), tokenizer, scheduler)


def self_attentions(unet: nn.Module) -> dict[str, Any]:
    """Return the self-attention modules of the down and up blocks by name, in module order."""
    return {n: m for n, m in unet.named_modules() if n.endswith("attn1") and "mid_block" not in n}


def compare_by_cosine(unet: nn.Module) -> None:
    """Fix each self-attention to the cosine of what its cells hold: W_q = W_k orthogonal, the norm before it plain.

    All queries and keys then have one length, so that no cell draws everybody's attention; what is learned is what
    the cells hold. Logits lie between -SHARPNESS and SHARPNESS. It is all in the weights: nothing else is needed to
    load the folder.
    """
    modules = dict(unet.named_modules())
    for name, attention in self_attentions(unet).items():
        width = attention.to_q.in_features
        nn.init.orthogonal_(attention.to_q.weight, gain=(SHARPNESS / width**0.5) ** 0.5)
        attention.to_k = attention.to_q
        norm = modules[name.removesuffix("attn1") + "norm1"]
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)
        for fixed in (attention.to_q, norm):
            fixed.requires_grad_(False)


def save_parts(parts: Parts, weights: dict[str, dict[str, Tensor]], folder: Path) -> None:
    """Write the complete folder with these weights per part, in float16."""
    index = {
        "_class_name": "StableDiffusionPipeline",
        "vae": ["diffusers", "AutoencoderKL"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    for name, state in weights.items():
        part = getattr(parts, name)
        fresh = type(part)(part.config) if name == "text_encoder" else type(part).from_config(part.config)
        fresh.load_state_dict({key: value.float().cpu() for key, value in state.items()})
        if name == "unet":
            for attention in self_attentions(fresh).values():
                for projection in (attention.to_q, attention.to_k):
                    projection.weight.data *= SHARPENED**0.5
        fresh.to(torch.float16).save_pretrained(folder / name, safe_serialization=True)
    parts.tokenizer.save_pretrained(folder / "tokenizer")
    parts.scheduler.save_pretrained(folder / "scheduler")
