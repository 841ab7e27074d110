from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.weights.conftest import COMMIT, cached
from zeroov.errors import ModelError
from zeroov.files.content import cache_folder
from zeroov.weights.find import fingerprint, locate_checkpoint, locate_model, public_name

Copy = Callable[[str], Path]
NAME = "someone/some-model"


def problem(reference: str, revision: str = "", part: str = "vlm") -> str:
    with pytest.raises(ModelError) as error:
        locate_model(reference, revision, part)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("stage", "reference", "named"),
    [
        ("overview", "builtin:mini", "builtin:mini"),
        ("focus", "org/name", "org/name"),
        ("overview", "/srv/models/qwen", "qwen"),
        ("overview", "./qwen", "qwen"),
        ("focus", "../home/sd", "sd"),
        ("overview", "~/a/qwen/", "qwen"),
        ("focus", "a/b/sd", "sd"),
        ("refine", "sam.pth", "sam.pth"),
        ("refine", "builtin:mini", "builtin:mini"),
        ("refine", "a/sam.pth", "sam.pth"),
        ("refine", "a/b/sam.pth", "sam.pth"),
        ("refine", "facebook/sam2.1-hiera-large", "facebook/sam2.1-hiera-large"),
        ("refine", "/srv/models/sam2", "sam2"),
    ],
)
def test_others_learn_no_folder_of_a_model(stage: str, reference: str, named: str) -> None:
    assert public_name(stage, reference) == named


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_model_of_masks_that_lacks_a_file_is_refused(own_cache: Path, tmp_path: Path, lost: str) -> None:
    from zeroov.tiny.build import ensure

    folder = tmp_path / "sam2"
    shutil.copytree(ensure("segmenter", own_cache / "tiny"), folder)
    assert locate_model(str(folder), "", "segmenter").path == folder
    (folder / lost).unlink()
    said = problem(str(folder), part="segmenter")
    assert said.startswith(f"refine.model `{folder}`")
    assert lost in said


def test_finding_imports_no_torch() -> None:
    code = "import sys, zeroov.weights.find, zeroov.weights.needs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("part", ["vlm", "diffusion"])
def test_a_folder_is_found_and_fingerprinted(tiny: Path, copy_of: Copy, part: str) -> None:
    here, there = locate_model(str(tiny / part), "ignored", part), locate_model(str(copy_of(part)), "", part)  # type: ignore[arg-type]
    assert here.path == (tiny / part).resolve()
    assert here.reference == str(tiny / part)
    assert here.revision == there.revision  # the same files elsewhere are the same model


