from __future__ import annotations

import numpy as np
import pytest

from zeroov.language.phrase import parse
from zeroov.language.position import position_prior
from zeroov.search.choose import rank
from zeroov.types import Box, Candidate

HW = (1000, 2000)
CORNERS = {
    "upper left": Box(100, 100, 150, 140),
    "upper right": Box(1800, 90, 1860, 150),
    "lower left": Box(90, 850, 160, 900),
    "lower right": Box(1830, 860, 1930, 960),
}


def best(expression: str, glance: np.ndarray | None = None, scores: tuple[float, ...] = (0.5, 0.5, 0.5, 0.5)) -> str:
    candidates = [Candidate(box, score) for box, score in zip(CORNERS.values(), scores, strict=True)]
    values = rank(candidates, parse(expression), glance, HW, 4.0)
    return list(CORNERS)[int(values.argmax())]


@pytest.mark.parametrize("corner", list(CORNERS))
def test_words_of_place_are_heard_over_the_whole_scene(corner: str) -> None:
    assert best(f"the white plane on the {corner}") == corner


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("the largest ship", {"lower right"}),
        ("the smallest ship", {"upper left"}),
        ("the leftmost ship", {"lower left", "upper left"}),
        ("the rightmost ship", {"lower right"}),
        ("the topmost ship", {"upper right", "upper left"}),
    ],
)
def test_superlatives_compare_the_candidates(expression: str, expected: set[str]) -> None:
    assert best(expression) in expected


def test_the_glance_decides_where_words_do_not() -> None:
    glance = np.zeros((10, 20), dtype=np.float32)
    glance[8:10, 0:3] = 1
    assert best("the ship near the pier", glance) == "lower left"
    assert best("the ship near the pier", glance, (0.5, 0.5, 0.1, 0.5)) != "lower left"  # but a poor look stays poor


def test_what_the_glance_could_not_see_it_cannot_deny() -> None:
    candidates = [Candidate(CORNERS["upper left"], 0.5), Candidate(CORNERS["lower left"], 0.4)]
    glance = np.zeros((10, 20), dtype=np.float32)
    glance[8:10, 0:3] = 1
    phrase = parse("the ship near the pier")
    assert rank(candidates, phrase, glance, HW, 4.0, reduced=1.0).argmax() == 1
    assert rank(candidates, phrase, glance, HW, 4.0, reduced=0.02).argmax() == 0


def test_no_candidates_have_no_ranks() -> None:
    assert rank([], parse("the ship"), None, HW, 4.0).shape == (0,)


ROW = [Candidate(Box(100 + 400 * n, 400, 200 + 400 * n, 500 + 20 * n), 0.5) for n in range(4)]
"""Four buildings from left to right, each larger than the one before."""


@pytest.mark.parametrize(
    "expression",
    [
        "the second building from the left",
        "the building second from the left",
        "the third building from the right",
        "the second leftmost building",
        "the second largest building",
        "the last building from the left",
    ],
)
def test_an_ordinal_is_no_superlative(expression: str) -> None:
    np.testing.assert_allclose(rank(ROW, parse(expression), None, HW, 4.0), 0.5)


def test_the_first_from_a_side_is_the_outermost() -> None:
    assert rank(ROW, parse("the first building from the left"), None, HW, 4.0).argmax() == 0
    assert rank(ROW, parse("the first building from the right"), None, HW, 4.0).argmax() == 3


def test_a_value_is_what_the_words_say_step_by_step(rng: np.random.Generator) -> None:
    """Score, attention, place, size and side, each computed one candidate at a time."""
    glance = rng.random((9, 14), dtype=np.float32)
    low, high = glance.min(), glance.max()
    for expression in (
        "the largest ship",
        "the tiny ship",
        "the leftmost ship",
        "the smallest ship on the lower right",
    ):
        phrase = parse(expression)
        corners = rng.uniform(0, 1, (6, 2)) * (1800, 900)
        sides = rng.uniform(2, 100, (6, 2))
        boxes = [Box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sides, strict=True)]
        candidates = [Candidate(box, float(score)) for box, score in zip(boxes, rng.random(6), strict=True)]
        values = rank(candidates, phrase, glance, HW, 4.0, reduced=0.4)
        place = position_prior(phrase.place, (32, 32), 4.0)
        areas = [(box.x1 - box.x0) * (box.y1 - box.y0) for box in boxes]
        for candidate, value, area in zip(candidates, values, areas, strict=True):
            box = candidate.box
            trust = 0.7 * min(1, 0.4 * max(box.x1 - box.x0, box.y1 - box.y0) / 24)
            rows = range(int(box.y0 * 9 / 1000), int(np.ceil(box.y1 * 9 / 1000)))
            cols = range(int(box.x0 * 14 / 2000), int(np.ceil(box.x1 * 14 / 2000)))
            attention = max((glance[r, c] - low) / (high - low) for r in rows for c in cols)
            expected = candidate.score * (1 - trust * (1 - attention))
            expected *= place[int((box.y0 + box.y1) / 2 * 32 / 1000), int((box.x0 + box.x1) / 2 * 32 / 2000)]
            if "largest" in expression:
                expected *= area / max(areas)
            if "smallest" in expression:
                expected *= min(areas) / area
            if "leftmost" in expression:
                ahead = min((other.x0 + other.x1) / 2 for other in boxes)
                expected *= np.exp(-10 * ((box.x0 + box.x1) / 2 - ahead) / 2000)
            assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("word", "which"), [("leftmost", 0), ("rightmost", 3), ("topmost", 2), ("bottommost", 1)])
def test_a_tenth_of_the_scene_behind_the_outermost_weighs_a_third(word: str, which: int) -> None:
    places = [(100, 500), (700, 900), (1100, 100), (1900, 600)]
    candidates = [Candidate(Box(x - 9, y - 9, x + 9, y + 9), 0.5) for x, y in places]
    phrase = parse(f"the {word} ship")
    values = rank(candidates, phrase, None, HW, 0.0)
    side = {"leftmost": (-1, 0), "rightmost": (1, 0), "topmost": (0, -1), "bottommost": (0, 1)}[word]
    along = [(x / 2000 * side[0] + y / 1000 * side[1]) for x, y in places]
    assert values.argmax() == which
    assert values == pytest.approx([0.5 * np.exp(-10 * (max(along) - each)) for each in along])


def test_a_candidate_at_the_edge_or_thinner_than_a_cell_is_weighed_by_the_cell_that_it_is_in() -> None:
    glance = np.zeros((2, 2), dtype=np.float32)
    glance[1, 1] = 1
    candidates = [
        Candidate(Box(1999.5, 999.5, 2000, 1000), 0.5),
        Candidate(Box(998, 0, 999, 30), 0.5),
        Candidate(Box(2050, 1010, 2090, 1040), 0.5),  # beside the scene: nothing was seen of it
    ]
    values = rank(candidates, parse("the ship"), glance, HW, 4.0, reduced=24.0)
    assert values == pytest.approx([0.5 * (1 - 0.7 * (1 - a) * t) for a, t in ((1, 0.5), (0, 1), (0, 1))])
