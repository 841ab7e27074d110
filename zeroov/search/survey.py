"""Look at every tile of a scene, and once at the whole of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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

log = logging.getLogger("zeroov")
AT_ONCE = 16  # tiles whose maps are in memory together

Seen = dict[str, list[Candidate]]
"""Candidates by what was asked."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What the tiles of a scene are, and which candidates they showed, by what was asked."""

    tiles: tuple[Tile, ...]
    seen: Seen

    def candidates(self, text: str, least_score: float) -> list[Candidate]:
        """Return the candidates for what was asked whose score is high enough."""
        return [each for each in self.seen.get(text, ()) if each.score >= least_score]


def survey_tiles(looker: Looker, scene: Scene, asked: Sequence[str], recipe: Recipe, progress: Progress) -> Survey:
    """Ask every tile everything; a tile is read once."""
    windows = tiles(scene.hw, recipe.search.tile, recipe.search.overlap)
    reports: list[Tile] = []
    seen: Seen = {text: [] for text in asked}
    progress.report("tiles", 0, len(windows))
    for start in range(0, len(windows), AT_ONCE):
        for tile, found in _looked_at(looker, scene, windows[start : start + AT_ONCE], asked, recipe, progress):
            reports.append(tile)
            for text, candidates in found.items():
                seen[text] += candidates
        progress.report("tiles", len(reports), len(windows))
    return Survey(tuple(reports), seen)


def _looked_at(
    looker: Looker, scene: Scene, windows: Sequence[Window], asked: Sequence[str], recipe: Recipe, progress: Progress
) -> Iterator[tuple[Tile, Seen]]:
    """Look at some tiles; one that cannot be read or does not fit into memory is reported, not left out."""
    pictures: dict[Window, Picture] = {}
    for window in windows:
        try:
            picture = scene.read(window)
        except PictureError as error:
            yield Tile(window, "failed", str(error)), {}
            continue
        if picture.valid is not None and picture.valid.mean() < recipe.search.least_valid:
            yield Tile(window, "nodata"), {}
            continue
        pictures[window] = picture
    questions = [Question(picture, text, placed=False) for picture in pictures.values() for text in asked]
    try:
        looks = iter(looker.look(questions, progress.inner()))
    except HardwareError as error:
        if len(pictures) == 1:
            yield Tile(next(iter(pictures)), "failed", str(error)), {}
            return
        for window in pictures:
            yield from _looked_at(looker, scene, [window], asked, recipe, progress)
        return
    for window in pictures:
        yield Tile(window, "looked"), {text: _candidates_of(next(looks), window, scene) for text in asked}


def _candidates_of(look: Look, window: Window, scene: Scene) -> list[Candidate]:
    """Return a tile's candidates, in scene pixels."""
    cells, picture = look.evolved.fused.size if look.evolved else None, look.picture
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
