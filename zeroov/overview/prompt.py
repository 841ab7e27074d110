"""Turn a picture and words into model inputs, and know where the image tokens are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
    """The model's inputs for one picture and text, as its own processor makes them; one sample, nothing padded.

    `grid_hw` are the image tokens as (rows, cols), `resized_hw` the picture's size in model pixels, `first_image` the
    place of the first image token, and `words` the number of tokens behind the picture.
    """

    inputs: dict[str, Tensor]
    grid_hw: HW
    resized_hw: HW
    first_image: int
    words: int


def neutralise(text: str, special_tokens: Iterable[str]) -> str:
    """Break up the model's own special tokens inside a user's text, so that they are read as letters."""
    tokens = [token for token in special_tokens if len(token) > 1]
    while any(token in text for token in tokens):
        for token in tokens:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def words_of(models: OverviewModels, text: str) -> list[int]:
    """Return the tokens that follow a picture in a user's turn with this text, in which special tokens are letters."""
    _, image, after = _turn(models, text).partition(models.processor.image_token)
    if not image:
        raise ModelError(f"the chat template of {models.name} has no place for a picture")
    tokens: list[int] = models.processor.tokenizer(after, add_special_tokens=False).input_ids
    return tokens


def text_alone(models: OverviewModels, text: str) -> list[int]:
    """Return the tokens of a user's turn without a picture."""
    turn = [{"role": "user", "content": [{"type": "text", "text": neutralise(text, _special(models))}]}]
    prompt = models.processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    tokens: list[int] = models.processor.tokenizer(prompt, add_special_tokens=False).input_ids
    return tokens


def build_prompt(models: OverviewModels, picture: Picture, text: str, recipe: OverviewRecipe) -> Prompt:
    """Build a user's turn: the picture, then the text, in which special tokens are only letters."""
    processor = models.processor
    patch, merge = int(processor.image_processor.patch_size), int(processor.image_processor.merge_size)
    bounds = _pixel_bounds(processor.image_processor, recipe, factor=patch * merge)
    shown = [{"role": "user", "content": [{"type": "image", "image": Image.fromarray(picture.rgb), **bounds}]}]
    try:
        resized, _ = process_vision_info(shown, image_patch_size=patch)
    except ValueError as error:  # an aspect ratio that the model's resize refuses
        size = f"{picture.source} is {picture.hw[1]} x {picture.hw[0]}"
        raise PictureError(f"the model cannot take a picture of this shape ({error}); {size}; crop it first") from error
    inputs = processor(text=[_turn(models, text)], images=resized, do_resize=False, return_tensors="pt")
    _, rows, cols = (int(side) for side in inputs["image_grid_thw"][0])
    grid = (rows // merge, cols // merge)
    ids, words = inputs["input_ids"][0], words_of(models, text)
    if ids[len(ids) - len(words) :].tolist() != words:
        raise ModelError(f"the tokenizer of {models.name} reads words behind a picture otherwise than by themselves")
    return Prompt(
        inputs=dict(inputs),
        grid_hw=grid,
        resized_hw=(grid[0] * merge * patch, grid[1] * merge * patch),
        first_image=_first_image(ids, models.model.config.image_token_id, grid),
        words=len(words),
    )


def _turn(models: OverviewModels, text: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": neutralise(text, _special(models))}]
    prompt: str = models.processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    return prompt


def _special(models: OverviewModels) -> set[str]:
    tokenizer = models.processor.tokenizer
    added = (token for token in tokenizer.get_added_vocab() if token.startswith("<"))
    return {*tokenizer.all_special_tokens, *added}  # a tokenizer's settings may forget to call them special


def _pixel_bounds(image_processor: Any, recipe: OverviewRecipe, factor: int) -> dict[str, int]:
    size = image_processor.size
    low, high = int(size["shortest_edge"]), int(size["longest_edge"])
    if recipe.max_pixels:
        low, high = min(low, recipe.max_pixels), recipe.max_pixels
    if recipe.min_pixels:
        low, high = recipe.min_pixels, max(high, recipe.min_pixels)
    least = factor * factor
    return {"min_pixels": max(low, least), "max_pixels": max(high, least)}


def _first_image(ids: Tensor, image_token_id: int, grid_hw: HW) -> int:
    """Return the place of the first image token, checking that all of the grid follow it in one unbroken span."""
    found = (ids == image_token_id).nonzero().flatten()
    wanted = grid_hw[0] * grid_hw[1]
    if len(found) != wanted or int(found[-1] - found[0]) != wanted - 1:
        raise ModelError(
            f"the prompt holds {len(found)} image tokens where the image has {grid_hw[0]} x {grid_hw[1]}; "
            "the processor's files do not belong to this model"
        )
    return int(found[0])
