"""A model's folder can hold Python code of its own: zeroov never runs it, and never asks whether it may."""

from __future__ import annotations

import ast
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zeroov
from tests.overview.conftest import look
from zeroov import recipe as recipes
from zeroov.errors import ModelError
from zeroov.focus import compute_affinities, load_focus
from zeroov.overview.load import load_overview
from zeroov.recipe import FocusRecipe
from zeroov.types import Picture

CPU = torch.device("cpu")
MODULE = """from pathlib import Path
Path({path!r}).touch()
class Config: pass
class Model: pass
class Processor: pass
class Tokenizer: pass
def generate(model, **kwargs): raise AssertionError("the folder's own generate")
"""
AUTO_MAP: dict[str, Any] = {
    "AutoConfig": "configuration.Config",
    "AutoModel": "modeling.Model",
    "AutoModelForImageTextToText": "modeling.Model",
    "AutoProcessor": "modeling.Processor",
    "AutoImageProcessor": "modeling.Processor",
    "AutoVideoProcessor": "modeling.Processor",
    "AutoTokenizer": ["modeling.Tokenizer", "modeling.Tokenizer"],
}
TAKES_NO_ARGUMENT = {
    "getattr(diffusers, kind)": "UNet2DConditionModel, AutoencoderKL: diffusers' models never load a "
    "folder's code, and have no `trust_remote_code`"
}


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """Return the file that a folder's code writes when it runs."""
    return tmp_path / "ran"


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let stdin say yes to every question; nothing of it must be read."""
    answers = io.StringIO("y\n" * 50)
    monkeypatch.setattr(sys, "stdin", answers)
    return answers


def copied(source: Path, target: Path, ran: Path) -> Path:
    """Copy a model's folder and put code of its own into each of its folders."""
    shutil.copytree(source, target)
    for folder in (target, *(path for path in target.iterdir() if path.is_dir())):
        for name in ("configuration", "modeling", "pipeline"):
            (folder / f"{name}.py").write_text(MODULE.format(path=str(ran)))
    return target


def edit(path: Path, **changes: Any) -> None:
    """Change some values of a JSON file, or make it; `None` takes a value out."""
    values = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({name: value for name, value in (values | changes).items() if value is not None}))


def unknown_type(folder: Path) -> None:
    edit(folder / "config.json", model_type="unknown_vlm", auto_map=AUTO_MAP)


def no_type(folder: Path) -> None:
    edit(folder / "config.json", model_type=None, auto_map=AUTO_MAP)


def another_config_file(folder: Path) -> None:
    unknown_type(folder)
    (folder / "config.json").rename(folder / "config.4.0.0.json")
    edit(folder / "config.json", model_type="qwen2_5_vl", configuration_files=["config.4.0.0.json"])


def known_type(folder: Path) -> None:
    for name in ("config", "preprocessor_config", "video_preprocessor_config", "processor_config", "tokenizer_config"):
        edit(folder / f"{name}.json", auto_map=AUTO_MAP)


def known_type_of_unknown_parts(folder: Path) -> None:
    known_type(folder)
    edit(folder / "preprocessor_config.json", image_processor_type="Unknown")
    edit(folder / "video_preprocessor_config.json", video_processor_type="Unknown")
    edit(folder / "tokenizer_config.json", tokenizer_class="Unknown")


def no_processor_class(folder: Path) -> None:
    """Here transformers forgets `trust_remote_code=False` on its way to the image processor."""
    edit(
        folder / "preprocessor_config.json",
        processor_class=None,
        image_processor_type="Unknown",
        auto_map={"AutoImageProcessor": "modeling.Processor"},
    )


def within_the_processor(folder: Path) -> None:
    edit(folder / "preprocessor_config.json", processor_class=None)
    inner = {"image_processor_type": "Unknown", "auto_map": {"AutoImageProcessor": "modeling.Processor"}}
    edit(folder / "processor_config.json", image_processor=inner)


