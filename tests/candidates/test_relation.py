from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov import frames
from zeroov.candidates.relation import LEAST, OUTSIDE, relation_weights
from zeroov.language.phrase import parse
from zeroov.types import Box, Candidate

HW = (1000, 2000)


def at(x: float, y: float, width: float = 40, height: float = 40, score: float = 0.5) -> Candidate:
    return Candidate(Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2), score)


def weights(words: str, candidates: list[Candidate], *anchors: Candidate) -> np.ndarray:
    return relation_weights(candidates, anchors, words, HW)


def weigh(words: str, layout: dict[str, Candidate], *anchors: Candidate) -> dict[str, float]:
    return dict(zip(layout, weights(words, list(layout.values()), *anchors), strict=True))


AROUND = {
    **{"left": at(800, 500), "right": at(1200, 500), "above": at(1000, 300), "below": at(1000, 700)},
    **{"upper left": at(850, 350), "upper right": at(1150, 350)},
    **{"lower left": at(850, 650), "lower right": at(1150, 650)},
}


@pytest.mark.parametrize(
    ("words", "side"),
    [
        *(("to the left of", "left"), ("on the right side of", "right"), ("at right of", "right"), ("above", "above")),
        *(("to the immediate left of", "left"), ("at the bottom of", "below"), ("on the top of", "above")),
        *(
            ("below", "below"),
            ("under", "below"),
            ("over", "above"),
            ("on top of", "above"),
            ("to the north of", "above"),
        ),
        *(("south of", "below"), ("on the western side of", "left"), ("at the east end of", "right")),
        *(("to the upper left of", "upper left"), ("above and to the right of", "upper right")),
        *(("at the lower left of", "lower left"), ("southeast of", "lower right"), ("on the far left of", "left")),
    ],
)
def test_the_one_on_the_named_side_wins(words: str, side: str) -> None:
    found = weigh(words, AROUND, at(1000, 500))
    if " " not in side:
        found = {name: weight for name, weight in found.items() if " " not in name}
    others = {name: weight for name, weight in found.items() if name != side}
    assert found[side] > 0.8
    assert max(others.values()) < found[side] - 0.3


def test_the_straighter_the_better_and_a_side_ends_at_a_right_angle() -> None:
    angles = np.radians([0, 30, 45, 60, 75, 90, 120, 180])
    ring = [at(1000 - 300 * np.cos(a), 500 - 300 * np.sin(a), 4, 4) for a in angles]
    found = weights("to the left of", ring, at(1000, 500, 4, 4))
    assert (np.diff(found[:5]) < -0.03).all()
    assert found[0] > LEAST + 0.6
    assert found[5:] == pytest.approx(LEAST)


def test_of_several_on_the_side_the_nearest_wins_and_the_far_one_counts() -> None:
    row = [at(900, 500), at(600, 500), at(100, 500), at(1050, 500)]
    near, middle, far, wrong = weights("left of", row, at(1000, 500))
    assert near > middle > far > wrong == LEAST
    assert far > LEAST + 0.2


def test_all_along_a_road_is_above_the_road() -> None:
    road = at(1000, 500, 1600, 60)
    found = weights("above", [at(300, 400), at(1000, 400), at(300, 600), at(1000, 600)], road)
    assert found[0] == found[1] > 0.9
    assert (found[2:] == LEAST).all()


def test_the_left_side_of_a_large_thing_may_be_inside_it() -> None:
    lot = at(1000, 500, 800, 400)
    layout = {"outer": at(650, 500), "inner": at(900, 500), "other side": at(1200, 500), "outside": at(400, 500)}
    on, inside = weigh("on the left side of", layout, lot), weigh("in the left corner of", layout, lot)
    assert on["outer"] > on["inner"] > on["other side"] == LEAST
    assert inside["outer"] > inside["inner"] > inside["other side"] == LEAST
    assert inside["outside"] < min(inside["outer"], on["outside"] - 0.3)
    assert on["outside"] > on["inner"]


