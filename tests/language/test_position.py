from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.language.phrase import parse
from zeroov.language.position import position_prior
from zeroov.mini.expressions import expressions_for
from zeroov.mini.scenes import make_scene, seed_for

grids = st.tuples(st.integers(1, 24), st.integers(1, 24))
positions = st.tuples(st.integers(-1, 1), st.integers(-1, 1))
strengths = st.floats(0, 1000)


@given(positions, grids, strengths)
def test_weights_lie_above_0_up_to_1_and_the_best_cell_weighs_1(
    position: tuple[int, int], grid_hw: tuple[int, int], strength: float
) -> None:
    prior = position_prior(position, grid_hw, strength)
    assert prior.shape == grid_hw
    assert prior.dtype == np.float32
    assert 0 < prior.min() <= prior.max() == 1


@given(positions, grids, strengths)
def test_the_other_side_is_the_mirror_image(
    position: tuple[int, int], grid_hw: tuple[int, int], strength: float
) -> None:
    x, y = position
    prior = position_prior(position, grid_hw, strength)
    np.testing.assert_allclose(position_prior((-x, y), grid_hw, strength), prior[:, ::-1], rtol=1e-5)
    np.testing.assert_allclose(position_prior((x, -y), grid_hw, strength), prior[::-1], rtol=1e-5)
    np.testing.assert_allclose(position_prior((y, x), grid_hw[::-1], strength), prior.T, rtol=1e-5)


@given(positions, grids, st.floats(0.1, 5))
def test_it_falls_away_from_what_is_named_and_ignores_what_is_not(
    position: tuple[int, int], grid_hw: tuple[int, int], strength: float
) -> None:
    x, y = position
    prior = position_prior(position, grid_hw, strength)
    if (x, y) == (0, 0):
        middle = prior[(grid_hw[0] - 1) // 2, : (grid_hw[1] + 1) // 2]
        assert (np.diff(middle) > 0).all()
        return
    for axis, side in ((1, x), (0, y)):
        steps = np.diff(prior, axis=axis)
        assert (steps * side > 0).all() if side else (steps == 0).all()


@given(positions, grids)
def test_no_strength_and_no_position_are_neutral(position: tuple[int, int], grid_hw: tuple[int, int]) -> None:
    assert (position_prior(position, grid_hw, 0) == 1).all()
    assert (position_prior(None, grid_hw, 3) == 1).all()


def test_a_negative_strength_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0, got -1"):
        position_prior((1, 0), (4, 4), -1)


def test_in_the_miniature_world_the_meant_object_outweighs_its_rivals() -> None:
    won = asked = 0
    for index in range(60):
        scene = make_scene(seed_for("test", index))
        for target, thing in enumerate(scene.objects):
            rivals = [o for i, o in enumerate(scene.objects) if i != target and o.kind == thing.kind]
            for expression in expressions_for(scene, target):
                place = parse(expression.text).place
                if place is None or not rivals or thing.colour in expression.text:
                    continue
                prior = position_prior(place, scene.height_width, 2.0)
                weights = [prior[int(o.centre_xy[1]), int(o.centre_xy[0])] for o in (thing, *rivals)]
                asked += 1
                won += weights[0] > max(weights[1:])
    assert asked > 200
    assert won >= 0.98 * asked


def test_the_weight_is_of_the_squared_distance_to_the_side_or_the_middle() -> None:
    strength, (rows, cols) = 3.0, (4, 5)
    at_x, at_y = (np.arange(cols) + 0.5) / cols, (np.arange(rows) + 0.5) / rows  # 0 to 1
    for position, along in (
        ((-1, 0), at_x[None, :] ** 2 + np.zeros((rows, 1))),
        ((0, 1), ((1 - at_y) ** 2)[:, None] + np.zeros((1, cols))),
        ((1, -1), ((1 - at_x) ** 2)[None, :] + (at_y**2)[:, None]),
        ((0, 0), ((2 * at_x - 1) ** 2)[None, :] + ((2 * at_y - 1) ** 2)[:, None]),
    ):
        expected = np.exp(-strength * (along - along.min()))
        np.testing.assert_allclose(position_prior(position, (rows, cols), strength), expected, rtol=1e-5)
