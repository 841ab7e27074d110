"""Refine at a point: the object that Segment Anything sees there, without any box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from zeroov.frames import mask_to_box
from zeroov.refine.sam import EncodedPicture, large_parts
from zeroov.types import Refined

if TYPE_CHECKING:
    from zeroov.recipe import RefineRecipe


@torch.inference_mode()
def refine_at(sam: Any, encoded: EncodedPicture, point_xy: tuple[float, float], recipe: RefineRecipe) -> Refined:
    """Return the mask of the hypothesis with the highest predicted IoU for a point (image pixels) on the object."""
    (height, width), (inside_h, inside_w) = encoded.image_hw, encoded.resized_hw
    x, y = point_xy[0] * inside_w / width, point_xy[1] * inside_h / height
    points = torch.tensor([[[x, y]]], device=sam.device), torch.ones((1, 1), dtype=torch.int, device=sam.device)
    sparse, dense = sam.prompt_encoder(points=points, boxes=None, masks=None)
    low_res, predicted_iou = sam.mask_decoder(
        image_embeddings=encoded.features,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
    )
    best = int(predicted_iou[0].argmax())
    logits = sam.postprocess_masks(low_res[:, best : best + 1], encoded.resized_hw, encoded.image_hw)
    found = large_parts((logits[0, 0] > sam.mask_threshold).cpu().numpy(), recipe.least_part)
    return Refined(found, mask_to_box(found), float(predicted_iou[0, best]))
