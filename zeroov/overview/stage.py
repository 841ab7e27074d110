"""Stage 1: ask the model where the object is, and keep where it looked while it answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from zeroov.errors import ModelError, RecipeError
from zeroov.overview.answer import answer_to_image, what_counts
from zeroov.overview.capture import RowRecorder, capture_rows, stop_after
from zeroov.overview.combine import mean_of_heads, relative, sharpest_heads
from zeroov.overview.decode import decode, ends_of, text_of
from zeroov.overview.heads import head_figures
from zeroov.overview.load import OverviewModels
from zeroov.overview.prefix import Prefix, ask, forward
from zeroov.overview.prompt import words_of
from zeroov.recipe import OverviewRecipe
from zeroov.recipe.depths import layers_and_weights, layers_at
from zeroov.types import Float32, Overview, Picture

UNREADABLE = {
    "sliding_attention": "see only a sliding window",
    "linear_attention": "keep a running state and compute no attention to single tokens",
}


class Given(NamedTuple):
    """An answer that somebody else has; `whole`: it was not cut off at the longest length."""

    text: str
    whole: bool = True
    confidence: float = 1.0


def look(
    models: OverviewModels,
    pictures: Sequence[Picture],
    prefixes: Sequence[Prefix],
    expressions: Sequence[str],
    recipe: OverviewRecipe,
    given: Sequence[Given] = (),
) -> list[Overview]:
    """Answer several expressions, each about a picture that the model has read; or read the rows of `given` answers."""
    if models.family.recurrent and len(prefixes) > 1:  # see `ask`
        each = [slice(at, at + 1) for at in range(len(prefixes))]
        return [look(models, pictures[o], prefixes[o], expressions[o], recipe, given[o])[0] for o in each]
    _require_heads(models, recipe)
    words = [words_of(models, recipe.prompt.replace("{expression}", expression)) for expression in expressions]
    answers: Sequence[str]
    if given:
        tokens = [[*_tokens(models, each.text), *(ends_of(models)[:1] if each.whole else [])] for each in given]
        recorder, answers = _rows(models, prefixes, words, recipe, tokens), [each.text for each in given]
    elif recipe.prefill_only:
        recorder, answers = _rows(models, prefixes, words, recipe), [""] * len(words)
    else:
        recorder, answers = _answer(models, prefixes, words, recipe)
    answers = [answer[slice(*what_counts(answer, models.family))].strip() for answer in answers]
    per_head = [_per_head(recorder, sample, each.grid_hw, models) for sample, each in enumerate(prefixes)]
    chosen = [_chosen_heads(each, recipe) for each in per_head]
    maps = [mean_of_heads(each, heads_of) for each, heads_of in zip(per_head, chosen, strict=True)]
    if recipe.relative:
        neutral = [words_of(models, recipe.relative_prompt)] * len(prefixes)
        general = _rows(models, prefixes, neutral, recipe)
        content_free = [_per_head(general, sample, each.grid_hw, models) for sample, each in enumerate(prefixes)]
        maps = [
            relative(layers, mean_of_heads(free, heads_of))
            for layers, free, heads_of in zip(maps, content_free, chosen, strict=True)
        ]
    return [
        Overview(
            layers=maps[sample],
            layer_numbers=recorder.layers,
            depth=depth_of(models),
            answer=answers[sample],
            answer_box=answer_to_image(
                answers[sample], models.family.answer_frame_hw(prefixes[sample].resized_hw), picture.hw
            ),
            confidence=given[sample].confidence if given else recorder.confidence(sample),
            resized_hw=prefixes[sample].resized_hw,
            steps=int(recorder.steps[sample]),
            model=models.name,
            revision=models.revision,
            heads=head_figures(per_head[sample]) if recipe.capture == "all" else None,
        )
        for sample, picture in enumerate(pictures)
    ]


def _require_heads(models: OverviewModels, recipe: OverviewRecipe) -> None:
    """Refuse more heads, or other ones, than the model has, and heads that were chosen in another model."""
    count = models.model.config.get_text_config().num_attention_heads
    if fixed := recipe.fixed_heads:
        fixed.require(models.name, models.revision)
        wanted = max(head for _, head in fixed.pairs) + 1
    else:
        wanted = int(recipe.heads)
    if wanted > count:
        raise RecipeError(f"overview.heads = {recipe.heads}, but the model has {count} attention heads")


def _chosen_heads(per_head: Float32, recipe: OverviewRecipe) -> Sequence[Sequence[int]] | NDArray[np.intp] | None:
    """Return which heads of each layer are averaged; `None`: all."""
    if fixed := recipe.fixed_heads:
        return list(fixed.by_layer.values())
    return sharpest_heads(per_head, int(recipe.heads)) if recipe.heads else None


def captured_layers(models: OverviewModels, recipe: OverviewRecipe) -> tuple[int, ...]:
    """Return the 0-based numbers of the layers that are read, or refuse layers that this model cannot give."""
    text, depth = models.model.config.get_text_config(), depth_of(models)
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * depth
    readable = tuple(layer for layer, kind in enumerate(kinds) if kind == "full_attention")
    if recipe.fixed_heads:
        layers = tuple(recipe.fixed_heads.by_layer)
    elif recipe.capture == "all":
        layers = readable
    elif isinstance(recipe.layers, str):
        layers = layers_at(recipe.layers, readable, depth)
    else:
        layers = tuple(sorted(recipe.layers))
    if beyond := [layer for layer in layers if layer >= depth]:
        raise RecipeError(
            f"overview.layers names {beyond}, but the model has layers 0 to {depth - 1}; "
            "set overview.layers and overview.weights for this model"
        )
    if others := [layer for layer in layers if layer not in readable]:
        reason = UNREADABLE.get(kinds[others[0]], f"are of type {kinds[others[0]]}")
        raise RecipeError(f"overview.layers names {others}, which {reason}; choose some of {list(readable)}")
    layers_and_weights(recipe, layers, depth)  # refuses weights that do not fit, before the model runs
    return layers


def depth_of(models: OverviewModels) -> int:
    """Return the number of layers of the model's language part."""
    depth: int = models.model.config.get_text_config().num_hidden_layers
    return depth


