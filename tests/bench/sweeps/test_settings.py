from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dumps.world import recipe
from zeroov.bench.sweeps.settings import as_text, parse_grid, settings_of
from zeroov.errors import RecipeError, UsageError


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["evolve.alpha=0.2,0.3"], {"evolve.alpha": [0.2, 0.3]}),
        (["overview.layers=[2],[2,3]"], {"overview.layers": [[2], [2, 3]]}),
        (["overview.layers=[[2],[2,3]]"], {"overview.layers": [[2], [2, 3]]}),
        (["overview.layers=[2,3]"], {"overview.layers": [[2, 3]]}),
        (["overview.layers=each, all,own, 2,2+3"], {"overview.layers": ["each", "all", "own", [2], [2, 3]]}),
        (["overview.layers={3=2,0=1}"], {"overview.layers": [{"3": 2, "0": 1}]}),
        (["overview.weights=0.5+0.3,[1]"], {"overview.weights": [[0.5, 0.3], [1]]}),
        (["evolve.k=7", "evolve.official=true,false"], {"evolve.k": [7], "evolve.official": [True, False]}),
        (
            ['stages=["overview","focus"],overview+evolve'],
            {"stages": [["overview", "focus"], ["overview", "evolve"]]},
        ),
        (["focus=none,each,12345678,0e123456"], {"focus": ["none", "each", "12345678", "0e123456"]}),
        (["evolve.tau=0.1:0.3:0.1,0.2,0.9"], {"evolve.tau": [0.1, 0.2, 0.3, 0.9]}),
        (["evolve.k=10:30:10"], {"evolve.k": [10, 20, 30]}),
        (["evolve.alpha=0.1:0.35:0.1"], {"evolve.alpha": [0.1, 0.2, 0.3]}),
    ],
)
def test_grids_are_read(texts: list[str], expected: dict[str, Any]) -> None:
    grid = parse_grid(texts)
    assert grid == expected
    assert repr(grid) == repr(expected), "and of the same types"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one key"),
        ("evolve.alpha", "takes KEY=V1"),
        ("evolve.alpha=", "takes KEY=V1"),
        ("evolve.alfa=1", "evolve.alpha"),
        ("focus.t=1", "without running a model"),
        ("evolve.alpha=0.2,,", "no value"),
        ("evolve.alpha=x", "no value"),
        ("overview.layers=ech", "each, all, own"),
        ("overview.layers={a=1}", "layers and their weights"),
        ("evolve.k={2=1}", "layers and their weights"),
        ("focus=", "takes KEY=V1"),
        *((f"evolve.tau={text}", "first:last:step") for text in ("1:2", "1:2:0", "2:1:1", "0:1:1e-9", "0:inf:1")),
    ],
)
def test_a_grid_that_says_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_grid([text] if text else [])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["evolve.k=1", "evolve.k=2"], "twice"),
        (["focus=none", "stages=overview+evolve"], "not both"),
        (["overview.layers={2=1}", "overview.weights=[1]"], "not both"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_grid(texts)


@given(
    st.sampled_from(
        [
            ("evolve.k", st.integers(1, 99)),
            ("evolve.alpha", st.floats(0, 1)),
            ("evolve.official", st.booleans()),
            ("overview.layers", st.lists(st.integers(0, 40), min_size=1, max_size=4)),
            ("overview.layers", st.sampled_from(["each", "all", "own"])),
            ("overview.layers", st.dictionaries(st.integers(0, 40).map(str), st.integers(1, 9), min_size=1)),
            ("stages", st.sampled_from([["overview", "focus"], ["overview", "evolve"], ["overview"]])),
            ("focus", st.sampled_from(["none", "12345678", "1e345678", "true"])),
        ]
    ).flatmap(lambda pair: st.tuples(st.just(pair[0]), st.lists(pair[1], min_size=1, max_size=3)))
)
def test_what_is_printed_is_read_back(pair: tuple[str, list[Any]]) -> None:
    key, values = pair
    different = [value for place, value in enumerate(values) if value not in values[:place]]
    assert parse_grid([f"{key}={','.join(map(as_text, values))}"]) == {key: different}


def made(*texts: str, captured: tuple[int, ...] = (0, 1, 2, 3), groups: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    found = settings_of(recipe(), parse_grid(texts), captured, groups)
    return [(s.recipe.overview.layers, s.recipe.overview.weights, s.recipe.stages, s.focus) for s in found]


LOOK = ("overview", "focus", "evolve")


def test_layers_are_named_by_words_lists_and_weights() -> None:
    found = made("overview.layers=each,all,own,{3=2,0=1},[1,2],[1,2,3],0", captured=(0, 2))
    assert [each[:2] for each in found] == [
        ((0,), (1.0,)),
        ((2,), (1.0,)),
        ((0, 2), (1.0, 1.0)),
        ((0, 3), (0.2, 0.8)),
        ((3, 0), (2.0, 1.0)),
        ((1, 2), (0.2, 0.8)),  # as many as the recipe's, so its weights
        ((1, 2, 3), (1.0, 1.0, 1.0)),
    ]
    assert made("overview.layers=all,own", "overview.weights=1+0", captured=(0, 2))[0][:2] == ((0, 2), (1.0, 0.0))


def test_a_choice_of_focus_is_a_stage_or_none() -> None:
    assert made("focus=none,each", groups=("12345678", "abcdef01")) == [
        ((0, 3), (0.2, 0.8), ("overview", "evolve"), ""),
        ((0, 3), (0.2, 0.8), LOOK, "12345678"),
        ((0, 3), (0.2, 0.8), LOOK, "abcdef01"),
    ]
    without = recipe(stages=["overview", "evolve"])
    (setting,) = settings_of(without, {"focus": ["12345678"]}, (), ())
    assert setting.recipe.stages == LOOK
    with pytest.raises(RecipeError, match="nothing to cut"):
        settings_of(recipe(stages=["overview", "focus"]), {"focus": ["none"]}, (), ())
