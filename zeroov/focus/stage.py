"""Stage 2: which cells of the picture belong together, read from a diffusion model's self-attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zeroov.errors import ModelError
from zeroov.focus import latents as walk
from zeroov.focus.capture import AttentionMaps, capture_self_attention
from zeroov.focus.load import FocusModels
from zeroov.recipe import FocusRecipe
from zeroov.types import Affinity, Picture

Advance = Callable[[], None]


def compute_affinities(
    models: FocusModels,
    pictures: Sequence[Picture],
    expressions: Sequence[str],
    recipe: FocusRecipe,
    progress: Callable[[int, int], None] | None = None,
) -> list[Affinity]:
    """Return one affinity per (picture, expression) pair; pairs that share picture and prompt share the work.

    `noise` sends all pictures through the UNet in one call per noise; the other methods take them one after another.
    `progress` gets (steps done, steps in all), a step being a call of the UNet, or one guided step of `nulltext`.
    """
    if len(pictures) != len(expressions):
        raise ValueError(f"each picture needs one expression, got {len(pictures)} and {len(expressions)}")
    prompts = [recipe.prompt.replace("{expression}", expression) for expression in expressions]
    keys = [(picture.digest, prompt) for picture, prompt in zip(pictures, prompts, strict=True)]
    distinct = dict(zip(keys, pictures, strict=True))
    if not distinct:
        return []
    latents = [walk.encode_picture(models, picture, recipe.resize_to) for picture in distinct.values()]
    texts = {prompt: walk.embed_prompt(models, prompt) for prompt in dict.fromkeys(prompts)}
    null_text = walk.null_text(models) if recipe.method == "nulltext" else None
    batches = [list(zip(latents, (texts[prompt] for _, prompt in distinct), strict=True))]
    if recipe.method != "noise":
        batches = [[pair] for pair in batches[0]]

    done, total = 0, len(batches) * _steps(recipe)

    def advance() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    matrices: list[Tensor] = []
    with models.at_work(models.unet), torch.no_grad():
        for batch in batches:
            maps = AttentionMaps(recipe.grids, recipe.working_grid, recipe.pooling)
            starts, own = zip(*batch, strict=True)
            start, text = torch.cat(starts), walk.Text.of(own)
            if recipe.method == "noise":
                _read_noised(models, start, text, recipe, maps, advance)
            else:
                _read_walk(models, start, text, null_text, recipe, maps, advance)
            matrices.extend(_finite(maps.mean(), models).half().cpu())
    made = dict(zip(distinct, matrices, strict=True))
    return [
        Affinity(
            matrix=made[key].numpy(),
            grid_hw=(recipe.working_grid, recipe.working_grid),
            method=recipe.method,
            model=models.name,
            revision=models.revision,
        )
        for key in keys
    ]


def _finite(matrices: Tensor, models: FocusModels) -> Tensor:
    if not bool(matrices.isfinite().all()):
        raise ModelError(
            f"the attention of {models.name} is not finite in {str(models.dtype).removeprefix('torch.')}; "
            "use --set focus.dtype=float32"
        )
    return matrices


def _steps(recipe: FocusRecipe) -> int:
    if recipe.method == "noise":
        return 1 if recipe.clean else recipe.ensemble
    return 2 * recipe.steps


def _read_noised(
    models: FocusModels, latents: Tensor, text: walk.Text, recipe: FocusRecipe, maps: AttentionMaps, advance: Advance
) -> None:
    """Read one call per noise, all pictures at once; every picture meets the same noise."""
    for seed in range(recipe.seed, recipe.seed + _steps(recipe)):
        noised = latents
        if not recipe.clean:
            noised = walk.add_noise(models, latents, walk.make_noise(latents, seed), recipe.t)
        with capture_self_attention(models.unet, maps, latents.shape[-1], stop_after_last=True):
            walk.predict_noise(models, noised, recipe.t, text)
        advance()


def _read_walk(
    models: FocusModels,
    latents: Tensor,
    text: walk.Text,
    null_text: walk.Text | None,
    recipe: FocusRecipe,
    maps: AttentionMaps,
    advance: Advance,
) -> None:
    """Invert one picture, then read every step of the way back: guided by `null_text` optimised, or unguided.

    The published order is: invert, optimise all steps, walk the guided way once more and read. That last walk meets the
    very latents at which the optimisation stood, so each step is read there, and the last needs no optimisation.
    """
    path = walk.invert(models, latents, text, recipe.steps, advance)
    current = path[-1]
    for step, t in enumerate(walk.ddim_timesteps(models, recipe.steps)):
        last = step == recipe.steps - 1
        with capture_self_attention(models.unet, maps, latents.shape[-1], stop_after_last=last):
            noise = walk.predict_noise(models, current, t, text)
        advance()
        if last:
            break
        if null_text is not None:
            null_text = walk.optimise_null_text(
                models,
                current,
                path[-2 - step],
                noise,
                null_text,
                t,
                step,
                steps=recipe.steps,
                guidance=recipe.guidance,
                inner_steps=recipe.inner_steps,
            )
            noise = walk.guide(walk.predict_noise(models, current, t, null_text), noise, recipe.guidance)
        current = walk.ddim_previous(models, current, noise, t, recipe.steps)
