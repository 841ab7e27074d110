"""Look at every tile of a scene, and once at the whole of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from zeroov import frames
from zeroov.candidates.parts import boxes_of
from zeroov.candidates.slices import tiles
from zeroov.errors import HardwareError, PictureError
from zeroov.look import Look, Looker, Question
from zeroov.progress import Progress
from zeroov.raster.scene import Scene
from zeroov.recipe import Recipe, SearchRecipe
from zeroov.search.tiles import distinct
from zeroov.types import Candidate, Picture, Tile, Window
from zeroov.zoom.closer import is_cut_off

T = TypeVar("T")
log = logging.getLogger("zeroov")
AT_ONCE = 16  # tiles in memory together, where each model is loaded once for all of them
STOPPED = "the search was stopped before it"

Candidates = dict[str, list[Candidate]]
"""Candidates by what was asked."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What the tiles of a scene are, and which candidates they showed, by what was asked."""

    tiles: tuple[Tile, ...]
    by_text: Candidates

    def candidates(self, text: str, least_score: float) -> list[Candidate]:
        """Return the candidates for what was asked whose score is high enough."""
        return [each for each in self.by_text.get(text, ()) if each.score >= least_score]


def survey_tiles(looker: Looker, scene: Scene, asked: Sequence[str], recipe: Recipe, progress: Progress) -> Survey:
    """Ask every tile everything."""

    def ask(pictures: Sequence[Picture]) -> list[Candidates]:
        questions = [Question(picture, text, placed=False) for picture in pictures for text in asked]
        looks = iter(looker.look(questions, progress.inner()))
        return [{text: _candidates_of(next(looks), picture, scene) for text in asked} for picture in pictures]

    candidates: Candidates = {text: [] for text in asked}
    reports: list[Tile] = []
    for tile, found in visited(scene, recipe, ask, progress):
        reports.append(tile)
        for text, shown in (found or {}).items():
            candidates[text] += shown
            for each in shown:
                progress.made("candidate", (text, each.box, each.score))
    return Survey(tuple(reports), candidates)


def visited(
    scene: Scene, recipe: Recipe, ask: Callable[[Sequence[Picture]], Sequence[T]], progress: Progress
) -> Iterator[tuple[Tile, T | None]]:
    """Show every tile of a scene to `ask`, and yield it with what comes of it; a tile is read once.

    So many are shown at once as a model takes in one call. A search that is to finish shows no further ones.
    """
    windows = tiles(scene.hw, recipe.search.tile, recipe.search.overlap)
    step = recipe.runtime.batch if recipe.runtime.keep_loaded else AT_ONCE
    progress.report("tiles", 0, len(windows))
    for start in range(0, len(windows), step):
        some = windows[start : start + step]
        if progress.is_finishing:
            yield from ((Tile(window, "stopped", STOPPED), None) for window in windows[start:])
            return
        for window in some:
            progress.made("window", window)
        for tile, found in _visited(scene, some, recipe, ask):
            progress.made("tile", tile)
            yield tile, found
        progress.report("tiles", start + len(some), len(windows))


def _visited(
    scene: Scene, windows: Sequence[Window], recipe: Recipe, ask: Callable[[Sequence[Picture]], Sequence[T]]
) -> Iterator[tuple[Tile, T | None]]:
    """Visit some tiles; one that cannot be read or does not fit into memory is reported, not left out."""
    pictures: dict[Window, Picture] = {}
    for window in windows:
        try:
            picture = scene.read(window)
        except PictureError as error:
            yield Tile(window, "failed", str(error)), None
            continue
        if picture.valid is not None and picture.valid.mean() < recipe.search.least_valid:
            yield Tile(window, "nodata"), None
            continue
        pictures[window] = picture
    try:
        found = ask(list(pictures.values()))
    except HardwareError as error:
        if len(pictures) == 1:
            yield Tile(next(iter(pictures)), "failed", str(error)), None
            return
        for window in pictures:
            yield from _visited(scene, [window], recipe, ask)
        return
    for window, made in zip(pictures, found, strict=True):
        yield Tile(window, "looked"), made


def _candidates_of(look: Look, picture: Picture, scene: Scene) -> list[Candidate]:
    """Return a tile's candidates, in scene pixels."""
    cells, window = look.evolved.fused.size if look.evolved else None, picture.window
    found = []
    for box in boxes_of(look.coarse.mask, cells, look.overview.answer_box, picture.valid):
        in_scene = frames.to_scene(box, picture)
        found.append(Candidate(in_scene, look.score(box), whole=not is_cut_off(in_scene, window, scene.hw)))
    return found


def glance_at(looker: Looker, scene: Scene, text: str, recipe: SearchRecipe, progress: Progress) -> Look | None:
    """Return the look at the whole scene, reduced; `None` for a strip that no model takes in one piece."""
    try:
        picture = scene.read(most=recipe.glance, tolerant=True)
        (look,) = looker.glance([Question(picture, text, placed=False)], progress)
    except PictureError as error:
        log.info("no glance at the whole scene: %s", error)
        return None
    return look


def one_each(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return one candidate for each object: a whole one before a cut one, then the one with the highest score."""
    kept = distinct([each.box for each in candidates], [each.whole + each.score for each in candidates])
    return [candidates[position] for position in sorted(kept)]
