"""Which of several boxes an expression means."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.candidates.choose import choose
from zeroov.language.phrase import parse
from zeroov.recipe import SelectRecipe
from zeroov.types import Anchor, Box, Candidate, Choice

HW = (500, 500)


def at(x: float, y: float, width: float = 40, height: float = 40, score: float = 0.8) -> Candidate:
    return Candidate(Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2), score)


def chosen(text: str, candidates: list[Candidate], *anchors: Anchor, hw: tuple[int, int] = HW) -> Choice:
    return choose(candidates, parse(text), hw, anchors)


LEFT, MIDDLE, RIGHT = at(60, 250), at(250, 250), at(440, 250)
ROW = [LEFT, MIDDLE, RIGHT]
GRID = [at(100 + 100 * n, y) for y in (100, 400) for n in range(4)]
"""Two rows of four."""

EXAMPLES: list[tuple[str, list[Candidate], int]] = [
    ("the plane on the left", ROW, 0),
    ("the plane in the middle", ROW, 1),
    ("the plane on the far left", [at(130, 250), at(60, 250)], 1),
    ("the plane on the center of the left", [at(60, 60), at(120, 250)], 1),
    ("the plane on the left", [at(60, 80), at(70, 250)], 1),  # an axis that was not said leans to the middle
    ("the rightmost plane", [at(400, 250), at(380, 250, 90)], 1),  # by the outer edge
    ("the plane closest to the center", [at(200, 250), at(260, 240), at(400, 400)], 1),
    ("the plane farthest from the center", [at(200, 250), at(260, 240), at(400, 400)], 2),
    ("the small plane", [at(100, 250), at(300, 250, 60, 60)], 0),
    ("the larger of the two planes", [at(100, 250), at(300, 250, 60, 60)], 1),
    ("the plane of large size", [at(100, 250), at(300, 250, 60, 60)], 1),
    ("the largest plane", [at(100, 250, 90, 90), at(300, 250, 60, 60)], 0),
    ("the plane at the left edge", [at(20, 200), at(60, 250)], 0),
    ("the partially visible plane", [at(250, 250), at(480, 250)], 1),
    ("the bridge that spans the width of the image", [at(250, 200, 60, 300), at(250, 250, 300, 60)], 1),
    ("the bridge running vertically", [at(250, 200, 60, 300), at(250, 250, 300, 60)], 0),
    ("the road from the top to the bottom", [at(100, 250, 40, 500), at(250, 250, 40, 300)], 0),
    ("the slender dam", [at(100, 250, 100, 100), at(300, 250, 30, 200)], 1),
    ("the round tank", [at(100, 250, 100, 100), at(300, 250, 30, 200)], 0),
    ("the isolated tank", [at(100, 100), at(150, 100), at(400, 400)], 2),
    ("the tank away from the others", [at(100, 100), at(150, 100), at(400, 400)], 2),
    ("the second tank from the left", ROW, 1),
    ("the tank third from the right", ROW, 0),
    ("the last tank from the top", [at(60, 100), at(60, 200), at(70, 300)], 2),
    ("the second largest tank", [at(100, 250), at(300, 250, 60, 60), at(400, 400, 90, 90)], 1),
    ("the second plane from the left in the bottom row", GRID, 5),
    ("the third plane in the top row", GRID, 2),
    ("the fifth plane", GRID, 4),
    ("the second plane in the second column from the right", GRID, 6),
    ("the plane to the left of the other plane", [at(300, 250), at(200, 250)], 1),
    ("the plane to the right of the plane on the top", [at(100, 60), at(250, 80), at(90, 400), at(240, 420)], 1),
    ("the plane above the plane in the middle", [at(250, 100), at(250, 250), at(250, 400), at(60, 250)], 0),
    ("the plane to the right of the second plane from the left", ROW, 2),
    ("the court between the other courts", [at(100, 250), at(250, 255), at(400, 250)], 1),
]


@pytest.mark.parametrize(("text", "candidates", "meant"), EXAMPLES)
def test_the_one_that_is_meant(text: str, candidates: list[Candidate], meant: int) -> None:
    choice = chosen(text, candidates)
    assert choice.order[0] == meant == np.argmax(choice.values), choice.factors
    assert choice.values[meant] > sorted(choice.values)[-2]


def test_a_place_is_flat_in_its_third_and_steep_outside() -> None:
    place = dict(
        enumerate(chosen("a ship on the left", [at(5 * x, 250) for x in (5, 30, 45, 60, 90)]).factors["place"])
    )
    assert place[1] / place[0] == pytest.approx(math.exp(-2 * 0.25))
    assert place[2] / place[1] == pytest.approx(math.exp(-2 * 0.15 - (0.45 - 1 / 3) ** 2 / 0.02))
    assert place[4] < 1e-6


def test_what_was_not_said_is_no_factor_and_what_says_nothing_is_told() -> None:
    choice = chosen("a plane on the left near the pier", [at(60, 250), at(200, 250)])
    assert set(choice.factors) == {"place"}
    assert set(choice.skipped) == {"relation_1"}
    assert "pier" in choice.skipped["relation_1"]


def test_a_value_is_the_product_of_its_factors() -> None:
    weights = SelectRecipe(place=0.5, size=2.0, relation=0.0)
    candidates = [at(60, 250, score=0.9), at(300, 200, 60, 60, score=0.4)]
    extra = {"attention": (0.5, 1.0), "new": (1.0, 0.25)}
    choice = choose(candidates, parse("the small plane on the left, right of a pond"), HW, (), extra, weights)
    for index, candidate in enumerate(candidates):
        factors = {name: values[index] for name, values in choice.factors.items()}
        expected = candidate.score**0.5 * factors["place"] ** 0.5 * factors["size"] ** 2
        assert choice.values[index] == pytest.approx(expected * factors["attention"] ** 0.25 * factors["new"])
    assert set(choice.factors) == {"place", "size", "relation_1", "attention", "new"}


def test_undecided_is_a_value() -> None:
    near, clear = [at(60, 250), at(70, 250)], [at(60, 250), at(440, 250)]
    assert chosen("the plane on the left", near).undecided
    assert not chosen("the plane on the left", clear).undecided
    assert choose(clear, parse("the plane on the left"), HW, weights=SelectRecipe(margin=0)).undecided
    # Nothing was read that tells them apart: the score alone decides nothing.
    alone = chosen("the striped plane", [at(60, 250, score=0.9), at(70, 250, score=0.1)])
    assert (alone.undecided, alone.factors, alone.order) == (True, {}, (0, 1))


def test_an_object_that_nobody_saw_is_a_hint() -> None:
    candidates = [at(60, 250), at(440, 250)]
    choice = chosen("the bridge on the right of the dam", candidates)
    assert choice.order == (1, 0)
    assert choice.undecided  # it rests on the unseen dam alone
    asked = chosen("the bridge on the right of the dam", candidates, Anchor(0, ()))
    assert asked.values == choice.values
    assert any("nobody saw the dam" in note for note in asked.notes)
    placed = chosen("the bridge on the right of the dam in the middle", candidates)
    assert placed.order == (1, 0)
    assert placed.values[0] / placed.values[1] < choice.values[0] / choice.values[1]


def test_an_object_that_was_seen_decides() -> None:
    candidates = [at(60, 250), at(440, 250)]
    dam = Anchor(0, (at(10, 250, 20, 20, score=0.9),))
    assert chosen("the bridge next to the dam", candidates, dam).order == (0, 1)
    between = Anchor(0, (at(250, 250, score=0.9),))
    assert chosen("the bridge on the left of the dam", candidates, between).order == (0, 1)
    assert not chosen("the bridge on the left of the dam", candidates, between).undecided
    # Two dams were seen; the one in the middle is meant.
    two = Anchor(0, (at(480, 100, score=0.9), at(250, 250, score=0.9)))
    below = [at(480, 250), at(250, 400)]
    assert chosen("the bridge below the dam in the middle", below, two).order[0] == 1


def test_between_two_things_that_were_seen() -> None:
    candidates = [at(250, 250), at(250, 60), at(485, 250), at(60, 440)]
    pool, hall = Anchor(0, (at(100, 250, score=0.9),)), Anchor(0, (at(400, 250, score=0.9),), part=1)
    text = "the court between the pool and the hall"
    choice = chosen(text, candidates, pool, hall)
    assert choice.order[0] == 0
    assert not choice.undecided
    one = chosen(text, candidates, pool)
    assert "between" in one.skipped
    assert one.undecided
    halls = Anchor(0, (at(100, 250, score=0.9), at(400, 250, score=0.9)))
    assert chosen("the court between two halls", candidates, halls).order[0] == 0


def test_two_readings_are_both_kept() -> None:
    """The left one and the small one are two objects: the surer is first, the other one second, and it is undecided."""
    candidates = [at(60, 250, 60, 60), at(190, 250, 44, 44), at(440, 250, 200, 200)]
    choice = chosen("the small plane on the left", candidates)
    assert choice.undecided
    assert set(choice.order[:2]) == {0, 1}
    assert choice.margin > 0.7


def test_what_contradicts_the_words_is_told() -> None:
    choice = chosen("the plane on the upper left", [at(440, 440), at(460, 460)])
    assert any("place" in note for note in choice.notes)
    assert not chosen("the plane on the upper left", [at(40, 40), at(460, 460)]).notes


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("two planes on the left", {0, 1}),
        ("the planes on the left", {0, 1}),
        ("three planes on the left", {0, 1, 2}),
        ("the plane on the left", set()),
        ("one of the planes on the left", set()),
    ],
)
def test_groups(text: str, group: set[int]) -> None:
    candidates = [at(60, 230), at(80, 280), at(250, 250), at(440, 250)]
    assert set(chosen(text, candidates).group) == group


def test_a_group_lies_together() -> None:
    """Four lie on the left; of these the two that are close are a group of two."""
    candidates = [at(30, 60), at(60, 250), at(110, 255), at(40, 450), at(440, 250)]
    assert set(chosen("the group of two planes on the left", candidates).group) == {1, 2}
    assert set(chosen("two planes next to each other on the left", candidates).group) == {1, 2}


def test_superlatives_and_ordinals_compare_what_looks_as_the_words_say() -> None:
    candidates = [at(20, 250), at(150, 250), at(300, 250), at(420, 250, 60, 60)]
    blue = {"attributes": (1 / 9, 1.0, 1.0, 1 / 9)}
    for text, meant in {
        "the leftmost blue ship": 1,
        "the second blue ship from the left": 2,
        "the largest blue ship": 1,
        "the rightmost ship": 3,
    }.items():
        extra = blue if "blue" in text else {}
        choice = choose(candidates, parse(text), HW, extra=extra)
        assert choice.values[meant] == max(choice.values), text
        assert not choice.undecided or "largest" in text


def test_a_group_of_one() -> None:
    assert chosen("the planes on the left", [LEFT]).group == (0,)
    assert chosen("two planes on the left", [LEFT]).group == (0,)
    assert chosen("the planes on the left", [LEFT, RIGHT]).group == (0,)


def test_an_ordinal_beyond_the_number_of_candidates() -> None:
    choice = chosen("the fifth plane from the left", ROW)
    assert choice.order[0] == 2
    assert choice.undecided
    assert choice.notes


def test_very_many_candidates() -> None:
    candidates = [at(4 * n + 20, 3 * n + 50) for n in range(110)]
    assert chosen("the leftmost plane", candidates).order[0] == 0
    assert chosen("the 3rd plane from the left", candidates).order[0] == 2
    assert chosen("the plane between the other planes", candidates).order[0] not in (0, 109)


def test_boxes_inside_one_another() -> None:
    candidates = [at(250, 250, side, side) for side in (480, 300, 100, 20)]
    assert chosen("the smallest plane in the middle", candidates).order[0] == 3
    choice = chosen("the plane to the left of the other plane", candidates)
    assert np.isfinite(choice.values).all()
    assert choice.undecided


def test_an_expression_of_another_script() -> None:
    choice = chosen("左边的飞机", ROW)
    assert choice.values == pytest.approx((0.8**0.5,) * 3)
    assert choice.undecided


def test_no_candidate_and_one() -> None:
    assert chosen("the plane on the left", []) == Choice((), {}, (), False, 0.0)
    one = chosen("the plane on the left", [RIGHT])
    assert (one.order, one.undecided, one.factors) == ((0,), False, {})
    assert one.skipped == {"place": "there is one candidate"}
    assert one.notes  # nothing lies on the left


def test_things_of_another_kind_are_no_anchors() -> None:
    pair = [at(150, 250), at(300, 250)]
    same = chosen("the ground track field right of the other ground track field", pair)
    other = chosen("the ground track field right of the baseball field", pair)
    assert same.values[0] / same.values[1] < other.values[0] / other.values[1]
    assert (same.undecided, other.undecided) == (False, True)


TEXTS = st.sampled_from(
    [
        *(text for text, _, _ in EXAMPLES),
        "the plane in the upper left corner",
        "the small plane on the far right, above the other plane",
        "the plane on the left of the pond on the upper right",
        "the planes adjacent to another plane at the right edge",
        "two planes near the pier",
        "the plane cut off by the edge of the image",
    ]
)
MIRRORED = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}
TURNED = {"top": "bottom", "bottom": "top", "above": "below", "upper": "lower", "topmost": "bottommost"}


@st.composite
def layouts(draw: st.DrawFn) -> list[Candidate]:
    numbers = st.floats(-30, 480)
    sides = st.floats(1, 200)
    things = st.tuples(numbers, numbers, sides, sides, st.floats(0.05, 1))
    drawn = draw(st.lists(things, min_size=2, max_size=6, unique_by=lambda thing: thing[:4]))
    return [Candidate(Box(x, y, x + width, y + height), score) for x, y, width, height, score in drawn]


def swapped(text: str, words: dict[str, str]) -> str:
    return re.sub(r"\w+", lambda found: words.get(found[0], found[0]), text)


def counts(text: str) -> bool:
    """Whether the reading order, from the left and the top, decides."""
    phrase = parse(text)
    return bool(phrase.line or (phrase.ordinal and phrase.toward is None))


@given(layouts(), TEXTS)
def test_in_a_mirror_left_is_right(candidates: list[Candidate], text: str) -> None:
    if counts(text):
        return
    moved = [Candidate(Box(500 - c.box.x1, c.box.y0, 500 - c.box.x0, c.box.y1), c.score) for c in candidates]
    before, after = chosen(text, candidates), chosen(swapped(text, MIRRORED), moved)
    if not parse(text).ordinal:
        assert after.values == pytest.approx(before.values, rel=1e-6)


@given(layouts(), TEXTS)
def test_upside_down_the_top_is_the_bottom(candidates: list[Candidate], text: str) -> None:
    if counts(text):
        return
    moved = [Candidate(Box(c.box.x0, 500 - c.box.y1, c.box.x1, 500 - c.box.y0), c.score) for c in candidates]
    before, after = chosen(text, candidates), chosen(swapped(text, TURNED), moved)
    if not parse(text).ordinal:
        assert after.values == pytest.approx(before.values, rel=1e-6)


@pytest.mark.parametrize("which", [("second", 1), ("third", 2), ("last", 3)])
def test_an_ordinal_counts_from_every_side(which: tuple[str, int]) -> None:
    word, number = which
    places = [(60, 100), (180, 40), (310, 250), (450, 180)]
    for side, key in {"left": (1, 0), "right": (-1, 0), "top": (0, 1), "bottom": (0, -1)}.items():
        order = sorted(places, key=lambda place, key=key: place[0] * key[0] + place[1] * key[1])
        choice = chosen(f"the {word} plane from the {side}", [at(*place) for place in places])
        assert places[choice.order[0]] == order[number]


@given(layouts(), TEXTS, st.integers(2, 40))
def test_a_larger_picture_changes_nothing(candidates: list[Candidate], text: str, factor: int) -> None:
    larger = [Candidate(Box(*(factor * corner for corner in c.box.xyxy)), c.score) for c in candidates]
    assert chosen(text, larger, hw=(500 * factor, 500 * factor)).values == pytest.approx(
        chosen(text, candidates).values, rel=1e-6
    )


@given(layouts(), TEXTS)
def test_the_order_of_the_list_says_nothing(candidates: list[Candidate], text: str) -> None:
    assert chosen(text, candidates[::-1]).values[::-1] == pytest.approx(chosen(text, candidates).values, rel=1e-9)


@given(layouts(), TEXTS)
def test_a_candidate_that_is_worth_nothing_changes_nothing(candidates: list[Candidate], text: str) -> None:
    before, after = chosen(text, candidates), chosen(text, [*candidates, at(100, 300, score=0.0)])
    assert after.values == (*before.values, 0.0)
    assert after.order[:-1] == before.order


FLOORS = {"edge": 0.3, "cut": 0.3, "ordinal": 0.04, "relation_1": 0.01, "between": 0.05}


@given(layouts(), TEXTS)
def test_values_are_finite_and_no_factor_is_below_its_floor(candidates: list[Candidate], text: str) -> None:
    choice = chosen(text, candidates)
    assert np.isfinite(choice.values).all()
    assert all(value >= 0 for value in choice.values)
    assert 0 <= choice.margin <= 1
    for name, values in choice.factors.items():
        assert max(values) <= 1 + 1e-9
        assert min(values) >= FLOORS.get(name, 0) - 1e-9


@given(st.lists(st.sampled_from([0.0, 1e-9, 1e9, -1e9, 250.0]), min_size=2, max_size=2), TEXTS)
def test_odd_boxes_have_finite_values(corner: list[float], text: str) -> None:
    x, y = corner
    box = Box(x, y, math.nextafter(x, math.inf) + 1e-9, math.nextafter(y, math.inf) + 1e-9)
    odd = [Candidate(box, 1e-300), at(250, 250, 5000, 5000), at(250, 250), at(-900, 250)]
    anchors = [Anchor(0, (at(1e6, -1e6, 1e-3, 1e-3, score=0.5), at(250, 250)))]
    choice = chosen(text, odd, *anchors)
    assert np.isfinite(choice.values).all()
    assert sorted(choice.order) == [0, 1, 2, 3]


@pytest.mark.parametrize("other", ["the second tank from the left", "the tank in the bottom row", "the middle tank"])
def test_an_other_object_that_is_counted_and_that_nobody_saw(other: str) -> None:
    candidates = [Candidate(Box(10, 10, 20, 20), 0.9), Candidate(Box(60, 60, 80, 80), 0.8)]
    choice = choose(candidates, parse(f"the ship left of {other}"), (100, 100), [Anchor(0, ())])
    assert len(choice.values) == 2
    assert any("nobody saw" in note for note in choice.notes)
