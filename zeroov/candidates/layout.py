"""How candidates lie in their picture: boxes in fractions of it, and the gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zeroov.frames import HW
from zeroov.types import Candidate

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
SHORTEST = 1e-4  # of the picture: no side is shorter, so that every logarithm is finite
OUTMOST = 2.0  # of the picture: no corner counts as further out


@dataclass(frozen=True, eq=False)
class Layout:
    """Boxes in fractions of the picture, x to the right and y downwards; `aspect_xy` brings both to one unit."""

    low_xy: Values
    """Upper left corners (n, 2)."""
    high_xy: Values
    aspect_xy: Values
    """Width and height of the picture over the root of their product."""

    @classmethod
    def of(cls, candidates: Sequence[Candidate], picture_hw: HW) -> Layout:
        """Return the layout of candidates whose boxes are in pixels of a picture of that size."""
        wh = np.array(picture_hw[::-1], dtype=np.float64)
        corners = np.array([each.box.xyxy for each in candidates], dtype=np.float64).reshape(-1, 2, 2) / wh
        low, high = np.moveaxis(np.clip(corners, 1 - OUTMOST, OUTMOST), 1, 0)
        return cls(low, np.maximum(high, low + SHORTEST), wh / np.sqrt(wh.prod()))

    def __len__(self) -> int:
        return len(self.low_xy)

    @property
    def centre_xy(self) -> Values:
        """The middles (n, 2)."""
        return np.asarray((self.low_xy + self.high_xy) / 2)

    @property
    def sides_wh(self) -> Values:
        """Widths and heights (n, 2)."""
        return np.asarray(self.high_xy - self.low_xy)

    @property
    def area(self) -> Values:
        """Shares of the picture's area (n,)."""
        return np.asarray(self.sides_wh.prod(axis=1))

    def outer_edge(self, axis: int, side: int) -> Values:
        """Return how far each box reaches towards a side (-1: left or top, 1) of an axis (0: across), from 0 to 1."""
        return np.asarray(self.high_xy[:, axis] if side > 0 else 1 - self.low_xy[:, axis])

    def to_edge(self, axis: int, side: int) -> Values:
        """Return how much of the picture lies between each box and a side; 0 where it reaches it."""
        return np.maximum(1 - self.outer_edge(axis, side), 0)

    def gaps(self, other: Layout) -> Values:
        """Return the distances (n, m) between the nearest points of these boxes and others; 0 where they touch."""
        between = np.maximum(self.low_xy[:, None], other.low_xy) - np.minimum(self.high_xy[:, None], other.high_xy)
        return np.asarray(np.linalg.norm(np.maximum(between, 0) * self.aspect_xy, axis=2))

    def nearest(self) -> Values:
        """Return each box's gap to the nearest other one; infinite for a single box."""
        gaps = self.gaps(self)
        np.fill_diagonal(gaps, np.inf)
        return np.asarray(gaps.min(axis=1, initial=np.inf))
