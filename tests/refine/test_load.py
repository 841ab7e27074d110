from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zeroov.errors import ModelError
from zeroov.files import content
from zeroov.files.content import digest_of
from zeroov.recipe import RefineRecipe
from zeroov.refine.draw import refine
from zeroov.refine.load import load_sam
from zeroov.refine.sam import TINY, TYPE_OF_WIDTH, build_layout, build_sam
from zeroov.types import Box, Picture
from zeroov.weights import official

CPU = torch.device("cpu")
RECIPE = RefineRecipe(type="vit_tiny")


def saved(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def assert_one_line(error: pytest.ExceptionInfo[ModelError], *words: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    built = build_sam("vit_tiny")
    sam = load_sam(saved(tmp_path / "own.pth", built.state_dict()), RECIPE, CPU).sam
    assert all(torch.equal(value, sam.state_dict()[name]) for name, value in built.state_dict().items())
    for buffer in ("pixel_mean", "pixel_std"):  # not in the checkpoint
        assert torch.equal(getattr(built, buffer), getattr(sam, buffer))
    assert not sam.training
    assert not any(p.requires_grad for p in sam.parameters())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "auto"])
def test_half_precision_is_the_encoders_alone(tiny: Path, sam: Any, picture: Picture, dtype: str) -> None:
    half = load_sam(tiny / "sam.pth", replace(RECIPE, dtype=dtype), CPU)
    expected = {"bfloat16": torch.bfloat16, "float16": torch.float16, "auto": torch.float32}[dtype]
    assert {p.dtype for p in half.sam.image_encoder.parameters()} == {expected}
    assert {p.dtype for p in half.sam.mask_decoder.parameters()} == {torch.float32}
    assert half.sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.dtype == torch.float32
    box = Box(20, 10, 90, 70)
    ours = refine(half, half.encode(picture), box, RECIPE, None)
    full = refine(sam, sam.encode(picture), box, RECIPE, None)
    assert ours.predicted_iou == pytest.approx(full.predicted_iou, abs=0.02)
    assert np.mean(ours.mask == full.mask) > 0.95


def test_the_real_vit_b_is_loaded_and_told_from_the_others(tmp_path: Path) -> None:
    built = build_sam("vit_b")
    path = saved(tmp_path / "b.pth", built.state_dict())
    sam = load_sam(path, RefineRecipe(type="vit_b"), CPU).sam
    assert torch.equal(sam.image_encoder.blocks[11].mlp.lin2.weight, built.image_encoder.blocks[11].mlp.lin2.weight)
    with pytest.raises(ModelError) as error:
        load_sam(path, RefineRecipe(type="vit_h"), CPU)
    assert_one_line(error, "is a vit_b checkpoint", "refine.type is vit_h", "--set refine.type=vit_b")


@pytest.mark.parametrize(("width", "type"), TYPE_OF_WIDTH.items())
def test_another_type_is_named(tmp_path: Path, width: int, type: str) -> None:
    wanted = "vit_tiny" if type != "vit_tiny" else "vit_l"
    patch = torch.zeros(width, 3, 16, 16)
    path = saved(tmp_path / "other.pth", {"image_encoder.patch_embed.proj.weight": patch})
    with pytest.raises(ModelError) as error:
        load_sam(path, RefineRecipe(type=wanted), CPU)
    assert_one_line(error, f"is a {type} checkpoint", f"refine.type is {wanted}")


def test_a_sam_of_unknown_width_is_refused(tmp_path: Path) -> None:
    odd = build_layout(replace(TINY, embed_dim=32))
    with pytest.raises(ModelError) as error:
        load_sam(saved(tmp_path / "odd.pth", odd.state_dict()), RECIPE, CPU)
    assert_one_line(error, "32 channels wide")


def test_a_sam_of_other_inner_sizes_is_refused(tmp_path: Path) -> None:
    odd = build_layout(replace(TINY, depth=3))
    with pytest.raises(ModelError) as error:
        load_sam(saved(tmp_path / "odd.pth", odd.state_dict()), RECIPE, CPU)
    assert_one_line(error, "does not fit SAM vit_tiny", "Missing key")


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    "damage",
    [cut, lambda _: b"", lambda _: b"<html>not found</html>", lambda whole: whole[:100], lambda _: b"PK\x03\x04"],
    ids=["half", "empty", "web page", "start", "four bytes"],
)
def test_a_damaged_file_is_refused(tiny: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "damaged.pth"
    path.write_bytes(damage((tiny / "sam.pth").read_bytes()))
    with pytest.raises(ModelError) as error:
        load_sam(path, RECIPE, CPU)
    assert_one_line(error, str(path), "cut short", "zeroov models get")


@pytest.mark.parametrize(
    "foreign",
    [
        {"model": {"a": torch.zeros(1)}},
        [torch.zeros(1)],
        {"a": torch.zeros(1)},
        {"image_encoder.patch_embed.proj.weight": torch.zeros(())},
        {},
    ],
)
def test_a_foreign_checkpoint_is_refused(tmp_path: Path, foreign: Any) -> None:
    with pytest.raises(ModelError) as error:
        load_sam(saved(tmp_path / "foreign.pth", foreign), RECIPE, CPU)
    assert_one_line(error, "is not a SAM checkpoint")


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("code ran",)

    with pytest.raises(ModelError) as error:
        load_sam(saved(tmp_path / "evil.pth", {"a": Evil()}), RECIPE, CPU)
    assert_one_line(error, "cannot be read")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for name in ("none.pth", "sam_vit_h_4b8939.pth"):
        with pytest.raises(ModelError, match="does not exist"):
            load_sam(tmp_path / name, RECIPE, CPU)


def test_an_official_name_must_be_the_official_file(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZEROOV_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "sam_vit_h_4b8939.pth"
    path.write_bytes((tiny / "sam.pth").read_bytes())
    with pytest.raises(ModelError) as error:
        official.check(path)
    assert_one_line(error, f"has {path.stat().st_size} bytes", "2564550879")
    known = official.OfficialFile(path.stat().st_size, "0" * 32)
    monkeypatch.setitem(official.SAM_FILES, path.name, known)
    with pytest.raises(ModelError) as error:
        official.check(path)
    assert_one_line(error, f"md5 {digest_of(path, 'md5')}", "0" * 32)
    monkeypatch.setitem(official.SAM_FILES, path.name, replace(known, md5=digest_of(path, "md5")))
    official.check(path)


def test_the_md5_is_read_once_and_again_when_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROOV_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "sam_vit_b_01ec64.pth"
    path.write_bytes(b"weights")
    known = official.OfficialFile(7, digest_of(path, "md5"))
    monkeypatch.setitem(official.SAM_FILES, path.name, known)
    read: list[Path] = []
    monkeypatch.setattr(content, "REMEMBERED_BYTES", 1)
    monkeypatch.setattr(content, "SETTLED_SECONDS", -1)
    monkeypatch.setattr(content, "digest_of", lambda file, kind: read.append(file) or digest_of(file, kind))
    official.check(path)
    official.check(path)
    assert len(read) == 1
    path.write_bytes(b"changed")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelError, match="md5"):
        official.check(path)
    assert len(read) == 2
