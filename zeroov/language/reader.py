"""Walk over the words of an expression and collect what they say: the object, its places, its neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from zeroov.language import words as w
from zeroov.language.nouns import Noun, Place, image_end, opened, read_noun, read_other, read_place
from zeroov.language.remarks import Remarks
from zeroov.language.words import Position, after

MARKS = frozenset(",;:.!?()&/")
_GLUED = re.compile(r"(\w{4,}[^\Wi])(?:in|on|at)")
"""A missing space, as RSVG-HR has it: "roundaboutin the middle part"; but "station" is one word."""
_NO_PLACE = frozenset(w.DIRECTIONS) | w.EMPHASIS | w.DETERMINERS
_SIDES = frozenset(w.DIRECTIONS) | w.vocabulary("above below under beneath underneath over behind front from than")
"""Words of a relation that say that the object does not lie where its neighbour lies."""


_JOINED = [[word] for word in w.JOINERS]
_BEYOND = w.vocabulary("beyond off past outside")
_LINE_OPENERS = w.vocabulary("in on at of from within")


def join(words: Sequence[str]) -> str:
    """Return words as a text, without the marks between them."""
    return " ".join(word for word in words if word not in MARKS)


@dataclass
class Reader:
    """Walk over the words and collect; every step moves `index` on."""

    words: list[str]
    index: int = 0
    head: Noun | None = None
    remarks: Remarks = field(default_factory=Remarks)
    places: list[Position] = field(default_factory=list)
    relations: list[tuple[str, int, int]] = field(default_factory=list)
    superlative: str | None = None
    toward: Position | None = None
    ordinal: str | None = None
    anchored: bool = False
    """What follows still describes the other object of the last relation."""
    predicate: bool = False
    """A copula came: adjectives describe the object."""
    path: bool = False
    """A "from" came: sides are where the object goes, not where it is."""
    negated: bool = False
    route: list[Position] = field(default_factory=list)
    """The places after "from", in order."""
    arrives: bool = False
    """The way leads "to" one of them."""

    def __post_init__(self) -> None:
        start = after(self.words, 0, w.LEADERS | MARKS)
        self.index = start if start < len(self.words) else 0

    def step(self) -> None:
        """Read the next words, at least one."""
        start, word = self.index, self.words[self.index]
        if word in w.CLOSERS or word in w.RELATIVE or word in w.JOINERS or word == "not":
            self._connect(word)
        elif (
            self._heading(word)
            or self._size()
            or self._feature()
            or self._from(word)
            or self._nearest(word)
            or self._opener()
        ):
            self.predicate = False
        elif word in w.VERBS:
            self.predicate = True
            self.path = False
            self.remarks.spanning = word in w.SPANS
            self.anchored &= start > 0 and self.words[start - 1] in w.RELATIVE
            self.index += 1
        elif not self._bare_place() and not (self.head is None and self._name()):
            self._remark(word)
            self.index += 1

    def _remark(self, word: str) -> None:
        """Take one word of which no place, name or neighbour was made."""
        if (self.predicate and w.is_superlative(word)) or (word in w.EXTREMES and not self.anchored):
            self.superlative, self.toward = self.superlative or word, self.toward or w.EXTREMES.get(word)
        elif word in w.COMPARATIVES and self.words[self.index + 1 : self.index + 2] == ["one"] and not self.anchored:
            self.superlative = self.superlative or word
        elif word in w.ORDINALS and not self.anchored:
            self.ordinal = self.ordinal or word
        elif not self.anchored and not self.negated and self.remarks.take(self.words, self.index):
            pass
        elif self.predicate and w.is_adjective(word) and not w.is_participle(word) and not self.negated:
            self.remarks.attributes.append(word)
        elif word in w.SPANS:
            self.remarks.spanning = True
        elif not w.is_adverb(word):
            self.predicate = False
            self.remarks.leave(word)

    def _heading(self, word: str) -> bool:
        """Pass "facing left", "pointing to the upper right"."""
        end = self.remarks.heading(self.words, self.index) if self.head and word in w.HEADINGS else None
        self.index = end or self.index
        return end is not None

    def _size(self) -> bool:
        """Read "by its large size"."""
        end = None if self.anchored else self.remarks.size(self.words, self.index)
        self.index = end or self.index
        return end is not None

    def _connect(self, word: str) -> None:
        """Pass a word that joins or parts clauses; after a relation "and the pond" names one more other object."""
        self.index += 1
        if word == "not":
            self.negated = True
        elif word in w.JOINERS and self.anchored and read_place(self.words, self.index) is None:
            more = read_noun(self.words, self.index)
            self.anchored = bool(more.nouns)
            if more.nouns and self.relations:
                self._extend(more.end)
            self.index = max(self.index, more.end)
        elif word not in w.RELATIVE:
            self.anchored = self.path = self.negated = self.remarks.spanning = False

    def _feature(self) -> bool:
        """Read "with a white roof" as an attribute."""
        end = opened(self.words, self.index, w.FEATURE_OPENERS)
        if end is None:
            return False
        thing = read_noun(self.words, end)
        if not thing.nouns and self.words[self.index] in w.VERBS:
            return False  # "has been parked"
        if thing.nouns and not self.negated:
            self.remarks.attributes.append(join(self.words[self.index : thing.end]))
        self.index = max(end, thing.end)
        return True

    def _from(self, word: str) -> bool:
        """Read "from the left": the counting direction after an ordinal, else the start of a path."""
        if word != "from":
            return False
        place = read_place(self.words, self.index + 1)
        if place and self.ordinal and not self.anchored:
            self.superlative = f"{self.ordinal} {join(self.words[self.index : place.words_end])}"
            self.superlative = self.superlative.removesuffix(" of")
            self.toward = place.position if place.position is not None else self.toward
        elif place and self.anchored and self._is_counted():
            self._extend(place.end)  # "right of the second plane from the left"
        else:
            self.path, self.arrives = True, False
            self.route = [place.position] if place and place.position else []
        self.index = place.end if place else self.index + 1
        return True

    def _is_counted(self) -> bool:
        """Return whether the other object of the last relation has an ordinal, among its first words."""
        start = self.relations[-1][1]
        return not w.ORDINALS.isdisjoint(self.words[start : min(start + 8, self.index)])

    def _nearest(self, word: str) -> bool:
        """Read "closest to the top edge" or "closest to the pond" after the head."""
        if word not in w.NEAREST or self.head is None:
            return False
        linked = self.index + 1 < len(self.words) and self.words[self.index + 1] in ("to", "from")
        start = self.index + 1 + linked
        first, place, end = self.index, read_place(self.words, start), start
        if place and place.other is None:
            end = place.end
            away = -1 if linked and self.words[start - 1] == "from" else 1
            if place.position is not None:
                self.toward = away * place.position[0], away * place.position[1]
        elif linked and (other := place.other if place else read_noun(self.words, start)) and other.nouns:
            end = other.end
            self._relate(self.index, other)
        self.superlative = join(self.words[first:end])
        self.index = end
        return True

    def _opener(self) -> bool:
        """Read a place of the image, or a relation to another object, that starts with a preposition."""
        end = opened(self.words, self.index)
        if end is None:
            return False
        while (
            end < len(self.words) and self.words[end] in w.JOINERS and (more := opened(self.words, end + 1)) is not None
        ):
            end = more  # "above and to the left of"
        place = read_place(self.words, end)
        if place:
            self.remarks.cut |= place.edge and self.words[self.index] in _BEYOND
            self._put(self._beyond_middle(place, end))
            return True
        other = read_other(self.words, end)
        of_image = image_end(self.words, end)
        if other.nouns and (of_image is None or of_image < other.end):
            self._beside(other)
        else:
            self._within(other, of_image is not None)
        self.index = max(self.index, end, other.end, of_image or 0)
        return True

    def _beyond_middle(self, place: Place, start: int) -> Place:
        """Read "above the center" as a side of it."""
        side = w.way_of(self.words[self.index : start])
        if place.position == (0, 0) and any(side) and place.other is None and not self.path:
            return replace(place, position=side, off_middle=True)
        return place

    def _beside(self, other: Noun) -> None:
        """Take what a preposition leads to: another object, or something that is none."""
        word, after_it = self.words[self.index], self.words[other.end : other.end + 1]
        if self.anchored and word == "of" and self.relations[-1][2] == self.index:
            self._extend(other.end)  # "the edge of the lake"
        elif word in ("by", "of") and self.words[other.start] in ("its", "their"):  # "distinguished by its red roof"
            self.remarks.attributes.append(f"with {join(self.words[other.start : other.end])}")
        elif other.nouns == ["itself"]:
            self.remarks.lone |= word == "by"
        elif len(other.nouns) == 1 and other.nouns[0] in w.EXTENTS and self.remarks.spanning:
            self.remarks.extent = w.EXTENTS[other.nouns[0]]
        elif other.nouns[-1] in w.EDGES and (after_it != ["of"] or image_end(self.words, other.end + 1) is not None):
            self.remarks.edges.append((0, 0))  # "by the edge": of the image, any side
        elif word in _LINE_OPENERS and (end := self.remarks.stand_in(self.words, other, self.head)) is not None:
            self.index = end
        elif word in ("of", "in", "among", "amongst") and other.plural and self._is_kind(other):
            pass  # "the left tank of the pair of tanks"
        else:
            self._relate(self.index, other)

    def _within(self, other: Noun, in_image: bool) -> None:
        """Take what a preposition leads to where that is no object: the image itself, or words without a noun."""
        self.remarks.cut |= in_image and self.words[self.index] in _BEYOND  # "extends beyond the image"
        self.remarks.lone |= "own" in other.attributes and not self.anchored  # "on its own"
        if self.words[self.index] == "of" and (other.count or 0) > 1 and self.head:  # "the larger ship of the two"
            self.superlative = self.superlative or self.remarks.comparative

    def _bare_place(self) -> bool:
        """Read a place without a preposition: "top left", "and the bottom of a pond"."""
        place = read_place(self.words, self.index)
        if place is None:
            skipped = after(self.words, self.index, _NO_PLACE)
            if self.head is None or skipped == self.index:
                return False
            self.index = skipped  # all at once: one by one, each would read the whole row again
            return True
        goal = read_place(self.words, place.end + 1) if self.words[place.end : place.end + 1] == ["to"] else None
        if goal and goal.position and place.position and not self.anchored:  # "running north to south"
            self.route, self.arrives, self.index = [place.position, goal.position], True, goal.end
            return True
        lone = place.end == self.index + 1
        if lone and self.words[self.index] == "right" and opened(self.words, place.end) is not None:
            self.index = place.end  # "right next to"
        else:
            self._put(place)
        return True

    def _put(self, place: Place) -> None:
        """Take a place that was read: of the image, of the last relation's object, or of another one."""
        if place.among and (self.head is None or place.other is None or self._is_kind(place.other)):
            self._single_out(place)
        elif place.other is not None:
            self._relate(self.index, place.other)
        elif place.position is not None and self.path:
            self.route.append(place.position)
            self.arrives |= self.words[self.index] in ("to", "toward", "towards", "into", "onto")
        elif place.position is not None and not self.negated:
            if self.anchored:
                self._extend(place.end)
            # "In the lot on the left" is on the left itself; "below the lot on the left" may be anywhere, and "the
            # fence to the north" says nothing.
            near = _SIDES.isdisjoint(self.relations[-1][0].split()) if self.anchored else True
            if near and not (self.anchored and self.words[self.index] == "to"):
                self.places.append(place.position)
                self.remarks.place(place, place.position)
        self.index = place.end

    def _is_kind(self, other: Noun) -> bool:
        return self.head is not None and w.singular(self.head.nouns[-1]) == w.singular(other.nouns[-1])

    def _single_out(self, place: Place) -> None:
        """Take "the left of the two planes", or "the plane in the middle of the row"."""
        if self.anchored or self.negated:
            return
        if place.position == (0, 0):
            self.ordinal = self.ordinal or "middle"
        else:
            self.superlative = join(self.words[self.index : place.words_end]).removesuffix(" of")
            self.toward = self.toward or place.position
        if self.head is None and place.other:
            self.head = place.other
            self.head.one_of = True
            self.remarks.describe(self.head.attributes)

    def _relate(self, start: int, other: Noun) -> None:
        """Add a relation whose own words begin at `start`."""
        if not self.negated:
            self.relations.append((join(self.words[start : other.start]), other.start, other.end))
        self.anchored, self.negated, self.index = not self.negated, False, other.end

    def _extend(self, end: int) -> None:
        words, start, _ = self.relations[-1]
        self.relations[-1] = words, start, end

    def _name(self) -> bool:
        """Read the noun phrase that the expression is about."""
        noun = read_noun(self.words, self.index)
        if noun.end == self.index:
            return False
        self.index = noun.end
        if noun.nouns and noun.nouns[-1] in w.IMAGE:
            return True  # "this image shows ..."
        glued = _GLUED.fullmatch(noun.nouns[-1]) if noun.nouns else None
        if glued and read_place(self.words, noun.end):
            noun.nouns[-1] = glued[1]
        placed = bool(noun.places)
        self.remarks.far |= placed and not w.FAR.isdisjoint(noun.attributes)
        self.remarks.middle |= (0, 0) in noun.places and any(w.merged(noun.places))
        self.remarks.describe([word for word in noun.attributes if not (placed and word in w.FAR)])
        if noun.one_of and noun.places and not any(w.merged(noun.places)):
            self.ordinal = "middle"  # "the middle one of the three bridges"
        elif noun.one_of and noun.places and not noun.superlative:  # "the upper one of the two bridges"
            self.toward, noun.superlative = w.merged(noun.places), join(self.words[noun.start : noun.start + 2])
        else:
            self.places += noun.places
        if "one" in self.words[noun.start : noun.end] and not noun.nouns:  # "the larger one"
            noun.superlative = noun.superlative or self.remarks.comparative
        self.superlative = noun.superlative or noun.ordinal or self.superlative
        self.toward = w.EXTREMES.get(noun.superlative or "", self.toward)
        self.ordinal = noun.ordinal or self.ordinal
        self.remarks.together |= noun.together
        self.head = noun if noun.nouns else None
        return True
