"""Packages, device and memory: each line that can fail is made to fail."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zeroov import recipe as recipes
from zeroov.doctor import machine
from zeroov.doctor.machine import Need
from zeroov.pipeline.models import LoadedModels
from zeroov.recipe import Recipe
from zeroov.weights import sizes

GIB = float(2**30)
CPU = torch.device("cpu")
NEEDS = [Need("overview", 4 * GIB, 2 * GIB), Need("focus", 2 * GIB, 3 * GIB)]


def installed_as(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *needs: str) -> None:
    """Install a zeroov that needs these packages, before the one that is there."""
    folder = tmp_path / "zeroov-99.dist-info"
    folder.mkdir()
    wanted = "".join(f"Requires-Dist: {need}\n" for need in needs)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zeroov\nVersion: 99\n{wanted}")
    monkeypatch.syspath_prepend(tmp_path)


def test_what_is_installed_here_suffices() -> None:
    check = machine.packages()
    assert (check.verdict, check.advice) == ("ok", "")
    assert f"torch {torch.__version__.partition('+')[0]}" in check.measured


def test_a_missing_and_an_old_package_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed_as(tmp_path, monkeypatch, "no-such-package>=1", "numpy<1", "torch>=2", 'absent; extra == "geo"')
    check = machine.packages()
    assert check.verdict == "failed"
    assert check.measured.startswith("no-such-package is missing; numpy ")
    assert "is not <1 (" in check.measured
    assert "absent" not in check.measured, "it belongs to an extra"
    assert "pip install" in check.advice


def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qwen_vl_utils", None)
    check = machine.packages()
    assert check.verdict == "failed"
    assert "`import qwen_vl_utils` fails" in check.measured


def test_the_cpu_suffices_for_small_models_alone() -> None:
    dtypes = dict.fromkeys(("overview", "focus"), "float32")
    assert machine.device_line(CPU, dtypes, real=False).verdict == "ok"  # type: ignore[arg-type]
    check = machine.device_line(CPU, dtypes, real=True)  # type: ignore[arg-type]
    assert check.verdict == "warning"
    assert "torch built " in check.measured
    assert "nvidia-smi" in check.advice


def test_a_device_that_does_not_compute_fails() -> None:
    check = machine.device_line(torch.device("meta"), {"overview": "float32"}, real=False)
    assert check.verdict == "failed"
    assert "nvidia-smi" in check.advice


@pytest.mark.parametrize(
    ("free_gib", "together", "verdict"),
    [(9, True, "ok"), (7, True, "warning"), (5, True, "failed"), (6, False, "ok"), (5, False, "warning")],
)
def test_free_memory_is_held_against_the_estimate(free_gib: int, together: bool, verdict: str) -> None:
    check = machine.memory(NEEDS, int(free_gib * GIB), together=together)
    assert check.verdict == verdict
    assert f"{free_gib}.00 GiB free, estimated need {9 if together else 6}.00 GiB" in check.measured
    assert bool(check.advice) == (verdict != "ok")
    assert ("keep_loaded=false" in check.advice) == (together and verdict != "ok")
    assert machine.memory(NEEDS, int(free_gib * GIB), together=together, offload=True).verdict == "ok"


def test_memory_that_cannot_be_known_is_skipped() -> None:
    assert machine.memory(NEEDS, None, together=True).verdict == "skipped"
    assert machine.memory([], 1, together=True).verdict == "skipped"
    assert machine.host_memory(NEEDS, None).verdict == "skipped"


def test_a_model_larger_than_the_host_s_memory_is_a_warning() -> None:
    assert machine.host_memory(NEEDS, int(4 * GIB)).verdict == "ok"
    check = machine.host_memory(NEEDS, int(4 * GIB) - 1)
    assert check.verdict == "warning"
    assert "runtime.offload" in check.advice


def test_the_estimate_follows_dtype_method_and_quantisation(small: Recipe) -> None:
    def weights(stage: str, recipe: Recipe) -> tuple[float, float]:
        need = machine.estimate(LoadedModels(recipe, CPU), stage)  # type: ignore[arg-type]
        return need.weights_bytes, need.working_bytes

    for stage in ("overview", "focus", "refine"):
        whole, half = (weights(stage, small.with_values({f"{stage}.dtype": d})) for d in ("float32", "bfloat16"))
        assert whole[0] == 2 * half[0] > 0
        assert whole[1] > half[1] > sizes.WORKING_BYTES
    four = small.with_values({"overview.quantize": "4bit", "overview.dtype": "bfloat16"})
    assert weights("overview", four)[0] < weights("overview", small)[0] / 4
    nulltext = replace(small, focus=replace(small.focus, method="nulltext"))
    assert weights("focus", nulltext)[1] > weights("focus", small)[1]


def test_only_models_that_come_with_zeroov_are_not_real(small: Recipe) -> None:
    assert machine.is_real(LoadedModels(small, CPU))
    assert not machine.is_real(LoadedModels(recipes.load("mini"), CPU))
