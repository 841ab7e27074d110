"""One layer's attention as the model's own eager code computes it: what the captured rows are checked against."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from zeroov.errors import ModelError
from zeroov.overview.load import OverviewModels
from zeroov.overview.prompt import build_prompt
from zeroov.recipe import OverviewRecipe
from zeroov.types import Float32, Picture


class _LayerRead(Exception):
    """Leave the forward pass: all that follows is not wanted."""


def eager_map(models: OverviewModels, picture: Picture, expression: str, recipe: OverviewRecipe, layer: int) -> Float32:
    """Return one layer's attention (rows, cols) at the first step of the answer, mean over heads.

    That layer alone computes its matrix, (heads, tokens, tokens), for the length of this call.
    """
    prompt = build_prompt(models, picture, recipe.prompt.replace("{expression}", expression), recipe)
    inputs = {key: value.to(models.device) for key, value in prompt.inputs.items()}
    with torch.inference_mode(), _eager(models.model, layer) as rows:
        models.model.generate(**inputs, do_sample=False, max_new_tokens=1, return_dict_in_generate=False)
    if not rows:
        raise ModelError(f"layer {layer} of {models.name} did not run; overview.layers names another model's layers")
    first, (height, width) = prompt.first_image, prompt.grid_hw
    attention: Float32 = rows[0].float().mean(dim=0).cpu()[first : first + height * width].numpy()
    return attention.reshape(prompt.grid_hw)


@contextlib.contextmanager
def _eager(model: Any, layer: int) -> Iterator[list[Tensor]]:
    """Switch one layer to eager attention; the block ends where it has run, with its newest row (heads, tokens)."""
    found = [part for part in model.modules() if getattr(part, "layer_idx", None) == layer and hasattr(part, "q_proj")]
    if not found:
        raise ModelError(f"the model has no attention layer {layer}; set overview.layers and overview.weights for it")
    attention, rows = found[0], list[Tensor]()

    def without_mask(module: Any, args: Any, kwargs: Any) -> Any:
        return args, {**kwargs, "attention_mask": None}  # one prompt, not padded: its newest position sees all of it

    def leave(module: Any, args: Any, output: Any) -> None:
        rows.append(output[1][0, :, -1])
        raise _LayerRead

    shared = attention.config
    handles = [
        attention.register_forward_pre_hook(without_mask, with_kwargs=True),
        attention.register_forward_hook(leave),
    ]
    try:
        attention.config = copy.copy(shared)  # every layer has the same one
        attention.config._attn_implementation = "eager"
        yield rows
    except _LayerRead:
        pass
    finally:
        attention.config = shared
        for handle in handles:
            handle.remove()
