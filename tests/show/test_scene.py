from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zeroov.errors import PictureError
from zeroov.look import Look, Question
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.images import RING_RGB, ringed, scene_overlay
from zeroov.raster.scene import Scene, open_source
from zeroov.show import scene as drawing
from zeroov.show.contact import ContactTile
from zeroov.show.panel import draw_panel
from zeroov.show.scene import draw_scene_panel
from zeroov.types import Box, Candidate, Choice, Overview, Picture, Pool, Selection, Tile, Window

HW = (3000, 4000)


def found(x: int, y: int, side: int) -> Found:
    mask = np.ones((side, side), dtype=np.bool_)
    mask[0, 0] = False
    return Found(mask, (x, y), Box(x, y, x + side, y + side), 0.5, "the tank")


def answer_of(scene: Scene, shown: Picture, *founds: Found, looks: tuple[Look, ...] = ()) -> Answer:
    tiles = (Tile(shown.window, "looked"),)
    return Answer("the tank", founds, 0.5, "", SceneInfo.of(scene), shown, looks, tiles=tiles)


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> list[list[ContactTile]]:
    """The tiles of every sheet that is drawn."""
    drawn: list[list[ContactTile]] = []
    monkeypatch.setattr(drawing, "draw_contact_sheet", lambda _, tiles, form: drawn.append(tiles) or b"")
    return drawn


@pytest.mark.parametrize(
    ("x", "y", "width", "height", "shown"),
    [
        (2000, 1000, 60, 60, (400, 200, 412, 212)),
        (2000, 1000, 600, 120, (400, 200, 520, 224)),  # long and narrow
        (1000, 1000, 900, 900, (200, 200, 380, 380)),
    ],
)
def test_the_box_that_is_drawn_is_the_objects_own(
    x: int, y: int, width: int, height: int, shown: tuple[int, int, int, int]
) -> None:
    rgb = np.full((300, 400, 3), 90, np.uint8)  # a tenth of the scene, drawn twice as large
    mask = np.ones((height, width), np.bool_)
    changed = scene_overlay(rgb, HW, [Found(mask, (x, y), Box(x, y, x + width, y + height), 0.5, "the tank")]) != 90
    x0, y0, x1, y1 = shown
    assert not changed[y0:y1, x0:x1].any(), "its colour"
    for line in (changed[y0:y1, x0 - 1], changed[y0:y1, x1], changed[y0 - 1, x0:x1], changed[y1, x0:x1]):
        assert line.any(axis=1).all(), "the line begins where the box ends"


def test_a_small_object_has_a_ring_around_it_and_no_other_has() -> None:
    rgb = np.full((300, 400, 3), 90, np.uint8)
    small, large = found(2000, 1000, 60), found(1000, 1000, 900)
    drawn = scene_overlay(rgb, HW, [small])  # 12 pixels here, from (400, 200)
    assert not (drawn[200:212, 400:412] != 90).any(), "it is hidden"
    white = (drawn == RING_RGB).all(axis=2)
    ys, xs = np.nonzero(white)
    assert xs.max() - xs.min() > 30
    assert (xs.min() + xs.max(), ys.min() + ys.max()) == pytest.approx((2 * 406, 2 * 206), abs=3)
    assert not (scene_overlay(rgb, HW, [large]) == RING_RGB).all(axis=2).any()
    assert ringed([large, small], HW, (600, 800)) == [2]


def test_the_panel_shows_every_object_from_near(tmp_path: Path) -> None:
    rgb = np.full((*HW, 3), 60, np.uint8)
    founds = [found(3900, 2900, 100), found(100, 200, 40), found(500, 500, 2000)]
    for number, one in enumerate(founds):
        x0, y0, x1, y1 = one.window_xyxy
        rgb[y0:y1, x0:x1] = 100 + 50 * number
    Image.fromarray(rgb).save(tmp_path / "scene.png", compress_level=1)
    with open_source(tmp_path / "scene.png") as scene:
        panel = draw_scene_panel(answer_of(scene, scene.read(most=400), *founds), scene)
        windows = [(3750, 2750, 4000, 3000), (70, 170, 170, 270)]
        for one, window in zip(founds, windows, strict=False):
            mask = drawing._within(one, window)
            x0, y0, x1, y1 = window
            assert mask.shape == (y1 - y0, x1 - x0)
            np.testing.assert_array_equal(mask.sum(), one.pixels)
            assert not mask[one.origin_xy[1] - y0, one.origin_xy[0] - x0]
    with Image.open(io.BytesIO(panel)) as picture:
        assert picture.width > 1200


