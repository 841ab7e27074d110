"""Stage 1: ask the model where the object is, and keep where it looked while it answered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from transformers import GenerationConfig, LogitsProcessorList

from zeroov.errors import ModelError, RecipeError
from zeroov.overview.answer import answer_to_image
from zeroov.overview.capture import RowRecorder, capture_rows
from zeroov.overview.combine import mean_of_heads, relative, sharpest_heads
from zeroov.overview.generate import generate
from zeroov.overview.load import OverviewModels
from zeroov.overview.prompt import Prompt, build_prompt
from zeroov.recipe import OverviewRecipe
from zeroov.types import Float32, Overview, Picture


def look(
    models: OverviewModels, pictures: Sequence[Picture], expressions: Sequence[str], recipe: OverviewRecipe
) -> list[Overview]:
    """Answer several (picture, expression) pairs, of any sizes, in one generate call."""
    heads = models.model.config.get_text_config().num_attention_heads
    if recipe.heads > heads:
        raise RecipeError(f"overview.heads = {recipe.heads}, but the model has {heads} attention heads")
    asked = [recipe.prompt.replace("{expression}", expression) for expression in expressions]
    prompt = build_prompt(models, pictures, asked, recipe)
    recorder, answers = _answer(models, prompt, recipe, 1 if recipe.prefill_only else recipe.max_new_tokens)
    per_head = [_per_head(recorder, sample, grid, models) for sample, grid in enumerate(prompt.grids_hw)]
    chosen = [sharpest_heads(each, recipe.heads) if recipe.heads else None for each in per_head]
    maps = [mean_of_heads(each, heads_of) for each, heads_of in zip(per_head, chosen, strict=True)]
    if recipe.relative:
        neutral = build_prompt(models, pictures, [recipe.relative_prompt] * len(pictures), recipe)
        general, _ = _answer(models, neutral, recipe, 1)
        maps = [
            relative(layers, mean_of_heads(_per_head(general, sample, prompt.grids_hw[sample], models), chosen[sample]))
            for sample, layers in enumerate(maps)
        ]
    return [
        Overview(
            layers=maps[sample],
            layer_numbers=recorder.layers,
            answer=answers[sample],
            answer_box=answer_to_image(
                answers[sample], models.family.answer_frame_hw(prompt.resized_hw[sample]), picture.hw
            ),
            confidence=recorder.confidence(sample),
            resized_hw=prompt.resized_hw[sample],
            steps=int(recorder.steps[sample]),
            model=models.name,
            revision=models.revision,
        )
        for sample, picture in enumerate(pictures)
    ]


def captured_layers(models: OverviewModels, recipe: OverviewRecipe) -> tuple[int, ...]:
    """Return the 0-based numbers of the layers that are read."""
    if recipe.capture == "all":
        return tuple(range(models.model.config.get_text_config().num_hidden_layers))
    return tuple(sorted(recipe.layers))


def _answer(
    models: OverviewModels, prompt: Prompt, recipe: OverviewRecipe, new_tokens: int
) -> tuple[RowRecorder, list[str]]:
    own = models.model.generation_config or GenerationConfig()
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    inputs = {key: value.to(models.device) for key, value in prompt.inputs.items()}
    recorder = RowRecorder(
        prompt.image_positions.to(models.device),
        inputs["attention_mask"],
        captured_layers(models, recipe),
        [end for end in ends if end is not None],
    )
    with capture_rows(models.model, recorder):
        answered = generate(models, inputs, new_tokens, logits_processor=LogitsProcessorList([recorder]))
    texts = models.processor.tokenizer.batch_decode(answered, skip_special_tokens=True)
    return recorder, [text.strip() for text in texts]


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
