"""Tiny models of masks of the real classes of transformers, with random weights, as complete folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from zeroov.tiny.seeds import seeded

SIDE = 128  # of the square that they see, in pixels; of SAM 3 seven eighths, for its patches of 14
SPREAD = 8
PROMPTS = {"hidden_size": 32, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 8}
DECODER = {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32}
MAPS = [[32, 32], [16, 16], [8, 8]]  # the features that SAM 2 and 3 hand to the decoder


def write_sam(folder: Path) -> None:
    """Write the first Segment Anything as transformers has it."""
    from transformers import SamConfig, SamModel

    _save(folder, SamModel, SamConfig(**_first()), _padding())


def write_sam_hq(folder: Path) -> None:
    """Write a SAM-HQ folder."""
    from transformers import SamHQConfig, SamHQModel

    parts = _first()
    parts["mask_decoder_config"]["vit_dim"] = parts["vision_config"]["hidden_size"]
    _save(folder, SamHQModel, SamHQConfig(**parts), _padding())


def write_sam2(folder: Path) -> None:
    """Write a SAM 2 folder."""
    from transformers import Sam2Config, Sam2Model

    _save(folder, Sam2Model, Sam2Config(**sam2_parts()), squashing(SIDE))


def write_sam3_tracker(folder: Path) -> None:
    """Write a folder of SAM 3's tracker; transformers has it since 5.0."""
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    _save(folder, Sam3TrackerModel, Sam3TrackerConfig(**sam3_parts()), squashing(SIDE * 7 // 8))


def write_edgetam(folder: Path) -> None:
    """Write an EdgeTAM folder; its image encoder is one of timm."""
    from transformers import EdgeTamConfig, EdgeTamModel, TimmWrapperConfig

    stages = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    encoder: dict[str, Any] = {
        "backbone_config": TimmWrapperConfig(architecture="repvit_m0_9", model_args=stages),
        "backbone_channel_list": [384, 192, 96, 48],
        "backbone_feature_sizes": MAPS,
        "fpn_hidden_size": 32,
    }
    parts: dict[str, Any] = {
        "vision_config": encoder,
        "prompt_encoder_config": PROMPTS,
        "mask_decoder_config": DECODER,
    }
    _save(folder, EdgeTamModel, EdgeTamConfig(**parts), squashing(SIDE))


# By family, as `zeroov.refine.families` names them.
SEGMENTERS: dict[str, Callable[[Path], None]] = {
    "sam": write_sam,
    "sam_hq": write_sam_hq,
    "sam2": write_sam2,
    "edgetam": write_edgetam,
    "sam3_tracker": write_sam3_tracker,
}


def sam2_parts() -> dict[str, Any]:
    """Return the sizes of a small SAM 2: its image encoder, prompt encoder and mask decoder."""
    encoder = {
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": 8,
            "image_size": [SIDE, SIDE],
            "window_positional_embedding_background_size": [4, 4],
            "blocks_per_stage": [1, 1, 2, 1],
            "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 2, 2],
            "window_size_per_stage": [4, 4, 4, 4],
            "global_attention_blocks": [3],
        },
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": MAPS,
        "fpn_hidden_size": 32,
    }
    return {"vision_config": encoder, "prompt_encoder_config": dict(PROMPTS), "mask_decoder_config": dict(DECODER)}


def sam3_parts() -> dict[str, Any]:
    """Return the sizes of a small tracker of SAM 3."""
    side = SIDE * 7 // 8
    encoder = {
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": side,
            "patch_size": 14,
            "pretrain_image_size": side,
            "window_size": 4,
            "global_attn_indexes": [1],
        },
        "backbone_feature_sizes": MAPS,
        "fpn_hidden_size": 32,
    }
    prompts = {**PROMPTS, "image_size": side, "patch_size": 14}
    return {"vision_config": encoder, "prompt_encoder_config": prompts, "mask_decoder_config": dict(DECODER)}


def squashing(side: int) -> Any:
    """Return the image processor of SAM 2 for a small square."""
    import transformers

    name = "Sam2ImageProcessor" if hasattr(transformers, "Sam2ImageProcessor") else "Sam2ImageProcessorFast"  # before 5
    size = {"height": side, "width": side}
    return getattr(transformers, name)(size=size, mask_size={"height": side // 4, "width": side // 4})


def _first() -> dict[str, Any]:
    """Return the sizes of a small first Segment Anything."""
    encoder = {
        "hidden_size": 32,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
        "window_size": 4,
        "global_attn_indexes": [1],
        "num_pos_feats": 16,
        "initializer_range": 0.02,  # the default is as good as 0
    }
    return {"vision_config": encoder, "prompt_encoder_config": dict(PROMPTS), "mask_decoder_config": dict(DECODER)}


def _padding() -> Any:
    """Return the image processor of the first Segment Anything for a small square."""
    from transformers import SamImageProcessor

    return SamImageProcessor(size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE})


def _save(folder: Path, model_class: Any, config: Any, processor: Any) -> None:
    import torch

    model = seeded(lambda: model_class(config))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "timm_model" not in name:  # fresh ones are so small that every mask is as good as
                weight.mul_(SPREAD)  # flat; timm's have their size, and are fifty layers deep
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
