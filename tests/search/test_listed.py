"""A searched scene under a recipe with the stage select: tiles list, the rules choose among all that they list.

What looks sees perfectly the bright things of a scene, and knows their kind by their colour. It stands in for the
models; the rules, the tiles, the joining of their lists and the closer looks are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import zeroov
from tests.search.test_tiling import PerfectSight, Place, Tiling, bright, draw_place, is_clear
from zeroov import frames
from zeroov.answers import search_answer
from zeroov.cli.main import app
from zeroov.errors import Cancelled, HardwareError, PictureError
from zeroov.look import Look, Question, Searched
from zeroov.outputs.found import SceneInfo
from zeroov.pipeline import select as stage
from zeroov.pipeline.run import Stages
from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import Scene, open_source
from zeroov.recipe import Recipe
from zeroov.search.listed import listed_scene
from zeroov.search.plan import plan_of
from zeroov.search.search import Sought, search_scene
from zeroov.search.survey import glance_at
from zeroov.types import Box, Boxes, Overview, Picture, Uint8, Window

SHADES = {"ship": 220, "storage tank": 140}
"""Green of each kind; red of all is bright."""
CUT = {"search.tile": 100, "search.overlap": 0.3, "search.glance": 150, "zoom.least_side": 50}
NEVER = {f"evidence.{name}": "never" for name in ("kinds", "attributes", "marks")}
RECIPE = zeroov.load("select-lite").recipe.with_values({**CUT, **NEVER, "candidates.sources": ["vlm"]})


class Lister(PerfectSight):
    """Sees what is bright; lists it by its shade; its answers and choices are those of the pipeline."""

    def __init__(self, recipe: Recipe, folder: Path | None = None) -> None:
        super().__init__(recipe)
        self.stages = Stages(recipe, "cpu", folder)
        self.asked: list[Question] = []

    def kinds(self, expression: str) -> tuple[str, ...]:
        return self.stages.kinds(expression)

    def listed(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[dict[str, Boxes]]:
        self.asked += questions
        return [{"vlm": seen(each.picture, each.expression)} for each in questions]

    def select(
        self, looks: Sequence[Look], progress: Progress = SILENT, searched: Sequence[Searched] = ()
    ) -> list[Look]:
        kept = [replace(look, keys={"overview": "0" * 32}) for look in looks]
        return stage.select(self.stages, kept, progress, searched)

    def overview(self, picture: Picture, mask: Any) -> Overview:
        """Name nothing at the glance: what a scene's answer is comes from the lists."""
        made = super().overview(picture, mask)
        return made if picture.part is None or max(picture.window.hw) <= 100 else replace(made, answer_box=None)


def seen(picture: Picture, kind: str) -> list[tuple[Box, float]]:
    """Return the boxes of a kind's things in a picture."""
    things = bright(picture) & (np.abs(picture.rgb[..., 1].astype(int) - SHADES.get(kind, 0)) < 40)
    _, _, stats, _ = cv2.connectedComponentsWithStats(things.astype(np.uint8))
    return [(Box(x, y, x + w, y + h), 0.9) for x, y, w, h, _ in stats[1:].astype(float).tolist()]


def painted(hw: tuple[int, int], ships: Sequence[Place], tanks: Sequence[Place] = ()) -> Uint8:
    rgb = np.full((*hw, 3), 40, np.uint8)
    for kind, places in (("ship", ships), ("storage tank", tanks)):
        for x0, y0, x1, y1 in places:
            rgb[y0:y1, x0:x1] = 220, SHADES[kind], 220
    return rgb


def searched(scene: Uint8 | Scene, text: str, looker: Lister | None = None, every: bool = False) -> Sought:
    looker = looker or Lister(RECIPE)
    with open_source(scene) as opened:
        (sought,) = search_scene(looker, opened, [text], looker.recipe, every=every, rounds=0, progress=SILENT)
    return sought


def places(sought: Sought) -> list[tuple[float, ...]]:
    return [found.box.xyxy for found in sought.found]


