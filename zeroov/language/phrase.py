"""Take a referring expression apart: what is meant, how it is described, where it lies, and beside what.

By rules and lists of words, in one pass. What the rules do not understand ends up in the category, so that every text,
in whatever script, has one that may be asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from zeroov.language import words as w
from zeroov.language.nouns import read_noun
from zeroov.language.reader import MARKS, Reader, join
from zeroov.language.words import Position, after

_SPECIAL = re.compile(r"<\|[^<>|]*\|>")
"""The language model's own special tokens say nothing of the object."""


class Relation(NamedTuple):
    """How the object lies to another, in the expression's words, and the other object without its article."""

    words: str
    other: str


@dataclass(frozen=True)
class Phrase:
    """A referring expression and its parts.

    `category` is the head noun phrase in the singular. `position` is the place in the image that is named outright;
    `toward` the side to which a superlative points ("leftmost"), or from which an `ordinal` counts. The first of a row
    is its extreme, and no ordinal.
    """

    text: str
    category: str
    attributes: tuple[str, ...] = ()
    position: Position | None = None
    relations: tuple[Relation, ...] = ()
    superlative: str | None = None
    toward: Position | None = None
    ordinal: str | None = None
    named: bool = True
    """The expression says what kind of thing is meant; else the category is only a substitute."""

    @property
    def place(self) -> Position | None:
        """Give the best guess of where in the image to look: the position, or else the superlative's side."""
        return self.toward if self.position is None else self.position


def parse(expression: str) -> Phrase:
    """Take an expression apart; never fails, and the category is empty only where the expression is."""
    words = w.tokens(_SPECIAL.sub(" ", expression))
    reader = Reader(words)
    while reader.index < len(words):
        reader.step()
    return _phrase(reader, expression)


def _phrase(reader: Reader, text: str) -> Phrase:
    """Put together what was read; without a head noun, a relation's object or the whole text takes its place."""
    head = reader.head
    if head is None and reader.relations:
        head = read_noun(reader.words, reader.relations[0][1])
    extreme = reader.ordinal in w.FIRST and bool(reader.toward or (head and head.superlative))
    whole = join(reader.words[after(reader.words, 0, w.LEADERS | w.ARTICLES | MARKS) :]) or text.strip() or text
    return Phrase(
        text=text,
        category=head.category if head else whole,
        attributes=tuple(reader.attributes),
        position=w.merged(reader.places) if reader.places else None,
        relations=tuple(
            Relation(words, join(reader.words[after(reader.words, start, w.ARTICLES) : end]))
            for words, start, end in reader.relations
        ),
        superlative=reader.superlative,
        toward=reader.toward,
        ordinal=None if extreme else reader.ordinal,
        named=reader.head is not None,
    )
