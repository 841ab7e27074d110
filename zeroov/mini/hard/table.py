"""Name the kinds of expression of the hard split, how many scenes each has, and what it weighs in real data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Family:
    """A kind of expression: its sub-kinds with their scenes in the test split, and its share of real expressions.

    `real_weight` is the mean of RRSIS-D and RISBench, in percent.
    """

    name: str
    real_weight: float
    scenes: dict[str, int]


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("place", 54.0, {"plain": 35, "middle": 35, "far": 20, "edge": 15, "cut": 10}),
        Family("superlative", 7.0, {"outermost": 35}),
        Family("size superlative", 0.7, {"extreme": 9, "comparative": 6}),
        Family("attributes", 16.5, {"size": 25, "colour": 15, "two": 10, "shape": 5}),
        Family("relation", 9.0, {"direction": 47, "near": 8}),
        Family("relation, anchor described", 9.5, {"described": 50}),
        Family("relation, same kind", 2.3, {"same": 25, "other": 10}),
        Family("ordinal", 0.2, {"side": 25, "row": 10, "corner": 5}),
        Family("between", 0.2, {"between": 40}),
        Family("inside", 0.3, {"inside": 15}),
        Family("group", 0.2, {"count": 15, "place": 20}),
        Family("extent", 0.1, {"extent": 4, "path": 3, "orientation": 3}),
    )
}
ABSENT = "absent"
LENGTHS = (((3, 3), 0.35), ((4, 4), 0.20), ((5, 6), 0.20), ((7, 8), 0.15), ((9, 24), 0.10))
"""How many objects of the asked kind a scene has, and in what share of the scenes; more where the kind needs more."""
PLAIN_LENGTHS = (((1, 1), 0.25), ((2, 2), 0.40), ((3, 3), 0.12), ((4, 4), 0.08), ((5, 8), 0.15))
"""The same as in the real data sets."""

Asked = tuple[str, str]
"""A kind and sub-kind of expression; of an absent object, `absent` and the kind whose form the expression has."""
_COUNTS: list[tuple[Asked, int]] = [
    ((family.name, sub), count) for family in FAMILIES.values() for sub, count in family.scenes.items()
]
_ABSENT_FORMS = ("place", "superlative", "attributes", "relation", "relation, anchor described", "between")
_ABSENT = {"test": 60, "val": 40, "plain": 12}


def schedule(split: str) -> list[Asked]:
    """Return what each scene of a split of fixed length asks: `test`, `val` with two fifths of it, `plain` a fifth."""
    part, absent = {"test": 1.0, "val": 0.4, "plain": 0.2}[split], _ABSENT[split]
    asked: list[Asked] = []
    owed = 0.0
    for each, count in _COUNTS:
        owed += part * count
        asked += [each] * (whole := int(owed + 0.5))
        owed -= whole
    asked += [(ABSENT, _ABSENT_FORMS[number % len(_ABSENT_FORMS)]) for number in range(absent)]
    order = np.random.default_rng(9).permutation(len(asked))
    return [asked[int(place)] for place in order]


def drawn(rng: np.random.Generator) -> Asked:
    """Draw what a scene of the training split asks, with the shares of the test split."""
    at = int(rng.integers(sum(count for _, count in _COUNTS) + _ABSENT["test"]))
    for each, count in _COUNTS:
        if at < count:
            return each
        at -= count
    return (ABSENT, _ABSENT_FORMS[at % len(_ABSENT_FORMS)])


def length_from(rng: np.random.Generator, lengths: tuple[tuple[tuple[int, int], float], ...]) -> int:
    """Draw how many objects of the asked kind a scene has."""
    (low, high), _ = lengths[int(rng.choice(len(lengths), p=[share for _, share in lengths]))]
    return int(rng.integers(low, high + 1))
