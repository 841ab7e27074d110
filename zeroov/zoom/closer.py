"""Look again, closer, at a place: one loop for pictures and for scenes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from zeroov import frames
from zeroov.errors import PictureError
from zeroov.look import Look, Looker, Question, Readable
from zeroov.progress import SILENT, Progress
from zeroov.recipe import Recipe, ZoomRecipe
from zeroov.types import Box, Window
from zeroov.zoom.crop import is_small, window_around

log = logging.getLogger("zeroov")
CLOSER = 0.8  # a window wider than this share of the one before shows nothing new
WIDENINGS = 3  # an object cut off by its window is looked at again in a wider one, at most so many times
MOST_TILES = 2  # a window wider than so many tiles is read reduced

Verdict = Literal["not due", "agrees", "unsure", "denies", "unread"]


@dataclass(frozen=True, eq=False)
class Place:
    """Where an object was seen: its box, and the window of the scene that the look before showed, in scene pixels.

    A closer look is asked `text`, or, where that is empty, what `zoom.ask` makes of the expression. `always` asks for
    one look however large the object is.
    """

    scene: Readable
    window: Window
    box: Box | None
    expression: str
    text: str = ""
    always: bool = False


@dataclass(frozen=True, eq=False)
class Trail:
    """The closer looks at a place. `best` is the last look that agreed, `verdict` what the last look came to.

    `box` is where the object is now believed to be, in scene pixels. `cut` says that the last window cuts it off;
    `whole` is the last look that agreed and showed all of it.
    """

    place: Place
    box: Box | None
    looks: tuple[Look, ...] = ()
    best: Look | None = None
    whole: Look | None = None
    verdict: Verdict = "not due"
    rounds: int = 0
    widenings: int = 0
    cut: bool = False

    @property
    def believed(self) -> tuple[Look, ...]:
        """The looks up to the best one; none where no look is believed."""
        return self.looks[: self.looks.index(self.best) + 1] if self.best else ()

    @property
    def ended(self) -> bool:
        """Whether no further look can change anything."""
        return self.box is None or self.verdict in ("unsure", "denies", "unread")


def closer_looks(
    looker: Looker, places: Sequence[Place], recipe: Recipe, rounds: int, progress: Progress = SILENT
) -> list[Trail]:
    """Look again, closer, at each place, until the object is whole and large enough, denied, or another one is seen."""
    trails = [Trail(place, place.box) for place in places]
    while due := [(at, window) for at, trail in enumerate(trails) if (window := next_window(trail, recipe, rounds))]:
        asked: list[tuple[int, Question]] = []
        for at, window in due:
            question = closer_question(looker, trails[at], window, recipe)
            if question is None:
                trails[at] = unread(trails[at])
            else:
                asked.append((at, question))
        looks = looker.look([question for _, question in asked], progress)
        for (at, _), look in zip(asked, looks, strict=True):
            trails[at] = judged(trails[at], look, recipe.zoom)
    return trails


def next_window(trail: Trail, recipe: Recipe, rounds: int) -> Window | None:
    """Return the window of the next look at a place, in scene pixels, or `None` where none is due."""
    zoom, tile, place, box = recipe.zoom, recipe.search.tile, trail.place, trail.box
    if box is None or trail.ended:
        return None
    if trail.cut and trail.widenings < WIDENINGS:
        wider = window_around(box, place.scene.hw, zoom.context, tile)
        if place.always or is_closer(wider, place.window.hw):
            return wider
    if trail.rounds >= rounds:
        return None
    before = trail.looks[-1].picture.window.hw if trail.looks else place.window.hw
    least = zoom.least_side or min(tile // 4, min(place.window.hw) // 2)
    window = window_around(box, place.scene.hw, zoom.context, least)
    if place.always and not trail.looks:
        return window
    return window if is_closer(window, before) and is_small(box, before, zoom.until) else None


def is_closer(window: Window, before_hw: frames.HW) -> bool:
    """Return whether a window shows things larger than a look at a window of that size did."""
    return max(window.hw) <= CLOSER * max(before_hw)


def closer_question(looker: Looker, trail: Trail, window: Window, recipe: Recipe) -> Question | None:
    """Return the question of a closer look, or `None` where its window cannot be read."""
    assert trail.box is not None
    try:
        picture = trail.place.scene.read(window, MOST_TILES * recipe.search.tile)
    except PictureError as error:
        log.warning("no closer look at %s: %s", list(window), error)
        return None
    text = trail.place.text or closer_text(looker, trail.place.expression, recipe.zoom)
    return Question(picture, text, near=frames.to_picture(trail.box, picture))


def closer_text(looker: Looker, expression: str, zoom: ZoomRecipe) -> str:
    """Return what a closer look is asked: the kind of thing alone, or the whole expression."""
    kind = "" if zoom.ask == "expression" else looker.name(expression)
    return f"the {kind}" if kind else expression


def unread(trail: Trail) -> Trail:
    """Return a trail whose next window cannot be read: what was seen before it stays."""
    return replace(trail, verdict=trail.verdict if trail.looks else "unread", cut=False, rounds=trail.rounds + 1)


def judged(trail: Trail, look: Look, zoom: ZoomRecipe) -> Trail:
    """Return a trail with one more look: it agrees with what was seen before, sees something else, or denies it."""
    widens = trail.cut and trail.widenings < WIDENINGS
    trail = replace(
        trail,
        looks=(*trail.looks, look),
        rounds=trail.rounds + (not widens),
        widenings=trail.widenings + widens,
    )
    found = look.coarse.box
    if found is None or look.agreement < zoom.agreement:
        verdict: Verdict = "denies" if look.says_absent or found is None else "unsure"
        best = trail.whole if trail.cut else trail.best  # a wider look was to show all of it, and shows something else
        return replace(trail, verdict=verdict, best=best, cut=False)
    answered = look.overview.answer_box  # it may name another object than the one that was looked at
    extent = frames.box_hull(found, answered) if answered and frames.share_of_smaller(found, answered) else found
    in_scene = frames.to_scene(extent, look.picture)
    cut = is_cut_off(in_scene, look.picture.window, trail.place.scene.hw)
    box = frames.box_hull(trail.box, in_scene) if cut and trail.box else place_in(look, zoom)
    return replace(trail, best=look, whole=trail.whole if cut else look, verdict="agrees", cut=cut, box=box)


def is_cut_off(box: Box, window: Window, scene_hw: frames.HW, margin: float = 1.0) -> bool:
    """Return whether a box comes within `margin` pixels of an edge of its window that is not the scene's."""
    height, width = scene_hw
    return (
        (window.x0 > 0 and box.x0 < window.x0 + margin)
        or (window.y0 > 0 and box.y0 < window.y0 + margin)
        or (window.x1 < width and box.x1 > window.x1 - margin)
        or (window.y1 < height and box.y1 > window.y1 - margin)
    )


def place_of(scene: Readable, look: Look, zoom: ZoomRecipe) -> Place:
    """Return the place where a look saw the object."""
    return Place(scene, look.picture.window, place_in(look, zoom), look.question.expression)


def place_in(look: Look, zoom: ZoomRecipe) -> Box | None:
    """Return where a look saw the object, in scene pixels: the map's box, the answer's, or what holds both.

    Where the two lie apart, `both` takes the answer's: words name one object, a map may be hot on several.
    """
    mapped, answered = look.coarse.box, look.overview.answer_box
    if zoom.at == "map" or answered is None:
        box = mapped
    elif zoom.at == "answer" or mapped is None or not frames.share_of_smaller(mapped, answered):
        box = answered
    else:
        box = frames.box_hull(mapped, answered)
    return frames.to_scene(box, look.picture) if box else None
