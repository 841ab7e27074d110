"""Each stage's lines on real values, and each made to fail: by damaged weights, or by a value that is bent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroov import recipe as recipes
from zeroov.doctor import stages
from zeroov.doctor.cases import Case, cases, drawn
from zeroov.doctor.check import checked
from zeroov.errors import ModelError, RecipeError
from zeroov.ground import Pipeline
from zeroov.look import Look, Question
from zeroov.recipe import Recipe
from zeroov.types import Affinity, Box

ONES = np.ones((4, 5), dtype=np.float32)


@pytest.fixture(scope="module")
def lake() -> Case:
    return cases(recipes.load("tiny"))[0]


@pytest.fixture(scope="module")
def scene() -> Case:
    return drawn(7)


@pytest.fixture(scope="module")
def found(scene: Case) -> Look:
    """What the miniature models find in a drawn scene."""
    with Pipeline(recipes.load("mini"), "cpu") as opened:
        [first] = opened.look([Question(scene.picture, scene.expression)])
        [look] = opened.refine([first], [first.coarse.box])
    return look


def spoil(path: Path, part: str) -> None:
    """Write NaN into one tensor of a safetensors file."""
    weights = load_file(path)
    [name] = [name for name in weights if name.endswith(part)][:1]
    weights[name][:] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})


def test_rows_equal_the_model_s_own(pipeline: Pipeline, lake: Case) -> None:
    check = stages.rows(pipeline, lake)
    assert check.verdict == "ok"
    assert check.measured.startswith("layer 3, first step: ")
    assert 0 <= check.figures["apart"] < check.figures["allowed"] == 1e-3


def test_rows_of_a_layer_that_is_not_captured(pipeline: Pipeline, lake: Case) -> None:
    attention = pipeline.models.overview().model.model.language_model.layers[3].self_attn
    attention.config = copy.copy(attention.config)  # as in a transformers where each layer has a config of its own
    with pytest.raises(ModelError, match=r"\[3\] were not seen"):
        stages.rows(pipeline, lake)
    assert checked("overview rows", lambda: stages.rows(pipeline, lake), "").verdict == "failed"


def test_rows_of_a_layer_that_the_model_lacks(small: Recipe, lake: Case) -> None:
    beyond = small.with_values({"overview.layers": [9], "overview.weights": [1.0]})
    with Pipeline(beyond, "cpu") as opened, pytest.raises(RecipeError, match="layers 0 to 3"):
        stages.rows(opened, lake)


def test_rows_that_are_not_finite(small: Recipe, lake: Case, copied: Callable[[str], Path]) -> None:
    folder = copied("vlm")
    spoil(folder / "model.safetensors", "layers.3.self_attn.q_proj.weight")
    with Pipeline(small.with_values({"overview.model": str(folder)}), "cpu") as opened:
        check = checked("overview rows", lambda: stages.rows(opened, lake), "")
    assert check.verdict == "failed"
    assert "finite" in check.measured


@pytest.mark.parametrize(
    ("apart", "dtype", "verdict"),
    [(0.0, "float32", "ok"), (0.02, "float32", "failed"), (0.02, "bfloat16", "ok"), (0.2, "bfloat16", "warning")],
)
def test_rows_may_differ_by_what_the_dtype_rounds(
    apart: float, dtype: str, verdict: str, rng: np.random.Generator
) -> None:
    own = rng.random((8, 9), dtype=np.float32)
    own /= own.max()
    captured = own.copy()
    captured[2, 3] += apart
    check = stages.compare_rows("rows", captured, own, dtype)
    assert check.verdict == verdict
    assert bool(check.advice) == (verdict != "ok")


def test_rows_of_another_layer_or_place_fail(rng: np.random.Generator) -> None:
    own = rng.random((8, 9), dtype=np.float32)
    for captured in (rng.random((8, 9), dtype=np.float32), np.roll(own, 1), own[:, ::-1], own * 0, own[:7]):
        for dtype in stages.ROWS:
            assert stages.compare_rows("rows", captured, own, dtype).verdict == "failed"
    assert stages.compare_rows("rows", own * 0, own * 0, "float32").verdict == "failed", "nothing was compared"


def test_rows_of_an_even_map_prove_nothing() -> None:
    for dtype in stages.ROWS:
        check = stages.compare_rows("rows", ONES, ONES, dtype)
        assert check.verdict == "warning"
        assert "the map is even" in check.measured


def test_an_answer_without_a_box_fails(pipeline: Pipeline, lake: Case) -> None:
    assert stages.answer(pipeline, lake, random=True).verdict == "skipped"
    check = stages.answer(pipeline, lake, random=False)
    assert check.verdict == "failed"
    assert "no box" in check.measured
    assert "Instruct" in check.advice


def test_an_answer_with_a_box_is_ok(found: Look) -> None:
    assert stages.read_answer("answer", found.overview, random=False).verdict == "ok"


def test_an_affinity_is_finite_and_its_rows_sum_to_1(pipeline: Pipeline, lake: Case) -> None:
    check = stages.affinity(pipeline, lake)
    assert check.verdict == "ok"
    assert check.figures["apart"] < stages.SUMS
    assert "finite in float32 on 16 x 16 cells" in check.measured


def test_an_affinity_of_damaged_weights_fails(small: Recipe, lake: Case, copied: Callable[[str], Path]) -> None:
    folder = copied("diffusion")
    spoil(folder / "unet" / "diffusion_pytorch_model.safetensors", "attn1.to_q.weight")
    with Pipeline(small.with_values({"focus.model": str(folder)}), "cpu") as opened:
        check = checked("focus affinity", lambda: stages.affinity(opened, lake), "")
    assert check.verdict == "failed"
    assert "not finite in float32" in check.measured


def test_rows_of_an_affinity_that_do_not_sum_to_1_fail(rng: np.random.Generator) -> None:
    matrix = rng.dirichlet(np.ones(16), 16).astype(np.float16)
    made = Affinity(matrix, (4, 4), "noise", "m", "r")
    assert stages.check_affinity("focus", made, "float16", scrambled=False).verdict == "ok"
    halved = replace(made, matrix=matrix / np.float16(2))
    check = stages.check_affinity("focus", halved, "float16", scrambled=False)
    assert (check.verdict, check.figures["apart"]) == ("failed", pytest.approx(0.5, abs=0.01))
    assert stages.check_affinity("focus", halved, "float16", scrambled=True).verdict == "ok", "as officially"
    spoilt = matrix.copy()
    spoilt[3, 2] = np.nan
    for scrambled in (False, True):
        check = stages.check_affinity("focus", replace(made, matrix=spoilt), "float16", scrambled=scrambled)
        assert (check.verdict, check.advice) == ("failed", "--set focus.dtype=float32")


def test_three_masks_are_drawn(pipeline: Pipeline, lake: Case) -> None:
    check = stages.masks(pipeline, lake, random=True)
    assert check.verdict == "ok"
    assert check.measured.startswith("3 masks of ")


def test_masks_of_damaged_weights_fail(small: Recipe, lake: Case, copied: Callable[[str], Path]) -> None:
    file = copied("sam.pth")
    weights = torch.load(file, weights_only=True)
    weights["image_encoder.neck.0.weight"][:] = float("nan")
    torch.save(weights, file)
    with Pipeline(small.with_values({"refine.checkpoint": str(file)}), "cpu") as opened:
        check = stages.masks(opened, lake, random=True)
    assert (check.verdict, check.advice) == ("failed", "--set refine.dtype=float32")


def test_a_mask_that_lies_off_its_box_fails() -> None:
    box, predicted = Box(2, 2, 6, 8), np.array([0.1, 0.9, 0.5], dtype=np.float32)
    logits = np.full((3, 12, 12), -1, dtype=np.float32)
    logits[1, 2:8, 2:6] = 1

    def verdict(logits: np.ndarray, predicted: np.ndarray = predicted) -> str:
        return stages.check_masks("refine", logits, predicted, 0.0, box, "float32", random=False).verdict

    assert verdict(logits) == "ok"
    assert verdict(np.roll(logits, 6, axis=2)) == "failed"
    assert verdict(np.abs(logits)) == "failed", "it covers the whole picture"
    assert verdict(-np.abs(logits)) == "failed", "nothing is drawn"
    speck = -np.abs(logits)
    speck[1, 4, 4] = 1
    assert verdict(speck) == "failed", "next to nothing of the box is drawn"
    assert verdict(logits, predicted[::-1] * [1, 0, 1]) == "failed", "the best is an empty one"
    assert verdict(logits[:2], predicted[:2]) == "failed", "three were due"


def test_what_the_miniature_models_find_lies_together(found: Look, scene: Case) -> None:
    check = stages.lie_together("together", found, scene.box)
    assert check.verdict == "ok", check
    assert check.figures["lift"] > 2


def test_what_does_not_lie_together_fails_and_is_named(found: Look, scene: Case) -> None:
    assert found.refined is not None

    def advice(look: Look, box: Box = scene.box) -> str:
        check = stages.lie_together("together", look, box)
        assert check.verdict == "failed"
        return check.advice

    assert advice(replace(found, attention=np.ascontiguousarray(found.attention[::-1, ::-1]))).startswith("attention: ")
    elsewhere = replace(found.overview, answer_box=Box(150, 5, 220, 60))
    words = advice(replace(found, overview=elsewhere))
    assert "answer: " in words
    assert "mask: " in words, "the two boxes lie apart"
    moved = replace(found.refined, mask=found.refined.mask[::-1, ::-1], box=Box(118, 28, 185, 96))
    assert "mask: " in advice(replace(found, refined=moved))
    assert "answer: " in advice(found, Box(150, 5, 220, 60))
    silent = replace(found, overview=replace(found.overview, answer_box=None))
    assert "lines of the stages" in advice(silent)
