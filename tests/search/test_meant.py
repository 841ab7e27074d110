"""Which of the objects that passed their closer look a search answers; no model looks, the objects are given."""

from __future__ import annotations

import numpy as np
import pytest

from zeroov import recipe as recipes
from zeroov.outputs.found import Found
from zeroov.progress import SILENT
from zeroov.raster.scene import open_source
from zeroov.recipe import Recipe
from zeroov.search import search
from zeroov.search.survey import Survey
from zeroov.types import Box, Candidate

RECIPE = recipes.load("mini")
ROW = tuple(Box(40 + 90 * n, 200, 80 + 90 * n, 240 + 5 * n) for n in range(4))
"""Four buildings from left to right, each larger than the one before."""


def meant(text: str, boxes: tuple[Box, ...] = ROW, recipe: Recipe = RECIPE, **others: Box) -> set[int]:
    """Return which boxes are answered; `others` are the things beside which they lie, by name."""
    every = [*boxes, *others.values()]
    found = {box: Found(np.ones((2, 2), np.bool_), (int(box.x0), int(box.y0)), box, 0.8, text) for box in every}
    plan = search.plan_of(text, recipe, every=False)
    asked = {plan.kind: boxes, **{f"the {name}": (box,) for name, box in others.items()}}
    survey = Survey((), {name: [Candidate(box, 0.8) for box in seen] for name, seen in asked.items()})
    patch = pytest.MonkeyPatch()
    with open_source(np.zeros((400, 400, 3), np.uint8)) as scene, patch.context() as context:
        context.setattr(search, "look_closer", lambda looker, scene, candidate, *_: found[candidate.box])
        sought = search.find(None, scene, plan, survey, None, recipe, 1, SILENT)  # type: ignore[arg-type]
    return {boxes.index(each.box) for each in sought.found}


@pytest.mark.parametrize(
    ("text", "which"),
    [
        ("the second building from the left", {1}),
        ("the building that is second from the right", {2}),
        ("the last building from the left", {3}),
        ("the second largest building", {2}),
        ("the leftmost building", {0}),
        ("the building on the far right", {3}),
        ("two buildings on the left", {0, 1}),
    ],
)
def test_words_are_weighed_over_the_whole_scene(text: str, which: set[int]) -> None:
    assert meant(text) == which


def test_the_other_objects_of_the_expression_are_looked_for() -> None:
    pool = Box(230, 300, 260, 330)
    assert meant("the building next to the pool", pool=pool) == {2}
    hall = Box(0, 205, 30, 235)
    assert meant("the building between the hall and the pool", pool=Box(130, 205, 150, 235), hall=hall) == {0}


def test_the_recipe_weighs_what_a_search_chooses_by() -> None:
    boxes = (Box(30, 180, 60, 210), Box(330, 180, 390, 240))
    assert meant("the large building on the left", boxes) == {0}
    for key in ("search.place", "select.place"):
        assert meant("the large building on the left", boxes, RECIPE.with_values({key: 0})) == {1}


def test_what_does_not_fit_the_words_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert meant("the second building from the left near the pool", pool=Box(0, 0, 20, 20)) == {1}
    assert not caplog.messages
    assert meant("the ninth building from the left near the pool") == {3}
    assert ["fewer than `ninth`" in caplog.messages[0], "nobody saw the pool" in caplog.messages[1]] == [True, True]
