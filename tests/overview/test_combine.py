from __future__ import annotations

import numpy as np
import pytest

from zeroov.overview import combine, mean_of_heads, relative, select, sharpest_heads


def test_layers_are_scaled_one_by_one_then_weighted(rng: np.random.Generator) -> None:
    layers = rng.random((2, 3, 5)).astype(np.float32)
    scaled = [(layer - layer.min()) / (layer.max() - layer.min()) for layer in layers]
    np.testing.assert_allclose(combine(layers, [0.25, 0.5]), 0.25 * scaled[0] + 0.5 * scaled[1], atol=1e-6)
    np.testing.assert_allclose(combine(layers * 7 + 3, [0.25, 0.5]), combine(layers, [0.25, 0.5]), atol=1e-5)


def test_a_constant_layer_adds_nothing(rng: np.random.Generator) -> None:
    layer = rng.random((1, 3, 5)).astype(np.float32)
    both = np.concatenate([layer, np.full((1, 3, 5), 7, np.float32)])
    np.testing.assert_array_equal(combine(both, [1, 1]), combine(layer, [1]))


def test_weights_must_match_layers() -> None:
    with pytest.raises(ValueError, match="2 weights"):
        combine(np.zeros((3, 2, 2), np.float32), [1, 1])


def test_select_takes_layers_by_number_in_the_order_asked() -> None:
    layers = np.arange(3, dtype=np.float32).reshape(3, 1, 1)
    np.testing.assert_array_equal(select(layers, (4, 7, 9), (9, 4)).ravel(), [2, 0])
    with pytest.raises(ValueError, match=r"\[5\] were not captured"):
        select(layers, (4, 7, 9), (5,))


def test_relative_fades_a_sink(rng: np.random.Generator) -> None:
    general = rng.uniform(0.5, 1, (1, 4, 4)).astype(np.float32)
    general[0, 0, 3] = 50  # the token that always attracts attention
    looked = general.copy()
    looked[0, 2, 1] *= 3  # the object
    assert looked[0].argmax() == 3
    assert np.unravel_index(relative(looked, general)[0].argmax(), (4, 4)) == (2, 1)


def test_relative_survives_a_token_nobody_looks_at() -> None:
    assert np.isfinite(relative(np.zeros((1, 2, 2), np.float32), np.zeros((1, 2, 2), np.float32))).all()


def test_sharpest_heads_skips_heads_that_ignore_the_image() -> None:
    flat = np.full((4, 4), 1 / 16, np.float32)
    sharp, idle = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
    sharp[2, 3], idle[0, 0] = 0.9, 1e-6
    per_head = np.stack([flat, idle, sharp, flat])[None]
    chosen = mean_of_heads(per_head, sharpest_heads(per_head, 1))
    np.testing.assert_array_equal(chosen[0], sharp)


def test_relative_divides_by_what_a_neutral_prompt_gets_and_by_a_thousandth_of_its_mean_at_least() -> None:
    general = np.array([[[4.0, 2.0], [0.0, 2.0]]], np.float32)  # mean 2
    looked = np.array([[[1.0, 3.0], [0.002, 0.0]]], np.float32)
    np.testing.assert_allclose(relative(looked, general), [[[0.25, 1.5], [1.0, 0.0]]], rtol=1e-5)


def test_sharpest_heads_is_the_mean_of_the_heads_of_lowest_entropy(rng: np.random.Generator) -> None:
    per_head = rng.uniform(0.1, 1, (3, 5, 2, 4)).astype(np.float32) ** 4
    per_head /= per_head.sum(axis=(2, 3), keepdims=True)
    expected = []
    for layer in per_head:
        order = sorted(range(5), key=lambda head: -float((layer[head] * np.log(layer[head])).sum()))
        expected.append(layer[order[:2]].mean(axis=0))
    found = mean_of_heads(per_head, sharpest_heads(per_head, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(mean_of_heads(per_head, None), per_head.mean(axis=1), rtol=1e-5)
    assert sorted(sharpest_heads(per_head, 5)[0]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("mass", "counts"), [(0.5, True), (0.499, False)])
def test_a_head_counts_that_looks_half_as_much_as_the_median_head(mass: float, counts: bool) -> None:
    flat, sharp = np.full((2, 2), 0.25, np.float32), np.zeros((2, 2), np.float32)
    sharp[0, 1] = mass
    assert sharpest_heads(np.stack([flat, sharp, flat])[None], 1).tolist() == [[1 if counts else 0]]


@pytest.mark.parametrize("count", [0, 4])
def test_as_many_heads_as_there_are(count: int) -> None:
    with pytest.raises(ValueError, match=f"overview.heads = {count}, but the model has 3"):
        sharpest_heads(np.ones((1, 3, 2, 2), np.float32), count)
