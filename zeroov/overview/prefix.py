"""Let the model read a picture once, and ask it any number of questions about what it has read.

In every supported prompt the picture stands before the words. So the keys and values of the chat's header and of the
picture are the same for all questions: a `Prefix`. `ask` puts several prefixes, each with the words of its question,
into one batch. Positions are given to the model with each call; it keeps none of its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from zeroov.frames import HW
from zeroov.overview.capture import stop_after
from zeroov.overview.load import OverviewModels
from zeroov.overview.prompt import Prompt, build_prompt
from zeroov.overview.room import Kept, kept_of, roomy_cache
from zeroov.recipe import OverviewRecipe
from zeroov.types import Picture


@dataclass(frozen=True, eq=False)
class Prefix:
    """What the model keeps of a picture that it has read, with the chat's header before it.

    `layers` are what each layer keeps, keys and values or a state; `ids` the n tokens; `next_position` the
    position of the token that follows. The image tokens are (rows, cols) of `grid_hw`, from place `first_image` on;
    `resized_hw` is the picture's size in model pixels.
    """

    layers: tuple[Kept, ...]
    ids: Tensor
    next_position: int
    grid_hw: HW
    resized_hw: HW
    first_image: int

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        return sum(each.numel() * each.element_size() for pair in self.layers for each in pair)


NOTHING = Prefix((), torch.zeros(0, dtype=torch.long), 0, (0, 0), (0, 0), 0)
"""No picture at all: a question of words alone."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Several questions, one row each: `[padding] prefix [padding] words`.

    `words` (B, n) are what the model reads next, at `positions` (B, n); `mask` (B, length) is 0 for padding, and
    `history` (B, length) all tokens, in which padding repeats the first one. `image_positions` (B, most tokens) are the
    places of the image tokens, padded with -1. `cache` holds the prefixes, and grows.
    """

    prefixes: tuple[Prefix, ...]
    words: Tensor
    positions: Tensor
    mask: Tensor
    history: Tensor
    image_positions: Tensor
    cache: Any = field(repr=False)


def read_picture(
    models: OverviewModels, picture: Picture, recipe: OverviewRecipe, last_layer: int | None = None
) -> Prefix:
    """Let the model read a picture at the recipe's size; no layer after `last_layer`."""
    return read_prompt(models, build_prompt(models, picture, "", recipe), last_layer)


def read_prompt(models: OverviewModels, prompt: Prompt, last_layer: int | None = None) -> Prefix:
    """Let the model read a prompt up to the words behind its picture; no layer after `last_layer`."""
    ids = prompt.inputs["input_ids"]
    length = ids.shape[1] - prompt.words
    positions = _positions(models, prompt.inputs)[..., :length]
    inputs = {
        name: (value[:, :length] if value.shape == ids.shape else value).to(models.device)
        for name, value in prompt.inputs.items()
    }
    cache = _empty_cache(models)
    with torch.inference_mode(), stop_after(models.model, last_layer):
        forward(models, cache, positions.to(models.device), **inputs)
    held: Any = cache.layers
    layers = tuple(map(kept_of, held if last_layer is None else held[: last_layer + 1]))
    return Prefix(
        layers=layers,
        ids=ids[0, :length],
        next_position=int(positions.max()) + 1,
        grid_hw=prompt.grid_hw,
        resized_hw=prompt.resized_hw,
        first_image=prompt.first_image,
    )


def ask(models: OverviewModels, prefixes: Sequence[Prefix], words: Sequence[Sequence[int]]) -> Asked:
    """Put each prefix's question behind it.

    A recurrent family takes one question at a time: padding between prefix and words would go through its states.
    """
    assert len(prefixes) == 1 or not models.family.recurrent
    device, longest, most = models.device, max(len(each.ids) for each in prefixes), max(map(len, words))
    tokens = max(each.grid_hw[0] * each.grid_hw[1] for each in prefixes)
    shape = (len(prefixes), longest + most)
    history, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    positions, images = torch.zeros((len(prefixes), most), dtype=torch.long), torch.full((len(prefixes), tokens), -1)
    for row, (prefix, own) in enumerate(zip(prefixes, words, strict=True)):
        start, count = longest - len(prefix.ids), prefix.grid_hw[0] * prefix.grid_hw[1]
        history[row] = prefix.ids[0] if len(prefix.ids) else own[0]
        history[row, start:longest] = prefix.ids
        history[row, shape[1] - len(own) :] = torch.tensor(own)
        mask[row, start:longest] = 1
        mask[row, shape[1] - len(own) :] = 1
        positions[row, most - len(own) :] = prefix.next_position + torch.arange(len(own))
        images[row, :count] = start + prefix.first_image + torch.arange(count)
    return Asked(
        prefixes=tuple(prefixes),
        words=history[:, longest:].to(device),
        positions=positions.to(device),
        mask=mask.to(device),
        history=history.to(device),
        image_positions=images.to(device),
        cache=roomy_cache([*zip(*(each.layers for each in prefixes), strict=True)], longest)
        if longest
        else _empty_cache(models),
    )


def forward(models: OverviewModels, cache: Any, positions: Tensor, **inputs: Any) -> Any:
    """Run the model on what follows a cache, at `positions` (batch, n) or, of three axes, (3, batch, n)."""
    if positions.ndim == 2 and hasattr(models.model.model, "get_rope_index"):
        positions = positions.expand(3, *positions.shape)
    kind: Any = type(models.model)
    held = {_cache_name(kind): cache}
    return models.model(**inputs, **held, position_ids=positions, use_cache=True, logits_to_keep=1)


@functools.cache
def _cache_name(model_class: Any) -> str:
    """Return what a model calls its cache: looked up once, not with every token."""
    return "cache" if "cache" in inspect.signature(model_class.forward).parameters else "past_key_values"  # until 5.23


def _empty_cache(models: OverviewModels) -> DynamicCache:
    """Return a cache for a whole text; only a recurrent family's must know its model."""
    return DynamicCache(config=models.model.config.get_text_config()) if models.family.recurrent else DynamicCache()


def _positions(models: OverviewModels, inputs: dict[str, Tensor]) -> Tensor:
    """Return the positions of a whole prompt's tokens, (3, 1, n) where an image token has three, else (1, n)."""
    own = getattr(models.model.model, "get_rope_index", None)
    if own is None:
        return torch.arange(inputs["input_ids"].shape[1])[None]
    takes = inspect.signature(own).parameters
    positions: Tensor = own(**{name: value for name, value in inputs.items() if name in takes})[0]
    return positions
