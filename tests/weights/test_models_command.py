from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.weights.conftest import COMMIT, cached
from zeroov import recipe as recipes
from zeroov.cli.main import app
from zeroov.weights.needs import requirements

QWEN, SD, SAM = "Qwen/Qwen2.5-VL-7B-Instruct", "CompVis/stable-diffusion-v1-4", "sam_vit_h_4b8939.pth"


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look only where there is nothing."""
    from zeroov.weights import get, places

    monkeypatch.setenv("ZEROOV_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZEROOV_SAM_DIR", raising=False)
    for module in (get, places):
        monkeypatch.setattr(module, "PACKAGE", tmp_path / "site-packages" / "zeroov")
    monkeypatch.chdir(tmp_path)


def models(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words])


def test_what_is_missing_is_told_with_its_size_and_licence() -> None:
    result = models("--recipe", "paper", "--set", "evolve.alpha=0.3")
    assert result.exit_code == 1
    rows = result.stdout.splitlines()
    assert len(rows) == 4
    for row, words in zip(
        rows[1:],
        (
            ("overview", QWEN, "16.60 GB", "Apache-2.0"),
            ("focus", SD, "4.27 GB", "CreativeML OpenRAIL-M"),
            ("refine", SAM, "2.56 GB", "Apache-2.0"),
        ),
        strict=True,
    ):
        assert all(word in row for word in (*words, "MISSING"))
    assert "zeroov models get --recipe paper --set evolve.alpha=0.3" in result.stderr


def test_a_gated_model_is_listed_with_where_its_licence_is_accepted() -> None:
    result = models("--recipe", "sam3")
    assert result.exit_code == 1
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("refine")]
    assert all(word in row for word in ("facebook/sam3", "3.44 GB", "5.55 GB", "SAM License, gated", "MISSING"))
    where = "accept its licence (SAM License) at https://huggingface.co/facebook/sam3, and type `hf auth login`"
    assert result.stderr.splitlines()[-1] == f"refine: `facebook/sam3` is gated: {where}"
    got = models("get", "--recipe", "sam3")
    assert where in got.stderr.splitlines()[0], "before gigabytes of other models are downloaded"
    assert "Apache-2.0, gated" not in models("--recipe", "sam2").stdout


def test_the_models_of_recipe_sdxl_are_known() -> None:
    (row,) = [line for line in models("--recipe", "sdxl").stdout.splitlines() if line.startswith("focus")]
    words = ("stabilityai/stable-diffusion-xl-base-1.0", "13.88 GB", "10.09 GB", "CreativeML OpenRAIL++-M", "MISSING")
    assert all(word in row for word in words), row


def test_sam_3_finds_and_draws_in_one_recipe() -> None:
    result = models("--recipe", "select-sam3")
    rows = [line for line in result.stdout.splitlines() if "facebook/sam3" in line]
    assert [row.split()[0] for row in rows] == ["detector", "refine"]
    assert all("SAM License, gated" in row for row in rows)


def test_a_folder_of_a_model_of_masks_is_found(own_cache: Path) -> None:
    from zeroov.tiny.build import ensure

    folder = ensure("segmenter", own_cache / "tiny")
    (need,) = [
        each for each in requirements(recipes.load("fast", {"refine.model": str(folder)})) if each.kind == "segmenter"
    ]
    assert (need.state, need.path, need.stage) == ("found", folder.resolve(), "refine")
    assert need.memory_bytes is not None
    assert need.memory_bytes > 2**30


def test_stages_that_do_not_run_need_nothing() -> None:
    assert [need.stage for need in requirements(recipes.load("qwen-sam"))] == ["overview", "refine"]


def test_what_is_found_is_told_with_its_place(tiny: Path, hub: Path, tmp_path: Path) -> None:
    settings = [f"overview.model={tiny / 'vlm'}", "focus.model=someone/some-model", "focus.revision="]
    settings += [f"refine.checkpoint={tiny / 'sam.pth'}"]
    snapshot = cached(hub, tiny / "diffusion", "someone/some-model")
    result = models("--json", *(word for setting in settings for word in ("--set", setting)))
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["complete"] is True
    assert [row["state"] for row in told["models"]] == ["found"] * 3
    assert [row["path"] for row in told["models"]] == [
        str(p.resolve()) for p in (tiny / "vlm", snapshot, tiny / "sam.pth")
    ]
    assert told["models"][1]["revision"] == COMMIT
    assert told["models"][2]["size_bytes"] == (tiny / "sam.pth").stat().st_size


def test_listing_the_tiny_recipe_builds_nothing(tmp_path: Path) -> None:
    result = models("--recipe", "tiny")
    assert result.exit_code == 0
    assert result.stdout.count("comes with zeroov") == 3
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("words", [("get", "--recipe", "official"), ("--recipe", "official", "get")])
def test_without_network_it_says_what_to_copy_where(tmp_path: Path, hub: Path, words: tuple[str, ...]) -> None:
    result = models(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "HF_HUB_OFFLINE is set" in result.stderr.splitlines()[-1]
    assert str(hub / "models--Qwen--Qwen2.5-VL-7B-Instruct") in result.stderr
    assert str(hub / "models--CompVis--stable-diffusion-v1-4") in result.stderr
    assert (
        f"https://dl.fbaipublicfiles.com/segment_anything/{SAM} to {tmp_path / 'cache' / 'sam' / SAM}" in result.stderr
    )


def test_getting_what_is_there_asks_nobody() -> None:
    result = models("get", "--recipe", "tiny")
    assert result.exit_code == 0
    assert "comes with zeroov" in result.stdout


def test_wrong_usage() -> None:
    assert models("--recipe", "papr").exit_code == 2
    assert models("--set", "overview.modell=x").exit_code == 2


def test_a_model_that_takes_one_question_at_a_time_is_listed_so() -> None:
    said = models("--recipe", "qwen3.5").stdout
    assert "overview: Qwen/Qwen3.5-9B takes one question at a time" in said.splitlines()
    assert "one question" not in models("--recipe", "qwen3-vl").stdout
