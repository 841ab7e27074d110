"""Small models of SD 2.1 and SDXL with random weights: what differs from SD 1.x is as in the published ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from zeroov.tiny.seeds import seeded


def change(path: Path, **changes: Any) -> None:
    """Change values of a JSON file."""
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def _write_unet(folder: Path, **config: Any) -> None:
    from diffusers import UNet2DConditionModel

    common = {"layers_per_block": 1, "norm_num_groups": 4, "use_linear_projection": True, "cross_attention_dim": 16}
    unet = seeded(lambda: UNet2DConditionModel(**{**common, **config}))
    unet.save_pretrained(folder / "unet")


def write_sd21(sd1: Path, folder: Path) -> None:
    """Write SD 2.1: heads by level, linear projections, and a UNet that predicts v."""
    shutil.copytree(sd1, folder)
    _write_unet(
        folder,
        sample_size=96,
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        attention_head_dim=[1, 2, 4, 4],
        upcast_attention=True,
    )
    change(folder / "scheduler/scheduler_config.json", prediction_type="v_prediction", steps_offset=1)


def write_sdxl(sd1: Path, folder: Path) -> None:
    """Write SDXL: no attention at the finest level, several blocks in each layer, two text encoders, time ids."""
    shutil.copytree(sd1, folder)
    _write_unet(
        folder,
        sample_size=128,
        block_out_channels=(8, 16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=[1, 2, 3],
        attention_head_dim=[1, 2, 4],
        cross_attention_dim=16 + 24,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=12 + 6 * 8,
    )
    first = json.loads((folder / "text_encoder/config.json").read_text())
    names = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")
    config = CLIPTextConfig(
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=12,
        **{name: first[name] for name in names},
    )
    seeded(lambda: CLIPTextModelWithProjection(config)).save_pretrained(folder / "text_encoder_2")
    shutil.copytree(folder / "tokenizer", folder / "tokenizer_2")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        change(folder / "tokenizer_2" / name, pad_token="!")
    change(folder / "vae/config.json", scaling_factor=0.13025)


def sdxl_pipeline(models: Any) -> Any:
    """Return the pipeline of diffusers around loaded models: what SDXL reads of a prompt, and of sizes, is its word."""
    from diffusers import StableDiffusionXLPipeline

    return StableDiffusionXLPipeline(
        vae=models.vae,
        text_encoder=models.text_encoder,
        text_encoder_2=models.text_encoder_2,
        tokenizer=models.tokenizer,
        tokenizer_2=models.tokenizer_2,
        unet=models.unet,
        scheduler=models.scheduler,
    )
