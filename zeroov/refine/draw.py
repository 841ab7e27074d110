"""Refine: a box in image pixels becomes the best mask of it that a model of masks draws.

A picture is encoded once (`Segmenter.encode`), then asked about any number of boxes (`refine`) or points (`refine_at`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from zeroov.errors import RecipeError
from zeroov.frames import box_to_mask, mask_to_box
from zeroov.refine.maps import agreement, box_grown, earlier_prompt, mask_prompt, share_inside
from zeroov.refine.segmenter import EncodedPicture, Hypotheses, Point, Prompt, Segmenter
from zeroov.types import Bool, Box, Evolved, Refined

if TYPE_CHECKING:
    from zeroov.recipe import RefineRecipe


@torch.inference_mode()
def refine(
    segmenter: Segmenter,
    encoded: EncodedPicture,
    box: Box,
    recipe: RefineRecipe,
    evolved: Evolved | None,
    valid: Bool | None = None,
    text: str = "",
) -> Refined:
    """Return the mask of the hypothesis with the highest predicted IoU for `box` (image pixels).

    With `recipe.choose` "agreement" the predicted IoU counts times how far the evolved map agrees with the mask, with
    "box" times the share of the mask that lies in the box. With `recipe.prompt` "box+point" the box's centre is a
    second prompt; with "box+mask" the evolved map is; with "text" and "box+text" the object's kind, `text`. What lies
    beyond `recipe.within`, and parts of the mask below `recipe.least_part`, are left out, the latter as `large_parts`
    does it; `valid` is the picture's.
    """
    offered = decode(segmenter, encoded, box, recipe, evolved, text)
    if offered is None:  # a box beside the picture holds nothing of it
        return Refined(np.zeros(encoded.square.image_hw, dtype=np.bool_), None, 0.0)
    return _best(segmenter, encoded, offered, recipe, valid, evolved, box)


@torch.inference_mode()
def refine_at(
    segmenter: Segmenter,
    encoded: EncodedPicture,
    points: Sequence[Point],
    recipe: RefineRecipe,
    valid: Bool | None = None,
    box: Box | None = None,
    before: Bool | None = None,
) -> Refined:
    """Return the mask of the hypothesis with the highest predicted IoU for points on the object, and points beside it.

    All is in image pixels. A `box` around the object and the mask `before`, which the points change, are further
    prompts. Parts of the mask are left out as in `refine`.
    """
    square = encoded.square
    at = tuple((*square.point((x, y)), there) for x, y, there in points)
    inside = square.box(box.xyxy) if box else None
    mask = None if before is None else earlier_prompt(before, square, segmenter.low_res_side)
    offered = segmenter.hypotheses(encoded, Prompt(inside.xyxy if inside else None, at, mask))
    return _best(segmenter, encoded, offered, recipe, valid)


@torch.inference_mode()
def decode(
    segmenter: Segmenter,
    encoded: EncodedPicture,
    box: Box,
    recipe: RefineRecipe,
    evolved: Evolved | None,
    text: str = "",
) -> Hypotheses | None:
    """Return the model's hypotheses for `box` (image pixels), or `None` where it lies beside the picture."""
    x0, y0, x1, y1 = box.xyxy
    if recipe.inclusive_box:  # the last pixel instead of the edge; a box of one pixel keeps a trace of width
        x1, y1 = max(x1 - 1, x0 + 1e-3), max(y1 - 1, y0 + 1e-3)
    inside = encoded.square.box((x0, y0, x1, y1))
    if inside is None:
        return None
    centre: tuple[Point, ...] = ()
    mask = None
    if recipe.prompt == "box+point":
        centre = (((inside.x0 + inside.x1) / 2, (inside.y0 + inside.y1) / 2, True),)
    elif recipe.prompt == "box+mask":
        if evolved is None:
            raise RecipeError(
                'refine.prompt = "box+mask" needs the evolve stage, which did not run; '
                'add "evolve" to the recipe\'s stages or use --set refine.prompt=box'
            )
        mask = mask_prompt(evolved, encoded.square, segmenter.low_res_side)
    return segmenter.hypotheses(encoded, Prompt(inside.xyxy, centre, mask, text if recipe.by_text else ""))


def _best(
    segmenter: Segmenter,
    encoded: EncodedPicture,
    offered: Hypotheses,
    recipe: RefineRecipe,
    valid: Bool | None,
    evolved: Evolved | None = None,
    box: Box | None = None,
) -> Refined:
    """Return the hypothesis with the highest predicted IoU, times its agreement with a map or box as the recipe says.

    What lies beyond the box grown to `recipe.within` times its sides is left out.
    """
    square, low_res = encoded.square, offered.low_res
    worth = offered.predicted_iou[0].float().cpu()
    if recipe.choose != "predicted":
        side = low_res.shape[-1]
        masks = (low_res[0] > segmenter.threshold).cpu().numpy()
        if box and recipe.choose == "box":
            reach = square.reach_hw(side)
            worth = worth * torch.tensor([share_inside(mask, box, square.image_hw, reach) for mask in masks])
        elif evolved and recipe.choose == "agreement":
            heat = square.lay(evolved.fused, side)
            worth = worth * torch.tensor([agreement(mask, heat) for mask in masks])
    best = int(worth.argmax())
    # Only the best hypothesis is brought to the image's size: the others would triple the memory.
    logits = square.to_image(low_res[:, best : best + 1])
    mask = (logits[0, 0] > segmenter.threshold).cpu().numpy()
    if box and recipe.within:
        mask &= box_to_mask(box_grown(box, recipe.within), square.image_hw)
    found = large_parts(mask, recipe.least_part, valid)
    there = None if offered.object_logit is None else float(offered.object_logit.sigmoid())
    return Refined(found, mask_to_box(found), float(offered.predicted_iou[0, best]), there)


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
