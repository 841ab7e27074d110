"""What of an answer is shown: its score and the model's own words decide, after all looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeroov import recipe as recipes
from zeroov.outputs.decide import DENIED, UNDECIDED, decide
from zeroov.outputs.found import Found
from zeroov.progress import SILENT
from zeroov.raster.scene import open_source
from zeroov.search import search
from zeroov.search.survey import Survey
from zeroov.types import Box, Candidate

RECIPE = recipes.load("mini")


def found_in(box: Box, score: float) -> Found:
    height, width = int(box.y1 - box.y0), int(box.x1 - box.x0)
    return Found(np.ones((height, width), np.bool_), (int(box.x0), int(box.y0)), box, score, "the largest ship")


FIRST, SECOND = found_in(Box(0, 0, 60, 60), 0.3), found_in(Box(100, 100, 110, 110), 0.9)


@pytest.mark.parametrize(
    ("changes", "absent", "shown", "why"),
    [
        ({}, False, (FIRST, SECOND), ""),
        ({}, True, (), DENIED),
        ({"said_absent": "keep"}, True, (FIRST, SECOND), ""),
        ({"min_score": 0.3}, False, (FIRST, SECOND), ""),
        ({"min_score": 0.5}, False, (SECOND,), ""),
        ({"min_score": 0.95}, False, (), "the score 0.900 is below min_score = 0.95"),
    ],
)
def test_what_is_shown(changes: dict[str, Any], absent: bool, shown: tuple[Found, ...], why: str) -> None:
    assert decide([FIRST, SECOND], "", absent, RECIPE.with_values(changes)) == (shown, why)
    assert decide([FIRST, SECOND], "", absent, RECIPE.with_values({**changes, **UNDECIDED})) == ((FIRST, SECOND), "")
    assert decide([], "nothing is there", False, RECIPE) == ((), "nothing is there")


def test_a_search_chooses_the_object_that_is_meant_and_not_one_that_scores_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_box = {each.box: each for each in (FIRST, SECOND)}
    monkeypatch.setattr(search, "look_closer", lambda looker, scene, candidate, *_: by_box[candidate.box])
    recipe = RECIPE.with_values({"min_score": 0.5})
    plan = search.plan_of("the largest ship", recipe, every=False)
    survey = Survey((), {plan.kind: [Candidate(each.box, 0.9) for each in by_box.values()]})
    with open_source(np.zeros((200, 200, 3), np.uint8)) as scene:
        sought = search.find(None, scene, plan, survey, None, recipe, 1, SILENT)  # type: ignore[arg-type]
    assert sought.found == (FIRST,)
