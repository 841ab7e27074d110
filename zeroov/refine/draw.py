"""Refine: a box in image pixels becomes Segment Anything's best mask of it.

A picture is encoded once (`encode`), then asked about any number of boxes (`refine`) or points (`refine_at`). Nothing
is remembered between calls: what SamPredictor keeps as state is the `EncodedPicture` here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from zeroov.errors import RecipeError
from zeroov.frames import HW, box_to_mask, mask_to_box, resize_rgb, scale_box
from zeroov.refine.maps import agreement, box_grown, mask_prompt, on_square, share_inside
from zeroov.types import Bool, Box, Evolved, Picture, Refined

if TYPE_CHECKING:
    from zeroov.recipe import RefineRecipe


@dataclass(frozen=True, eq=False)
class EncodedPicture:
    """A picture as SAM's decoder takes it.

    `features` is float32 (1, C, rows, cols); `resized_hw` the picture's size inside SAM's padded square, whose upper
    left corner it fills; `image_hw` its own size.
    """

    features: Tensor
    resized_hw: HW
    image_hw: HW


def resized_hw(image_hw: HW, side: int) -> HW:
    """Return the size at which a picture's longest side is `side`; like SAM's own, but never thinner than a pixel."""
    scale = side / max(image_hw)
    height, width = (max(1, int(extent * scale + 0.5)) for extent in image_hw)
    return height, width


@torch.inference_mode()
def encode(sam: Any, picture: Picture) -> EncodedPicture:
    """Run SAM's image encoder, in the dtype of its weights; everything after it is float32."""
    inside = resized_hw(picture.hw, sam.image_encoder.img_size)
    small = resize_rgb(picture.rgb, inside, "bilinear")  # antialiased, as SAM was trained with
    pixels = torch.tensor(small, device=sam.device).permute(2, 0, 1)[None]
    weight = sam.image_encoder.patch_embed.proj.weight
    features = sam.image_encoder(sam.preprocess(pixels).to(weight.dtype))
    return EncodedPicture(features.float(), inside, picture.hw)


@torch.inference_mode()
def refine(
    sam: Any,
    encoded: EncodedPicture,
    box: Box,
    recipe: RefineRecipe,
    evolved: Evolved | None,
    valid: Bool | None = None,
) -> Refined:
    """Return the mask of the hypothesis with the highest predicted IoU for `box` (image pixels).

    With `recipe.choose` "agreement" the predicted IoU counts times how far the evolved map agrees with the mask, with
    "box" times the share of the mask that lies in the box. With `recipe.prompt` "box+point" the box's centre is a
    second prompt; with "box+mask" the evolved map is. What lies beyond `recipe.within`, and parts of the mask below
    `recipe.least_part`, are left out, the latter as `large_parts` does it; `valid` is the picture's.
    """
    decoded = decode(sam, encoded, box, recipe, evolved)
    if decoded is None:  # a box beside the picture holds nothing of it
        return Refined(np.zeros(encoded.image_hw, dtype=np.bool_), None, 0.0)
    return _best(sam, encoded, *decoded, recipe, valid, evolved, box)


@torch.inference_mode()
def refine_at(
    sam: Any,
    encoded: EncodedPicture,
    point_xy: tuple[float, float],
    recipe: RefineRecipe,
    valid: Bool | None = None,
) -> Refined:
    """Return the mask of the hypothesis with the highest predicted IoU for a point (image pixels) on the object.

    Parts of the mask are left out as in `refine`.
    """
    (height, width), (inside_h, inside_w) = encoded.image_hw, encoded.resized_hw
    x, y = point_xy[0] * inside_w / width, point_xy[1] * inside_h / height
    points = torch.tensor([[[x, y]]], device=sam.device), torch.ones((1, 1), dtype=torch.int, device=sam.device)
    return _best(sam, encoded, *_hypotheses(sam, encoded, points, None, None), recipe, valid)