def test_relative_and_home_folders(copy_of: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy_of("vlm")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for reference in (folder.name, f"./{folder.name}", f"~/{folder.name}"):
        assert locate_model(reference, "", "vlm").path == folder.resolve()


def test_the_fingerprint_sees_contents_not_times(tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(5_000_000))
    before = fingerprint(big)
    os.utime(big, ns=(1, 1))
    assert fingerprint(big) == before
    assert fingerprint(Path(shutil.copy(big, tmp_path / "renamed.bin"))) == before
    for place in (0, 1_234_567, 4_999_999):
        changed = bytearray(5_000_000)
        changed[place] = 1
        big.write_bytes(changed)
        assert fingerprint(big) != before
    big.write_bytes(bytes(5_000_001))
    assert fingerprint(big) != before


def test_the_fingerprint_of_a_folder_sees_names_and_skips_hidden_files(copy_of: Copy) -> None:
    folder = copy_of("vlm")
    before = fingerprint(folder)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("x")
    assert fingerprint(folder) == before
    (folder / "config.json").rename(folder / "config2.json")
    assert fingerprint(folder) != before


def test_a_hub_id_is_found_without_network(hub: Path, tiny: Path) -> None:
    snapshot = cached(hub, tiny / "vlm", NAME)
    for revision in ("", "main", COMMIT):
        found = locate_model(NAME, revision, "vlm")
        assert found.path == snapshot.resolve()
        assert found.revision == COMMIT


def test_a_folder_does_not_stand_in_for_the_hubs_model_of_its_name(
    hub: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny / "vlm", tmp_path / NAME)
    assert f"--set overview.model=./{NAME}` takes the folder" in problem(NAME, COMMIT)
    snapshot = cached(hub, tiny / "vlm", NAME)
    assert locate_model(NAME, COMMIT, "vlm").path == snapshot.resolve()
    assert f"`--set overview.model=./{NAME}` takes the folder" in caplog.text
    caplog.clear()
    assert locate_model(f"./{NAME}", "", "vlm").path == (tmp_path / NAME).resolve()
    assert not caplog.messages


def test_a_revision_that_is_not_cached(hub: Path, tiny: Path) -> None:
    cached(hub, tiny / "vlm", NAME)
    message = problem(NAME, "d" * 40)
    assert f"at revision {'d' * 40}" in message
    assert COMMIT in message
    assert "zeroov models get" in message


def test_a_hub_id_that_is_not_cached(hub: Path) -> None:
    message = problem(NAME, COMMIT)
    for words in (
        str(hub),
        "zeroov models get --recipe NAME",
        "--set overview.model=FOLDER",
        "--recipe mini",
        "--set overview.revision=",
    ):
        assert words in message
    assert "overview.revision=" not in problem("Qwen/Qwen2.5-VL-7B-Instruct", COMMIT)  # its own revision


def test_references_of_no_kind(tmp_path: Path, hub: Path) -> None:
    assert "does not exist" in problem(str(tmp_path / "none"))
    assert "does not exist" in problem("./none/of/these")
    assert "does not exist" in problem("C:\\models\\qwen")
    assert "neither an existing folder nor a hub id" in problem("qwen")
    assert "neither an existing folder nor a hub id" in problem("models/of/mine")
    assert "--set focus.model=FOLDER" in problem("./none", part="diffusion")


@pytest.mark.parametrize(
    ("part", "file"),
    [
        ("vlm", "config.json"),
        ("vlm", "model.safetensors"),
        ("vlm", "tokenizer.json"),
        ("vlm", "tokenizer_config.json"),
        ("vlm", "preprocessor_config.json"),
        ("diffusion", "unet/config.json"),
        ("diffusion", "unet/diffusion_pytorch_model.safetensors"),
        ("diffusion", "vae/diffusion_pytorch_model.safetensors"),
        ("diffusion", "text_encoder/model.safetensors"),
        ("diffusion", "tokenizer/merges.txt"),
        ("diffusion", "scheduler/scheduler_config.json"),
    ],
)
def test_a_missing_file_is_named(copy_of: Copy, part: str, file: str) -> None:
    folder = copy_of(part)
    (folder / file).unlink()
    message = problem(str(folder), part=part)
    assert "is incomplete" in message
    assert file in message


def test_every_missing_thing_is_named(copy_of: Copy, hub: Path) -> None:
    folder = copy_of("diffusion")
    shutil.rmtree(folder / "vae")
    (folder / "unet" / "config.json").unlink()
    message = problem(str(folder), part="diffusion")
    assert "vae/ is missing" in message
    assert "unet/config.json is missing" in message
    cached(hub, folder, NAME)
    assert "`zeroov models get --recipe NAME` completes it" in problem(NAME, part="diffusion")


def test_every_shard_of_an_index_counts(copy_of: Copy) -> None:
    folder = copy_of("vlm")
    first = folder / "model-00001-of-00002.safetensors"
    (folder / "model.safetensors").rename(first)
    index = folder / "model.safetensors.index.json"
    index.write_text(f'{{"weight_map": {{"a": "{first.name}", "b": "model-00002-of-00002.safetensors"}}}}')
    assert "model-00002-of-00002.safetensors is missing" in problem(str(folder))
    shutil.copy(first, folder / "model-00002-of-00002.safetensors")
    locate_model(str(folder), "", "vlm")
    index.write_text("{")
    assert "is not an index of weights" in problem(str(folder))


def test_weights_that_are_there_but_no_weights(copy_of: Copy) -> None:
    folder = copy_of("vlm")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert f"has {len(whole) - 1} bytes and should have {len(whole)}" in problem(str(folder))
    weights.write_bytes(whole[:100])
    assert "cut short" in problem(str(folder))
    weights.write_bytes(b"")
    assert "cut short" in problem(str(folder))
    weights.write_bytes((9).to_bytes(8, "little") + b"not json!")
    assert "is not a safetensors file" in problem(str(folder))
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "git lfs pull" in problem(str(folder))
    weights.write_bytes(whole)
    for header in (b"[" * 100_000, b'{"a": {"data_offsets": [0, "x"]}}'):
        weights.write_bytes(len(header).to_bytes(8, "little") + header)
        assert "is not a safetensors file" in problem(str(folder))
    (folder / "config.json").write_text("[" * 100_000)
    assert "config.json is not a JSON object" in problem(str(folder))
    (folder / "config.json").write_text('{"cut')
    assert "config.json is not a JSON object" in problem(str(folder))


def test_pickled_and_half_precision_weights_are_weights_too(copy_of: Copy) -> None:
    folder = copy_of("diffusion")
    unet = folder / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model.fp16.safetensors")
    (folder / "text_encoder" / "model.safetensors").unlink()
    (folder / "text_encoder" / "pytorch_model.bin").write_bytes(b"pickled")
    locate_model(str(folder), "", "diffusion")


def test_a_checkpoint_is_looked_for_where_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROOV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZEROOV_SAM_DIR", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    name = "zeroov_test_sam.pth"
    with pytest.raises(ModelError) as error:
        locate_checkpoint(name)
    message = str(error.value)
    assert "\n" not in message
    for words in (str(tmp_path / "sam_checkpoint"), str(tmp_path / "mine"), str(tmp_path / "cache" / "sam")):
        assert words in message
    assert "zeroov models get" in message
    for folder in ("cache/sam", "mine", "sam_checkpoint", "."):  # each goes before the last
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
        assert locate_checkpoint(name).path == path.resolve()
    assert locate_checkpoint(str(tmp_path / "mine" / name)).revision == locate_checkpoint(name).revision


def test_a_checkpoint_path_is_taken_as_it_is(tmp_path: Path) -> None:
    for reference in (str(tmp_path / "none.pth"), "./none.pth", "some/none.pth"):
        with pytest.raises(ModelError, match="was not found; download it"):
            locate_checkpoint(reference)
    with pytest.raises(ModelError, match="is a folder, not a file"):
        locate_checkpoint(str(tmp_path))


def test_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ZEROOV_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "zeroov"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "zeroov"
    monkeypatch.setenv("ZEROOV_CACHE", "~/own")
    assert cache_folder() == tmp_path / "own"
