"""The captured rows against the model's own eager attention, asked for with `output_attentions`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.overview.conftest import PHRASES, look
from zeroov.errors import ModelError, RecipeError
from zeroov.overview import stage
from zeroov.overview.capture import RowRecorder, _attend_packed, _packs, capture_rows
from zeroov.overview.load import OverviewModels
from zeroov.overview.prompt import build_prompt
from zeroov.recipe import OverviewRecipe
from zeroov.types import Picture


def eager_maps(
    models: OverviewModels, eager: Any, picture: Picture, phrase: str, recipe: OverviewRecipe
) -> tuple[np.ndarray, list[int]]:
    """The slow, obvious way: every matrix of every layer and step, one sample at a time; and the answer's tokens."""
    prompt = build_prompt(models, picture, recipe.prompt.replace("{expression}", phrase), recipe)
    out = eager.generate(
        **prompt.inputs,
        do_sample=False,
        max_new_tokens=recipe.max_new_tokens,
        output_attentions=True,
        return_dict_in_generate=True,
    )
    where = torch.arange(prompt.grid_hw[0] * prompt.grid_hw[1]) + prompt.first_image
    maps = [
        torch.stack([step[layer][0].mean(dim=0)[-1, where] for step in out.attentions]).mean(dim=0).numpy()
        for layer in recipe.layers
    ]
    rows, cols = prompt.grid_hw
    return np.stack(maps).reshape(-1, rows, cols), out.sequences[0, prompt.inputs["input_ids"].shape[1] :].tolist()