@pytest.mark.parametrize("words", ["near", "next to", "beside", "by", "at", "adjacent to", "close to", "along"])
def test_near_is_measured_in_sizes_of_the_things(words: str) -> None:
    touching, near, far = weights(words, [at(1040, 500), at(1080, 500), at(1500, 500)], at(1000, 500))
    assert touching == 1
    assert near == pytest.approx(LEAST + (1 - LEAST) / 2)  # a gap as long as they are
    assert near > far > LEAST
    large = weights(words, [at(1080, 500)], at(1000, 500, 40, 400))
    assert large[0] > near


@pytest.mark.parametrize(
    "words", ["sideways from", "docked with", "in front of", "in line with", "opposite", "between"]
)
def test_what_is_not_understood_means_near(words: str) -> None:
    layout = [at(1040, 500), at(1300, 500), at(1000, 500, 10, 10)]
    assert weights(words, layout, at(1000, 500)) == pytest.approx(weights("near", layout, at(1000, 500)))


@pytest.mark.parametrize(
    "words", ["in", "on", "inside", "within", "of", "surrounded by", "in the middle of", "at the center of", "among"]
)
def test_inside_wins_over_across_the_edge_over_beside(words: str) -> None:
    harbour = at(1000, 500, 400, 300)
    layout = [at(1000, 500), at(1200, 500), at(1220, 500), at(1600, 500)]
    inside, across, beside, far = weights(words, layout, harbour)
    assert inside == 1
    assert across == pytest.approx(LEAST + (1 - LEAST) * (1 + OUTSIDE) / 2)  # half of it is inside
    assert beside == pytest.approx(LEAST + (1 - LEAST) * OUTSIDE)
    assert beside > far > LEAST


def test_outside_is_near_but_not_inside() -> None:
    inside, beside, far = weights("outside of", [at(1000, 500), at(1220, 500), at(1900, 500)], at(1000, 500, 400, 300))
    assert beside > far > inside == LEAST


@pytest.mark.parametrize(("words", "expected"), [("over", 1), ("under", 1), ("on top of", 1), ("above", LEAST)])
def test_from_above_over_and_under_are_the_same_place(words: str, expected: float) -> None:
    assert weights(words, [at(1000, 500)], at(1000, 500, 300, 300)) == pytest.approx(expected)


def test_far_is_the_reverse_of_near() -> None:
    row = [at(1040, 500), at(1300, 500), at(1900, 500)]
    for words in ("far from", "away from"):
        found = weights(words, row, at(1000, 500))
        assert found[0] == LEAST
        assert (np.diff(found) > 0).all()


def test_closest_and_farthest_compare_the_candidates() -> None:
    # In sizes of the things the large one is the nearer.
    row = [at(1500, 500, 20, 20), at(1700, 500, 380, 380), at(1900, 500, 20, 20)]
    for words in ("closest to", "nearest to"):
        found = weights(words, row, at(1000, 500))
        assert found[0] == 1
        assert (np.diff(found) < 0).all()
    for words in ("farthest from", "furthest from"):
        found = weights(words, row, at(1000, 500))
        assert found[2] == 1
        assert (np.diff(found) > 0).all()
    assert weights("near", row, at(1000, 500)).argmax() == 1


@pytest.mark.parametrize("words", ["larger than", "similar to"])
def test_what_speaks_of_no_place_weighs_nothing(words: str) -> None:
    assert weights(words, [at(1040, 500), at(1900, 500)], at(1000, 500)).tolist() == [1, 1]


def test_an_anchor_counts_by_its_score_beside_the_best() -> None:
    row = [at(100, 500), at(1500, 500)]
    sure, unsure = at(140, 500, score=0.8), at(1540, 500, score=0.2)
    assert weights("near", row, sure, unsure) == pytest.approx([1, LEAST + (1 - LEAST) / 4])
    assert weights("near", row, unsure)[1] == 1
    assert weights("near", row, sure, at(1540, 500, score=0))[1] < 0.3


