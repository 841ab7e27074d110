"""Hold a question of the hard split while it is made: parts of the expression, objects, words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from zeroov.mini.hard.judge import Part, every
from zeroov.mini.hard.layout import ANYWHERE, Layout, NoRoom, Region, Thing
from zeroov.mini.hard.words import Speech
from zeroov.mini.kinds import COLOURS, KINDS

HELD_OUT_ANCHORS = ("tennis court", "ship")
"""Kinds that no training expression names as the other object."""


@dataclass
class Draft:
    """A question in the making. Of the parts, those named `colour`, `size` and `shape` describe the object itself.

    `class_large` says that the asked kind is a class of its own, the small or the large vehicles.
    """

    rng: np.random.Generator
    layout: Layout
    speech: Speech
    sub: str
    count: int
    kind: str
    class_large: bool | None = None
    parts: list[Part] = field(default_factory=list)
    meant: list[Thing] = field(default_factory=list)
    anchors: list[Thing] = field(default_factory=list)
    near: dict[str, Thing] = field(default_factory=dict)
    """What is missed by the object that fits all but one part."""
    locked: set[str] = field(default_factory=set)
    """Kinds that no further object may have, since the expression names one of them without more words."""
    adjectives: list[str] = field(default_factory=list)
    colour: str | None = None
    """The colour that the expression says."""
    subject: str | None = None
    """What stands in place of adjectives and noun."""
    after: str = ""
    """What follows the noun of a group at once."""
    tail: str = ""
    terrain: str | None = None
    definite: bool = False
    """The article is `the`: a superlative or an order."""
    right_angles: bool = False
    full: bool = False
    """No further object of the kind may be added."""

    def is_asked(self, thing: Thing) -> bool:
        """Return whether an object is of the asked kind."""
        return thing.kind == self.kind and self.class_large in (None, thing.large)

    def asked(self) -> list[Thing]:
        """Return the objects of the asked kind."""
        return [thing for thing in self.layout.things if self.is_asked(thing)]

    def new(
        self,
        colour: str | None = None,
        large: bool | None = None,
        long_px: float | None = None,
        ratio_step: int | None = None,
    ) -> Thing:
        """Draw an object of the asked kind that has no place yet."""
        if self.class_large is not None:
            large = self.class_large
        elif large is None:
            large = bool(self.rng.random() < (0.3 if self.count <= 6 else 0.0))
        degrees = float(self.rng.integers(4) * 90) if self.right_angles else None
        return self.layout.make(self.kind, colour, large, degrees, long_px, ratio_step)

    def judged(self, thing: Thing, but: str = "") -> int:
        """Return the verdict of all parts but one."""
        return every(*(part.judge(thing) for part in self.parts if part.name != but), 1)

    def fails(self, thing: Thing) -> bool:
        """Return whether an object clearly fails a part."""
        return any(part.judge(thing) == -1 for part in self.parts)

    def target(
        self, thing: Thing, region: Region = ANYWHERE, accept: Callable[[Thing], bool] = lambda _: True
    ) -> Thing:
        """Place an object that is meant."""
        placed = self.layout.put(thing, region, lambda at: accept(at) and self.judged(at) == 1, tries=250)
        self.meant.append(placed)
        return placed

    def miss(
        self,
        name: str,
        thing: Thing,
        region: Region = ANYWHERE,
        accept: Callable[[Thing], bool] = lambda _: True,
    ) -> Thing:
        """Place an object that fits all parts but one."""
        (part,) = [part for part in self.parts if part.name == name]
        placed = self.layout.put(
            thing, region, lambda at: accept(at) and part.judge(at) == -1 and self.judged(at, name) == 1, tries=250
        )
        self.near[name] = placed
        return placed

    def fill(self) -> None:
        """Add objects of the asked kind, each of which clearly fails a part, until there are enough."""
        for _ in range(0 if self.full else 8 * self.count):
            if len(self.asked()) >= self.count:
                return
            self.layout.try_put(self.new(), accept=self.fails)

    def other_kinds(self) -> list[str]:
        """Return the kinds that a further object may have."""
        return [kind for kind in KINDS if kind != self.kind and kind not in self.locked]

    def distract(self, count: int) -> None:
        """Add objects of other kinds; the first one lies where the expression says, if it can."""
        where = [part for part in self.parts if part.name not in ("colour", "size", "shape")]

        def fits(thing: Thing) -> bool:
            return all(part.judge(thing) == 1 for part in where)

        for number in range(count):
            thing = self.layout.make(str(self.rng.choice(self.other_kinds())), large=bool(self.rng.random() < 0.3))
            if number or not where or not self.layout.try_put(thing, accept=fits):
                self.layout.try_put(thing)

    def anchor(
        self, thing: Thing, region: Region = ANYWHERE, accept: Callable[[Thing], bool] = lambda _: True
    ) -> Thing:
        """Place an object that the expression names beside the one that is meant."""
        placed = self.layout.put(thing, region, accept)
        self.anchors.append(placed)
        return placed

    def anchor_kinds(self) -> list[str]:
        """Return the kinds that an anchor may have."""
        return [k for k in self.other_kinds() if self.speech.held_out or k not in HELD_OUT_ANCHORS]

    def say_colour(self, colour: str) -> None:
        """Let the expression say a colour."""
        self.colour = colour
        self.adjectives.append(colour)
        self.parts.append(Part("colour", lambda thing: 1 if thing.colour == colour else -1))

    def colours(self, count: int) -> list[str]:
        """Draw different colours."""
        return [str(colour) for colour in self.rng.permutation(list(COLOURS))[:count]]

    def choice(self, options: Sequence[str]) -> str:
        """Draw one of several words."""
        return options[int(self.rng.integers(len(options)))]

    def check(self) -> None:
        """Demand that what is meant fits clearly, that nothing else of the kind may fit, and that misses still miss."""
        meant = {id(thing) for thing in self.meant}
        for thing in self.asked():
            if id(thing) in meant:
                if self.judged(thing) != 1:
                    raise NoRoom
            elif not self.fails(thing):
                raise NoRoom
        for part in self.parts:
            missed = self.near.get(part.name)
            if missed is None or part.judge(missed) != -1 or self.judged(missed, part.name) != 1:
                raise NoRoom
