"""The doctor's rounds: which lines there are, that none stops the others, and that each failing one can be provoked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doctor.conftest import SMALL, lines
from zeroov import hardware
from zeroov import recipe as recipes
from zeroov.doctor.cases import PICTURES, SHIPPED, cases
from zeroov.doctor.check import Check
from zeroov.frames import box_to_mask, clip_box
from zeroov.mini.recognise import looks_drawn
from zeroov.recipe import Recipe


def verdicts(found: dict[str, Check], *names: str) -> list[str]:
    return [found[name].verdict for name in names]


def test_the_miniature_models_pass_on_drawn_scenes() -> None:
    found = lines(recipes.load("mini"))
    assert {check.verdict for check in found.values()} == {"ok"}, found
    assert [name for name in found if name.endswith("drawn scene 7")] == [
        "overview rows, drawn scene 7",
        "overview answer, drawn scene 7",
        "focus affinity, drawn scene 7",
        "refine masks, drawn scene 7",
        "together, drawn scene 7",
    ]
    assert all(" s, peak " in found[name].measured for name in found if name.endswith("scene 3") and name[0] != "t")


def test_random_weights_are_not_asked_what_they_mean(tiny: Path) -> None:
    found = lines(recipes.load("tiny", SMALL))
    skipped = [name for name, check in found.items() if check.verdict != "ok"]
    assert skipped == ["overview answer, lake", "overview answer, cloud", "together, lake", "together, cloud"]
    assert all("random weights" in found[name].measured for name in skipped)


def test_a_stage_whose_model_is_missing_does_not_stop_the_others(small: Recipe) -> None:
    found = lines(small.with_values({"overview.model": "./nowhere"}))
    assert verdicts(found, "overview model", "overview on pictures") == ["failed", "skipped"]
    assert "`./nowhere` does not exist" in found["overview model"].measured
    assert "zeroov models get --recipe mine" in found["overview model"].advice
    assert verdicts(found, "focus affinity, lake", "focus affinity, cloud") == ["ok", "ok"]
    assert verdicts(found, "together, lake") == ["skipped"]
    assert "refine masks, cloud" in found, "Segment Anything was asked too"


def test_damaged_weights_fail_in_the_line_of_their_model(small: Recipe, copied: Callable[[str], Path]) -> None:
    vlm, diffusion, sam = (copied(part) for part in ("vlm", "diffusion", "sam.pth"))
    whole = (vlm / "model.safetensors").read_bytes()
    (vlm / "model.safetensors").write_bytes(whole[:-1000])
    (diffusion / "vae" / "config.json").write_text("{}")
    sam.write_bytes(sam.read_bytes()[:5000])
    named = {"overview.model": str(vlm), "focus.model": str(diffusion), "refine.checkpoint": str(sam)}
    found = lines(small.with_values(named))
    assert verdicts(found, *(f"{stage} model" for stage in ("overview", "focus", "refine"))) == ["failed"] * 3
    assert "should have" in found["overview model"].measured
    assert "cannot be read as a checkpoint" in found["refine model"].measured
    assert found["device"].verdict == "warning", "the machine was looked at all the same"


def test_a_missing_package_fails_its_own_stage_alone(small: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "segment_anything"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    found = lines(small)
    assert verdicts(found, "packages", "refine model", "focus affinity, lake") == ["failed", "failed", "ok"]
    assert "`import segment_anything` fails" in found["packages"].measured
    assert found["refine model"].advice == "see `packages`"


def test_without_torch_the_packages_are_named_and_all_else_is_skipped(
    small: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("zeroov.doctor.stages", "zeroov.overview.eager"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = lines(small)
    assert verdicts(found, "packages", "all else") == ["failed", "skipped"]
    assert "`import torch` fails" in found["packages"].measured


def test_a_device_that_is_not_there_is_named(small: Recipe) -> None:
    found = lines(small, "cuda:99")
    assert verdicts(found, "packages", "device") == ["ok", "failed"]
    assert "cuda:99" in found["device"].measured


def test_models_larger_than_free_memory_are_not_loaded(small: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "free_bytes", lambda device: 1_000_000)
    found = lines(small)
    assert verdicts(found, "memory", "overview model", "focus model") == ["failed", "skipped", "ok"]
    assert "see `memory`" in found["overview model"].advice


def test_short_memory_holds_one_model_at_a_time(small: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    from zeroov.pipeline.models import LoadedModels

    held, drop = [], LoadedModels.drop

    def noting(self: LoadedModels, stage: str) -> None:
        held.append([each for each in self.stages if self.holds(each)])
        drop(self, stage)  # type: ignore[arg-type]

    monkeypatch.setattr(LoadedModels, "drop", noting)
    monkeypatch.setattr(hardware, "free_bytes", lambda device: 2**29)
    assert lines(small)["memory"].verdict == "warning"
    assert held[:3] == [["overview"], ["focus"], ["refine"]]


def test_a_recipe_without_focus_has_no_line_of_it(small: Recipe) -> None:
    found = lines(small.with_values({"stages": ["overview", "refine"]}))
    assert not [name for name in found if "focus" in name]
    assert "refine masks, lake" in found


@pytest.mark.parametrize("key", ["overview.model", "focus.model", "refine.checkpoint"])
def test_a_recipe_with_one_miniature_model_is_asked_about_drawn_scenes(key: str) -> None:
    asked = cases(recipes.load("fast", {key: "builtin:mini"}))
    assert [case.name for case in asked] == ["drawn scene 7", "drawn scene 3"]
    assert all(looks_drawn(case.picture.rgb) for case in asked)


def test_the_pictures_ship_with_their_origin() -> None:
    asked = cases(recipes.load("fast"))
    note = (PICTURES / "README.md").read_text(encoding="utf-8")
    assert [case.name for case in asked] == ["lake", "cloud"] == [name for name, _, _ in SHIPPED]
    for case in asked:
        assert f"`{case.name}.jpg`" in note
        assert clip_box(case.box.xyxy, case.picture.hw) == case.box
        assert not looks_drawn(case.picture.rgb)
    lake, cloud = (case.picture.rgb[box_to_mask(case.box, case.picture.hw)].mean(axis=0) for case in asked)
    assert lake[1] > max(lake[0], lake[2]), "the lake is green"
    assert cloud.min() > 1.5 * asked[1].picture.rgb.mean(), "the cloud is bright"
