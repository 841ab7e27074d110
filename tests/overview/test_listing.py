"""All boxes of an answer, how surely each was begun, and lists that never end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from zeroov.errors import RecipeError
from zeroov.overview.answer import box_spans, parse_box
from zeroov.overview.listing import boxes_of, list_objects, repeats
from zeroov.overview.load import OverviewModels, load_overview
from zeroov.overview.prefix import read_picture
from zeroov.overview.weigh import weigh
from zeroov.recipe import CandidatesRecipe, OverviewRecipe
from zeroov.types import Box, Picture


@pytest.fixture(scope="module")
def models(tiny: Path) -> OverviewModels:
    recipe = OverviewRecipe(dtype="float32")
    return load_overview(tiny / "vlm", recipe, torch.device("cpu"), name="tiny", revision="0")


@pytest.mark.parametrize(
    ("answer", "boxes"),
    [
        ('```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "a"}, {"bbox_2d": [5, 6, 7, 8], "label": "b"}]```', 2),
        ("[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11", 2),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", 2),
        ("(1, 2), (3, 4) and (5, 6), (7, 8)", 2),
        ("[]", 0),
        ("none", 0),
        ("[3, 4, 1, 2]", 1),
    ],
)
def test_all_boxes_of_an_answer(answer: str, boxes: int) -> None:
    found = box_spans(answer)
    assert len(found) == boxes
    if found:
        assert found[0][0] == (1, 2, 3, 4) == parse_box(answer)


def spelled(text: str, surest: dict[int, float]) -> tuple[Sequence[str], Sequence[float]]:
    return list(text), [surest.get(at, 1.0) for at in range(len(text))]


def test_a_box_is_as_sure_as_the_decision_to_name_it() -> None:
    text = "[1, 2, 30, 40], [50, 6, 70, 80]"
    pieces, sure = spelled(text, {0: 0.9, 3: 0.1, 14: 0.6, 17: 0.2})  # 17: the first digit of a number
    boxes, scores = boxes_of(pieces, sure, (100, 100), (200, 200), 10)
    assert boxes == (Box(2, 4, 60, 80), Box(100, 12, 140, 160))
    assert scores == (0.9, 0.6)


def test_a_box_that_comes_again_and_one_beside_the_picture_are_left_out() -> None:
    pieces, sure = spelled("[1, 2, 30, 40], [1, 2, 30, 41], [300, 0, 400, 50], [5, 5, 5, 5]", {})
    assert boxes_of(pieces, sure, (100, 100), (100, 100), 10)[0] == (Box(1, 2, 30, 40),)


def test_no_more_boxes_than_asked_for() -> None:
    pieces, sure = spelled(", ".join(f"[{x}, 0, {x + 3}, 3]" for x in range(0, 90, 5)), {})
    assert len(boxes_of(pieces, sure, (100, 100), (100, 100), 7)[0]) == 7


def test_a_loop_is_known_from_a_list() -> None:
    box = [7, 1, 2, 3, 4, 8]
    assert repeats(box * 3)
    assert repeats([5, 6, *box, *box, *box])
    assert not repeats(box * 2)
    assert not repeats([*box, 7, 1, 2, 3, 5, 8, 7, 1, 2, 3, 6, 8])
    assert not repeats([1] * 3)  # "111" is a number


def test_a_list_ends_in_a_loop_and_is_the_same_alone_and_in_a_batch(
    models: OverviewModels, rng: np.random.Generator
) -> None:
    pictures = [Picture(rng.integers(0, 255, hw, dtype=np.uint8)) for hw in ((56, 84, 3), (84, 56, 3))]
    recipe = CandidatesRecipe(max_new_tokens=60)
    read = [read_picture(models, picture, OverviewRecipe(dtype="float32")) for picture in pictures]
    together = list_objects(models, pictures, read, ["ship", "storage tank"], recipe)
    alone = [list_objects(models, [pictures[0]], read[:1], ["ship"], recipe)[0]]
    alone += list_objects(models, [pictures[1]], read[1:], ["storage tank"], recipe)
    assert [each.answer for each in together] == [each.answer for each in alone]
    longer = list_objects(models, pictures[:1], read[:1], ["ship"], replace(recipe, max_new_tokens=400))[0]
    assert len(longer.answer.encode()) < 400  # random weights say the same again and again: it is ended before


def test_shares_of_answers_are_those_of_the_models_own_first_token(
    models: OverviewModels, rng: np.random.Generator
) -> None:
    pictures = [Picture(rng.integers(0, 255, hw, dtype=np.uint8)) for hw in ((56, 84, 3), (84, 56, 3))]
    read = [read_picture(models, picture, OverviewRecipe(dtype="float32")) for picture in pictures]
    both = weigh(models, read, ["Is this a ship?", "Is this a grey ship?"], ("Yes", "No"))
    first = weigh(models, read[:1], ["Is this a ship?"], ("Yes", "No"))
    assert both[0] == pytest.approx(first[0], abs=1e-5)
    assert all(sum(shares) == pytest.approx(1) for shares in both)
    with pytest.raises(RecipeError, match="begin with the same token"):
        weigh(models, read[:1], ["?"], ("Yes", "Yet"))