LEFT, MIDDLE, RIGHT = (20, 120, 40, 135), (200, 118, 222, 135), (390, 122, 410, 136)
SHIPS = [LEFT, MIDDLE, RIGHT]
TANK = (150, 30, 165, 45)


def lists_of(rgb: Uint8, recipe: Recipe, kind: str = "ship") -> list[tuple[Box, float]]:
    """Return the list of a kind in a scene, in its pixels."""
    looker = Lister(recipe)
    plan = plan_of(f"the {kind}", recipe, every=False)
    with open_source(rgb) as scene:
        glance = glance_at(looker, scene, plan.text, recipe.search, SILENT)
        assert glance
        _, (known,) = listed_scene(looker, scene, [plan], [glance], recipe, SILENT)
    boxes = known.lists[kind]["vlm"]
    return [(frames.to_scene(box, glance.picture), score) for box, score in boxes]


def rounded(boxes: Sequence[tuple[Box, float]]) -> list[tuple[int, ...]]:
    return sorted(tuple(round(side) for side in box.xyxy) for box, _ in boxes)


@settings(max_examples=25, deadline=None)
@given(
    st.builds(
        Tiling,
        st.tuples(st.integers(170, 340), st.integers(170, 340)),
        st.integers(64, 160),
        st.floats(0.2, 0.5),
        st.sampled_from([64, 128, 320]),
    ),
    st.data(),
)
def test_each_object_is_listed_once_however_the_scene_is_cut(tiling: Tiling, data: st.DataObject) -> None:
    """An object no longer than the overlap lies whole in a tile, and is in the lists of up to four."""
    ships: list[Place] = []
    for _ in range(data.draw(st.integers(0, 4))):
        ship = draw_place(data, replace(tiling, overlap=tiling.overlap - 4 / tiling.tile))
        if is_clear(ship, ships):
            ships.append(ship)
    cut = {"search.tile": tiling.tile, "search.overlap": tiling.overlap, "search.glance": tiling.glance}
    assert rounded(lists_of(painted(tiling.hw, ships), RECIPE.with_values(cut))) == sorted(ships)


def test_what_no_tile_holds_is_taken_from_the_look_at_the_whole() -> None:
    long, small = (30, 60, 330, 80), (20, 200, 32, 212)
    rgb = painted((300, 400), [long, small])
    [(small_box, _), (long_box, _)] = sorted(lists_of(rgb, RECIPE), key=lambda each: each[0].x1)
    assert rounded([(small_box, 1)]) == [small], "seen by tiles, to the pixel"
    assert frames.box_iou(long_box, Box(*map(float, long))) > 0.8, "seen in the reduced scene alone"


def test_the_rules_choose_over_the_whole_scene() -> None:
    rgb = painted((260, 440), SHIPS, [TANK])
    assert places(searched(rgb, "the ship on the right")) == [RIGHT]
    assert places(searched(rgb, "the second ship from the left")) == [MIDDLE]
    assert places(searched(rgb, "the ship below and to the left of the storage tank")) == [LEFT]
    assert set(places(searched(rgb, "the two ships on the left"))) == {LEFT, MIDDLE}


def test_the_result_says_what_a_pictures_does() -> None:
    rgb = painted((260, 440), SHIPS, [TANK])
    sought = searched(rgb, "the ship to the right of the storage tank")
    with open_source(rgb) as scene:
        report = search_answer(scene, sought, RECIPE, {}).to_json()
    document = report["select"]
    assert document["kind"] == "ship"
    assert document["listed"]
    assert document["asked"] == ["anchors"]
    assert sorted(tuple(map(round, each["box_xyxy"])) for each in document["candidates"]) == SHIPS
    first = document["candidates"][0]
    assert first["chosen"]
    assert "relation_1" in first["factors"]
    assert tuple(map(round, first["box_xyxy"])) == tuple(map(round, report["box_xyxy"])) == RIGHT


