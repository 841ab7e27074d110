from __future__ import annotations

import numpy as np
import pytest

from zeroov.language.phrase import parse
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
