"""The official Segment Anything (package `segment-anything`): its types, and small ones of the same classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from zeroov.errors import ModelError, did_you_mean
from zeroov.frames import place_in_square, resize_rgb
from zeroov.refine.segmenter import EncodedPicture, Hypotheses, Prompt
from zeroov.types import Picture


@dataclass(frozen=True)
class SamLayout:
    """Every size of a small Sam in one place; the official types take theirs from segment_anything's registry."""

    image_size: int = 256  # side of the padded square that the encoder sees, in pixels
    patch_size: int = 16  # 256 / 16: a 16 x 16 embedding, and low-res masks of 64 x 64
    embed_dim: int = 64
    depth: int = 4
    heads: int = 4
    window: int = 8  # divides the 16 x 16 embedding, so that windows need no padding
    global_blocks: tuple[int, ...] = (1, 3)  # the other blocks attend within windows
    mlp_ratio: float = 4.0
    prompt_dim: int = 64
    mask_channels: int = 16
    hypotheses: int = 3
    decoder_depth: int = 2
    decoder_heads: int = 4
    decoder_mlp: int = 256
    iou_depth: int = 3
    iou_dim: int = 64
    relative: bool = True  # positions relative to one another in attention, as every published checkpoint has


TINY = SamLayout()
MINI = SamLayout(patch_size=8, embed_dim=96, heads=3, mlp_ratio=3.0, mask_channels=8)  # the trained miniature
LAYOUTS = {"vit_tiny": TINY, "vit_mini": MINI}
TYPES = ("vit_b", "vit_l", "vit_h", "vit_tiny", "vit_mini")
# The encoder's width tells the types apart.
TYPE_OF_WIDTH = {768: "vit_b", 1024: "vit_l", 1280: "vit_h", TINY.embed_dim: "vit_tiny", MINI.embed_dim: "vit_mini"}
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True, eq=False)
class OfficialSam:
    """A `Segmenter` of a loaded `Sam`; what SamPredictor keeps as state is an `EncodedPicture` here."""

    sam: Any

    @property
    def low_res_side(self) -> int:
        """The side of the masks that it takes as prompts."""
        side: int = self.sam.prompt_encoder.mask_input_size[0]
        return side

    @property
    def threshold(self) -> float:
        """The logit above which a pixel is of the object."""
        threshold: float = self.sam.mask_threshold
        return threshold

    @torch.inference_mode()
    def encode(self, picture: Picture) -> EncodedPicture:
        """Run the image encoder, in the dtype of its weights; everything after it is float32."""
        sam = self.sam
        square = place_in_square(picture.hw, sam.image_encoder.img_size, "pad")
        small = resize_rgb(picture.rgb, square.inside_hw, "bilinear")  # antialiased, as SAM was trained with
        pixels = torch.tensor(small, device=sam.device).permute(2, 0, 1)[None]
        weight = sam.image_encoder.patch_embed.proj.weight
        features = sam.image_encoder(sam.preprocess(pixels).to(weight.dtype))
        return EncodedPicture(features.float(), square)

    @torch.inference_mode()
    def hypotheses(self, encoded: EncodedPicture, prompt: Prompt) -> Hypotheses:
        """Run the prompt encoder and the mask decoder."""
        sam = self.sam
        points, boxes, masks = None, None, None
        if prompt.points:
            at = torch.tensor([[point[:2] for point in prompt.points]], dtype=torch.float32, device=sam.device)
            points = at, torch.tensor([[point[2] for point in prompt.points]], dtype=torch.int, device=sam.device)
        if prompt.box_xyxy is not None:
            boxes = torch.tensor([prompt.box_xyxy], dtype=torch.float32, device=sam.device)
        if prompt.mask is not None:
            masks = torch.from_numpy(prompt.mask).to(sam.device)[None, None]
        sparse, dense = sam.prompt_encoder(points=points, boxes=boxes, masks=masks)
        low_res, predicted_iou = sam.mask_decoder(
            image_embeddings=encoded.features,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return Hypotheses(low_res, predicted_iou)


def build_sam(type: str) -> Any:
    """Build a Sam of a type of `TYPES` with untrained weights, in evaluation mode."""
    from segment_anything import sam_model_registry

    if type not in TYPES:
        raise ModelError(f"SAM type `{type}` is unknown{did_you_mean(type, TYPES)}")
    return build_layout(LAYOUTS[type]) if type in LAYOUTS else sam_model_registry[type](checkpoint=None)


def build_layout(layout: SamLayout) -> Any:
    """Build a Sam of any sizes, of the same classes as the official ones, with untrained weights."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    grid = layout.image_size // layout.patch_size
    sam = Sam(
        image_encoder=ImageEncoderViT(
            img_size=layout.image_size,
            patch_size=layout.patch_size,
            embed_dim=layout.embed_dim,
            depth=layout.depth,
            num_heads=layout.heads,
            mlp_ratio=layout.mlp_ratio,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            qkv_bias=True,
            use_rel_pos=layout.relative,
            window_size=layout.window,
            global_attn_indexes=layout.global_blocks,
            out_chans=layout.prompt_dim,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=layout.prompt_dim,
            image_embedding_size=(grid, grid),
            input_image_size=(layout.image_size, layout.image_size),
            mask_in_chans=layout.mask_channels,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=layout.hypotheses,
            transformer=TwoWayTransformer(
                depth=layout.decoder_depth,
                embedding_dim=layout.prompt_dim,
                mlp_dim=layout.decoder_mlp,
                num_heads=layout.decoder_heads,
            ),
            transformer_dim=layout.prompt_dim,
            iou_head_depth=layout.iou_depth,
            iou_head_hidden_dim=layout.iou_dim,
        ),
        pixel_mean=list(PIXEL_MEAN),
        pixel_std=list(PIXEL_STD),
    )
    return sam.eval()
