"""How a scene is cut into tiles does not change what is found in it.

With a look that sees perfectly, every way of tiling that hypothesis draws must find the very object. It stands in for
the three models of a look, not for the search: scene, windows, candidates, ranking and closer looks are the real ones,
and it knows nothing but the pixels it is shown. How sure it is of itself changes from window to window, so that the
best-believed sighting is now the whole object and now a piece of it. With the miniature models a few tilings of one
scene have to agree.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import zeroov
from zeroov import frames
from zeroov.candidates.slices import tiles
from zeroov.ground import Pipeline
from zeroov.language.phrase import parse
from zeroov.look import Look, Question
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for
from zeroov.outputs.found import Found
from zeroov.progress import SILENT, Progress
from zeroov.raster.scene import open_source
from zeroov.recipe import Recipe
from zeroov.search.search import Sought, search_scene
from zeroov.types import Bool, Box, Evolved, Float32, Overview, Picture, Refined, Uint8

GRID = (32, 32)
GAP = 16  # pixels between objects
SEED, ASKED = 7046, "black storage tank"
Place = tuple[int, int, int, int]
"""x0, y0, x1, y1 of an object, in scene pixels."""


class PerfectSight:
    """A looker that sees exactly the bright pixels of what it is shown, each look as sure as it pleases."""

    def __init__(self, recipe: Recipe, moods: int | None = None) -> None:
        self.recipe, self.moods = recipe, moods

    def look(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[Look]:
        looks = []
        for glanced in self.glance(questions):
            mask, on_grid = bright(glanced.picture), glanced.attention
            region = on_grid > 0
            evolved = Evolved(on_grid, on_grid, region, region, mask, frames.mask_to_box(mask))
            looks.append(replace(glanced, evolved=evolved))
        return looks

    def glance(self, questions: Sequence[Question], progress: Progress = SILENT) -> list[Look]:
        looks = []
        for question in questions:
            mask = bright(question.picture)
            overview = self.overview(question.picture, mask)
            looks.append(Look(question, overview, overview.answer_box is None, small(mask)))
        return looks

    def refine(self, looks: Sequence[Look], boxes: Sequence[Box | None], progress: Progress = SILENT) -> list[Look]:
        drawn = []
        for look, box in zip(looks, boxes, strict=True):
            mask = look.coarse.mask
            if box and box != look.coarse.box:
                mask = bright(look.picture) & frames.box_to_mask(box, look.picture.hw)
            drawn.append(replace(look, refined=Refined(mask, frames.mask_to_box(mask), 1.0)) if box else look)
        return drawn

    def name(self, expression: str) -> str:
        return parse(expression).category

    def overview(self, picture: Picture, mask: Bool) -> Overview:
        """Name the largest object, as sure of it as the picture's digest and the mood have it."""
        box = frames.mask_to_box(largest(mask))
        digest = hashlib.sha256(f"{picture.digest} {self.moods}".encode()).digest()
        sure = 0.9 if self.moods is None else 0.5 + digest[0] / 512
        words = str(box.xyxy) if box else "[]"
        return Overview(small(mask)[None], (0,), words, box, sure, picture.hw, 1, "perfect", "1")


def bright(picture: Picture) -> Bool:
    """Return the pixels of a picture's objects."""
    mask: Bool = picture.rgb[..., 0] > 127
    return mask


def small(mask: Bool) -> Float32:
    """Return the share of each cell that a mask covers."""
    shares: Float32 = cv2.resize(mask.astype(np.float32), GRID[::-1], interpolation=cv2.INTER_AREA)
    return shares


def largest(mask: Bool) -> Bool:
    """Return the blob of a mask that has most pixels."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if count == 1:
        return mask
    blob: Bool = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    return blob


def looked_for(rgb: Uint8, looker: PerfectSight | Pipeline, expression: str, *, every: bool = False) -> Sought:
    """Write a scene and search it."""
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(rgb).save(Path(folder) / "scene.png", compress_level=1)
        with open_source(Path(folder) / "scene.png") as scene:
            options: dict[str, Any] = {"every": every, "rounds": 0, "progress": SILENT}
            (sought,) = search_scene(looker, scene, [expression], looker.recipe, **options)
            return sought


def painted(hw: tuple[int, int], places: Sequence[Place]) -> Uint8:
    """Draw bright rectangles on dark ground, no pixel of it black."""
    rgb = np.full((*hw, 3), 40, np.uint8)
    for x0, y0, x1, y1 in places:
        rgb[y0:y1, x0:x1] = 220
    return rgb


@dataclass(frozen=True)
class Tiling:
    """A scene's size, how it is cut, and how long an object may be for each to lie whole in a tile."""

    hw: tuple[int, int]
    tile: int
    overlap: float
    glance: int

    @property
    def longest(self) -> int:
        """Pixels; a tile's place is rounded to whole ones."""
        return int(self.overlap * self.tile) - 1

    @property
    def recipe(self) -> Recipe:
        """As the miniature recipe has it: a closer look is as wide as a tile, at least."""
        cut = {"search.tile": self.tile, "search.overlap": self.overlap, "search.glance": self.glance}
        return Recipe().with_values({**cut, "zoom.least_side": self.tile})