def test_nobody_lies_beside_itself() -> None:
    plane, moved, part = at(1000, 500, 100, 100), at(1010, 505, 100, 100), at(1020, 500, 60, 100)
    for words in ("near", "to the left of", "in", "closest to", "far from", "farthest from"):
        for again in (plane, moved, part):
            assert frames.share_of_smaller(plane.box, again.box) > 0.5
            assert weights(words, [plane], again).tolist() == [LEAST]
    others = [plane, at(1200, 500, 100, 100), at(1900, 500, 100, 100)]
    for words, best in {"near": 1, "closest to": 1, "far from": 2, "farthest from": 2}.items():
        found = weights(words, others, moved)
        assert found[0] == LEAST
        assert found.argmax() == best
        assert found[3 - best] > LEAST
    first, second = at(1000, 500), at(1100, 500)
    assert weights("left of", [first, second], first, second).argmax() == 0


def test_a_thing_that_is_one_of_two_anchors_is_compared_by_the_other() -> None:
    plane, neighbour, far = at(1000, 500), at(1050, 500), at(1500, 500)
    assert weights("closest to", [plane, far], plane, neighbour)[0] == 1
    assert weights("farthest from", [plane, far], plane, neighbour).argmax() == 1


def test_two_boxes_that_share_just_half_are_two_things() -> None:
    assert weights("near", [at(1000, 500)], at(1020, 500)).tolist() == [1]
    assert weights("near", [at(1000, 500)], at(1019, 500)).tolist() == [LEAST]
    # Of one third of the size they may be two views of one thing, of less they are not.
    assert weights("near", [at(1000, 500, 30, 30)], at(1000, 500, 30, 90)).tolist() == [LEAST]
    assert weights("near", [at(1000, 500, 30, 30)], at(1000, 500, 30, 91)).tolist() == [1]


def test_a_car_in_a_car_park_is_not_the_car_park() -> None:
    car, park = at(1000, 500), at(1000, 500, 400, 400)
    assert frames.share_of_smaller(car.box, park.box) > 0.5
    assert weights("in", [car], park).tolist() == [1]


def test_without_candidates_or_anchors_nothing_is_weighed() -> None:
    assert weights("near", [], at(1000, 500)).shape == (0,)
    assert weights("near", [at(1, 1), at(2, 2)]).tolist() == [1, 1]
    assert weights("near", [at(1, 1), at(2, 2)], at(1000, 500, score=0)).tolist() == [1, 1]
    assert weights("", [at(1040, 500)], at(1000, 500)).tolist() == [1]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        *(("the plane to the left of the black plane", "left"), ("the pool on the right of a lake", "right")),
        *(("the ship closest to the pier", "inside"), ("the boat in the harbor", "inside")),
        *(("the car right next to the house", "inside"), ("the car directly below the bus", "below")),
    ],
)
def test_what_the_parser_hands_over_is_understood(expression: str, expected: str) -> None:
    (relation,) = parse(expression).relations
    layout = {name: AROUND[name] for name in ("left", "right", "above", "below")} | {"inside": at(1010, 510)}
    found = weigh(relation.words, layout, at(1000, 500, 200, 200))
    assert max(found, key=found.__getitem__) == expected


SIDED = ("to the left of", "on the right side of", "above", "at the upper left of", "southeast of", "under", "over")
PLAIN = (*SIDED, "near", "in", "in the top left corner of", "outside", "surrounded by", "on top of", "along")
WORDS = st.sampled_from((*PLAIN, "far from", "closest to", "farthest from"))


@st.composite
def things(draw: st.DrawFn, least: int = 0) -> list[Candidate]:
    count = draw(st.integers(least, 6))
    places = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(1, 120), st.integers(1, 120))
    drawn = [(*draw(places), draw(st.floats(0.05, 1))) for _ in range(count)]
    return [Candidate(Box(x, y, x + width, y + height), score) for x, y, width, height, score in drawn]