def test_a_part_of_a_scene_has_its_candidates_where_they_lie_in_the_whole() -> None:
    looker, window = Lister(RECIPE), Window(100, 20, 440, 260)
    with open_source(painted((260, 440), SHIPS, [TANK])) as whole:
        scene = whole.part(window)
        options: dict[str, Any] = {"every": False, "rounds": 0, "progress": SILENT}
        (sought,) = search_scene(looker, scene, ["the ship on the left"], RECIPE, **options)
        answer = search_answer(scene, sought, RECIPE, {}).in_whole(SceneInfo.of(whole), window)
    assert [tuple(map(round, each["box_xyxy"])) for each in answer.to_json()["select"]["candidates"]] == [MIDDLE, RIGHT]
    assert answer.box
    assert answer.box.xyxy == MIDDLE


def test_several_expressions_ask_for_a_kind_once() -> None:
    texts, looker = ["the ship on the left", "the ship on the right", "the ship below the storage tank"], Lister(RECIPE)
    with open_source(painted((260, 440), SHIPS, [TANK])) as scene:
        sought = search_scene(looker, scene, texts, RECIPE, every=False, rounds=0, progress=SILENT)
    assert [places(each) for each in sought] == [[LEFT], [RIGHT], [MIDDLE]]
    questions = [(each.picture.window, each.expression) for each in looker.asked]
    assert len(questions) == len(set(questions)) == 2 * (len(sought[0].tiles) + 1), "the look at the whole lists too"