TILINGS = st.builds(
    Tiling,
    st.tuples(st.integers(170, 340), st.integers(170, 340)),
    st.integers(64, 160),
    st.floats(0.2, 0.5),
    st.sampled_from([64, 128, 320]),
)
MOODS = st.integers(0, 9)


def draw_place(data: st.DataObject, tiling: Tiling, centre_xy: tuple[int, int] | None = None) -> Place:
    """Draw an object anywhere in the scene, at its border as well, or one that lies across a point."""
    spans = []
    for axis, length in enumerate(tiling.hw[::-1]):
        extent = data.draw(st.integers(4, tiling.longest))
        first, last = 0, length - extent
        if centre_xy:
            first, last = max(0, centre_xy[axis] - extent + 1), min(last, centre_xy[axis] - 1)
        start = data.draw(st.integers(first, last))
        spans.append((start, start + extent))
    (x0, x1), (y0, y1) = spans
    return x0, y0, x1, y1


def is_object(found: Found, place: Place) -> bool:
    """Tell whether an answer is an object to the pixel."""
    x0, y0, x1, y1 = place
    same_box = np.array_equal(found.box.xyxy, place)
    return same_box and found.window_xyxy == place and found.pixels == (x1 - x0) * (y1 - y0)


def is_clear(place: Place, others: Sequence[Place]) -> bool:
    """Tell whether an object lies so far from others that the glance does not see both as one."""
    return not any(
        place[0] < other[2] + GAP
        and other[0] < place[2] + GAP
        and place[1] < other[3] + GAP
        and other[1] < place[3] + GAP
        for other in others
    )


@pytest.mark.parametrize("every", [False, True])
@settings(max_examples=80, deadline=None)
@given(TILINGS, st.data(), MOODS)
def test_any_tiling_finds_the_very_object(every: bool, tiling: Tiling, data: st.DataObject, moods: int) -> None:
    place = draw_place(data, tiling)
    answer = looked_for(painted(tiling.hw, [place]), PerfectSight(tiling.recipe, moods), "the plane", every=every)
    (found,) = answer.found
    assert is_object(found, place), found
    assert {tile.status for tile in answer.tiles} == {"looked"}


@pytest.mark.parametrize("every", [False, True])
@settings(max_examples=80, deadline=None)
@given(TILINGS, st.data(), MOODS)
def test_an_object_across_a_seam_is_found_once(every: bool, tiling: Tiling, data: st.DataObject, moods: int) -> None:
    """The corner of a tile lies in the object, so that up to four tiles see pieces of it."""
    windows = tiles(tiling.hw, tiling.tile, tiling.overlap)
    corners = [(x, y) for window in windows for x in window[::2] for y in window[1::2]]
    height, width = tiling.hw
    inner = sorted({(x, y) for x, y in corners if 0 < x < width and 0 < y < height})
    place = draw_place(data, tiling, data.draw(st.sampled_from(inner)))
    pieces = [window for window in windows if 0 < shared(place, window) < shared(place, place)]
    assert pieces
    answer = looked_for(painted(tiling.hw, [place]), PerfectSight(tiling.recipe, moods), "the plane", every=every)
    (found,) = answer.found
    assert is_object(found, place), found


