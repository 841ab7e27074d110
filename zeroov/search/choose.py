"""Of several candidates over a whole scene, the one that an expression means: by attention, place, superlative."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zeroov import frames
from zeroov.frames import HW
from zeroov.language.phrase import Phrase
from zeroov.language.position import position_prior
from zeroov.types import Candidate, Float32

GRID = 32  # cells a side on which words of place are weighed
LEAST_ATTENTION = 0.3  # what the glance at the whole scene says is never all: small things it may not have seen
LARGER = ("largest", "biggest", "longest", "tallest", "widest")
SMALLER = ("smallest", "tiniest", "shortest", "narrowest")


SEEN = 24  # pixels of the glance: what is as long as that was seen there
OUTERMOST = 10.0  # a tenth of the scene behind the outermost one weighs a third


def rank(
    candidates: Sequence[Candidate],
    phrase: Phrase,
    glance: Float32 | None,
    scene_hw: HW,
    strength: float,
    reduced: float = 1.0,
) -> NDArray[np.float64]:
    """Return a value for each candidate, the highest for the one that is meant.

    The candidate's own score, times the attention that the glance at the whole scene paid to its place, times the
    weight of its place under the expression's words of place; superlatives compare the candidates. Beside an ordinal
    they do not: the second from the left is not the leftmost. The glance saw the scene `reduced` to that share of its
    sides: what was too small in it to be seen is not held against a candidate.
    """
    if not candidates:
        return np.zeros(0)
    values = np.array([candidate.score for candidate in candidates], dtype=np.float64)
    if glance is not None:
        heat = frames.min_max(glance)
        longest = [max(c.box.x1 - c.box.x0, c.box.y1 - c.box.y0) for c in candidates]
        trust = np.clip(np.array(longest) * reduced / SEEN, 0, 1) * (1 - LEAST_ATTENTION)
        values *= 1 - trust * (1 - _highest_inside(heat, candidates, scene_hw))
    named = phrase.position if phrase.ordinal else phrase.place
    values *= _at_centres(position_prior(named, (GRID, GRID), strength), candidates, scene_hw)
    if phrase.ordinal:
        return values
    return values * _by_size(candidates, phrase) * _by_side(candidates, phrase, scene_hw)


def _highest_inside(heat: Float32, candidates: Sequence[Candidate], scene_hw: HW) -> NDArray[np.float64]:
    """Return the highest value of a map over the cells that each box touches."""
    rows, cols = heat.shape
    found = []
    for candidate in candidates:
        on_grid = frames.scale_box(candidate.box.xyxy, scene_hw, (rows, cols))
        if on_grid is None:
            found.append(0.0)
            continue
        x0, y0 = int(on_grid.x0), int(on_grid.y0)
        x1, y1 = max(x0 + 1, int(np.ceil(on_grid.x1))), max(y0 + 1, int(np.ceil(on_grid.y1)))
        found.append(float(heat[y0:y1, x0:x1].max()))
    return np.array(found)


def _at_centres(place: Float32, candidates: Sequence[Candidate], scene_hw: HW) -> NDArray[np.float64]:
    height, width = scene_hw
    cells = [
        (
            min(GRID - 1, int((c.box.y0 + c.box.y1) / 2 * GRID / height)),
            min(GRID - 1, int((c.box.x0 + c.box.x1) / 2 * GRID / width)),
        )
        for c in candidates
    ]
    return np.array([place[cell] for cell in cells], dtype=np.float64)


def _by_size(candidates: Sequence[Candidate], phrase: Phrase) -> NDArray[np.float64]:
    """Return weights that a superlative of size gives: each candidate's area beside the extreme one's."""
    areas = np.array([(c.box.x1 - c.box.x0) * (c.box.y1 - c.box.y0) for c in candidates])
    if phrase.superlative in LARGER:
        return np.asarray(areas / areas.max(), dtype=np.float64)
    if phrase.superlative in SMALLER:
        return np.asarray(areas.min() / areas, dtype=np.float64)
    return np.ones(len(candidates))


def _by_side(candidates: Sequence[Candidate], phrase: Phrase, scene_hw: HW) -> NDArray[np.float64]:
    """Return weights that "leftmost" and its like give: 1 for the outermost candidate, less with the distance to it."""
    weights = np.ones(len(candidates))
    if phrase.toward is None:
        return weights
    centres = np.array([[(c.box.x0 + c.box.x1) / 2, (c.box.y0 + c.box.y1) / 2] for c in candidates])
    along = centres / (scene_hw[1], scene_hw[0]) * phrase.toward  # larger is further towards the side
    behind = (along.max(axis=0) - along).sum(axis=1)
    return np.asarray(np.exp(-OUTERMOST * behind), dtype=np.float64)
