from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zeroov.errors import ModelError
from zeroov.focus import FocusModels, compute_affinities, latents
from zeroov.focus.capture import AttentionMaps, capture_self_attention, check_grids, layer_grids
from zeroov.recipe import FocusRecipe
from zeroov.types import Picture


def call(models: FocusModels, side: int = 16, pictures: int = 1) -> Tensor:
    start = torch.randn(pictures, 4, side, side, generator=torch.Generator().manual_seed(1))
    text = latents.Text.of([latents.embed_prompt(models, "a plane")] * pictures)
    with torch.no_grad():
        return latents.predict_noise(models, start, 100, text)


@contextlib.contextmanager
def watch(unet: Any, names: Iterable[str]) -> Iterator[list[str]]:
    """Note the names of the modules in the order in which they are called."""
    called: list[str] = []
    handles = [
        unet.get_submodule(name).register_forward_pre_hook(lambda module, inputs, name=name: called.append(name))
        for name in names
    ]
    try:
        yield called
    finally:
        for handle in handles:
            handle.remove()


def test_layers_are_named_in_the_order_in_which_they_run(models: FocusModels) -> None:
    grids = layer_grids(models.unet, 16)
    modules = [name.removesuffix(".processor") for name in grids]
    with watch(models.unet, reversed(modules)) as called:
        call(models)
    assert called == modules
    assert list(grids.values()) == [16, 8, 8, 8, 16, 16]


@pytest.mark.parametrize("side", [16, 20, 18])
def test_capturing_leaves_the_output_as_it_is(models: FocusModels, side: int) -> None:
    plain = call(models, side)
    maps = AttentionMaps([side], side // 2)
    with capture_self_attention(models.unet, maps, side):
        captured = call(models, side)
    assert torch.equal(plain, captured)
    torch.testing.assert_close(maps.mean().sum(-1), torch.ones(1, (side // 2) ** 2))


def test_processors_come_back_after_an_error_in_the_unet(models: FocusModels) -> None:
    before = dict(models.unet.attn_processors)

    def fail(*_: Any) -> None:
        raise RuntimeError("out of luck")

    handle = models.unet.up_blocks[1].register_forward_pre_hook(fail)
    try:
        with (
            pytest.raises(RuntimeError, match="out of luck"),
            capture_self_attention(models.unet, AttentionMaps([16], 8), 16),
        ):
            call(models)
    finally:
        handle.remove()
    after = models.unet.attn_processors
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)


@pytest.mark.parametrize(("grid", "late"), [(16, ["conv_out"]), (8, ["conv_out", "up_blocks.2"])])
def test_the_forward_pass_ends_with_the_last_wanted_layer(models: FocusModels, grid: int, late: list[str]) -> None:
    reached = "up_blocks.1.attentions.1.transformer_blocks.0.attn1"
    maps = AttentionMaps([grid], 8)
    with (
        watch(models.unet, [*late, reached]) as called,
        capture_self_attention(models.unet, maps, 16, stop_after_last=True),
    ):
        call(models)
    assert called == [reached]
    assert maps.counts == {grid: 3}
    assert call(models).shape == (1, 4, 16, 16)


def test_a_grid_that_the_model_lacks_is_an_error_naming_those_it_has(models: FocusModels) -> None:
    recipe = FocusRecipe(resize_to=128, grids=(16, 32), working_grid=16)
    with pytest.raises(ModelError, match=r"tiny has no self-attention at grid 32: .* its grids 16, 8; use --set "):
        check_grids(models.unet, recipe, models.vae_stride, models.name)


def test_latents_of_another_size_than_announced_are_refused(models: FocusModels) -> None:
    with (
        pytest.raises(ModelError, match="256 cells where a 32 x 32 grid was due"),
        capture_self_attention(models.unet, AttentionMaps([32], 16), 32),
    ):
        call(models, 16)


class LargestTensor(TorchDispatchMode):
    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return out


@pytest.mark.parametrize("pooling", ["spatial", "flattened"])
def test_no_full_matrix_ever_exists(
    models: FocusModels, small: FocusRecipe, pictures: list[Picture], pooling: str
) -> None:
    full = dataclasses.replace(small, resize_to=512, grids=(64, 32), working_grid=32, pooling=pooling)
    with LargestTensor() as largest:
        affinities = compute_affinities(models, pictures[:2], ["a", "b"], full)
    assert largest.elements < 4096 * 4096 / 2
    sums = affinities[1].matrix.astype("f4").sum(axis=1)
    if pooling == "spatial":
        assert abs(sums - 1).max() < 2e-3
    else:  # as in the official code: the 64-grid, cut to a quarter, counts for less
        assert 0.5 < sums.mean() < 0.8
