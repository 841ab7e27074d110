from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.weights.servers import COMMIT, HubHandler, serving
from zeroov.errors import ModelError
from zeroov.weights import get
from zeroov.weights.complete import wanted_files

SD14 = [
    "model_index.json",
    "README.md",
    "sd-v1-4.ckpt",
    "feature_extractor/preprocessor_config.json",
    "safety_checker/config.json",
    "safety_checker/model.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/flax_model.msgpack",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin",
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.bin",
    "vae/diffusion_pytorch_model.safetensors",
]


def test_only_one_format_of_a_diffusion_model_is_wanted() -> None:
    wanted = wanted_files("diffusion", SD14)
    assert [name for name in wanted if "model" in Path(name).stem and not name.endswith(".json")] == [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert not [name for name in wanted if name.startswith(("safety_checker", "feature_extractor", "sd-", "README"))]
    assert {"model_index.json", "tokenizer/merges.txt", "scheduler/scheduler_config.json"} <= set(wanted)


def test_pickled_weights_are_wanted_where_there_are_no_others() -> None:
    bare = [name for name in SD14 if not name.endswith(".safetensors")]
    wanted = wanted_files("diffusion", bare)
    assert "unet/diffusion_pytorch_model.bin" in wanted
    assert "text_encoder/pytorch_model.bin" in wanted


def test_every_shard_of_a_language_model_is_wanted() -> None:
    shards = [f"model-0000{n}-of-00005.safetensors" for n in range(1, 6)]
    names = [*shards, "model.safetensors.index.json", "config.json", "chat_template.json", "merges.txt", "README.md"]
    names += ["preprocessor_config.json", "tokenizer.json", "original/consolidated.pth", ".gitattributes"]
    wanted = wanted_files("vlm", names)
    assert set(wanted) == set(names) - {"README.md", "original/consolidated.pth", ".gitattributes"}


class Hub(HubHandler):
    pass


@pytest.fixture
def hub_url(tiny: Path, tmp_path: Path) -> Iterator[str]:
    """Serve the tiny diffusion model, with files beside it that nobody needs."""
    folder = tmp_path / "repository"
    shutil.copytree(tiny / "diffusion", folder)
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "model.safetensors").write_bytes(b"never asked for")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"never asked for")
    Hub.folder, Hub.asked = folder, []
    with serving(Hub) as address:
        yield address


CODE = """
import sys
from zeroov.errors import ModelError
from zeroov.weights import find, get
try:
    get.download_model(sys.argv[1], sys.argv[2], "diffusion")
    found = find.locate_model(sys.argv[1], sys.argv[2], "diffusion")
    print(found.path, found.revision)
except ModelError as error:
    print("error:", error)
"""


def download(url: str, home: Path, reference: str = "someone/some-model", revision: str = "") -> str:
    """Download in a process of its own: huggingface_hub reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "no_proxy": "*"}
    settings |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", CODE, reference, revision]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1, done.stdout
    return done.stdout


def test_what_is_needed_is_downloaded_found_and_mended(hub_url: str, tmp_path: Path) -> None:
    said = download(hub_url, tmp_path / "home")
    assert said.split()[1] == COMMIT
    assert "unet/diffusion_pytorch_model.safetensors" in Hub.asked
    assert "safety_checker/model.safetensors" not in Hub.asked
    assert "unet/diffusion_pytorch_model.bin" not in Hub.asked

    unet = Path(said.split()[0]) / "unet" / "diffusion_pytorch_model.safetensors"
    whole = unet.read_bytes()
    unet.resolve().write_bytes(whole[:-5])  # a copy that was cut short
    Hub.asked.clear()
    assert download(hub_url, tmp_path / "home", revision=COMMIT) == said
    assert unet.read_bytes() == whole
    assert Hub.asked == ["unet/diffusion_pytorch_model.safetensors"]


def test_a_repository_that_does_not_exist(hub_url: str, tmp_path: Path) -> None:
    assert "the hub knows no `someone/else`" in download(hub_url, tmp_path / "home", "someone/else")


def test_an_own_folder_is_not_asked_of_the_hub() -> None:
    for reference in ("./mine", "/data/models/mine", "models/of/mine"):
        with pytest.raises(ModelError, match="is a folder of yours"):
            get.download_model(reference, "", "vlm")


def test_offline_the_hub_is_not_asked() -> None:
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        get.download_model("someone/some-model", "", "vlm")


def test_a_family_that_focus_cannot_read_is_refused_before_its_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub import constants

    names = [name.replace("unet/", "transformer/") for name in SD14]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda *args, **options: names)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **options: pytest.fail("downloaded"))
    monkeypatch.setattr(get, "_drop_broken", lambda *args: None)
    with pytest.raises(ModelError, match=r"is not downloaded: it has a transformer/ in place of a unet/"):
        get.download_model("someone/some-sd3", "", "diffusion")
