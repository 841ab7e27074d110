"""In a few words, why this one."""

from __future__ import annotations

import pytest

from zeroov.candidates.choose import choose
from zeroov.language.phrase import parse
from zeroov.outputs.selection import pool_json, why
from zeroov.recipe import SelectRecipe
from zeroov.types import Box, Candidate, Pool, Selection

LEFT, RIGHT = Box(10, 40, 30, 60), Box(70, 40, 90, 60)


def selection(text: str, *scores: float, listed: bool = True, **weights: float) -> Selection:
    boxes = (LEFT, RIGHT)[: len(scores)]
    candidates = tuple(Candidate(box, score, sources=("vlm",)) for box, score in zip(boxes, scores, strict=True))
    extra = {"attention": (0.1, 1.0)[: len(scores)]}
    pool = Pool("ship", candidates, listed, extra=extra)
    return Selection(pool, choose(candidates, parse(text), (100, 100), (), extra, SelectRecipe(**weights)))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (selection("the ship on the left", 0.9, 0.9), "2 candidates, decided by place"),
        (selection("the ship on the left", 0.9, 0.9, place=0.01, attention=1), "2 candidates, decided by attention"),
        (selection("the ship", 0.9, 0.1, attention=0), "2 candidates, decided by score alone"),
        (selection("the ship", 0.9, 0.9, attention=0), "2 candidates, undecided (1.00): score alone"),
        (selection("the ship", 0.9), "one ship was seen"),
        (selection("the ships", 0.9, 0.9, attention=0), "2 of 2 are meant"),
        (selection("the ship", 0.9, listed=False), "no ship was listed; the look's own answer stands"),
        (selection("the ship"), "nobody saw a candidate"),
    ],
)
def test_what_decided(chosen: Selection, words: str) -> None:
    assert why(chosen).startswith(words)


def test_every_candidate_has_its_factors_and_the_best_is_first() -> None:
    plain = pool_json(selection("the ship on the left", 0.9, 0.9))
    assert [each["box_xyxy"] for each in plain["candidates"]] == [list(LEFT.xyxy), list(RIGHT.xyxy)]
    assert [each["chosen"] for each in plain["candidates"]] == [True, False]
    assert set(plain["candidates"][0]["factors"]) == {"place", "attention"}
    assert plain["candidates"][0]["value"] > plain["candidates"][1]["value"]