def test_a_batch_of_three_equals_eager_one_by_one(
    models: OverviewModels, eager: Any, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    found = look(models, pictures, PHRASES, recipe)
    assert len({o.layers.shape for o in found}) == 3, "the pictures differ in shape"
    for overview, picture, phrase in zip(found, pictures, PHRASES, strict=True):
        expected, tokens = eager_maps(models, eager, picture, phrase, recipe)
        assert overview.steps == len(tokens) == 3
        assert overview.answer == models.processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        np.testing.assert_allclose(overview.layers, expected, atol=1e-5, rtol=0)
        assert np.abs(expected).max() > 1e-3, "the comparison is not between zeros"


def test_a_sequence_that_ends_early_counts_only_its_own_steps(
    models: OverviewModels, eager: Any, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(recipe, max_new_tokens=6)
    tokens = [eager_maps(models, eager, p, e, recipe)[1] for p, e in zip(pictures, PHRASES, strict=True)]
    ends = [t for t in tokens[0] if t not in tokens[1]]
    assert ends, "the answers differ"
    for model in (models.model, eager):
        monkeypatch.setattr(model.generation_config, "eos_token_id", [ends[0]])
    found = look(models, pictures[:2], PHRASES[:2], recipe)
    assert found[0].steps < found[1].steps == 6
    for overview, picture, phrase in zip(found, pictures, PHRASES, strict=False):
        expected, own = eager_maps(models, eager, picture, phrase, recipe)
        assert overview.steps == len(own)
        np.testing.assert_allclose(overview.layers, expected, atol=1e-5, rtol=0)


def test_confidence_is_the_geometric_mean_of_the_tokens_probabilities(
    models: OverviewModels, eager: Any, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    prompt = build_prompt(models, pictures[0], recipe.prompt.replace("{expression}", "a"), recipe)
    out = eager.generate(
        **prompt.inputs, do_sample=False, max_new_tokens=3, output_scores=True, return_dict_in_generate=True
    )
    best = [float(scores[0].softmax(-1).max()) for scores in out.scores]
    [overview] = look(models, pictures[:1], ["a"], recipe)
    assert overview.confidence == pytest.approx(np.prod(best) ** (1 / 3), rel=1e-4)


def test_heads_are_kept_apart_until_the_sharpest_are_chosen(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    [mean] = look(models, pictures[:1], ["a"], recipe)
    [every] = look(models, pictures[:1], ["a"], replace(recipe, heads=4))
    [one] = look(models, pictures[:1], ["a"], replace(recipe, heads=1))
    np.testing.assert_allclose(every.layers, mean.layers, atol=1e-7)
    assert np.abs(one.layers - mean.layers).max() > 1e-6
    with pytest.raises(ValueError, match="4 attention heads"):
        look(models, pictures[:1], ["a"], replace(recipe, heads=5))


def test_prefill_only_is_the_first_step(
    models: OverviewModels, eager: Any, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    [found] = look(models, pictures[:1], ["a"], replace(recipe, prefill_only=True))
    expected, _ = eager_maps(models, eager, pictures[0], "a", replace(recipe, max_new_tokens=1))
    np.testing.assert_allclose(found.layers, expected, atol=1e-5, rtol=0)
    assert found.steps == 1


def test_relative_divides_by_the_content_free_prompt(
    models: OverviewModels, eager: Any, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    from zeroov.overview import relative

    found = look(models, pictures, PHRASES, replace(recipe, relative=True))
    free = replace(recipe, prompt="{expression}", max_new_tokens=1)
    for overview, picture, phrase in zip(found, pictures, PHRASES, strict=True):
        plain, _ = eager_maps(models, eager, picture, phrase, recipe)
        general, _ = eager_maps(models, eager, picture, recipe.relative_prompt, free)
        np.testing.assert_allclose(overview.layers, relative(plain, general), rtol=1e-3)


def test_relative_divides_by_the_same_heads(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, used = [], []
    choose, average = stage.sharpest_heads, stage.mean_of_heads

    def choosing(per_head: Any, count: int) -> Any:
        chosen.append(choose(per_head, count))
        return chosen[-1]

    def averaging(per_head: Any, heads: Any) -> Any:
        used.append(heads)
        return average(per_head, heads)

    monkeypatch.setattr(stage, "sharpest_heads", choosing)
    monkeypatch.setattr(stage, "mean_of_heads", averaging)
    look(models, pictures, PHRASES, replace(recipe, relative=True, heads=1))
    assert len(chosen) == len(pictures)  # of the question's maps alone
    assert [id(heads) for heads in used] == [id(heads) for heads in chosen * 2]


@pytest.mark.parametrize("layer", [0, -1])
def test_a_model_that_overflows_says_what_to_set(
    models: OverviewModels,
    pictures: list[Picture],
    recipe: OverviewRecipe,
    monkeypatch: pytest.MonkeyPatch,
    layer: int,
) -> None:
    """Before the layers that are read, or only behind them."""
    weight = models.model.get_decoder().layers[layer].mlp.down_proj.weight
    monkeypatch.setattr(weight, "data", torch.full_like(weight, torch.inf))
    with pytest.raises(ModelError, match=r"tiny is not finite in float32; use --set overview\.dtype=float32"):
        look(models, pictures[:1], ["a"], recipe)


def test_every_layer_is_captured_when_asked(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    [some] = look(models, pictures[:1], ["a"], recipe)
    [every] = look(models, pictures[:1], ["a"], replace(recipe, capture="all"))
    assert every.layer_numbers == (0, 1, 2, 3)
    np.testing.assert_array_equal(every.layers[[1, 2, 3]], some.layers)


def kernels(models: OverviewModels) -> tuple[str, str]:
    config = models.model.config
    return config.text_config._attn_implementation, config.vision_config._attn_implementation


def test_the_model_is_left_as_it_was(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kernels(models)
    look(models, pictures[:1], ["a"], recipe)
    assert kernels(models) == before == ("sdpa", "sdpa")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr(models.model.lm_head, "forward", broken)
    with pytest.raises(RuntimeError, match="broken inside"):
        look(models, pictures[:1], ["a"], recipe)
    assert kernels(models) == before


def test_the_vision_tower_keeps_its_kernel_inside_a_capture(models: OverviewModels) -> None:
    recorder = RowRecorder(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1), [1])
    with capture_rows(models.model, recorder):
        assert kernels(models) == ("zeroov_rows_sdpa", "sdpa")


def test_a_layer_beyond_the_model_is_refused(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe
) -> None:
    with pytest.raises(RecipeError, match=r"names \[9\].*layers 0 to 3"):
        look(models, pictures[:1], ["a"], replace(recipe, layers=(1, 9), weights=(1.0, 1.0)))


def test_a_step_without_its_rows_is_an_error_not_a_silence() -> None:
    recorder = RowRecorder(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 2), [0, 1])
    recorder.add(0, torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 2, 4), 1.0)
    with pytest.raises(ModelError, match=r"layers \[1\] were not seen"):
        recorder.step(torch.zeros(1, 7), torch.ones(1, dtype=torch.bool))


def test_an_ended_sequence_keeps_its_confidence(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(recipe, max_new_tokens=6)
    for end in range(256):  # any token that ends the first answer early and not the second
        monkeypatch.setattr(models.model.generation_config, "eos_token_id", [end])
        both = look(models, pictures[:2], PHRASES[:2], recipe)
        if both[0].steps < both[1].steps:
            break
    else:
        pytest.fail("no token ends only the first answer")
    for sample, alone in enumerate(
        look(models, [p], [e], recipe)[0] for p, e in zip(pictures, PHRASES[:2], strict=False)
    ):
        assert both[sample].confidence == pytest.approx(alone.confidence, rel=1e-4)


def test_the_kernel_finds_itself_under_its_own_name(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As flash attention does: it asks the module's config for its name."""
    from transformers import AttentionInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    seen = set()

    def particular(module: Any, *args: Any, **kwargs: Any) -> Any:
        seen.add(module.config._attn_implementation)
        return ALL_ATTENTION_FUNCTIONS["sdpa"](module, *args, **kwargs)

    AttentionInterface.register("particular", particular)
    AttentionMaskInterface.register("particular", ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    [plain] = look(models, pictures[:1], ["a"], recipe)
    monkeypatch.setattr(models.model.config.text_config, "_attn_implementation", "particular")
    [other] = look(models, pictures[:1], ["a"], recipe)
    assert seen == {"particular"}
    np.testing.assert_allclose(plain.layers, other.layers, atol=1e-6)  # SDPA itself gets its queries packed


@pytest.mark.parametrize("steps", [1, 5])
def test_queries_that_share_a_key_head_are_packed(steps: int) -> None:
    """As if keys and values were repeated for each head, every query with its own row of the mask."""
    generator = torch.Generator().manual_seed(steps)
    query, (key, value) = (
        torch.randn(2, 6, steps, 8, generator=generator),
        torch.randn(2, 2, 2, 9, 8, generator=generator),
    )
    mask = torch.rand(2, 1, steps, 9, generator=generator) > 0.4
    mask[..., -1] = True  # nobody sees nothing
    for given in (mask, None) if steps == 1 else (mask,):
        assert _packs(query, key, given)
        wanted = torch.nn.functional.scaled_dot_product_attention(
            query, key.repeat_interleave(3, dim=1), value.repeat_interleave(3, dim=1), attn_mask=given, scale=0.3
        ).transpose(1, 2)
        torch.testing.assert_close(_attend_packed(query, key, value, given, 0.3), wanted, atol=1e-6, rtol=1e-5)
    assert not _packs(query[:, :2], key, mask)
    assert not _packs(query.expand(2, 6, steps, 8), key, mask.repeat(1, 6, 1, 1))  # a mask for each head
    assert steps == 1 or not _packs(query, key, None)  # causal: the kernel knows it


def test_settings_of_the_model_s_own_generation_change_nothing(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    [plain] = look(models, pictures[:1], ["a"], recipe)
    for name, value in {"cache_implementation": "static", "return_dict_in_generate": True, "use_cache": False}.items():
        monkeypatch.setattr(models.model.generation_config, name, value)
        [found] = look(models, pictures[:1], ["a"], recipe)
        np.testing.assert_allclose(found.layers, plain.layers, atol=1e-7)


def test_a_sliding_window_is_refused(
    models: OverviewModels, pictures: list[Picture], recipe: OverviewRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ["full_attention", "sliding_attention"] * 2
    monkeypatch.setattr(models.model.config.text_config, "layer_types", kinds)
    with pytest.raises(RecipeError, match=r"names \[1, 3\].*sliding"):
        look(models, pictures[:1], ["a"], recipe)


def test_max_pixels_bounds_the_picture(models: OverviewModels, recipe: OverviewRecipe) -> None:
    picture = Picture(np.zeros((400, 400, 3), dtype=np.uint8))
    sizes = [
        build_prompt(models, picture, "a", replace(recipe, max_pixels=pixels)).resized_hw[0]
        for pixels in (1000, 40_000, 0)
    ]
    assert sizes == [28, 196, 392]
    small = Picture(np.zeros((30, 30, 3), dtype=np.uint8))
    assert build_prompt(models, small, "a", replace(recipe, min_pixels=40_000)).resized_hw[0] >= 200
