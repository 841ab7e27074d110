"""Build the tiny models: real classes, small configs, random weights from a fixed seed, written as complete folders."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zeroov.errors import OutputError
from zeroov.tiny.seeds import seeded
from zeroov.tiny.segmenters import write_sam2
from zeroov.tiny.tokenizers import QWEN_SPECIAL, write_clip_tokenizer, write_qwen_tokenizer
from zeroov.weights.complete import faults
from zeroov.weights.own_code import from_folder
from zeroov.weights.quiet import quietly

IMAGE_PROCESSOR = {
    "min_pixels": 3136,
    "max_pixels": 12845056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "Qwen2_5_VLProcessor",
}


def vlm_config(vocabulary: int = 256 + len(QWEN_SPECIAL), **text: Any) -> Any:
    """Return a small Qwen2.5-VL config whose special ids fit the byte tokenizer; `text` overrides its text part."""
    from transformers import Qwen2_5_VLConfig

    ids = {token: 256 + index for index, token in enumerate(QWEN_SPECIAL)}
    layout: dict[str, Any] = {
        "hidden_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
        "vocab_size": vocabulary,
        "max_position_embeddings": 32768,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [2, 3, 3]},
    }
    layout |= text
    return Qwen2_5_VLConfig(
        text_config=layout,
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "num_heads": 2,
            "intermediate_size": 64,
            "out_hidden_size": layout["hidden_size"],
            "fullatt_block_indexes": [1],
            "window_size": 112,
            "patch_size": 14,
            "spatial_merge_size": 2,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )


def write_vlm(folder: Path) -> None:
    """Write a complete Qwen2.5-VL folder."""
    from transformers import GenerationConfig, Qwen2_5_VLForConditionalGeneration

    config = vlm_config()
    model = seeded(lambda: Qwen2_5_VLForConditionalGeneration(config))
    end = config.text_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=[end, 256], pad_token_id=256, do_sample=False)
    model.save_pretrained(folder)
    write_qwen_tokenizer(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(IMAGE_PROCESSOR, indent=2), encoding="utf-8")


def write_diffusion(folder: Path) -> None:
    """Write a complete Stable Diffusion 1.x folder: 512-pixel pictures, 64 x 64 latents."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    vocabulary = write_clip_tokenizer(folder / "tokenizer")
    text_config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    seeded(lambda: CLIPTextModel(text_config)).save_pretrained(folder / "text_encoder")
    unet = seeded(
        lambda: UNet2DConditionModel(
            sample_size=64,
            block_out_channels=(8, 16, 16),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=2,
            norm_num_groups=4,
        )
    )
    unet.save_pretrained(folder / "unet")
    vae = seeded(
        lambda: AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            norm_num_groups=4,
            latent_channels=4,
            sample_size=512,
        )
    )
    vae.save_pretrained(folder / "vae")
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False
    ).save_pretrained(folder / "scheduler")
    parts = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    index = {"_class_name": "StableDiffusionPipeline", **parts}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")


def write_detector(folder: Path) -> None:
    """Write a complete OWLv2 folder: 64-pixel pictures, patches of 16."""
    from transformers import AutoTokenizer, Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessor, Owlv2Processor

    vocabulary = write_clip_tokenizer(folder)
    shared = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    config = Owlv2Config(
        text_config={**shared, **ends, "vocab_size": vocabulary, "max_position_embeddings": 16},
        vision_config={**shared, "image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    seeded(lambda: Owlv2ForObjectDetection(config)).save_pretrained(folder)
    tokenizer = from_folder(AutoTokenizer, folder, model_max_length=16)
    Owlv2Processor(Owlv2ImageProcessor(size={"height": 64, "width": 64}), tokenizer).save_pretrained(folder)


def write_sam(path: Path) -> None:
    """Write the state dict of a `vit_tiny` Sam."""
    import torch

    from zeroov.refine.sam import build_sam

    model = seeded(lambda: build_sam("vit_tiny"))
    torch.save(model.state_dict(), path)


WRITERS: dict[str, Callable[[Path], None]] = {
    "vlm": write_vlm,
    "diffusion": write_diffusion,
    "detector": write_detector,
    "segmenter": write_sam2,
    "sam.pth": write_sam,
}


def ensure(part: str, cache: Path) -> Path:
    """Return a tiny model, one of `WRITERS`, in `cache`, building it there first when it is not complete."""
    target = cache / part
    try:
        if _is_complete(target):
            return target
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{part}-", ignore_cleanup_errors=True) as staging:
            made = Path(staging) / part
            if not part.endswith(".pth"):
                made.mkdir()
            with quietly("transformers", "diffusers"):
                WRITERS[part](made)
            if target.exists() and not _is_complete(target):
                target.rename(Path(staging) / "damaged")
            if not target.exists():  # another process may have been faster
                made.rename(target)
    except OSError as error:
        raise OutputError(
            f"the tiny models cannot be made in `{cache}` ({error.strerror}); set ZEROOV_CACHE to a folder of yours"
        ) from error
    return target


def _is_complete(target: Path) -> bool:
    """Say if a tiny model is there and whole."""
    if target.suffix == ".pth":
        return zipfile.is_zipfile(target)
    return target.is_dir() and not faults(target, target.name)