def _answer(
    models: OverviewModels, prefixes: Sequence[Prefix], words: Sequence[Sequence[int]], recipe: OverviewRecipe
) -> tuple[RowRecorder, list[str]]:
    """Let the model answer, and return the rows of its steps and its words."""
    asked = ask(models, prefixes, words)
    recorder = RowRecorder(asked.image_positions, asked.mask, captured_layers(models, recipe))
    with capture_rows(models.model, recorder):
        answered = decode(models, asked, recipe.max_new_tokens, watchers=[recorder])
    return recorder, [text_of(models, tokens) for tokens in answered]


def _rows(
    models: OverviewModels,
    prefixes: Sequence[Prefix],
    words: Sequence[Sequence[int]],
    recipe: OverviewRecipe,
    answers: Sequence[Sequence[int]] = (),
) -> RowRecorder:
    """Return the rows of known answers, or of the first step of unknown ones: one pass, no layer after the last read.

    A step looks from the token before the one that it adds.
    """
    before = [[*own, *answer[:-1]] for own, answer in zip(words, answers, strict=True)] if answers else words
    asked = ask(models, prefixes, before)
    steps = [len(answer) for answer in answers] if answers else None
    recorder = RowRecorder(asked.image_positions, asked.mask, captured_layers(models, recipe), steps)
    inputs = {"input_ids": asked.words, "attention_mask": asked.mask}
    with torch.inference_mode(), capture_rows(models.model, recorder), stop_after(models.model, max(recorder.layers)):
        forward(models, asked.cache, asked.positions, **inputs)
    recorder.all_steps()
    return recorder


def _tokens(models: OverviewModels, answer: str) -> list[int]:
    tokens: list[int] = models.processor.tokenizer(answer, add_special_tokens=False).input_ids
    return tokens


def _per_head(recorder: RowRecorder, sample: int, grid_hw: tuple[int, int], models: OverviewModels) -> Float32:
    """Return the maps (layers, heads, rows, cols) of one sample of the batch."""
    rows, cols = grid_hw
    per_head = recorder.mean_rows(sample, rows * cols)
    if not (np.isfinite(per_head).all() and math.isfinite(recorder.confidence(sample))):
        raise ModelError(
            f"the attention of {models.name} is not finite in {str(models.model.dtype).removeprefix('torch.')}; "
            "use --set overview.dtype=float32, or bfloat16 where the device has it"
        )
    return per_head.reshape(len(recorder.layers), -1, rows, cols)
