"""Find places for the objects of one scene before anything is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from zeroov.mini.kinds import COLOURS, KINDS, RATIO_STEPS
from zeroov.mini.scenes import Placed, turned_sprite

SIDE = 336
"""The picture is a square of so many pixels a side: 12 x 12 tokens of the miniature language model."""
MARGIN, GAP = 6, 5
"""Pixels between an object and the border, and between the boxes of two objects, where nothing else is asked."""
Region = tuple[float, float, float, float]
"""Where a centre may lie, x0 y0 x1 y1 as shares of the picture."""
ANYWHERE: Region = (0.0, 0.0, 1.0, 1.0)


class NoRoom(Exception):
    """No free place fulfils what is wanted; the scene is drawn again."""


@dataclass(frozen=True)
class Thing:
    """An object and its place: the box (pixels, half-open) and mask area of what is visible."""

    placed: Placed
    box: tuple[int, int, int, int]
    area: int
    shape: npt.NDArray[np.bool_] = field(repr=False, compare=False)

    @property
    def kind(self) -> str:
        """Give the name of its kind."""
        return self.placed.kind

    @property
    def colour(self) -> str:
        """Give the name of its colour."""
        return self.placed.colour

    @property
    def large(self) -> bool:
        """Return whether it was drawn in its kind's large size."""
        return self.placed.large

    @property
    def centre(self) -> tuple[float, float]:
        """Give the centre of its box as shares of the picture."""
        x0, y0, x1, y1 = self.box
        return ((x0 + x1) / 2 / SIDE, (y0 + y1) / 2 / SIDE)

    def at(self, x: int, y: int) -> Thing:
        """Return the same object with the corner of its whole sprite elsewhere."""
        placed = replace(self.placed, corner_xy=(x, y))
        height, width = self.shape.shape
        shown = self.shape[
            max(-y, 0) : height - max(y + height - SIDE, 0), max(-x, 0) : width - max(x + width - SIDE, 0)
        ]
        if shown.shape == self.shape.shape:
            return Thing(placed, (x, y, x + width, y + height), self.area, self.shape)
        rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
        if not len(rows):
            return Thing(placed, (0, 0, 0, 0), 0, self.shape)
        left, top = max(x, 0), max(y, 0)
        box = (left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1)
        return Thing(placed, box, int(shown.sum()), self.shape)


def gap(one: Thing, other: Thing) -> float:
    """Return the pixels between two boxes, negative where they overlap."""
    a, b = one.box, other.box
    across, down = max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3])
    return float(np.hypot(across, down)) if across > 0 and down > 0 else float(max(across, down))


Accept = Callable[[Thing], bool]


@dataclass
class Layout:
    """The objects that have a place so far."""

    rng: np.random.Generator
    scale: float = 1.0
    things: list[Thing] = field(default_factory=list)

    def make(
        self,
        kind: str,
        colour: str | None = None,
        large: bool = False,
        degrees: float | None = None,
        long_px: float | None = None,
        ratio_step: int | None = None,
    ) -> Thing:
        """Draw an object that has no place yet; what is not given is drawn by chance."""
        rng = self.rng
        if degrees is None:
            degrees = float(rng.integers(4) * 90) if rng.random() < 0.4 else float(rng.uniform(0, 360))
        low, high = KINDS[kind].large_px if large else KINDS[kind].small_px
        long_px = long_px or float(rng.uniform(low, high)) * self.scale
        colour = colour or str(rng.choice(list(COLOURS)))
        step = int(rng.integers(RATIO_STEPS)) if ratio_step is None else ratio_step
        patch = turned_sprite(kind, colour, step, degrees, long_px)
        shape = patch[..., 3] >= 128
        placed = Placed(kind, colour, large, degrees, long_px, patch, (0, 0))
        return Thing(placed, (0, 0, patch.shape[1], patch.shape[0]), int(shape.sum()), shape)

    def put(
        self,
        thing: Thing,
        region: Region = ANYWHERE,
        accept: Accept = lambda thing: True,
        tries: int = 40,
        margin: int = MARGIN,
        within: Thing | None = None,
    ) -> Thing:
        """Give an object a free place with its centre in a region; `NoRoom` after so many tries.

        A negative `margin` lets it reach over the border; `within` is an object that it may lie on.
        """
        height, width = thing.shape.shape
        x0, y0, x1, y1 = (side * SIDE for side in region)
        left, right = max(x0 - width / 2, margin), min(x1 - width / 2, SIDE - width - margin)
        top, bottom = max(y0 - height / 2, margin), min(y1 - height / 2, SIDE - height - margin)
        if left > right or top > bottom:
            raise NoRoom
        for _ in range(tries):
            at = thing.at(round(self.rng.uniform(left, right)), round(self.rng.uniform(top, bottom)))
            if self.free(at, within) and accept(at):
                self.things.append(at)
                return at
        raise NoRoom

    def free(self, thing: Thing, within: Thing | None = None) -> bool:
        """Return whether a place touches no other object: no box, or beside a long diagonal object, no pixel."""
        return thing.area > 0 and all(_apart(thing, other) for other in self.things if other is not within)

    def try_put(self, thing: Thing, region: Region = ANYWHERE, accept: Accept = lambda thing: True) -> Thing | None:
        """Give an object a place, unless there is none."""
        try:
            return self.put(thing, region, accept)
        except NoRoom:
            return None


def _apart(one: Thing, other: Thing) -> bool:
    between = gap(one, other)
    if between >= GAP:
        return True
    if max(one.placed.long_px, other.placed.long_px) < SIDE / 2:
        return False
    canvas = np.zeros((2, SIDE + 2 * GAP, SIDE + 2 * GAP), np.bool_)
    for layer, thing in zip(canvas, (one, other), strict=True):
        x0, y0, x1, y1 = thing.box
        x, y = thing.placed.corner_xy
        layer[y0 + GAP : y1 + GAP, x0 + GAP : x1 + GAP] = thing.shape[y0 - y : y1 - y, x0 - x : x1 - x]
    grown = canvas[0].copy()
    for step in range(-GAP, GAP + 1):
        grown |= np.roll(canvas[0], step, 0) | np.roll(canvas[0], step, 1)
    return not bool((grown & canvas[1]).any())


def others(things: Sequence[Thing], thing: Thing) -> list[Thing]:
    """Return all but one."""
    return [each for each in things if each is not thing]
