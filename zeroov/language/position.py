"""Turn a place named in words into a weight for every cell of a grid.

A training-free counterpart of CroBIM's prompt modulation: there a network learns what "on the upper left" does to the
features; here the attention map is multiplied by a smooth prior. What lies on the other side is made less, never none:
people say "left" of what is left of something.
"""

from __future__ import annotations

import numpy as np

from zeroov.language.words import Position
from zeroov.types import Float32


def position_prior(position: Position | None, grid_hw: tuple[int, int], strength: float) -> Float32:
    """Return the weights (rows, cols) in (0, 1] of a place in the image; the best cell weighs 1.

    `position` is horizontal and vertical, each -1 (left, top), 0 or 1 (right, bottom); (0, 0) is the middle, and beside
    a named side 0 says nothing. The weight is exp(-strength d), where d is the square of the distance to the named side
    as a fraction of the image (for two sides their sum), or that to the middle as a fraction of half the image.
    `strength` 0, or no position, gives ones.
    """
    rows, cols = grid_hw
    if strength < 0:
        raise ValueError(f"the strength of a position prior is at least 0, got {strength}")
    if position is None:
        return np.ones((rows, cols), dtype=np.float32)
    across, down = position
    centred = across == down == 0
    distance = _distance(across, cols, centred)[None, :] + _distance(down, rows, centred)[:, None]
    weight = np.exp(-strength * (distance - distance.min()))
    return np.asarray(np.maximum(weight, np.finfo(np.float32).tiny), dtype=np.float32)


def _distance(side: int, cells: int, centred: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the squared distance of each cell's centre to a side or, if `centred`, to the middle."""
    at = (np.arange(cells) + 0.5) / cells * 2 - 1  # -1 to 1
    if centred:
        return np.asarray(at**2, dtype=np.float64)
    return np.asarray(((1 - side * at) / 2) ** 2 if side else np.zeros(cells), dtype=np.float64)
