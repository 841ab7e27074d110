"""The sentence that says why, the candidates, and the names of things."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zeroov import recipe as recipes
from zeroov.look import Look, Question
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found, SceneInfo
from zeroov.serve.explain import explained, letter, why
from zeroov.types import Box, Candidate, Choice, Overview, Picture, Pool, Selection

RECIPE = recipes.load("select-mini")
PICTURE = Picture(np.zeros((40, 60, 3), np.uint8))
BOXES = (Box(0, 0, 10, 10), Box(20, 20, 40, 40), Box(1, 1, 2, 2))


def answer(
    values: tuple[float, ...], factors: dict[str, tuple[float, ...]], group: tuple[int, ...] = (), found: bool = True
) -> Answer:
    candidates = tuple(Candidate(box, 0.5, sources=("vlm",)) for box in BOXES[: len(values)])
    order = tuple(sorted(range(len(values)), key=lambda at: -values[at]))
    choice = Choice(values, factors, order, False, 0.3, group=group, decisive="place")
    overview = Overview(np.ones((1, 4, 6), np.float32), (0,), "[]", None, 0.9, (40, 60), 1, "m", "1")
    look = Look(Question(PICTURE, "the ship"), overview, False, np.ones((4, 6), np.float32))
    if values:
        look = Look(**{**look.__dict__, "selection": Selection(Pool("ship", candidates, True), choice)})
    mask = np.ones((10, 10), np.bool_)
    shown = (Found(mask, (0, 0), BOXES[0], 0.8, "the ship"),) if found else ()
    return Answer("the ship", shown, 0.8, "[]", SceneInfo("a", (40, 60)), PICTURE, looks=(look,), why_empty="no one")


def test_the_evidence_that_decides_is_named() -> None:
    told = answer((0.9, 0.45), {"relation_1": (0.93, 0.41), "answer": (0.95, 0.07), "score": (0.5, 0.5)})
    assert why(told, RECIPE) == (
        "A leads B by 0.45. Relation (0.93 against 0.41) and own box (0.95 against 0.07) decide."
    )
    told = answer((0.2, 0.9), {"place": (0.1, 1.0), "attention": (1.0, 0.9)})
    assert why(told, RECIPE) == "A leads B by 0.70. Place (1.00 against 0.10) decides."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (answer((0.9,), {}), "The only candidate."),
        (answer((), {}), "The only candidate."),
        (answer((0.9, 0.9), {"place": (1.0, 1.0)}), "A and B are as likely as each other."),
        (answer((0.9, 0.8, 0.1), {}, group=(0, 1)), "2 of 3 candidates are meant together."),
        (answer((0.9,), {}, found=False), "Nothing found: no one."),
    ],
)
def test_every_answer_has_its_sentence(given: Answer, sentence: str) -> None:
    assert why(given, RECIPE) == sentence


def test_candidates_come_with_their_evidence_the_best_first() -> None:
    told = answer((0.2, 0.9), {"place": (0.1, 1.0)})
    report = json.loads(json.dumps(explained(told.looks[0], RECIPE, told), allow_nan=False))
    first, second = report["candidates"]
    assert (first["letter"], first["box_xyxy"], first["chosen"], first["factors"]) == (
        "A",
        [20, 20, 40, 40],
        True,
        {"place": 1.0},
    )
    assert (second["letter"], second["chosen"]) == ("B", False)
    assert report["weights"]["score"] == RECIPE.select.score
    assert [letter(place) for place in (0, 25, 26, 27, 52)] == ["A", "Z", "AA", "AB", "BA"]
