"""What the Explorer sends to the browser, and what is said where its library is missing."""

from __future__ import annotations

import base64
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.outputs.test_answer import answer_of
from zeroov import recipe as recipes
from zeroov.errors import UsageError
from zeroov.evolve import evolve
from zeroov.look import Look, Question
from zeroov.outputs.rle import decode_rle
from zeroov.show.exploring import picture_url, result_of
from zeroov.types import Affinity, Overview, Window

RECIPE = recipes.load("mini").evolve


def read(floats: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(floats["f32"]), "<f4").reshape(floats["shape"])


def test_a_result_holds_what_is_drawn_and_the_maps_from_which_evolve_is_drawn_again(rng: np.random.Generator) -> None:
    answer = answer_of(found=2)
    overview = Overview(np.ones((1, 2, 2), np.float32), (1,), "[]", None, 0.5, (56, 56), 1, "m", "r")
    attention = rng.random((4, 6), np.float32)
    matrix = rng.random((24, 24)).astype(np.float16)
    evolved = evolve(attention, Affinity(matrix, (4, 6), "noise", "m", "r"), answer.info.hw, RECIPE)
    look = Look(Question(answer.shown, "the plane"), overview, False, attention, evolved=evolved)
    doubtful = replace(answer.found[1], score=0.05)
    answer = replace(answer, found=(answer.found[0], doubtful), looks=(look,))
    result = result_of(answer, RECIPE)
    assert [each["box_xyxy"] for each in result["found"]] == [list(each.box.xyxy) for each in answer.found]
    assert [each["doubtful"] for each in result["found"]] == [None, "the score is below 0.1"]
    np.testing.assert_array_equal(decode_rle(result["found"][0]["mask"]), answer.mask)
    maps = result["evolve"]
    np.testing.assert_array_equal(read(maps["cross_on_grid"]), evolved.cross_on_grid)
    np.testing.assert_array_equal(read(maps["fused"]), evolved.fused)
    assert (maps["hw"], maps["k"], maps["tau"], maps["alpha"]) == ([40, 60], RECIPE.k, RECIPE.tau, RECIPE.alpha)
    assert result_of(replace(answer, area=Window(0, 0, 9, 9)), RECIPE)["evolve"] is None
    assert result_of(replace(answer, looks=()), RECIPE)["evolve"] is None


def test_a_scene_beyond_run_lengths_is_drawn_by_its_boxes() -> None:
    answer = answer_of()
    large = result_of(replace(answer, info=replace(answer.info, hw=(70_000, 70_000))), RECIPE)
    assert large["found"][0]["mask"] is None
    assert large["found"][0]["box_xyxy"] == [2, 6, 7, 10]


def test_the_picture_is_in_its_address() -> None:
    assert picture_url(np.zeros((3, 4, 3), np.uint8)).startswith("data:image/png;base64,")


def test_without_anywidget_the_explorer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import zeroov.show

    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "zeroov.show.explorer", raising=False)
    expected = r"needs anywidget, which is not installed; `pip install 'zeroov\[notebook\]'`"
    with pytest.raises(UsageError, match=expected):
        _ = zeroov.show.Explorer
    with pytest.raises(AttributeError, match="no attribute 'Explore'"):
        _ = zeroov.show.Explore  # type: ignore[attr-defined]


def test_importing_the_room_imports_no_widget() -> None:
    code = "import sys, zeroov.show; print([m for m in ('anywidget', 'traitlets', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
