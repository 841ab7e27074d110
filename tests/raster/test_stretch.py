"""Samples become uint8: what the percentiles are taken of, and what becomes of it."""

from __future__ import annotations

import numpy as np
import pytest

from zeroov.errors import PictureError
from zeroov.raster import stretch as s


def test_a_sample_is_every_step_th_row_and_column_of_the_valid() -> None:
    values = np.arange(7 * 9).reshape(7, 9, 1)
    assert s.sampled(values, None, 3, (1, 2)).tolist() == [values[r, c, 0] for r in (1, 4) for c in (2, 5, 8)]
    valid = values[..., 0] % 2 == 0
    expected = [values[r, c, 0] for r in (0, 3, 6) for c in (0, 3, 6) if values[r, c, 0] % 2 == 0]
    assert s.sampled(values, valid, 3).tolist() == expected


def test_of_several_channels_single_samples_may_count() -> None:
    values = np.arange(2 * 2 * 3).reshape(2, 2, 3)
    valid = values != 4
    assert s.sampled(values, valid, 1).tolist() == [0, 1, 2, 3, *range(5, 12)]
    assert s.visible(valid).all()
    valid[1, 1] = False
    assert s.visible(valid).tolist() == [[True, True], [True, False]]
    assert s.visible(valid[..., 1]).tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize(
    ("hw", "step"), [((2000, 2000), 1), ((2000, 2001), 2), ((4000, 4000), 2), ((1, 1), 1), ((10_000, 9_000), 5)]
)
def test_a_step_leaves_at_most_four_million_pixels(hw: tuple[int, int], step: int) -> None:
    assert s.sampling_step(hw) == step


def test_limits_are_percentiles_of_the_valid_and_the_extremes_where_most_are_alike() -> None:
    values = np.arange(101, dtype=np.uint16).reshape(101, 1, 1)
    assert s.limits(values, None) == (2.0, 98.0)
    assert s.limits(values, None, (10.0, 50.0)) == (10.0, 50.0)
    assert s.limits(values, (values[..., 0] <= 50)) == (1.0, 49.0)
    values[:] = 7
    values[50] = 9
    values[51] = 3
    assert s.limits(values, None) == (3.0, 9.0)


def test_valid_pixels_between_the_sampled_ones_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "SAMPLED_PIXELS", 4)
    values = np.arange(36, dtype=np.uint16).reshape(6, 6, 1)
    valid = np.zeros((6, 6), dtype=np.bool_)
    valid[1, 1] = valid[4, 5] = True
    assert s.limits(values, valid, (0.0, 100.0)) == (7.0, 29.0)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_stretching_is_linear_clipped_and_the_same_block_by_block(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, rows: int, channels: int
) -> None:
    monkeypatch.setattr(s, "BLOCK_PIXELS", rows * 4)
    values = rng.integers(0, 1000, (5, 4, channels)).astype(np.uint16)
    expected = [
        [[round(min(max((v - 200) / 600, 0), 1) * 255) for v in pixel] for pixel in row] for row in values.tolist()
    ]
    assert s.stretch(values, None, (200.0, 800.0)).tolist() == expected
    monkeypatch.setattr(s, "BLOCK_PIXELS", 1)  # less than a row: one row at a time
    assert s.stretch(values, None, (200.0, 800.0)).tolist() == expected
    valid = rng.random((5, 4)) < 0.5
    assert not s.stretch(values, valid, (200.0, 800.0))[~valid].any()
    assert s.stretch(values, valid, (200.0, 800.0))[valid].tolist() == np.array(expected)[valid].tolist()
    single = rng.random(values.shape) < 0.5
    assert not s.stretch(values, single, (200.0, 800.0))[~single].any()
    assert not s.stretch(values, None, (300.0, 300.0)).any()


def test_nan_and_infinity_do_not_count() -> None:
    values = np.ones((2, 2, 3), dtype=np.float32)
    values[0, 0, 1], values[1, 1] = np.nan, np.inf
    assert s.counted(values, None).tolist() == [[False, True], [True, False]]
    assert s.counted(values, np.array([[True, True], [False, False]])).tolist() == [[False, True], [False, False]]
    single = np.ones((2, 2, 3), dtype=np.bool_)
    single[0, 1, 2] = False
    found = s.counted(values, single)
    assert found[0].tolist() == [[False] * 3, [True, True, False]]
    assert s.counted(np.ones((2, 2, 3), dtype=np.uint8), None) is None


def test_a_picture_of_bytes_is_kept_and_black_where_nothing_is_seen() -> None:
    values = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) + 100
    valid = np.array([[True, False], [True, True]])
    made = s.to_rgb(values, valid, "a.png")
    assert made[valid].tolist() == values[valid].tolist()
    assert made[0, 1].tolist() == [0, 0, 0]
    assert not np.shares_memory(made, values)
    grey = s.to_rgb(np.array([[[5], [9]]], dtype=np.uint8), None, "a.png")
    assert grey.tolist() == [[[5] * 3, [9] * 3]]


def test_other_samples_are_stretched() -> None:
    values = np.linspace(0, 50, 101, dtype=np.float64).reshape(1, 101, 1)
    made = s.to_rgb(values, None, "a.tif", (0.0, 100.0))
    assert (made[0, 0, 0], made[0, 50, 1], made[0, 100, 2]) == (0, 128, 255)


def test_a_picture_without_a_valid_pixel_is_refused() -> None:
    with pytest.raises(PictureError, match=r"`a[.]tif` holds no valid pixel"):
        s.to_rgb(np.ones((2, 2, 1), dtype=np.uint16), np.zeros((2, 2), dtype=np.bool_), "a.tif")
