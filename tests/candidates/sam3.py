"""A small SAM 3 with random weights, saved as the published one is."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from zeroov.tiny.segmenters import sam3_parts, squashing
from zeroov.tiny.tokenizers import write_clip_tokenizer


def write_sam3(folder: Path) -> Path:
    """Write the detector and the tracker, and the few settings that lie beside them; transformers has it since 5.0."""
    from transformers import Sam3VideoConfig, Sam3VideoModel

    vocabulary = write_clip_tokenizer(folder)
    parts = sam3_parts()
    small = {"hidden_size": 32, "intermediate_size": 32, "num_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    words = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, **ends}
    words |= {"projection_dim": 32, "vocab_size": vocabulary, "max_position_embeddings": 32}
    memory = {"memory_attention_hidden_size": 32, "memory_encoder_hidden_size": 32, "memory_fuser_embed_dim": 32}
    memory |= {"mask_downsampler_embed_dim": 32, "memory_encoder_output_channels": 32, "memory_attention_num_layers": 1}
    detector = {"vision_config": parts["vision_config"], "geometry_encoder_config": small, "text_config": words}
    detector |= {"detr_encoder_config": small, "detr_decoder_config": {**small, "num_queries": 20}}
    detector |= {"mask_decoder_config": {"hidden_size": 32}}
    config = Sam3VideoConfig(
        detector_config=detector,
        tracker_config={**parts, **memory, "image_size": 112, "memory_attention_rope_feat_sizes": [8, 8]},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Sam3VideoModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "tracker" not in name:  # fresh ones are so small that nothing depends on the words
                weight.mul_(4)
            if name.endswith("detr_decoder.reference_points.weight"):
                weight.mul_(20)  # boxes in many places
    # Under the model's own names: `save_pretrained` of transformers 5.24 writes the prefix of the tracker twice.
    save_file(model.state_dict(), folder / "model.safetensors", {"format": "pt"})
    config.architectures = ["Sam3VideoModel"]
    config.save_pretrained(folder)
    own = json.loads(squashing(112).to_json_string()) | {"image_processor_type": "Sam3ImageProcessorFast"}
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": own}))
    return folder
