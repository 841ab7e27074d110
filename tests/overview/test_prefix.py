"""A picture that is read once for several questions: the answers and rows are those of separate calls."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.overview.conftest import PHRASES, look, require_as_alone
from zeroov.overview import stage
from zeroov.overview.decode import decode
from zeroov.overview.families import FAMILIES
from zeroov.overview.load import OverviewModels
from zeroov.overview.prefix import ask, read_picture
from zeroov.overview.prompt import build_prompt, words_of
from zeroov.recipe import OverviewRecipe
from zeroov.tiny.build import vlm_config
from zeroov.types import Picture

ASKED = (*PHRASES, "the storage tank at the lower right corner of the harbour, beside two ships")


def first(models: OverviewModels) -> OverviewModels:
    """Return a random Qwen2.5-VL whose answers differ more than those of the tiny one."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    return _built(models, Qwen2_5_VLForConditionalGeneration, vlm_config(), "qwen2_5_vl")


def second(models: OverviewModels) -> OverviewModels:
    """Return a random Qwen2-VL, whose answers are in thousandths."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    own = vlm_config()
    vision = {"depth": 2, "embed_dim": 32, "num_heads": 2, "hidden_size": 64, "patch_size": 14}
    config = Qwen2VLConfig(text_config=own.text_config.to_dict(), vision_config=vision, **_ids(own))
    return _built(models, Qwen2VLForConditionalGeneration, config, "qwen2_vl")


def third(models: OverviewModels) -> OverviewModels:
    """Return a random Qwen3-VL, which adds features of the picture to its first layers."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    own = vlm_config()
    vision = {"depth": 3, "hidden_size": 32, "num_heads": 2, "intermediate_size": 64, "out_hidden_size": 64}
    vision |= {"patch_size": 14, "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 64}
    text = {**own.text_config.to_dict(), "head_dim": 16}
    config = Qwen3VLConfig(text_config=text, vision_config=vision, **_ids(own))
    return _built(models, Qwen3VLForConditionalGeneration, config, "qwen3_vl")


def _ids(config: Any) -> dict[str, int]:
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return {name: getattr(config, name) for name in names}


def _built(models: OverviewModels, kind: Any, config: Any, family: str) -> OverviewModels:
    torch.manual_seed(0)
    model = kind(config).eval().requires_grad_(False)
    for weight in model.model.language_model.parameters():
        if weight.ndim == 2:
            weight.mul_(4)
    model.generation_config = copy.deepcopy(models.model.generation_config)
    return replace(models, model=model, family=FAMILIES[family])


FAMILY = pytest.mark.parametrize("of", [first, second, third])


@FAMILY
@pytest.mark.parametrize("penalty", [1.0, 1.4])
def test_answers_are_those_of_the_model_s_own_generate(
    of: Callable[[OverviewModels], OverviewModels],
    models: OverviewModels,
    pictures: list[Picture],
    recipe: OverviewRecipe,
    penalty: float,
) -> None:
    """Pictures of two sizes with two questions each, in one batch: prefixes and words are padded."""
    models = of(models)
    models.model.generation_config.repetition_penalty = penalty
    prefixes = [read_picture(models, picture, recipe) for picture in pictures[:2] for _ in range(2)]
    together = decode(models, ask(models, prefixes, [words_of(models, text) for text in ASKED]), 12)
    for at, text in enumerate(ASKED):
        inputs = build_prompt(models, pictures[at // 2], text, recipe).inputs
        own = models.model.generate(**inputs, do_sample=False, max_new_tokens=12)
        assert together[at] == own[0, inputs["input_ids"].shape[1] :].tolist()
    assert len({tuple(answer) for answer in together}) == 4, "the answers differ"


@FAMILY
def test_rows_of_a_batch_are_those_of_separate_calls(
    of: Callable[[OverviewModels], OverviewModels],
    models: OverviewModels,
    pictures: list[Picture],
    recipe: OverviewRecipe,
) -> None:
    models, recipe = of(models), replace(recipe, max_new_tokens=8, relative=True)
    shown = [picture for picture in pictures[:2] for _ in range(2)]
    require_as_alone(models, shown, ASKED, recipe, rtol=2e-4)


def test_a_prefix_serves_again_after_it_was_asked(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    prefix = read_picture(models, pictures[0], recipe)
    before = [part.clone() for pair in prefix.layers for part in pair]
    first, again = (stage.look(models, pictures[:1], [prefix], ASKED[1:2], recipe)[0] for _ in range(2))
    np.testing.assert_array_equal(first.layers, again.layers)
    assert all(torch.equal(a, b) for a, b in zip(before, (p for pair in prefix.layers for p in pair), strict=True))
    assert prefix.bytes == sum(part.nbytes for part in before)


@FAMILY
def test_a_given_answer_has_the_rows_that_decoding_it_had(
    of: Callable[[OverviewModels], OverviewModels],
    models: OverviewModels,
    pictures: list[Picture],
    recipe: OverviewRecipe,
) -> None:
    """The random model answers in any bytes; it is made to answer in letters, which are read as they were written."""
    models, recipe = of(models), replace(recipe, max_new_tokens=20)
    end, lengths = models.model.generation_config.eos_token_id[0], (3, 7, 5, 12)
    letters = torch.full((models.model.config.text_config.vocab_size,), -1e9)
    letters[ord("a") : ord("z")] = 0
    shown = [picture for picture in pictures[:2] for _ in range(2)]
    steps = iter(range(20))

    def write(*parts: Any) -> Any:
        if len(parts[-1]) < len(shown):  # one picture is read
            return None
        step, scores = next(steps), parts[-1] + letters
        scores[[step + 1 >= length for length in lengths], :, end] = 1e9
        return scores

    handle = models.model.lm_head.register_forward_hook(write)
    decoded = look(models, shown, ASKED, recipe)
    handle.remove()
    assert tuple(each.steps for each in decoded) == lengths
    given = look(models, shown, ASKED, recipe, [each.answer for each in decoded])
    for known, own in zip(given, decoded, strict=True):
        assert (known.answer, known.steps) == (own.answer, own.steps)
        np.testing.assert_allclose(known.layers, own.layers, atol=1e-5)


def test_no_layer_after_the_last_one_read_runs(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while the picture is read nor after it."""
    quick = replace(recipe, layers=(0, 1), weights=(1.0, 1.0), prefill_only=True)
    [whole] = look(models, pictures[:1], ["a"], replace(quick, prefill_only=False, max_new_tokens=1))
    ran: list[int] = []
    layers = models.model.get_decoder().layers
    handles = [
        layer.register_forward_pre_hook(lambda *_, number=number: ran.append(number))
        for number, layer in enumerate(layers)
    ]
    prefix = read_picture(models, pictures[0], quick, last_layer=1)
    [found] = stage.look(models, pictures[:1], [prefix], ["a"], quick)
    for handle in handles:
        handle.remove()
    assert ran == [0, 1, 0, 1]
    assert len(prefix.layers) == 2
    np.testing.assert_allclose(found.layers, whole.layers, atol=1e-7)
    assert (found.answer, found.answer_box, found.steps) == ("", None, 1)
