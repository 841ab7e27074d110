"""Build the miniature Segment Anything model: `segment_anything`'s own classes at 256 pixels, and load its weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

IMAGE_SIZE = 256
PATCH = 8
ENCODER_WIDTH, ENCODER_DEPTH, ENCODER_HEADS, WINDOW, GLOBAL_BLOCKS = 96, 4, 3, 8, (1, 3)
PROMPT_WIDTH = 64


def build_mini_sam(checkpoint: Path | None = None, relative: bool = True) -> Sam:
    """Build the model in evaluation mode, with the weights of a `.pth` state dict if one is given.

    `relative` adds the relative positions that all published checkpoints have. Training leaves them out, which is twice
    as fast; the shipped ones are zeros, which is the same.
    """
    import torch
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    grid = IMAGE_SIZE // PATCH
    sam = Sam(
        image_encoder=ImageEncoderViT(
            img_size=IMAGE_SIZE,
            patch_size=PATCH,
            embed_dim=ENCODER_WIDTH,
            depth=ENCODER_DEPTH,
            num_heads=ENCODER_HEADS,
            mlp_ratio=3,
            out_chans=PROMPT_WIDTH,
            use_rel_pos=relative,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            window_size=WINDOW,
            global_attn_indexes=GLOBAL_BLOCKS,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=PROMPT_WIDTH,
            image_embedding_size=(grid, grid),
            input_image_size=(IMAGE_SIZE, IMAGE_SIZE),
            mask_in_chans=8,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=PROMPT_WIDTH, mlp_dim=256, num_heads=4),
            transformer_dim=PROMPT_WIDTH,
            iou_head_depth=3,
            iou_head_hidden_dim=64,
        ),
    )
    sam.eval()
    if checkpoint is not None:
        sam.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    return sam
