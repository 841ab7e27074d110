"""Every family on the real classes: rows against eager attention, answers against the model's own `generate`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.overview.conftest import look, require_as_alone
from tests.overview.kinds import KINDS, write
from zeroov.errors import PictureError, RecipeError
from zeroov.overview.decode import decode, ends_of, pieces_of, text_of
from zeroov.overview.eager import eager_map
from zeroov.overview.listing import list_objects
from zeroov.overview.load import OverviewModels, load_overview
from zeroov.overview.name import name_category
from zeroov.overview.prefix import ask, read_picture
from zeroov.overview.prompt import build_prompt, words_of
from zeroov.overview.stage import captured_layers
from zeroov.overview.stage import look as ask_about
from zeroov.overview.weigh import weigh
from zeroov.recipe import CandidatesRecipe, OverviewRecipe
from zeroov.types import Box, Picture

ASKED = ("a", "the white plane to the left of the long terminal", "白色的飞机")
SIZES_HW = ((120, 200), (310, 150), (37, 61))
RECIPE = OverviewRecipe(dtype="float32", layers="0%-100%", weights=(1.0,), max_new_tokens=5)


@pytest.fixture(scope="module", params=sorted(KINDS))
def models(request: Any, tmp_path_factory: pytest.TempPathFactory) -> OverviewModels:
    folder = tmp_path_factory.mktemp("kinds") / request.param
    write(request.param, folder)
    return load_overview(folder, RECIPE, torch.device("cpu"), name=request.param, revision="r")


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    rng = np.random.default_rng(1)
    return [Picture(rng.integers(0, 256, (*hw, 3), dtype=np.uint8)) for hw in SIZES_HW]


def test_rows_are_those_of_eager_attention(models: OverviewModels, pictures: list[Picture]) -> None:
    recipe = replace(RECIPE, max_new_tokens=1)
    for picture in pictures[:2]:
        [found] = look(models, [picture], ["a plane"], recipe)
        assert found.layer_numbers == captured_layers(models, recipe)
        for layer, own in zip(found.layer_numbers, found.layers, strict=True):
            eager = eager_map(models, picture, "a plane", recipe, layer)
            np.testing.assert_allclose(own, eager, atol=1e-6)
            assert np.ptp(eager) > 1e-5


def test_a_token_lies_where_its_pixels_are(models: OverviewModels) -> None:
    """A mark in one cell of the grid changes that cell's token most, in a picture that is wider than high."""
    plain = np.full((180, 420, 3), 128, dtype=np.uint8)
    embedded: list[torch.Tensor] = []
    handle = models.model.model.language_model.register_forward_pre_hook(
        lambda _, args, kwargs: embedded.append(kwargs["inputs_embeds"][0]), with_kwargs=True
    )
    rows, cols = build_prompt(models, Picture(plain), "a", RECIPE).grid_hw
    marks = ((0, cols - 1), (rows - 1, 1))
    for row, col in (None, None), *marks:
        rgb = plain.copy()
        if row is not None and col is not None:
            height, width = 180 / rows, 420 / cols
            rgb[int(row * height) : int((row + 1) * height), int(col * width) : int((col + 1) * width)] = (255, 0, 0)
        prefix = read_picture(models, Picture(rgb), RECIPE)
    handle.remove()
    for (row, col), marked in zip(marks, embedded[1:], strict=True):
        apart = (marked - embedded[0]).norm(dim=-1)[prefix.first_image :][: rows * cols]
        assert int(apart.argmax()) == row * cols + col


def test_answers_are_those_of_the_model_s_own_generate(models: OverviewModels, pictures: list[Picture]) -> None:
    models.model.generation_config.repetition_penalty = 1.3
    answers = set()
    for picture in pictures[1:]:
        prefix = read_picture(models, picture, RECIPE)
        for text in ASKED[:2]:
            [answer] = decode(models, ask(models, [prefix], [words_of(models, text)]), 6)
            inputs = build_prompt(models, picture, text, RECIPE).inputs
            own = models.model.generate(**inputs, do_sample=False, max_new_tokens=6)
            assert answer == own[0, inputs["input_ids"].shape[1] :].tolist()
            answers.add(tuple(answer))
    assert len(answers) == 4
    models.model.generation_config.repetition_penalty = 1.0


def test_a_batch_of_mixed_sizes_is_as_its_samples_alone(models: OverviewModels, pictures: list[Picture]) -> None:
    recipe = replace(RECIPE, relative=True, max_new_tokens=3)
    require_as_alone(models, pictures, ASKED, recipe)


