"""SD 2.1 and SDXL: what their UNets are given, and the attention that is read, against diffusers' own."""

from __future__ import annotations

import dataclasses
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from tests.focus.families import change, sdxl_pipeline, write_sd21, write_sdxl
from zeroov.errors import ModelError
from zeroov.focus import FocusModels, compute_affinities, latents, load_focus
from zeroov.focus.capture import check_grids, layer_grids
from zeroov.recipe import FocusRecipe
from zeroov.types import Affinity, Float32, Picture
from zeroov.weights.complete import faults, wanted_files
from zeroov.weights.find import locate_model

CPU = torch.device("cpu")
WRITERS = {"sd21": write_sd21, "sdxl": write_sdxl}
SIDES = {"sd21": 192, "sdxl": 256}
GRIDS = {"sd21": (24, 12), "sdxl": (16, 8)}
FAMILIES = tuple(WRITERS)


@pytest.fixture(scope="module")
def folders(diffusion_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("families")
    for name, write in WRITERS.items():
        write(diffusion_folder, root / name)
    return {name: root / name for name in WRITERS}


def recipe_of(family: str, **keys: Any) -> FocusRecipe:
    grids = GRIDS[family]
    settings = {"resize_to": SIDES[family], "grids": grids, "working_grid": grids[1], "steps": 3}
    return FocusRecipe(**{"dtype": "float32", "prompt": "{expression}", **settings, **keys})


@pytest.fixture(scope="module")
def loaded(folders: dict[str, Path]) -> dict[str, FocusModels]:
    made = {name: load_focus(folders[name], recipe_of(name), CPU, name=name, revision="r1") for name in FAMILIES}
    with torch.no_grad():
        for models in made.values():
            for name, parameter in models.unet.named_parameters():  # peaked maps, and a prompt that matters
                if name.endswith(("attn1.to_q.weight", "attn2.to_out.0.weight")):
                    parameter *= 30
            if models.text_encoder_2 is not None:
                models.unet.add_embedding.linear_1.weight *= 3
    return made


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest, loaded: dict[str, FocusModels]) -> Iterator[str]:
    before = dict(loaded[request.param].unet.attn_processors)
    yield request.param
    after = loaded[request.param].unet.attn_processors
    assert all(after[name] is before[name] for name in before), "a test left another attention processor behind"


@pytest.fixture
def sdxl(loaded: dict[str, FocusModels]) -> FocusModels:
    return loaded["sdxl"]


def values(affinity: Affinity) -> Float32:
    return affinity.matrix.astype(np.float32)