@torch.inference_mode()
def decode(
    sam: Any, encoded: EncodedPicture, box: Box, recipe: RefineRecipe, evolved: Evolved | None
) -> tuple[Tensor, Tensor] | None:
    """Return SAM's hypotheses for `box` (image pixels), or `None` where it lies beside the picture.

    They are low-res logits (1, hypotheses, rows, cols) and the predicted IoU of each, (1, hypotheses).
    """
    side = sam.image_encoder.img_size
    x0, y0, x1, y1 = box.xyxy
    if recipe.inclusive_box:  # the last pixel instead of the edge; a box of one pixel keeps a trace of width
        x1, y1 = max(x1 - 1, x0 + 1e-3), max(y1 - 1, y0 + 1e-3)
    inside = scale_box((x0, y0, x1, y1), encoded.image_hw, encoded.resized_hw)
    if inside is None:
        return None
    x0, y0, x1, y1 = inside.xyxy
    points, mask = None, None
    if recipe.prompt == "box+point":
        centre = torch.tensor([[[(x0 + x1) / 2, (y0 + y1) / 2]]], device=sam.device)
        points = centre, torch.ones((1, 1), dtype=torch.int, device=sam.device)
    elif recipe.prompt == "box+mask":
        if evolved is None:
            raise RecipeError(
                'refine.prompt = "box+mask" needs the evolve stage, which did not run; '
                'add "evolve" to the recipe\'s stages or use --set refine.prompt=box'
            )
        low_res_side = sam.prompt_encoder.mask_input_size[0]
        mask = torch.from_numpy(mask_prompt(evolved, encoded.resized_hw, side, low_res_side)).to(sam.device)[None, None]
    return _hypotheses(sam, encoded, points, torch.tensor([[x0, y0, x1, y1]], device=sam.device), mask)


def _hypotheses(
    sam: Any, encoded: EncodedPicture, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None, masks: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run SAM's prompt encoder and mask decoder; the result is that of `decode`.

    `points` are (1, n, 2) xy and (1, n) labels, `boxes` is (1, 4) xyxy, both in pixels of SAM's square; `masks` is
    (1, 1, rows, cols) log-odds.
    """
    sparse, dense = sam.prompt_encoder(points=points, boxes=boxes, masks=masks)
    low_res, predicted_iou = sam.mask_decoder(
        image_embeddings=encoded.features,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
    )
    return low_res, predicted_iou


def _best(
    sam: Any,
    encoded: EncodedPicture,
    low_res: Tensor,
    predicted_iou: Tensor,
    recipe: RefineRecipe,
    valid: Bool | None,
    evolved: Evolved | None = None,
    box: Box | None = None,
) -> Refined:
    """Return the hypothesis with the highest predicted IoU, times its agreement with a map or box as the recipe says.

    What lies beyond the box grown to `recipe.within` times its sides is left out.
    """
    worth = predicted_iou[0].float().cpu()
    if recipe.choose != "predicted":
        side, own_side = low_res.shape[-1], sam.image_encoder.img_size
        masks = (low_res[0] > sam.mask_threshold).cpu().numpy()
        if box and recipe.choose == "box":
            reach = (encoded.resized_hw[0] * side / own_side, encoded.resized_hw[1] * side / own_side)
            worth = worth * torch.tensor([share_inside(mask, box, encoded.image_hw, reach) for mask in masks])
        elif evolved and recipe.choose == "agreement":
            heat = on_square(evolved.fused, encoded.resized_hw, own_side, side)
            worth = worth * torch.tensor([agreement(mask, heat) for mask in masks])
    best = int(worth.argmax())
    # Only the best hypothesis is brought to the image's size: the others would triple the memory.
    logits = sam.postprocess_masks(low_res[:, best : best + 1], encoded.resized_hw, encoded.image_hw)
    mask = (logits[0, 0] > sam.mask_threshold).cpu().numpy()
    if box and recipe.within:
        mask &= box_to_mask(box_grown(box, recipe.within), encoded.image_hw)
    found = large_parts(mask, recipe.least_part, valid)
    return Refined(found, mask_to_box(found), float(predicted_iou[0, best]))


def large_parts(mask: Bool, least: float, valid: Bool | None = None) -> Bool:
    """Return a mask (H, W) without the parts that have fewer than `least` times the largest part's pixels.

    Pixels that touch, along an edge or at a corner, are one part. Of parts of one size all stay. What lies on pixels
    that are not `valid` (`None`: all are) is cut off later, and a part may fall apart by that: parts are those of the
    valid pixels. The other pixels of large parts stay, to show whoever cuts them off how much of the mask they are.
    """
    if valid is not None:
        return large_parts(mask & valid, least) | (large_parts(mask, least) & ~valid)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if least == 0 or count <= 2:  # the first is the ground
        return mask
    pixels = stats[:, cv2.CC_STAT_AREA]
    kept = pixels >= least * pixels[1:].max()
    kept[0] = False
    large: Bool = kept[labels]
    return large