def test_the_panel_of_a_searched_scene_shows_where_the_language_looked(
    tmp_path: Path, sheets: list[list[ContactTile]]
) -> None:
    Image.fromarray(np.full((300, 400, 3), 60, np.uint8)).save(tmp_path / "scene.png")
    one = found(100, 100, 40)
    with open_source(tmp_path / "scene.png") as scene:
        picture = scene.read(most=200)
        layers = np.zeros((1, 3, 4), np.float32)
        layers[0, 0, 3] = 1
        overview = Overview(layers, (1,), "[1, 2, 3, 4]", None, 0.5, (84, 112), 1, "m", "r")
        glance = Look(Question(picture, "the tank"), overview, False, layers[0])
        draw_panel(answer_of(scene, picture, one, looks=(glance,)), scene)
    [(_, attention, near)] = sheets
    assert "attention" in attention.title
    assert "ring" not in sheets[0][0].expression
    assert near.expression == "the tank"
    heated = attention.rgb
    assert heated is not None
    assert heated.shape == (150, 200, 3)
    assert heated[10, -10].sum() > heated[-10, 10].sum() + 100, "hottest in the upper right"


def test_the_panel_of_a_searched_scene_shows_its_best_candidates(
    tmp_path: Path, sheets: list[list[ContactTile]]
) -> None:
    Image.fromarray(np.full((300, 400, 3), 60, np.uint8)).save(tmp_path / "scene.png")
    layers = np.ones((1, 3, 4), np.float32)
    overview = Overview(layers, (1,), "[1, 2, 3, 4]", None, 0.5, (84, 112), 1, "m", "r")
    candidates = tuple(Candidate(Box(x, 50, x + 10, 60), 0.5) for x in range(0, 200, 16))
    order = tuple(range(len(candidates)))
    selection = Selection(Pool("tank", candidates, True), Choice((0.5,) * len(order), {}, order, True, 1.0))
    with open_source(tmp_path / "scene.png") as scene:
        picture = scene.read(most=200)
        glance = Look(Question(picture, "the tank"), overview, False, layers[0], selection=selection)
        draw_panel(answer_of(scene, picture, found(100, 100, 40), looks=(glance,)), scene)
    [(_, _, shown, _)] = sheets
    assert shown.title == "Select: the best candidates"
    assert shown.expression == "13 candidates, undecided (1.00): score alone"
    assert shown.rgb is not None
    drawn = (shown.rgb != picture.rgb).any(axis=2)
    boxed = [drawn[50, int(each.box.x0) : int(each.box.x1)].all() for each in candidates]
    assert boxed == [True] * 9 + [False] * 4


def test_the_panel_of_a_part_speaks_of_the_part(tmp_path: Path, sheets: list[list[ContactTile]]) -> None:
    Image.fromarray(np.full((*HW, 3), 60, np.uint8)).save(tmp_path / "scene.png", compress_level=1)
    with open_source(tmp_path / "scene.png") as scene:
        for area in (Window(1000, 1000, 1400, 1300), Window(0, 0, 4000, 3000)):
            answer = answer_of(scene, scene.read(area, 800), found(1100, 1100, 60))
            draw_panel(replace(answer, area=area), scene)
    part, whole = (tiles[0] for tiles in sheets)
    assert part.title == "400 x 300 pixels from (1000, 1000)"
    assert part.expression == "1 found"  # its 60 pixels are drawn as 120
    assert part.rgb is not None
    assert not (part.rgb == RING_RGB).all(axis=2).any()
    assert whole.title == "4,000 x 3,000 pixels from (0, 0)"
    assert whole.expression == "1 found; a white ring shows where a small object is"


def test_what_cannot_be_read_again_is_told_in_its_place(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((300, 300, 3), np.uint8) + 7).save(tmp_path / "scene.png")

    class Damaged(Scene):
        def read(self, *_: object, **__: object) -> None:  # type: ignore[override]
            raise PictureError("the file is damaged there")

    with open_source(tmp_path / "scene.png") as scene:
        answer = answer_of(scene, scene.read(most=300), found(10, 10, 20))
        scene.__class__ = Damaged
        panel = draw_scene_panel(answer, scene)
    assert panel.startswith(b"\x89PNG")
