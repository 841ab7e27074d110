from __future__ import annotations

import copy
import dataclasses
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diffusers import DDIMInverseScheduler
from PIL import Image
from torch import Tensor

from zeroov.errors import ModelError
from zeroov.focus import FocusModels, compute_affinities
from zeroov.recipe import FocusRecipe
from zeroov.types import Affinity, Float32, Picture

METHODS = ("noise", "invert", "nulltext")


def values(affinity: Affinity) -> Float32:
    return affinity.matrix.astype(np.float32)


class Naive:
    """The method as METHOD.md words it, slowly: three separate walks, every full matrix kept, pooled by loops."""

    def __init__(self, models: FocusModels, recipe: FocusRecipe) -> None:
        self.models, self.recipe, self.maps = models, recipe, defaultdict(list)

    def embed(self, prompt: str) -> Tensor:
        tokens = self.models.tokenizer(
            [prompt], padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        )
        return self.models.text_encoder(tokens.input_ids).last_hidden_state

    def encode(self, picture: Picture) -> Tensor:
        side = self.recipe.resize_to
        pixels = np.array(Image.fromarray(picture.rgb).resize((side, side))).astype(np.float32) / 127.5 - 1
        return self.models.vae.encode(torch.tensor(pixels.transpose(2, 0, 1)[None])).latent_dist.mean * 0.18215

    def unet(self, latents: Tensor, t: Any, text: Tensor) -> Tensor:
        return self.models.unet(latents, t, encoder_hidden_states=text).sample

    def unet_read(self, latents: Tensor, t: Any, text: Tensor, row: int = 0) -> Tensor:
        projected: dict[str, Tensor] = {}
        handles = []
        for name, module in self.models.unet.named_modules():
            if ".attn1.to_" in name and "to_out" not in name and not name.startswith("mid"):
                handles.append(module.register_forward_hook(lambda m, i, out, name=name: projected.update({name: out})))
        noise = self.unet(latents, t, text)
        for handle in handles:
            handle.remove()
        for name, query in projected.items():
            if name.endswith("to_q"):
                heads = self.models.unet.get_submodule(name.removesuffix(".to_q")).heads
                key = projected[name.removesuffix("q") + "k"]
                queries, keys = (part[row].view(part.shape[1], heads, -1).transpose(0, 1) for part in (query, key))
                weights = torch.softmax(queries @ keys.transpose(1, 2) / queries.shape[-1] ** 0.5, dim=-1)
                self.maps[round(query.shape[1] ** 0.5)].append(weights.mean(dim=0))
        return noise

    @torch.no_grad()
    def run(self, picture: Picture, expression: str) -> Float32:
        recipe, scheduler = self.recipe, self.models.scheduler
        latents, text, null = self.encode(picture), self.embed(expression), self.embed("")
        if recipe.method == "noise":
            noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(recipe.seed))
            t = torch.tensor([recipe.t])
            self.unet_read(scheduler.add_noise(latents, noise, t), t, text)
            return self.affinity()
        inverse = DDIMInverseScheduler.from_config(scheduler.config)
        inverse.set_timesteps(recipe.steps)
        scheduler.set_timesteps(recipe.steps)
        path = [latents]
        for t in inverse.timesteps:
            path.append(inverse.step(self.unet(path[-1], t, text), t, path[-1]).prev_sample)
        latents = path[-1]
        if recipe.method == "invert":
            for t in scheduler.timesteps:
                latents = scheduler.step(self.unet_read(latents, t, text), t, latents).prev_sample
            return self.affinity()
        nulls = self.optimise(path, text, null)
        for t, null in zip(scheduler.timesteps, nulls, strict=True):
            both = self.unet_read(torch.cat([latents, latents]), t, torch.cat([null, text]), row=1)
            noise = both[:1] + recipe.guidance * (both[1:] - both[:1])
            latents = scheduler.step(noise, t, latents).prev_sample
        return self.affinity()

    def optimise(self, path: list[Tensor], text: Tensor, null: Tensor) -> list[Tensor]:
        recipe, scheduler, current, nulls = self.recipe, self.models.scheduler, path[-1], []
        for i, t in enumerate(scheduler.timesteps):
            null = null.clone().requires_grad_()
            optimiser = torch.optim.Adam([null], lr=1e-2 * (1 - i / 100))
            conditional = self.unet(current, t, text)
            for _ in range(recipe.inner_steps):
                with torch.enable_grad():
                    unconditional = self.unet(current, t, null)
                    noise = unconditional + recipe.guidance * (conditional - unconditional)
                    loss = F.mse_loss(scheduler.step(noise, t, current).prev_sample, path[len(path) - i - 2])
                    optimiser.zero_grad()
                    loss.backward()
                optimiser.step()
                if loss.item() < 1e-5 + i * 2e-5:
                    break
            nulls.append(null.detach())
            unconditional = self.unet(current, t, nulls[-1])
            noise = unconditional + recipe.guidance * (conditional - unconditional)
            current = scheduler.step(noise, t, current).prev_sample
        return nulls

    def affinity(self) -> Float32:
        pooled = []
        for grid in self.recipe.grids:
            matrix = torch.stack(self.maps[grid]).mean(dim=0).numpy()
            side, n = grid // self.recipe.working_grid, self.recipe.working_grid
            cells = np.arange(grid**2).reshape(grid, grid)
            blocks = [
                cells[r * side : (r + 1) * side, c * side : (c + 1) * side].ravel() for r in range(n) for c in range(n)
            ]
            pooled.append([[matrix[np.ix_(a, b)].sum(axis=1).mean() for b in blocks] for a in blocks])
        return np.mean(pooled, axis=0).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_captured_equals_naive(models: FocusModels, small: FocusRecipe, pictures: list[Picture], method: str) -> None:
    recipe = dataclasses.replace(small, method=method, inner_steps=4)
    expected = Naive(models, recipe).run(pictures[0], "the white plane")
    (affinity,) = compute_affinities(models, pictures[:1], ["the white plane"], recipe)
    assert expected.max() > 5 * expected.mean()  # peaked enough for the comparison to mean something
    np.testing.assert_allclose(values(affinity), expected, atol=1e-5, rtol=6e-4)  # float16 itself: 5e-4
    np.testing.assert_allclose(values(affinity).sum(axis=1), 1, atol=1e-3)
    assert (affinity.matrix.dtype, affinity.grid_hw, affinity.method) == (np.float16, (8, 8), method)
    assert (affinity.model, affinity.revision) == ("tiny", "r1")


