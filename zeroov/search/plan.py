"""What a search asks for: tiles the kind of thing alone, a closer look the same without its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from zeroov.language.phrase import Phrase, parse
from zeroov.language.words import SIZES
from zeroov.recipe import Recipe


class Other(NamedTuple):
    """What is asked for to find the `part`th other object of an expression's `relation`th relation."""

    relation: int
    part: int
    text: str


@dataclass(frozen=True)
class Plan:
    """What a search asks for: each tile the `kind` and the `others`, a closer look the `near` (without sizes).

    `others` are the objects that it is said to lie beside.
    """

    text: str
    phrase: Phrase
    kind: str
    near: str
    others: tuple[Other, ...]
    every: bool


def plan_of(text: str, recipe: Recipe, every: bool) -> Plan:
    """Return what a search for an expression asks for."""
    phrase = parse(text)
    others = () if every or not recipe.search.relations else neighbours(phrase)
    return Plan(text, phrase, described(phrase), described(phrase, sizes=False), tuple(others), every)


def described(phrase: Phrase, sizes: bool = True) -> str:
    """Return what a window is asked for: the kind of thing with what can be seen of it, nothing of where it lies.

    How large something is cannot be seen of it alone: a closer look is asked without `sizes`. An expression that names
    no kind of thing ("on the left") is asked as it is.
    """
    if not phrase.named:
        return phrase.text
    attributes = [word for word in phrase.attributes if sizes or word not in SIZES]
    return " ".join(("the", *attributes, phrase.category))


def neighbours(phrase: Phrase) -> list[Other]:
    """Return what windows are asked for to find the other objects of each relation, two where it names two.

    Things of the expression's own kind are the candidates, unless they are described: "left of the black plane".
    """
    return [
        Other(relation, part, described(anchor))
        for relation, anchors in enumerate(phrase.anchors)
        for part, anchor in enumerate(anchors)
        if not phrase.same_kind(anchor) or (anchor.named and anchor.attributes)
    ]