SCENE = (500, 420)


def changed(found: list[Candidate], box_of: str, factor: int = 1) -> list[Candidate]:
    """Mirror a scene left to right, swap its axes, or enlarge it."""
    moved = []
    for thing in found:
        x0, y0, x1, y1 = thing.box.xyxy
        boxes = {
            "mirrored": (SCENE[1] - x1, y0, SCENE[1] - x0, y1),
            "transposed": (y0, x0, y1, x1),
            "enlarged": (x0 * factor, y0 * factor, x1 * factor, y1 * factor),
        }
        moved.append(Candidate(Box(*boxes[box_of]), thing.score))
    return moved


@given(things(), things(), WORDS)
def test_weights_are_weights(candidates: list[Candidate], anchors: list[Candidate], words: str) -> None:
    found = relation_weights(candidates, anchors, words, SCENE)
    assert found.shape == (len(candidates),)
    assert found.dtype == np.float64
    assert ((found >= LEAST) & (found <= 1)).all()


@given(things(1), things(1), WORDS)
def test_in_a_mirror_left_is_right(candidates: list[Candidate], anchors: list[Candidate], words: str) -> None:
    swapped = " ".join({"left": "right", "right": "left", "southeast": "southwest"}.get(x, x) for x in words.split())
    before = relation_weights(candidates, anchors, words, SCENE)
    after = relation_weights(changed(candidates, "mirrored"), changed(anchors, "mirrored"), swapped, SCENE)
    assert after == pytest.approx(before)


@given(things(1), things(1), st.sampled_from([("left of", "above"), ("right of", "below"), ("west of", "north of")]))
def test_with_the_axes_swapped_left_is_above(
    candidates: list[Candidate], anchors: list[Candidate], words: tuple[str, str]
) -> None:
    before = relation_weights(candidates, anchors, words[0], SCENE)
    turned = relation_weights(changed(candidates, "transposed"), changed(anchors, "transposed"), words[1], SCENE[::-1])
    assert turned == pytest.approx(before)


@given(things(1), things(1), WORDS, st.integers(2, 50))
def test_a_larger_scene_weighs_the_same(
    candidates: list[Candidate], anchors: list[Candidate], words: str, factor: int
) -> None:
    before = relation_weights(candidates, anchors, words, SCENE)
    larger = (SCENE[0] * factor, SCENE[1] * factor)
    enlarged = changed(candidates, "enlarged", factor), changed(anchors, "enlarged", factor)
    assert relation_weights(*enlarged, words, larger) == pytest.approx(before)


@given(things(1), things(2), st.sampled_from(PLAIN))
def test_an_anchor_of_no_higher_score_lowers_nobody(
    candidates: list[Candidate], anchors: list[Candidate], words: str
) -> None:
    anchors.sort(key=lambda anchor: -anchor.score)
    fewer = relation_weights(candidates, anchors[:-1], words, SCENE)
    assert (relation_weights(candidates, anchors, words, SCENE) >= fewer - 1e-12).all()  # but for rounding


@given(things(2), things(1), WORDS)
def test_order_says_nothing(candidates: list[Candidate], anchors: list[Candidate], words: str) -> None:
    before = relation_weights(candidates, anchors, words, SCENE)
    turned = relation_weights(candidates[::-1], anchors[::-1], words, SCENE)
    assert turned[::-1] == pytest.approx(before)


@given(things(1), things(1), st.sampled_from(PLAIN))
def test_candidates_are_weighed_one_by_one(candidates: list[Candidate], anchors: list[Candidate], words: str) -> None:
    alone = [relation_weights([candidate], anchors, words, SCENE)[0] for candidate in candidates]
    assert relation_weights(candidates, anchors, words, SCENE) == pytest.approx(alone)