def test_null_text_matters(models: FocusModels, small: FocusRecipe, pictures: list[Picture]) -> None:
    recipe = dataclasses.replace(small, method="nulltext")
    changed = [
        values(compute_affinities(models, pictures[:1], ["a plane"], other)[0])
        for other in (recipe, dataclasses.replace(recipe, inner_steps=0), dataclasses.replace(recipe, method="invert"))
    ]
    assert abs(changed[0] - changed[1]).max() > 1e-3
    assert abs(changed[0] - changed[2]).max() > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_equals_one_by_one(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture], method: str
) -> None:
    recipe = dataclasses.replace(small, method=method, steps=2, inner_steps=1, ensemble=2)
    expressions = ["a plane", "the ship in the lower left", "a bridge"]
    together = compute_affinities(models, pictures, expressions, recipe)
    for picture, expression, affinity in zip(pictures, expressions, together, strict=True):
        (alone,) = compute_affinities(models, [picture], [expression], recipe)
        np.testing.assert_allclose(values(affinity), values(alone), atol=1e-6, rtol=1e-3)


def test_the_same_twice(models: FocusModels, small: FocusRecipe, pictures: list[Picture]) -> None:
    first, second = (compute_affinities(models, pictures, ["a", "b", "c"], small) for _ in range(2))
    assert all(np.array_equal(a.matrix, b.matrix) for a, b in zip(first, second, strict=True))


def test_an_empty_prompt_serves_every_expression(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture]
) -> None:
    empty = dataclasses.replace(small, prompt="")
    pair = [pictures[0], pictures[0]]
    calls: list[int] = []
    handle = models.unet.register_forward_pre_hook(
        lambda module, inputs, kwargs: calls.append(len(inputs[0])), with_kwargs=True
    )
    shared = compute_affinities(models, pair, ["a plane", "the ship"], empty)
    own = compute_affinities(models, pair, ["a plane", "the ship"], small)
    handle.remove()
    assert np.array_equal(shared[0].matrix, shared[1].matrix)
    assert not np.array_equal(own[0].matrix, own[1].matrix)
    assert calls == [1, 2]  # pictures per call of the UNet: pairs that share everything are computed once