def own_generate(folder: Path) -> None:
    """Here transformers 4.57 asks nothing, even with `trust_remote_code=False`."""
    (folder / "custom_generate").mkdir()
    shutil.copy(folder / "modeling.py", folder / "custom_generate/generate.py")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (unknown_type, "auto_map in config.json"),
        (no_type, "auto_map in config.json"),
        (another_config_file, "auto_map in config.4.0.0.json"),
        (known_type, "auto_map in config.json"),
        (known_type_of_unknown_parts, "auto_map in config.json"),
        (no_processor_class, "auto_map in preprocessor_config.json"),
        (within_the_processor, "auto_map in processor_config.json"),
        (own_generate, "custom_generate/generate.py"),
    ],
)
def test_a_language_model_s_own_code_is_refused(
    tiny: Path, tmp_path: Path, ran: Path, stdin: io.StringIO, change: Callable[[Path], None], where: str
) -> None:
    folder = copied(tiny / "vlm", tmp_path / "vlm", ran)
    change(folder)
    with pytest.raises(ModelError) as caught:
        load_overview(folder, recipes.load("tiny").overview, CPU, name="x", revision="r")
    assert not ran.exists(), "the folder's code ran"
    assert stdin.tell() == 0, "stdin was asked"
    assert str(caught.value) == (
        f"the model in `{folder}` brings Python code of its own ({where}), which zeroov never runs; no model that "
        "zeroov supports needs any: set overview.model to one of those, e.g. Qwen/Qwen2.5-VL-7B-Instruct"
    )


def test_python_files_that_nothing_asks_for_are_left_alone(
    tiny: Path, tmp_path: Path, ran: Path, stdin: io.StringIO
) -> None:
    folder = copied(tiny / "vlm", tmp_path / "vlm", ran)
    edit(folder / "generation_config.json", custom_generate=str(folder))
    recipe = recipes.load("tiny", {"overview.max_new_tokens": 2}).overview
    models = load_overview(folder, recipe, CPU, name="x", revision="r")
    look(models, [Picture(np.zeros((60, 60, 3), np.uint8))], ["a plane"], recipe)
    assert not ran.exists()
    assert stdin.tell() == 0


def test_a_diffusion_model_s_own_code_is_left_alone(tiny: Path, tmp_path: Path, ran: Path, stdin: io.StringIO) -> None:
    folder = copied(tiny / "diffusion", tmp_path / "diffusion", ran)
    for name in ("unet/config", "vae/config", "text_encoder/config", "tokenizer/tokenizer_config"):
        edit(folder / f"{name}.json", auto_map=AUTO_MAP)
    edit(folder / "text_encoder/config.json", model_type="unknown_text")
    edit(folder / "tokenizer/tokenizer_config.json", tokenizer_class="Unknown")
    edit(folder / "tokenizer/config.json", model_type="unknown_text", auto_map=AUTO_MAP)
    edit(folder / "model_index.json", _class_name=["pipeline", "Model"], unet=["modeling", "Model"])
    own_generate(folder / "text_encoder")
    models = load_focus(folder, FocusRecipe(dtype="float32"), CPU, name="x", revision="r")
    compute_affinities(
        models,
        [Picture(np.zeros((32, 32, 3), np.uint8))],
        ["a plane"],
        FocusRecipe(resize_to=64, grids=(8,), working_grid=4),
    )
    assert not ran.exists()
    assert stdin.tell() == 0


def test_a_unet_of_a_class_of_its_own_is_refused(tiny: Path, tmp_path: Path, ran: Path, stdin: io.StringIO) -> None:
    folder = copied(tiny / "diffusion", tmp_path / "diffusion", ran)
    edit(folder / "unet/config.json", _class_name=["modeling", "Model"], auto_map=AUTO_MAP)
    with pytest.raises(ModelError, match="needs Stable Diffusion"):
        load_focus(folder, FocusRecipe(dtype="float32"), CPU, name="x", revision="r")
    assert not ran.exists()
    assert stdin.tell() == 0


def test_transformers_loads_by_one_function_which_refuses_code() -> None:
    calls = []
    for path in sorted(Path(zeroov.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".from_pretrained"):
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                receiver = ast.unparse(node.func).removesuffix(".from_pretrained")
                calls.append((path.name, receiver, given.get("trust_remote_code")))
    (here,) = [call for call in calls if call[1] not in TAKES_NO_ARGUMENT]
    assert here == ("own_code.py", "kind", "False")
    assert len(calls) == 1 + len(TAKES_NO_ARGUMENT)