def test_numbered_boxes_are_drawn_on_the_part_that_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at the whole may be too small to see them."""
    shown: list[Picture] = []

    def weighed(stages: Any, pairs: Sequence[tuple[Picture, str]], answers: Any, progress: Any) -> Any:
        shown.extend(picture for picture, _ in pairs)
        return [(0.1, 0.8, 0.1), (0.8, 0.1, 0.1)]  # the second, by either numbers

    monkeypatch.setattr(stage, "weighed", weighed)
    ships = [(20, 120, 40, 135), (60, 120, 80, 135)]
    sought = searched(
        painted((260, 440), ships), "the ship", Lister(RECIPE.with_values({"evidence.marks": "undecided"}))
    )
    assert sought.glance
    assert sought.glance.selection
    first, _ = sought.glance.selection.choice.order
    assert sought.glance.selection.pool.extra["marks"][first] == 1
    assert {picture.window for picture in shown} == {Window(0, 78, 100, 178)}
    assert {picture.hw for picture in shown} == {(100, 100)}
    assert all((picture.rgb != 40).any(axis=2).sum() > 2 * 20 * 15 for picture in shown)


def test_all_of_a_kind_come_from_the_same_lists() -> None:
    sought = searched(painted((260, 440), SHIPS, [TANK]), "the ship", every=True)
    assert sorted(places(sought)) == SHIPS


def test_an_other_object_that_nobody_saw_is_told() -> None:
    sought = searched(painted((260, 440), SHIPS), "the ship to the left of the storage tank")
    assert sought.glance
    assert sought.glance.selection
    assert "nobody saw the storage tank" in sought.glance.selection.choice.notes


def test_other_objects_are_not_asked_for_where_the_recipe_says_so() -> None:
    rgb, text = painted((260, 440), SHIPS, [TANK]), "the ship to the left of the storage tank"
    for key in ("search.relations", "evidence.anchors"):
        looker = Lister(RECIPE.with_values({key: False if key == "search.relations" else "never"}))
        sought = searched(rgb, text, looker)
        assert {question.expression for question in looker.asked} == {"ship"}
        assert sought.glance
        assert sought.glance.selection
        assert sought.glance.selection.choice.notes == ()


def test_a_hundred_and_more_in_one_scene() -> None:
    many = [(x, y, x + 6, y + 6) for x in range(10, 430, 30) for y in range(10, 250, 24)]
    sought = searched(painted((260, 440), many), "the rightmost ship at the bottom")
    assert sought.glance
    assert sought.glance.selection
    assert len(sought.glance.selection.pool.candidates) == len(many) > 100
    assert places(sought) == [many[-1]]


def test_nobody_lists_anything() -> None:
    """The answers of the tiles stand, and the result says so; without these nothing is answered."""
    rgb = painted((260, 440), [], [TANK])
    asked = Lister(RECIPE.with_values({"candidates.sources": ["vlm", "answer"]}))
    sought = searched(rgb, "the ship", asked)
    assert places(sought) == [TANK]
    assert sought.glance
    assert sought.glance.selection
    assert not sought.glance.selection.pool.listed
    with open_source(rgb) as scene:
        told = search_answer(scene, sought, RECIPE, {}).to_json()
        assert told["select"]["why"] == "no ship was listed; the look's own answer stands"
        none = search_answer(scene, searched(rgb, "the ship"), RECIPE, {})
    assert (none.status, none.why_empty) == ("empty", "nobody named a candidate")


def test_tiles_of_nodata_list_nothing(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    rgb = painted((260, 440), [LEFT, RIGHT])
    rgb[:, 220:] = 0
    profile = {"driver": "GTiff", "width": 440, "height": 260, "count": 3, "dtype": "uint8", "nodata": 0}
    placed = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(tmp_path / "half.tif", "w", **profile, **placed) as file:
        file.write(rgb.transpose(2, 0, 1))
    looker = Lister(RECIPE)
    with open_source(tmp_path / "half.tif") as scene:
        sought = searched(scene, "the ship on the right", looker)
    assert places(sought) == [LEFT]
    nodata = {tile.window for tile in sought.tiles if tile.status == "nodata"}
    assert nodata
    assert not nodata & {question.picture.window for question in looker.asked}


def test_a_tile_that_fails_costs_itself_alone() -> None:
    class Failing(Lister):
        def listed(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[dict[str, Boxes]]:
            first = {each.picture.window for each in questions if max(each.picture.window.hw) <= 100}
            if (0, 0, 100, 100) in first:
                raise HardwareError("out of device memory")
            return super().listed(questions, progress)

    sought = searched(painted((260, 440), SHIPS), "the ship on the right", Failing(RECIPE))
    assert [tile.window[:2] for tile in sought.tiles if tile.status == "failed"] == [(0, 0)]
    assert places(sought) == [RIGHT]


def test_a_search_that_is_stopped_asks_no_further_tile() -> None:
    class Stopping(Progress):
        def show(self, what: str, done: int, total: int) -> None:
            if what == "tiles" and done:
                self.stop()

    looker, recipe = Lister(RECIPE), RECIPE
    with open_source(painted((500, 900), SHIPS)) as scene, pytest.raises(Cancelled):
        search_scene(looker, scene, ["the ship"], recipe, every=False, rounds=0, progress=Stopping())
    assert len(looker.asked) == 2, "of 66"


class Finishing(Progress):
    """Lets a search finish after a number of values of a kind; keeps all that it is given."""

    def __init__(self, what: str, count: int) -> None:
        super().__init__()
        self.what, self.count, self.values = what, count, []  # type: ignore[var-annotated]

    def made(self, what: str, value: Any) -> None:
        self.values.append((what, value))
        if sum(each == self.what for each, _ in self.values) == self.count:
            self.finish()

    def of(self, what: str) -> list[Any]:
        return [value for each, value in self.values if each == what]


@pytest.mark.parametrize("sight", [Lister, PerfectSight])
@pytest.mark.parametrize("every", [False, True])
def test_a_search_that_is_to_finish_keeps_what_the_tiles_showed(sight: Any, every: bool) -> None:
    recipe = RECIPE if sight is Lister else RECIPE.with_values({"stages": ["overview", "focus", "evolve", "refine"]})
    looker, progress = sight(recipe), Finishing("tile", 20)
    with open_source(painted((500, 900), SHIPS)) as scene:
        (whole,) = search_scene(sight(recipe), scene, ["the ship"], recipe, every=every, rounds=1, progress=SILENT)
        (sought,) = search_scene(looker, scene, ["the ship"], recipe, every=every, rounds=1, progress=progress)
        answer = search_answer(scene, sought, recipe, {})
    assert [tile.window for tile in sought.tiles] == [tile.window for tile in whole.tiles]
    assert [tile.status for tile in sought.tiles] == ["looked"] * 20 + ["stopped"] * (len(whole.tiles) - 20)
    assert progress.of("window") == [tile.window for tile in sought.tiles[:20]]
    assert progress.of("tile") == list(sought.tiles[:20])
    shown = {tuple(np.round(box.xyxy, 6)) for _, box, _ in progress.of("candidate")}
    assert shown
    assert {tuple(np.round(found.box.xyxy, 6)) for found in sought.found} <= shown
    assert all(found.extra["mask_is_box"] for found in sought.found)
    assert len(sought.found) == 1 if not every else len(sought.found) >= 1
    report = answer.to_json()
    assert report["tiles"]["stopped"] == len(report["not_looked_at"]) == len(whole.tiles) - 20
    assert report["not_looked_at"][0]["reason"] == "the search was stopped before it"


def test_a_search_that_is_to_finish_among_its_closer_looks_keeps_the_boxes_of_the_rest() -> None:
    recipe = RECIPE.with_values({"stages": ["overview", "focus", "evolve", "refine"]})
    progress = Finishing("found", 1)
    with open_source(painted((500, 900), SHIPS)) as scene:
        (whole,) = search_scene(
            PerfectSight(recipe), scene, ["the ship"], recipe, every=True, rounds=1, progress=SILENT
        )
        (sought,) = search_scene(
            PerfectSight(recipe), scene, ["the ship"], recipe, every=True, rounds=1, progress=progress
        )
    assert {tile.status for tile in sought.tiles} == {"looked"}
    assert len(sought.found) == len(whole.found) > 1
    assert sum("mask_is_box" not in found.extra for found in sought.found) == 1


def test_a_search_that_found_nothing_until_it_was_stopped_says_so() -> None:
    progress = Finishing("tile", 3)
    with open_source(painted((500, 900), [])) as scene:
        (sought,) = search_scene(Lister(RECIPE), scene, ["the ship"], RECIPE, every=True, rounds=1, progress=progress)
        answer = search_answer(scene, sought, RECIPE, {})
    assert answer.why_empty == f"the search was stopped after 3 of {len(sought.tiles)} tiles"


def test_a_strip_that_no_model_takes_whole_is_searched_without_lists() -> None:
    class Narrow(Lister):
        def glance(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[Look]:
            if max(questions[0].picture.window.hw) > 100:
                raise PictureError("200 times as long as it is high")
            return super().glance(questions)

    looker = Narrow(RECIPE)
    sought = searched(painted((40, 440), [(200, 10, 220, 25)]), "the ship", looker)
    assert sought.glance is None
    assert looker.asked == []


def test_crops_are_read_from_the_scene_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at the whole shows a third of its pixels."""
    shown: list[Picture] = []

    def weighed(stages: Any, pairs: Sequence[tuple[Picture, str]], answers: Any, progress: Any) -> Any:
        shown.extend(picture for picture, _ in pairs)
        return [(0.9 if picture.window.x0 > 300 else 0.1, 0.1) for picture, _ in pairs]

    monkeypatch.setattr(stage, "weighed", weighed)
    recipe = RECIPE.with_values({"evidence.kinds": "always", "evidence.crop": 2.0})
    sought = searched(painted((260, 440), SHIPS), "the ship", Lister(recipe))
    assert places(sought) == [RIGHT]
    assert {picture.hw for picture in shown} == {picture.window.hw for picture in shown} == {(40, 40), (44, 44)}


def test_candidates_of_a_scene_are_chosen_among_again_from_dumps(tmp_path: Path) -> None:
    rgb = painted((260, 440), SHIPS, [TANK])
    searched(rgb, "the ship to the left of the storage tank", Lister(RECIPE, tmp_path))
    told = CliRunner().invoke(app, ["candidates", str(tmp_path), "--json"])
    assert told.exit_code == 0, told.output
    (sample,) = json.loads(told.stdout)
    first = sample["candidates"][0]
    assert first["chosen"]
    assert tuple(map(round, first["box_xyxy"])) == LEFT, "in pixels of the scene"