def shared(first: Place, second: Place) -> int:
    """Return how many pixels two boxes share."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0, width) * max(0, height)


@settings(max_examples=80, deadline=None)
@given(TILINGS, st.data(), MOODS)
def test_every_object_is_found_exactly_once(tiling: Tiling, data: st.DataObject, moods: int) -> None:
    places: list[Place] = []
    for _ in range(data.draw(st.integers(0, 4))):
        place = draw_place(data, tiling)
        if is_clear(place, places):
            places.append(place)
    answer = looked_for(painted(tiling.hw, places), PerfectSight(tiling.recipe, moods), "the plane", every=True)
    assert sorted(found.window_xyxy for found in answer.found) == sorted(places)
    assert all(sum(is_object(found, place) for found in answer.found) == 1 for place in places)


@settings(max_examples=80, deadline=None)
@given(TILINGS, st.data())
def test_the_outermost_of_two_is_the_same_for_any_tiling(tiling: Tiling, data: st.DataObject) -> None:
    """Equally well seen, and so far apart that no tile holds both."""
    (height, _), tile = tiling.hw, tiling.tile
    left, other = (draw_place(data, replace(tiling, hw=(height, tile))) for _ in range(2))
    right = (other[0] + 2 * tile + 1, other[1], other[2] + 2 * tile + 1, other[3])
    rgb = painted((height, 3 * tile + 1), [left, right])
    for words, place in (("the leftmost plane", left), ("the rightmost plane", right)):
        (found,) = looked_for(rgb, PerfectSight(tiling.recipe), words).found
        assert is_object(found, place), found


class SureOfPieces(PerfectSight):
    """Surer of what its window cuts off than of what it sees whole."""

    def overview(self, picture: Picture, mask: Bool) -> Overview:
        edges = np.concatenate((mask[0], mask[-1], mask[:, 0], mask[:, -1]))
        return replace(super().overview(picture, mask), confidence=0.9 if edges.any() else 0.6)


@pytest.mark.parametrize("every", [False, True])
def test_a_long_object_is_whole_though_a_piece_of_it_was_believed_more(every: bool) -> None:
    """With closer looks of a quarter of a tile, as is the default."""
    tiling = Tiling((320, 400), 160, 0.5, 320)
    seam = tiles(tiling.hw, tiling.tile, tiling.overlap)[0][2]
    place = (seam - 2, 40, seam - 2 + tiling.longest, 53)
    pipeline = SureOfPieces(tiling.recipe.with_values({"zoom.least_side": 0}))
    (found,) = looked_for(painted(tiling.hw, [place]), pipeline, "the bridge", every=every).found
    assert is_object(found, place), found


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("sight", [PerfectSight, SureOfPieces])
def test_an_object_that_no_tile_holds_is_one_object(sight: type[PerfectSight], every: bool) -> None:
    """Four tiles long: read reduced where a closer look is wider than two tiles, and then right to that many pixels."""
    tiling = Tiling((300, 900), 96, 0.25, 320)
    place = (70, 130, 454, 160)
    found = looked_for(painted(tiling.hw, [place]), sight(tiling.recipe), "the runway", every=every).found
    assert len(found) == 1
    np.testing.assert_allclose(found[0].box.xyxy, place, atol=900 / (2 * tiling.tile))


@pytest.mark.parametrize(("words", "right"), [("the leftmost plane", 0), ("the rightmost plane", 1)])
def test_two_in_one_tile_are_two(words: str, right: int) -> None:
    places = [(100, 100, 120, 120), (128, 100, 148, 120)]
    tiling = Tiling((300, 320), 160, 0.3, 320)
    (found,) = looked_for(painted(tiling.hw, places), PerfectSight(tiling.recipe), words).found
    assert is_object(found, places[right]), found


@pytest.fixture(scope="module")
def answers() -> list[Box]:
    """What the miniature models answer about one scene, cut in four ways."""
    scene = make_scene(seed_for("test", SEED), SceneStyle(height_width=(400, 480), objects=(2, 4)))
    (truth,) = (Box(*map(float, thing.box_xyxy)) for thing in scene.objects if f"{thing.colour} {thing.kind}" == ASKED)
    boxes = [truth]
    with zeroov.load("mini", device="cpu") as pipeline:
        recipe = pipeline.recipe
        for tile, overlap in itertools.product((192, 288), (0.25, 0.4)):
            pipeline.recipe = recipe.with_values({"search.tile": tile, "search.overlap": overlap})
            (found,) = looked_for(scene.image, pipeline, f"the {ASKED}").found
            boxes.append(found.box)
    return boxes


def test_four_tilings_with_the_miniature_models_agree(answers: list[Box]) -> None:
    """With each other, and with the truth, which is the first."""
    worst = min(frames.box_iou(first, second) for first, second in itertools.combinations(answers, 2))
    assert worst > 0.8, answers