def test_ensemble_is_the_mean_of_single_noises(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture]
) -> None:
    def compute(**keys: Any) -> Float32:
        return values(compute_affinities(models, pictures[:1], ["a"], dataclasses.replace(small, **keys))[0])

    singles = [compute(seed=seed) for seed in (5, 6, 7)]
    assert abs(singles[0] - singles[1]).max() > 1e-3
    np.testing.assert_allclose(compute(seed=5, ensemble=3), np.mean(singles, axis=0), atol=1e-6, rtol=1e-3)


def test_a_clean_latent_meets_no_noise(models: FocusModels, small: FocusRecipe, pictures: list[Picture]) -> None:
    clean = dataclasses.replace(small, clean=True, t=300)
    first, second = (
        compute_affinities(models, pictures[:1], ["a"], dataclasses.replace(clean, seed=seed, ensemble=seed))[0]
        for seed in (1, 2)
    )
    noisy = compute_affinities(models, pictures[:1], ["a"], dataclasses.replace(small, t=300))[0]
    assert np.array_equal(first.matrix, second.matrix)
    assert not np.array_equal(first.matrix, noisy.matrix)


@pytest.mark.parametrize(("method", "total"), [("noise", 2), ("invert", 12), ("nulltext", 12)])
def test_progress_counts_up_to_the_announced_total(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture], method: str, total: int
) -> None:
    told: list[tuple[int, int]] = []
    recipe = dataclasses.replace(small, method=method, ensemble=2, inner_steps=1)
    compute_affinities(models, pictures[:2], ["a", "b"], recipe, lambda done, of: told.append((done, of)))
    assert told == [(done, total) for done in range(1, total + 1)]


def test_braces_in_an_expression_are_only_text(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture]
) -> None:
    recipe = dataclasses.replace(small, prompt="a satellite photo of {expression}")
    assert len(compute_affinities(models, pictures[:1], ["{0} {expression} }{"], recipe)) == 1


def test_nothing_in_nothing_out(models: FocusModels, small: FocusRecipe, pictures: list[Picture]) -> None:
    assert compute_affinities(models, [], [], small) == []
    with pytest.raises(ValueError, match="each picture needs one expression, got 1 and 2"):
        compute_affinities(models, pictures[:1], ["a", "b"], small)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("method", ["noise", "invert"])
def test_half_precision_models(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture], dtype: torch.dtype, method: str
) -> None:
    parts = {name: copy.deepcopy(getattr(models, name)).to(dtype) for name in ("unet", "vae", "text_encoder")}
    half = dataclasses.replace(models, dtype=dtype, **parts)
    recipe = dataclasses.replace(small, method=method)
    exact, rounded = (values(compute_affinities(m, pictures[:1], ["a"], recipe)[0]) for m in (models, half))
    np.testing.assert_allclose(rounded.sum(axis=1), 1, atol=2e-3)
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.98


def test_attention_that_is_not_finite_is_an_error(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture]
) -> None:
    handle = models.unet.conv_in.register_forward_hook(lambda module, inputs, output: output * float("nan"))
    try:
        with pytest.raises(ModelError, match=r"not finite in float32; use --set focus\.dtype=float32"):
            compute_affinities(models, pictures[:1], ["a"], small)
    finally:
        handle.remove()


@pytest.mark.parametrize("method", METHODS)
def test_v_prediction_models_run(
    v_models: FocusModels, small: FocusRecipe, pictures: list[Picture], method: str
) -> None:
    recipe = dataclasses.replace(small, method=method)
    (affinity,) = compute_affinities(v_models, pictures[:1], ["a"], recipe)
    np.testing.assert_allclose(values(affinity).sum(axis=1), 1, atol=1e-3)


def test_offloaded_parts_visit_the_device_and_leave_it(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: list[tuple[str, str]] = []
    for name in ("vae", "text_encoder", "unet"):
        part = getattr(models, name)
        monkeypatch.setattr(part, "to", lambda device, name=name: moves.append((name, str(device))), raising=False)
    offloaded = dataclasses.replace(models, offload=True)
    compute_affinities(offloaded, pictures[:1], ["a"], small)
    assert [name for name, _ in moves] == ["vae", "vae", "text_encoder", "text_encoder", "unet", "unet"]
    assert moves[-1] == ("unet", "cpu")