def test_a_layer_without_attention_to_tokens_is_refused(models: OverviewModels) -> None:
    layers = captured_layers(models, RECIPE)
    assert captured_layers(models, replace(RECIPE, capture="all")) == layers
    assert layers == ((1, 3) if models.family.recurrent else (0, 1, 2, 3))
    if models.family.recurrent:
        with pytest.raises(RecipeError, match=r"names \[0\], which keep a running state .* choose some of \[1, 3\]"):
            captured_layers(models, replace(RECIPE, layers=(0, 1), weights=(1.0, 1.0)))


def test_a_thread_of_a_picture_is_refused_or_squashed(models: OverviewModels) -> None:
    thread = Picture(np.zeros((1, 3000, 3), dtype=np.uint8))
    if models.family.layout == "tile":
        assert build_prompt(models, thread, "a", RECIPE).grid_hw == (4, 4)
        return
    with pytest.raises(PictureError, match="3000 x 1"):
        build_prompt(models, thread, "a", RECIPE)


def test_the_recipe_bounds_the_picture(models: OverviewModels, pictures: list[Picture]) -> None:
    """In pixels of one picture, whatever the processor counts; a tile has one size."""
    prompt = build_prompt(models, pictures[0], "a", replace(RECIPE, max_pixels=9000))
    height, width = prompt.resized_hw
    assert (height, width) == (112, 112) if models.family.layout == "tile" else 4500 < height * width <= 9000
    assert prompt.grid_hw[0] * prompt.grid_hw[1] == int((prompt.inputs["input_ids"] == _image(models)).sum())


def _image(models: OverviewModels) -> int:
    token: int = models.model.config.image_token_id
    return token


def test_a_prefix_serves_again_after_it_was_asked(models: OverviewModels, pictures: list[Picture]) -> None:
    prefix = read_picture(models, pictures[0], RECIPE)
    first, again = (ask_about(models, pictures[:1], [prefix], ["a plane"], RECIPE)[0] for _ in range(2))
    np.testing.assert_array_equal(first.layers, again.layers)


def test_objects_are_listed_and_answers_weighed_in_a_batch_as_alone(
    models: OverviewModels, pictures: list[Picture]
) -> None:
    recipe = CandidatesRecipe(max_new_tokens=4)
    read, kinds = [read_picture(models, picture, RECIPE) for picture in pictures[1:]], ("ship", "storage tank")
    together = list_objects(models, pictures[1:], read, kinds, recipe)
    weights = weigh(models, read, kinds, ("yes", "no"))
    for at in range(2):
        one = slice(at, at + 1)
        assert list_objects(models, pictures[1:][one], read[one], kinds[one], recipe)[0].answer == together[at].answer
        assert weigh(models, read[one], kinds[one], ("yes", "no"))[0] == pytest.approx(weights[at], abs=1e-5)
    name_category(models, "the ship")  # whatever it says, without a picture


def test_a_chat_without_thinking_in_which_a_user_s_text_is_letters(
    models: OverviewModels, pictures: list[Picture]
) -> None:
    tokenizer = models.processor.tokenizer
    plain = words_of(models, "a plane")
    assert ("</think>" in tokenizer.decode(plain)) is models.family.thinks
    hostile = build_prompt(models, pictures[2], f"a {models.processor.image_token} plane", RECIPE)
    assert hostile.first_image == build_prompt(models, pictures[2], "a plane", RECIPE).first_image
    for token in models.family.speaks:  # what the recipe's own prompt may hold
        assert tokenizer.convert_tokens_to_ids(token) in words_of(models, f"{token}a plane")


def test_marks_of_an_answer_are_read_and_all_before_them_is_not(
    models: OverviewModels, pictures: list[Picture]
) -> None:
    before, after = models.family.marks or ("", "")
    thought = "<think>At [1, 2, 3, 4]?</think>" if models.family.thinks else ""
    said = f"{thought}{before}[[100, 200, 500, 600]]{after}"
    tokens = models.processor.tokenizer(said, add_special_tokens=False).input_ids
    assert text_of(models, [*tokens, *ends_of(models)]) == said == "".join(pieces_of(models, tokens))
    [found] = look(models, pictures[:1], ["a"], replace(RECIPE, answer="given"), [said])
    assert (found.answer, found.steps) == ("[[100, 200, 500, 600]]", len(tokens) + 1)
    assert found.answer_box == Box(20, 24, 100, 72)


def test_no_layer_after_the_last_one_read_is_needed(models: OverviewModels, pictures: list[Picture]) -> None:
    first = captured_layers(models, RECIPE)[0]
    quick = replace(RECIPE, layers=(first,), prefill_only=True)
    prefix = read_picture(models, pictures[0], quick, last_layer=first)
    assert len(prefix.layers) == first + 1
    [whole] = look(models, pictures[:1], ["a"], replace(RECIPE, max_new_tokens=1))
    [found] = ask_about(models, pictures[:1], [prefix], ["a"], quick)
    np.testing.assert_allclose(found.layers[0], whole.layers[0], atol=1e-6)
