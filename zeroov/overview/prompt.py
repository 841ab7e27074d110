"""Turn pictures and expressions into model inputs, and know where the image tokens are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from qwen_vl_utils import process_vision_info
from torch import Tensor

from zeroov.errors import ModelError, PictureError
from zeroov.frames import HW
from zeroov.overview.load import OverviewModels
from zeroov.recipe import OverviewRecipe
from zeroov.types import Picture


@dataclass(frozen=True)
class Prompt:
    """A batch of model inputs, padded on the left.

    `grids_hw` are each sample's image tokens as (rows, cols), `resized_hw` the picture's size in model pixels, and
    `image_positions` (batch, most tokens) where its image tokens are in the padded prompt, padded with -1.
    """

    inputs: dict[str, Tensor]
    grids_hw: tuple[HW, ...]
    resized_hw: tuple[HW, ...]
    image_positions: Tensor


def neutralise(text: str, special_tokens: Iterable[str]) -> str:
    """Break up the model's own special tokens inside a user's text, so that they are read as letters."""
    tokens = [token for token in special_tokens if len(token) > 1]
    while any(token in text for token in tokens):
        for token in tokens:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def build_prompt(
    models: OverviewModels, pictures: Sequence[Picture], texts: Sequence[str], recipe: OverviewRecipe
) -> Prompt:
    """Build one user turn per (picture, text): the image, then the text, in which special tokens are only letters."""
    processor = models.processor
    tokenizer = processor.tokenizer
    added = (token for token in tokenizer.get_added_vocab() if token.startswith("<"))
    special = {*tokenizer.all_special_tokens, *added}  # a tokenizer's settings may forget to call them special
    patch, merge = int(processor.image_processor.patch_size), int(processor.image_processor.merge_size)
    bounds = _pixel_bounds(processor.image_processor, recipe, factor=patch * merge)
    turns = [
        [
            {
                "role": "user",
                "content": [
                    {"type": "image", "image": Image.fromarray(picture.rgb), **bounds},
                    {"type": "text", "text": neutralise(text, special)},
                ],
            }
        ]
        for picture, text in zip(pictures, texts, strict=True)
    ]
    try:
        resized, _ = process_vision_info(turns, image_patch_size=patch)
    except ValueError as error:  # an aspect ratio that the model's resize refuses
        sizes = ", ".join(f"{p.source} is {p.hw[1]} x {p.hw[0]}" for p in pictures)
        raise PictureError(
            f"the model cannot take a picture of this shape ({error}); {sizes}; crop it first"
        ) from error
    prompts = [processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True) for turn in turns]
    inputs = processor(
        text=prompts, images=resized, do_resize=False, padding=True, padding_side="left", return_tensors="pt"
    )
    grids = [(int(rows) // merge, int(cols) // merge) for _, rows, cols in inputs["image_grid_thw"].tolist()]
    return Prompt(
        inputs=dict(inputs),
        grids_hw=tuple(grids),
        resized_hw=tuple((rows * merge * patch, cols * merge * patch) for rows, cols in grids),
        image_positions=_image_positions(inputs["input_ids"], models.model.config.image_token_id, grids),
    )


def _pixel_bounds(image_processor: Any, recipe: OverviewRecipe, factor: int) -> dict[str, int]:
    size = image_processor.size
    low, high = int(size["shortest_edge"]), int(size["longest_edge"])
    if recipe.max_pixels:
        low, high = min(low, recipe.max_pixels), recipe.max_pixels
    if recipe.min_pixels:
        low, high = recipe.min_pixels, max(high, recipe.min_pixels)
    least = factor * factor
    return {"min_pixels": max(low, least), "max_pixels": max(high, least)}


def _image_positions(input_ids: Tensor, image_token_id: int, grids_hw: Sequence[HW]) -> Tensor:
    """Return where the image tokens are, checking that each sample has exactly its grid's, in one unbroken span."""
    most = max(rows * cols for rows, cols in grids_hw)
    positions = torch.full((len(grids_hw), most), -1, dtype=torch.long)
    for sample, (rows, cols) in enumerate(grids_hw):
        found = (input_ids[sample] == image_token_id).nonzero().flatten()
        if len(found) != rows * cols or int(found[-1] - found[0]) != rows * cols - 1:
            raise ModelError(
                f"the prompt holds {len(found)} image tokens where the image has {rows} x {cols}; "
                "the processor's files do not belong to this model"
            )
        positions[sample, : len(found)] = found
    return positions
