"""The miniature Stable Diffusion's training: a folder of the real classes, scenes on disk, heads that read cells."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.training.diffusion.build import SHARPENED, SHARPNESS, Parts, build_parts, build_tokenizer, self_attentions
from scripts.training.diffusion.build import save_parts as save
from scripts.training.diffusion.data import GRID, ScenePool, describe, facts, instance_map, kept_array
from scripts.training.diffusion.heads import CellHeads
from scripts.training.diffusion.measure import RECIPE as READING
from scripts.training.diffusion.measure import auroc, best_iou, colour_affinity, measure, summarise, val_scenes
from scripts.training.resume import Limits
from zeroov.focus.load import load_focus
from zeroov.mini.kinds import COLOURS, KINDS
from zeroov.mini.scenes import make_scene


def limits(minutes: float | None = None) -> Limits:
    return Limits(argparse.Namespace(steps=None, minutes=minutes, save_every=9e9, measure_every=9e9), 1)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return build_parts(0, tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def folder(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("diffusion")
    weights = {name: getattr(parts, name).state_dict() for name in ("vae", "unet", "text_encoder")}
    save(parts, weights, place)
    return place


def test_the_folder_loads_with_the_real_classes(folder: Path) -> None:
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae")
    text = CLIPTextModel.from_pretrained(folder / "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    assert DDIMScheduler.from_pretrained(folder, subfolder="scheduler").config.num_train_timesteps == 1000
    assert unet.config.in_channels == vae.config.latent_channels
    assert text.config.hidden_size == unet.config.cross_attention_dim
    words = tokenizer(describe(make_scene(1))).input_ids
    assert words[0] == tokenizer.bos_token_id
    assert words[-1] == tokenizer.eos_token_id


def test_every_word_is_one_token_and_the_tokenizer_is_always_the_same() -> None:
    tokenizer = build_tokenizer()
    assert tokenizer.get_vocab() == build_tokenizer().get_vocab()
    assert tokenizer.tokenize("red storage tank, blue ship on grass") == [
        f"{word}</w>" for word in ("red", "storage", "tank", ",", "blue", "ship", "on", "grass")
    ]


def test_self_attention_compares_by_cosine_and_is_sharpened_when_written(parts: Parts, folder: Path) -> None:
    layers = self_attentions(parts.unet)
    cells = torch.nn.functional.layer_norm(torch.randn(5, 64), (64,))
    written = self_attentions(load_focus(folder, READING, torch.device("cpu"), name="mini", revision="").unet)
    assert len(layers) == len(written) == 5
    for name, layer in layers.items():
        width = layer.to_q.in_features
        assert layer.to_k is layer.to_q
        assert not layer.to_q.weight.requires_grad
        query = layer.to_q(cells[:, :width] * (width**0.5 / cells[:, :width].norm(dim=1, keepdim=True)))
        logits = query @ query.T * layer.scale
        torch.testing.assert_close(logits.diag(), torch.full((5,), SHARPNESS), atol=0.05, rtol=0.01)
        torch.testing.assert_close(written[name].to_q.weight, layer.to_q.weight * SHARPENED**0.5, atol=2e-3, rtol=2e-3)


def test_scenes_on_disk_go_on_after_a_cut_off_line(tmp_path: Path) -> None:
    pool = ScenePool(tmp_path, 4)
    assert not pool.fill(limits(minutes=0))
    assert pool.fill(limits())
    whole = {name: array.copy() for name, array in pool.arrays.items()}
    captions = pool.captions()
    lines = (tmp_path / "captions.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "captions.jsonl").write_text(lines[0] + lines[1] + lines[2][:5])
    pool.arrays["pixels"][2:] = 0
    again = ScenePool(tmp_path, 4)
    assert len(again.captions()) == 2
    assert again.fill(limits())
    assert again.captions() == captions
    assert all(np.array_equal(again.arrays[name], array) for name, array in whole.items())
    with pytest.raises(SystemExit, match="--scenes"):
        kept_array(tmp_path / "pixels.npy", (5, 2), np.uint8)


def test_cells_know_their_object() -> None:
    scene = make_scene(1)
    owner, told = instance_map(scene, GRID), facts(scene)
    assert owner.max() == len(scene.objects) - 1
    for number, thing in enumerate(scene.objects):
        assert (list(KINDS)[int(told[number, 0])], list(COLOURS)[int(told[number, 1])]) == (thing.kind, thing.colour)
        rows, columns = np.nonzero(owner == number)
        centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / GRID
        assert np.abs(centre - told[number, 2:4]).max() < 0.05


def test_heads_read_the_self_attentions_inputs_and_teach_what_is_below_them(parts: Parts) -> None:
    unet, heads = parts.unet.train(), CellHeads(parts.unet)
    scene = make_scene(1)
    owners = {side: torch.from_numpy(instance_map(scene, side))[None] for side in (32, 16)}
    text = parts.embed([describe(scene)])
    assert text.shape == (1, 77, unet.config.cross_attention_dim)
    unet(torch.randn(1, 4, 32, 32), torch.tensor([100]), encoder_hidden_states=text)
    losses = heads.loss(owners, torch.from_numpy(facts(scene))[None], torch.ones(1))
    assert set(losses) == {"kind", "colour", "place"}
    assert not heads.seen
    torch.stack(list(losses.values())).sum().backward()
    assert all(head.weight.grad.abs().sum() > 0 for head in heads.heads)
    assert unet.conv_in.weight.grad.abs().sum() > 0
    assert unet.conv_out.weight.grad is None  # the heads are below the noise


def test_figures_tell_a_good_affinity_from_none(folder: Path) -> None:
    row = np.array([0.9, 0.8, 0.1, 0.2], np.float32)
    assert auroc(row[:2], row[2:]) == 1
    assert best_iou(row, np.array([True, True, False, False])) == 1
    scenes = val_scenes(2)
    none = summarise([None] * 2, scenes)
    assert summarise([colour_affinity(scene) for scene in scenes], scenes)["evolve0.4"] > none["evolve0.4"] + 0.1
    models = load_focus(folder, READING, torch.device("cpu"), name="mini", revision="")
    found = measure(models, scenes[:1], READING)
    assert all(0 <= value <= 1 for value in found.values())
    assert json.dumps(found)
