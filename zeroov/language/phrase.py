"""Take a referring expression apart: what is meant, how it is described, where it lies, and beside what.

By rules and lists of words, in one pass. What the rules do not understand ends up in the category, so that every text,
in whatever script, has one that may be asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from zeroov.language import words as w
from zeroov.language.nouns import read_noun
from zeroov.language.reader import MARKS, Reader, join
from zeroov.language.spelling import tokens
from zeroov.language.words import Position, after

_SPECIAL = re.compile(r"<\|[^<>|]*\|>")
"""The language model's own special tokens say nothing of the object."""


_AND_A = re.compile(r" and (?:(?:the|an?) |(?=(?:another|some|several|two) ))")
_APART = w.vocabulary("away apart far farther farthest furthest further isolated separate separated distant")
_TOGETHER = w.vocabulary(
    "near next adjacent close closer closest nearest beside by alongside proximity abutting",
    "neighboring neighbouring adjoining",
)


class Relation(NamedTuple):
    """How the object lies to another, in the expression's words, and the other object without its article."""

    words: str
    other: str


@dataclass(frozen=True)
class Line:
    """A row or column of like things: the `number`th from its `side` (-1: top or left, 1), or 0: the middle one."""

    kind: str
    number: int
    side: int


@dataclass(frozen=True)
class Phrase:
    """A referring expression and its parts.

    `category` is the head noun phrase in the singular. `position` is the place in the image that is named outright;
    `toward` the side to which a superlative points ("leftmost"; (0, 0) is the middle), or from which an `ordinal`
    counts. The first of a row is its extreme, and no ordinal; "middle" is one: "in the middle of the three".
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
    far: bool = False
    """The position is far out at its side."""
    middle: bool = False
    """The middle of the position's side was named: "the center of the left"."""
    off_middle: bool = False
    """The position is a side of the middle, not of the image: "left of the center"."""
    edge: Position | None = None
    """The side whose edge the object lies at; (0, 0): any."""
    sizes: tuple[str, ...] = ()
    line: Line | None = None
    cut: bool = False
    """The picture does not show all of it."""
    extent: str | None = None
    """"width" or "height", if it reaches across the picture."""
    path: tuple[Position, ...] = ()
    """The places that it leads from and to."""
    lone: bool = False
    near_kind: bool = False
    """Another of its kind is near."""
    count: int | None = None
    plural: bool = False
    unread: tuple[str, ...] = ()
    """Words of which nothing was made."""

    @property
    def place(self) -> Position | None:
        """Give the best guess of where in the image to look: the position, or else the superlative's side."""
        return self.toward if self.position is None else self.position

    @property
    def visible(self) -> tuple[str, ...]:
        """Give the attributes that are to be seen of the thing itself: colours and the like, not its size."""
        return tuple(word for word in self.attributes if word not in w.SIZES)

    @property
    def rank(self) -> int | None:
        """Give the ordinal as a number; -1 is the last, 0 the middle one."""
        return w.RANKS.get(self.ordinal, 0) if self.ordinal else None

    @cached_property
    def anchors(self) -> tuple[tuple[Phrase, ...], ...]:
        """Give each relation's other objects as phrases of their own, two where it names two."""
        return tuple(tuple(parse(other) for other in _AND_A.split(relation.other)) for relation in self.relations)

    def same_kind(self, anchor: Phrase) -> bool:
        """Return whether another object is of this one's kind: "tank" beside "storage tank", or "the other one"."""
        nouns, others = self.category.split(), anchor.category.split()
        if not anchor.named or others in (["one"], ["other"]):
            return not w.ONES.isdisjoint(others)
        shorter = min(len(nouns), len(others))
        return self.named and nouns[-shorter:] == others[-shorter:]


def parse(expression: str) -> Phrase:
    """Take an expression apart; never fails, and the category is empty only where the expression is."""
    words = tokens(_SPECIAL.sub(" ", expression))
    reader = Reader(words)
    while reader.index < len(words):
        reader.step()
    return _phrase(reader, expression)


def _phrase(reader: Reader, text: str) -> Phrase:
    """Put together what was read; without a head noun, a relation's object or the whole text takes its place."""
    head = reader.head
    if head is None and reader.relations:
        other = read_noun(reader.words, reader.relations[0][1])
        head = other if other.nouns else None
    extreme = reader.ordinal in w.FIRST and bool(reader.toward or (head and head.superlative))
    whole = join(reader.words[after(reader.words, 0, w.LEADERS | w.ARTICLES | MARKS) :]) or text.strip() or text
    relations = tuple(
        Relation(words, join(reader.words[after(reader.words, start, w.ARTICLES) : end]))
        for words, start, end in reader.relations
    )
    relations = tuple(each for each in relations if each.other not in w.BACKGROUND)
    merged = w.merged(reader.places) if reader.places else None
    said = reader.remarks
    phrase = Phrase(
        text=text,
        category=head.category if head else whole,
        attributes=tuple(said.attributes),
        position=merged,
        relations=relations,
        superlative=reader.superlative,
        toward=reader.toward,
        ordinal=None if extreme else reader.ordinal,
        named=reader.head is not None,
        far=said.far,
        middle=bool(merged and any(merged) and (said.middle or (0, 0) in reader.places)),
        off_middle=said.off_middle and len(reader.places) == 1,
        edge=w.merged(said.edges) if said.edges else None,
        sizes=(*(word for word in said.attributes if word in w.SMALL or word in w.LARGE), *said.sizes),
        line=Line(*said.line) if said.line else None,
        cut=said.cut,
        extent=said.extent,
        path=tuple(reader.route) if reader.arrives and any(map(any, reader.route)) else (),
        lone=said.lone,
        near_kind=said.together or "adjacent" in said.attributes,
        count=None if reader.head is None or reader.head.one_of else reader.head.count,
        plural=reader.head is not None and reader.head.plural,
        unread=tuple(said.unread),
    )
    return phrase if not relations else _with_its_kind(phrase)


def _with_its_kind(phrase: Phrase) -> Phrase:
    """Take from the relations to things of the same kind what compares the things: "away from the others"."""
    lone, near, superlative = phrase.lone, phrase.near_kind, phrase.superlative
    for relation in phrase.relations:
        said = frozenset(relation.words.split())
        if any(word in w.DIRECTIONS for word in said) or said.isdisjoint(_APART | _TOGETHER | {"than"}):
            continue
        if all(phrase.same_kind(parse(other)) for other in _AND_A.split(relation.other)):
            if "than" in said:
                superlative = superlative or next((word for word in said if word in w.COMPARATIVES), None)
            elif said & _APART:
                lone = True
            else:
                near = True
    return replace(phrase, lone=lone, near_kind=near, superlative=superlative)
