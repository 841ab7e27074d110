"""The stage select: what the models are asked about candidates, when, and what comes of it. Models are stood in for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import zeroov
from zeroov.cli.main import app
from zeroov.dumps import DumpStore
from zeroov.look import Look, Question
from zeroov.pipeline import select as stage
from zeroov.pipeline.replay import reselect
from zeroov.pipeline.run import Stages
from zeroov.progress import SILENT
from zeroov.types import Box, Overview, Picture, Selection

HW = (200, 200)
LEFT, RIGHT, MIDDLE = Box(10, 90, 40, 120), Box(160, 90, 190, 120), Box(85, 90, 115, 120)
TANK = Box(160, 40, 180, 60)
Lists = Mapping[str, Sequence[tuple[Box, float]]]


def look_at(text: str, answer_box: Box | None = None, answer: str = "[1, 2, 3, 4]") -> Look:
    rng = np.random.default_rng(0)
    picture = Picture(rng.integers(0, 255, (*HW, 3), dtype=np.uint8))
    layers = np.ones((1, 4, 4), np.float32)
    overview = Overview(layers, (0,), answer, answer_box, 0.9, HW, 3, "stand-in", "0")
    return Look(Question(picture, text), overview, False, layers[0])


Asked = list[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    """Stand in for the models: lists by kind, and how likely "yes" is by the words of a question."""

    def install(lists: Lists, yes: Callable[[str, Picture], float] = lambda text, picture: 0.5) -> Asked:
        heard: Asked = []

        def boxes(stages: Any, questions: Sequence[Question], progress: Any) -> list[dict[str, Any]]:
            heard.extend(question.expression for question in questions)
            return [{"vlm": list(lists.get(question.expression, ()))} for question in questions]

        def weighed(stages: Any, pairs: Sequence[tuple[Picture, str]], answers: Sequence[str], progress: Any) -> Any:
            heard.extend(dict.fromkeys(text for _, text in pairs))
            if len(answers) > 2:  # which number?
                votes = [0.1] * len(answers)
                votes[0] = 0.9  # a model that always says 1
                return [tuple(votes) for _ in pairs]
            return [(yes(text, picture), 1 - yes(text, picture)) for picture, text in pairs]

        monkeypatch.setattr(stage, "boxes_by_source", boxes)
        monkeypatch.setattr(stage, "weighed", weighed)
        return heard

    return install


def chosen(text: str, answer_box: Box | None = None, **changes: Any) -> Selection:
    stages = Stages(zeroov.load("select-lite", **changes).recipe, "cpu")
    (look,) = stage.select(stages, [look_at(text, answer_box)], SILENT)
    assert look.selection
    assert look.coarse.box == look.selection.chosen[0].box
    return look.selection


SHIPS = [(LEFT, 0.9), (MIDDLE, 0.9), (RIGHT, 0.9)]


def test_what_the_rules_decide_is_asked_of_nobody(asked: Callable[..., Asked]) -> None:
    heard = asked({"ship": SHIPS})
    selection = chosen("the ship on the left")
    assert selection.chosen[0].box == LEFT
    assert not selection.choice.undecided
    assert heard == ["ship"]
    assert selection.pool.asked == ()


def test_an_other_object_is_asked_for_by_its_own_name(asked: Callable[..., Asked]) -> None:
    heard = asked({"ship": SHIPS, "storage tank": [(TANK, 0.9)]})
    selection = chosen("the ship below the storage tank")
    assert heard[:2] == ["ship", "storage tank"]
    assert selection.chosen[0].box == RIGHT
    assert selection.pool.anchors[0].candidates[0].box == TANK
    assert "anchors" not in chosen("the ship below the storage tank", evidence__anchors="never").pool.asked


def test_a_colour_is_asked_of_crops_only_where_nothing_else_decides(asked: Callable[..., Asked]) -> None:
    def yes(text: str, picture: Picture) -> float:
        there = picture.window.x0 >= 120  # the crop around the right one
        return 0.9 if "gray" not in text or there else 0.05

    heard = asked({"ship": SHIPS}, yes)
    selection = chosen("the gray ship", evidence__marks="never")
    assert selection.chosen[0].box == RIGHT
    assert heard == ["ship", "Is this a gray ship? Answer yes or no.", "Is this a ship? Answer yes or no."]
    assert selection.pool.asked == ("attributes",)
    heard.clear()
    assert chosen("the gray ship on the left").chosen[0].box == LEFT
    assert heard == ["ship"]


def test_the_other_object_of_a_colour_is_found_by_its_colour(asked: Callable[..., Asked]) -> None:
    far = Box(20, 40, 40, 60)

    def yes(text: str, picture: Picture) -> float:
        return 0.9 if "orange" not in text or picture.window.x0 < 100 else 0.05

    heard = asked({"ship": SHIPS, "storage tank": [(TANK, 0.9), (far, 0.8)]}, yes)
    assert chosen("the ship below the orange storage tank", evidence__marks="never").chosen[0].box == LEFT
    assert "Is this an orange storage tank? Answer yes or no." in heard


def test_a_model_that_always_says_one_decides_nothing(asked: Callable[..., Asked]) -> None:
    heard = asked({"ship": SHIPS})
    selection = chosen("the ship that spans nothing")
    assert selection.pool.asked[-1] == "marks"
    assert any(text.startswith("Which numbered box") for text in heard)
    first, second, _ = selection.choice.order
    marks = selection.pool.extra["marks"]
    assert marks[first] == pytest.approx(marks[second])
    assert selection.choice.undecided


def test_without_a_list_the_looks_own_answer_stands(asked: Callable[..., Asked]) -> None:
    asked({})
    selection = chosen("the ship on the left", answer_box=MIDDLE)
    assert [each.box for each in selection.chosen] == [MIDDLE]
    assert not selection.pool.listed
    assert selection.chosen[0].sources == ("answer",)


def test_nobody_saw_anything(asked: Callable[..., Asked]) -> None:
    asked({})
    stages = Stages(zeroov.load("select-lite").recipe, "cpu")
    (look,) = stage.select(stages, [look_at("the ship")], SILENT)
    assert look.selection is not None
    assert look.selection.chosen == ()
    assert look.coarse.box is None
    assert look.score(None) == 0


def test_a_group_is_answered_whole(asked: Callable[..., Asked]) -> None:
    asked({"plane": [(LEFT, 0.9), (Box(10, 40, 40, 70), 0.8), (RIGHT, 0.9)]})
    assert {each.box for each in chosen("the two planes on the left").chosen} == {LEFT, Box(10, 40, 40, 70)}


def test_another_script_has_candidates_too(asked: Callable[..., Asked]) -> None:
    asked({"左边的船": SHIPS})
    assert chosen("左边的船").chosen


def test_a_hundred_and_more_candidates(asked: Callable[..., Asked]) -> None:
    boxes = [(Box(x, y, x + 4, y + 4), 0.5) for x in range(0, 195, 15) for y in range(0, 195, 15)]
    asked({"vehicle": boxes})
    selection = chosen("the leftmost vehicle at the top", candidates__most=500)
    assert len(selection.pool.candidates) == len(boxes) > 100
    assert selection.chosen[0].box == Box(0, 0, 4, 4)


def test_candidates_are_kept_and_chosen_among_again_without_a_model(
    tmp_path: Path, asked: Callable[..., Asked]
) -> None:
    asked({"ship": SHIPS, "storage tank": [(TANK, 0.9)]})
    stages = Stages(zeroov.load("select-lite").recipe, "cpu", tmp_path)
    look = look_at("the ship below the storage tank", answer_box=LEFT)
    (first,) = stage.select(stages, [Look(**{**vars(look), "keys": {"overview": "0" * 32}})], SILENT)
    ((dump, again),) = reselect(DumpStore(tmp_path), stages.recipe)
    assert first.selection is not None
    assert again.choice == first.selection.choice
    assert again.pool.extra == first.selection.pool.extra
    assert dump.about["kind"] == "ship"
    ((_, other),) = reselect(DumpStore(tmp_path), stages.recipe.with_values({"select.relation": 0}))
    assert other.chosen[0].box == LEFT, "the answer's own box is all that is left"
    told = CliRunner().invoke(app, ["candidates", str(tmp_path), "--json"])
    assert told.exit_code == 0, told.output
    (sample,) = json.loads(told.stdout)
    assert [each["chosen"] for each in sample["candidates"]] == [True, False, False]
    assert sample["candidates"][0]["box_xyxy"] == list(first.selection.chosen[0].box.xyxy)
    empty = CliRunner().invoke(app, ["candidates", str(tmp_path / "none")])
    assert empty.exit_code == 1
    assert "is no folder of dumps" in empty.output
