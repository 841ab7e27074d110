"""A vision-language folder that lacks something is one line, never random weights in its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroov.errors import ModelError
from zeroov.overview.load import load_overview
from zeroov.recipe import OverviewRecipe


def drop_a_layer(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layers.3." not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def rewrite(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: [p for p in [folder / name] if p.write_text(text)] and None


@pytest.mark.parametrize(
    "damage",
    [
        drop_a_layer,
        cut_weights,
        rewrite("chat_template.jinja", "{% for"),
        rewrite("chat_template.jinja", ""),
        rewrite("tokenizer.json", "[]"),
        rewrite("tokenizer.json", "{"),
        rewrite("preprocessor_config.json", "[]"),
        rewrite("config.json", "{}"),
    ],
)
def test_damage_is_one_line(tiny: Path, tmp_path: Path, recipe: OverviewRecipe, damage: Callable[[Path], None]) -> None:
    folder = Path(shutil.copytree(tiny / "vlm", tmp_path / "vlm"))
    damage(folder)
    with pytest.raises(ModelError) as caught:
        load_overview(folder, recipe, torch.device("cpu"), name="x", revision="r")
    assert "\n" not in str(caught.value)


def test_another_kind_of_model_is_refused(tiny: Path, recipe: OverviewRecipe) -> None:
    with pytest.raises(ModelError):
        load_overview(tiny / "diffusion" / "text_encoder", recipe, torch.device("cpu"), name="x", revision="r")
