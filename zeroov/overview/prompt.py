"""Turn a picture and words into model inputs, and know where the image tokens are."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
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


def as_letters(models: OverviewModels, text: str) -> str:
    """Return a user's text in which the model's special tokens are only letters."""
    return neutralise(text, _special(models))


def words_of(models: OverviewModels, text: str) -> list[int]:
    """Return the tokens that follow a picture in a user's turn with this text, in which special tokens are letters."""
    _, image, after = _turn(models, text).partition(models.processor.image_token)
    if not image:
        raise ModelError(f"the chat template of {models.name} has no place for a picture")
    tokens: list[int] = models.processor.tokenizer(after, add_special_tokens=False).input_ids
    return tokens


def text_alone(models: OverviewModels, text: str) -> list[int]:
    """Return the tokens of a user's turn without a picture."""
    prompt = _chat(models, [{"type": "text", "text": as_letters(models, text)}])
    tokens: list[int] = models.processor.tokenizer(prompt, add_special_tokens=False).input_ids
    return tokens


def build_prompt(models: OverviewModels, picture: Picture, text: str, recipe: OverviewRecipe) -> Prompt:
    """Build a user's turn: the picture, then the text, in which special tokens are only letters."""
    show = {"patches": _in_patches, "processor": _by_processor, "tile": _in_a_tile}[models.family.layout]
    inputs, grid, resized_hw = show(models.processor, picture, _turn(models, text), recipe)
    ids, words = inputs["input_ids"][0], words_of(models, text)
    if ids[len(ids) - len(words) :].tolist() != words:
        raise ModelError(f"the tokenizer of {models.name} reads words behind a picture otherwise than by themselves")
    return Prompt(
        inputs=dict(inputs),
        grid_hw=grid,
        resized_hw=resized_hw,
        first_image=_first_image(ids, models.model.config.image_token_id, grid),
        words=len(words),
    )


def shown_image(models: OverviewModels, picture: Picture, recipe: OverviewRecipe) -> tuple[Image.Image, HW]:
    """Return a picture at the size that a model of this family reads, and that size (H, W).

    Where the model's own processor resizes it, it is as it is: such a family writes boxes in thousandths.
    """
    if models.family.layout != "patches":
        return Image.fromarray(picture.rgb), picture.hw
    [image] = _resized(models.processor, picture, recipe)
    return image, (image.height, image.width)


Shown = tuple[Any, HW, HW]
"""The inputs of a model, the image tokens (rows, cols), and the picture's size in model pixels."""


@contextlib.contextmanager
def _shape(picture: Picture) -> Iterator[None]:
    """Refuse an aspect ratio that the model's resize refuses."""
    try:
        yield
    except ValueError as error:
        size = f"{picture.source} is {picture.hw[1]} x {picture.hw[0]}"
        raise PictureError(f"the model cannot take a picture of this shape ({error}); {size}; crop it first") from error


def _in_patches(processor: Any, picture: Picture, turn: str, recipe: OverviewRecipe) -> Shown:
    """Resize a picture as Qwen's own package does it."""
    resized = _resized(processor, picture, recipe)
    inputs = processor(text=[turn], images=resized, do_resize=False, return_tensors="pt")
    return inputs, *_grid(inputs, int(processor.image_processor.patch_size), int(processor.image_processor.merge_size))


def _resized(processor: Any, picture: Picture, recipe: OverviewRecipe) -> list[Image.Image]:
    patch, merge = int(processor.image_processor.patch_size), int(processor.image_processor.merge_size)
    low, high = _pixel_bounds(processor.image_processor.size, recipe, factor=patch * merge)
    image = {"type": "image", "image": Image.fromarray(picture.rgb), "min_pixels": low, "max_pixels": high}
    with _shape(picture):
        resized, _ = process_vision_info([{"role": "user", "content": [image]}], image_patch_size=patch)
    images: list[Image.Image] = resized
    return images


def _by_processor(processor: Any, picture: Picture, turn: str, recipe: OverviewRecipe) -> Shown:
    """Let the model's own processor resize a picture; it counts the pixels of as many frames as a patch is deep."""
    own = processor.image_processor
    patch, merge, frames = int(own.patch_size), int(own.merge_size), int(own.temporal_patch_size)
    single = {name: own.size[name] // frames for name in ("shortest_edge", "longest_edge")}
    low, high = _pixel_bounds(single, recipe, factor=patch * merge)
    size = {"shortest_edge": low * frames, "longest_edge": high * frames}
    with _shape(picture):
        own.get_number_of_image_patches(*picture.hw, {"size": size})
    inputs = processor(text=[turn], images=[Image.fromarray(picture.rgb)], size=size, return_tensors="pt")
    return inputs, *_grid(inputs, patch, merge)


def _in_a_tile(processor: Any, picture: Picture, turn: str, recipe: OverviewRecipe) -> Shown:
    """Squash a picture into one square: no further tiles and no thumbnail, so that a cell of the grid is one token."""
    image = Image.fromarray(picture.rgb)
    inputs = processor(text=[turn], images=[image], crop_to_patches=False, return_tensors="pt")
    side, size = math.isqrt(processor.image_seq_length), processor.image_processor.size
    return inputs, (side, side), (int(size["height"]), int(size["width"]))


def _grid(inputs: Any, patch: int, merge: int) -> tuple[HW, HW]:
    _, rows, cols = (int(side) for side in inputs["image_grid_thw"][0])
    return (rows // merge, cols // merge), (rows * patch, cols * patch)


def _turn(models: OverviewModels, text: str) -> str:
    return _chat(models, [{"type": "image"}, {"type": "text", "text": as_letters(models, text)}])


def _chat(models: OverviewModels, content: list[dict[str, str]]) -> str:
    prompt: str = models.processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True, **models.family.chat
    )
    return prompt


def _special(models: OverviewModels) -> set[str]:
    tokenizer = models.processor.tokenizer
    added = (token for token in tokenizer.get_added_vocab() if token.startswith("<"))
    special = {*tokenizer.all_special_tokens, *added}  # a tokenizer's settings may forget to call them special
    return special - {*models.family.speaks}


def _pixel_bounds(size: Any, recipe: OverviewRecipe, factor: int) -> tuple[int, int]:
    low, high = int(size["shortest_edge"]), int(size["longest_edge"])
    if recipe.max_pixels:
        low, high = min(low, recipe.max_pixels), recipe.max_pixels
    if recipe.min_pixels:
        low, high = recipe.min_pixels, max(high, recipe.min_pixels)
    least = factor * factor
    return max(low, least), max(high, least)


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
