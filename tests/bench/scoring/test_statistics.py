from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.bench.scoring.statistics import auroc, interval, paired, ratio, resampled_sums

finite = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@given(positives=st.lists(finite, min_size=1, max_size=30), negatives=st.lists(finite, min_size=1, max_size=30))
def test_auroc_is_the_share_of_pairs_in_order(positives, negatives):
    points = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positives for n in negatives]
    assert auroc(np.array(positives), np.array(negatives)) == pytest.approx(sum(points) / len(points))


def test_auroc_by_hand():
    assert auroc(np.array([3, 2]), np.array([1, 0])) == 1.0
    assert auroc(np.array([1, 1]), np.array([1, 1])) == 0.5
    assert auroc(np.array([0, 2]), np.array([1])) == 0.5


@pytest.mark.parametrize("values", [[], [[1.0]], [np.nan], [np.inf]])
def test_what_is_no_row_of_numbers_is_refused(values):
    for call in (interval, lambda v: paired(v, v), lambda v: auroc(v, np.ones(2))):
        with pytest.raises(ValueError, match="one finite number per sample"):
            call(np.array(values))


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
    for seed in range(300):
        low, high = interval(rng.random(80) < 0.3, seed=seed, draws=400)
        covered += low <= 0.3 <= high
    assert 0.90 < covered / 300 < 0.985


def test_the_interval_is_as_wide_as_theory_says_and_the_same_for_the_same_seed():
    values = np.random.default_rng(1).normal(0, 1, 2000)
    low, high = interval(values)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / np.sqrt(2000), rel=0.05)
    assert (low, high) == interval(values, seed=0)
    assert (low, high) != interval(values, seed=1)
    narrow = interval(values, level=0.5)
    assert low < narrow[0] < values.mean() < narrow[1] < high


def test_one_sample_has_no_width():
    assert interval(np.array([0.25])) == (0.25, 0.25)


def test_nothing_by_nothing_is_nothing():
    np.testing.assert_array_equal(ratio([0, 1, 3], [0, 2, 4]), [0, 0.5, 0.75])


def test_paired_differences():
    rng = np.random.default_rng(2)
    first = rng.random(400)
    same = paired(first, first)
    assert same == (0.0, 0.0, 0.0, 1.0)
    better = paired(first, first + 0.1)
    assert better.difference == pytest.approx(0.1)
    assert better.p == pytest.approx(1 / 10_001)  # never 0
    assert paired(first + 0.1, first).difference == pytest.approx(-0.1)
    swapped = rng.permutation(first)
    assert paired(first, swapped).p > 0.1


def test_chance_alone_is_seldom_significant():
    rng, found = np.random.default_rng(3), 0
    for seed in range(200):
        first, second = rng.random((2, 60))
        found += paired(first, second, seed=seed, draws=300).p < 0.05
    assert found / 200 < 0.12


def test_runs_over_other_numbers_of_samples_are_refused():
    with pytest.raises(ValueError, match=r"same samples.*\[3, 4\]"):
        paired(np.ones(3), np.ones(4))


def test_draws_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch):
    columns = np.random.default_rng(5).random((50, 3))
    whole = resampled_sums(columns, seed=7, draws=40)
    monkeypatch.setattr("zeroov.bench.scoring.statistics.AT_ONCE", 120)
    np.testing.assert_allclose(resampled_sums(columns, seed=7, draws=40), whole)
    means = resampled_sums(columns, seed=0, draws=4000).mean(axis=0)
    np.testing.assert_allclose(means, columns.sum(axis=0), rtol=0.01)


def test_a_figure_is_the_same_each_time(rng):
    first, second = rng.random((2, 30))
    assert paired(first, second) == paired(first, second, seed=0, draws=10_000)
    assert interval(first) == interval(first, seed=0, draws=10_000, level=0.95)
    assert paired(first, second) != paired(first, second, seed=1)