def eager(models: FocusModels, picture: Picture, expression: str, recipe: FocusRecipe) -> Float32:
    """Return the pooled attention from full matrices that the UNet's eager processor itself made, at one noise."""
    unet, side = models.unet, recipe.resize_to
    pixels = torch.from_numpy(np.array(picture_at(picture, side))).permute(2, 0, 1)[None].float() / 127.5 - 1
    given: dict[str, Any] = {}
    with torch.no_grad():
        start = models.vae.encode(pixels).latent_dist.mean * models.vae.config.scaling_factor
        if models.text_encoder_2 is None:
            ids = models.tokenizer([expression], padding="max_length", max_length=77, return_tensors="pt").input_ids
            text = models.text_encoder(ids).last_hidden_state
        else:
            pipeline = sdxl_pipeline(models)
            text, _, pooled, _ = pipeline.encode_prompt(expression, device=CPU, do_classifier_free_guidance=False)
            sizes = pipeline._get_add_time_ids((side, side), (0, 0), (side, side), torch.float32, 12)
            given = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": sizes}}
        noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(recipe.seed))
        noised = models.scheduler.add_noise(start, noise, torch.tensor([recipe.t]))
        own, made = dict(unet.attn_processors), defaultdict(list)
        unet.set_attn_processor(AttnProcessor())
        changed = [unet.get_submodule(name.removesuffix(".processor")) for name in layer_grids(unet, side // 8)]
        for module in changed:

            def scores(*args: Any, module: Any = module, score: Any = module.get_attention_scores) -> Tensor:
                matrix: Tensor = score(*args)
                made[round(matrix.shape[-1] ** 0.5)].append(matrix.mean(dim=0).numpy())
                return matrix

            module.get_attention_scores = scores
        try:
            unet(noised, torch.tensor(recipe.t), encoder_hidden_states=text, **given)
        finally:
            for module in changed:
                del module.get_attention_scores
            unet.set_attn_processor(own)
    n, pooled_maps = recipe.working_grid, []
    for grid in recipe.grids:
        matrix, side = np.mean(made[grid], axis=0), grid // n
        cells = np.arange(grid**2).reshape(n, side, n, side).transpose(0, 2, 1, 3).reshape(n * n, side * side)
        pooled_maps.append([[matrix[np.ix_(a, b)].sum(axis=1).mean() for b in cells] for a in cells])
    return np.asarray(np.mean(pooled_maps, axis=0), np.float32)


def picture_at(picture: Picture, side: int) -> Any:
    from PIL import Image

    return Image.fromarray(picture.rgb).resize((side, side))


def test_the_affinity_is_the_unets_own_attention(
    family: str, loaded: dict[str, FocusModels], pictures: list[Picture]
) -> None:
    models, recipe = loaded[family], recipe_of(family)
    expected = eager(models, pictures[2], "the white plane", recipe)
    (affinity,) = compute_affinities(models, [pictures[2]], ["the white plane"], recipe)
    assert expected.max() > 3 * expected.mean()  # peaked enough for the comparison to mean something
    np.testing.assert_allclose(values(affinity), expected, atol=1e-5, rtol=6e-4)  # float16 itself: 5e-4


@pytest.mark.parametrize(
    ("family", "method"),
    [("sd21", "noise"), ("sdxl", "noise"), ("sdxl", "invert"), ("sdxl", "nulltext")],
    indirect=["family"],
)
def test_a_batch_equals_one_by_one(
    family: str, loaded: dict[str, FocusModels], pictures: list[Picture], method: str
) -> None:
    models, recipe = loaded[family], recipe_of(family, method=method, steps=2, inner_steps=1)
    expressions = ["a plane", "the ship in the lower left"]
    together = compute_affinities(models, pictures[1:], expressions, recipe)
    for picture, expression, affinity in zip(pictures[1:], expressions, together, strict=True):
        (alone,) = compute_affinities(models, [picture], [expression], recipe)
        np.testing.assert_allclose(values(affinity), values(alone), atol=1e-6, rtol=1e-3)
        np.testing.assert_allclose(values(affinity).sum(axis=1), 1, atol=1e-3)


def test_sdxl_is_given_what_its_own_pipeline_gives(sdxl: FocusModels, pictures: list[Picture]) -> None:
    pipeline = sdxl_pipeline(sdxl)
    tokens, no_tokens, pooled, no_pooled = pipeline.encode_prompt("the white plane", device=CPU)
    text, none = latents.embed_prompt(sdxl, "the white plane"), latents.null_text(sdxl)
    torch.testing.assert_close(text.tokens, tokens)
    torch.testing.assert_close(text.pooled, pooled)
    torch.testing.assert_close(none.tokens, no_tokens)
    torch.testing.assert_close(none.pooled, no_pooled)
    tokenizers = (sdxl.tokenizer, sdxl.tokenizer_2)
    padding = [part("a", padding="max_length", max_length=77).input_ids[-1] for part in tokenizers]
    assert padding[0] != padding[1]  # as published: the second one pads with another token

    given: list[dict[str, Any]] = []
    handle = sdxl.unet.register_forward_pre_hook(lambda module, args, kwargs: given.append(kwargs), with_kwargs=True)
    compute_affinities(sdxl, pictures[:2], ["a", "the ship"], recipe_of("sdxl"))
    handle.remove()
    (kwargs,) = given
    sizes = pipeline._get_add_time_ids((256, 256), (0, 0), (256, 256), torch.float32, 12)
    torch.testing.assert_close(kwargs["added_cond_kwargs"]["time_ids"], sizes.expand(2, -1))
    assert kwargs["added_cond_kwargs"]["text_embeds"].shape == (2, 12)


def test_the_null_text_of_sdxl_comes_nearer_to_the_path(sdxl: FocusModels, pictures: list[Picture]) -> None:
    start = latents.encode_picture(sdxl, pictures[0], 256)
    text, null = latents.embed_prompt(sdxl, "a ship"), latents.null_text(sdxl)
    path = latents.invert(sdxl, start, text, 3)
    t = latents.ddim_timesteps(sdxl, 3)[0]
    with torch.no_grad():
        conditional = latents.predict_noise(sdxl, path[-1], t, text)

    def loss(null: latents.Text) -> float:
        with torch.no_grad():
            noise = latents.guide(latents.predict_noise(sdxl, path[-1], t, null), conditional, 7.5)
            return float((latents.ddim_previous(sdxl, path[-1], noise, t, 3) - path[-2]).square().mean())

    better = latents.optimise_null_text(
        sdxl, path[-1], path[-2], conditional, null, t, 0, steps=3, guidance=7.5, inner_steps=5
    )
    assert loss(better) < loss(null)
    assert better.pooled is null.pooled


def test_the_layers_of_each_level_are_found(loaded: dict[str, FocusModels]) -> None:
    def counts(family: str, side: int) -> dict[int, int]:
        sides = list(layer_grids(loaded[family].unet, side).values())
        return {grid: sides.count(grid) for grid in sorted(set(sides), reverse=True)}

    assert counts("sdxl", 128) == {64: 2 + 2 * 2, 32: 3 + 2 * 3}  # blocks within a layer count one by one
    assert counts("sd21", 96) == {96: 3, 48: 3, 24: 3}


def test_grids_that_a_unet_lacks_are_refused_before_any_picture(
    folders: dict[str, Path], loaded: dict[str, FocusModels]
) -> None:
    def problem(family: str, **keys: Any) -> str:
        with pytest.raises(ModelError) as error:
            load_focus(folders[family], FocusRecipe(dtype="float32", **keys), CPU, name=family, revision="")
        return str(error.value)

    said = problem("sdxl")  # the usual recipe: 512 pixels
    assert "sdxl has no self-attention at grid 64: at focus.resize_to 512 its latents are 64 x 64" in said
    assert said.endswith("use --set focus.resize_to=1024 or --set 'focus.grids=[32, 16]'")
    said = problem("sd21", resize_to=768)
    assert "no self-attention at grid 64 and 32" in said
    assert said.endswith("its grids 96, 48, 24; use --set focus.resize_to=512 or --set 'focus.grids=[96]'")
    check_grids(loaded["sdxl"].unet, FocusRecipe(resize_to=1024), 8, "sdxl")
    check_grids(loaded["sd21"].unet, FocusRecipe(resize_to=768, grids=(96,)), 8, "sd21")


def test_sdxl_in_half_precision_encodes_pictures_in_float32(folders: dict[str, Path], pictures: list[Picture]) -> None:
    half = load_focus(folders["sdxl"], recipe_of("sdxl", dtype="float16"), CPU, name="", revision="")
    assert (half.unet.dtype, half.text_encoder_2.dtype, half.vae.dtype) == (torch.float16, torch.float16, torch.float32)
    (affinity,) = compute_affinities(half, pictures[:1], ["a ship"], recipe_of("sdxl"))
    np.testing.assert_allclose(values(affinity).sum(axis=1), 1, atol=2e-3)
    other = load_focus(folders["sd21"], recipe_of("sd21", dtype="float16"), CPU, name="", revision="")
    assert other.vae.dtype == torch.float16


def test_offloaded_parts_of_sdxl_visit_the_device_and_leave_it(
    sdxl: FocusModels, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: list[tuple[str, str]] = []
    for name in ("vae", "text_encoder", "text_encoder_2", "unet"):
        part = getattr(sdxl, name)
        monkeypatch.setattr(part, "to", lambda device, name=name: moves.append((name, str(device))), raising=False)
    compute_affinities(dataclasses.replace(sdxl, offload=True), pictures[:1], ["a"], recipe_of("sdxl"))
    assert [name for name, _ in moves[::2]] == ["vae", "text_encoder", "text_encoder_2", "unet"]


def test_a_folder_of_sdxl_needs_its_second_text_encoder(folders: dict[str, Path], tmp_path: Path) -> None:
    assert faults(folders["sdxl"], "diffusion") == faults(folders["sd21"], "diffusion") == []
    folder = Path(shutil.copytree(folders["sdxl"], tmp_path / "sdxl"))
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert {"text_encoder_2/model.safetensors", "tokenizer_2/vocab.json"} <= set(wanted_files("diffusion", names))
    shutil.rmtree(folder / "text_encoder_2")
    assert faults(folder, "diffusion") == ["text_encoder_2/ is missing"]


def test_other_families_are_refused_with_the_reason(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders["sdxl"], tmp_path / "sdxl"))
    change(folder / "unet/config.json", addition_embed_type="image")
    with pytest.raises(ModelError, match="another family, which adds `image` to its text"):
        load_focus(folder, recipe_of("sdxl"), CPU, name="", revision="")
    change(folder / "unet/config.json", addition_embed_type="text_time")
    change(folder / "text_encoder_2/config.json", projection_dim=20)
    with pytest.raises(ModelError, match=r"text_encoder_2"):
        load_focus(folder, recipe_of("sdxl"), CPU, name="", revision="")
    shutil.rmtree(folder / "text_encoder")
    with pytest.raises(ModelError, match=r"SDXL's refiner has none: choose the base model"):
        locate_model(str(folder), "", "diffusion")
    (folder / "unet").rename(folder / "transformer")
    with pytest.raises(ModelError, match=r"Stable Diffusion 3 and Flux have: there picture and text share one"):
        locate_model(str(folder), "", "diffusion")
