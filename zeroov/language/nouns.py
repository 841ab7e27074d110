"""Read one noun phrase, and one place of the image, from a list of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zeroov.language import words as w
from zeroov.language.words import Position, after

_OBJECT_STARTS = w.ARTICLES | {"its", "their"}
_SKIPPED_BEFORE_PLACE = w.DETERMINERS | w.EMPHASIS | {"entire", "whole", *(f"{word}'s" for word in w.IMAGE)}


@dataclass
class Noun:
    """A noun phrase: its name, what describes it, and the index of the word after it."""

    start: int
    end: int
    nouns: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    places: list[Position] = field(default_factory=list)
    superlative: str | None = None
    ordinal: str | None = None
    count: int | None = None
    one_of: bool = False
    """One of several that were named: "the larger of the two planes"."""
    together: bool = False
    """A group, and not only several: "a cluster of tanks"."""
    line: str | None = None
    """"row" or "column", if that is what was named, or what the things stand in."""

    @property
    def category(self) -> str:
        """Give the name in the singular."""
        return " ".join((*self.nouns[:-1], *map(w.singular, self.nouns[-1:])))

    @property
    def plural(self) -> bool:
        """Return whether several things are meant."""
        many = (self.count or 1) > 1 or (bool(self.nouns) and w.singular(self.nouns[-1]) != self.nouns[-1])
        return many and not self.one_of


@dataclass(frozen=True)
class Place:
    """A side, corner or middle: of the image, or of `other`; `position` is `None` where neither is known.

    `among`: it is the place among `other`, "the left of the two planes", or among all: "the middle of the row".
    """

    position: Position | None
    end: int
    words_end: int
    other: Noun | None = None
    far: bool = False
    middle: bool = False
    """The middle of a side: "the center of the left"."""
    off_middle: bool = False
    """A side of the middle: "left of the center"."""
    edge: bool = False
    line: str | None = None
    """"row" or "column": the side of the things, not of the image."""
    among: bool = False


def _at(words: Sequence[str], index: int) -> str:
    return words[index] if index < len(words) else ""


def opened(
    words: Sequence[str], start: int, openers: Mapping[str, Sequence[tuple[str, ...]]] = w.OPENERS
) -> int | None:
    """Return where the preposition at `start` ends, or `None` where there is none."""
    for opener in openers.get(words[start], ()) if start < len(words) else ():
        if tuple(words[start : start + len(opener)]) == opener:
            return start + len(opener)
    return None


def names_at(words: Sequence[str], index: int) -> bool:
    """Return whether the word at an index may belong to a noun phrase."""
    return index < len(words) and w.names(words[index])


def _take(noun: Noun, words: Sequence[str]) -> bool:
    """Add the next word to a noun phrase; False where the phrase is over."""
    word, following = words[noun.end], _at(words, noun.end + 1)
    fresh = not noun.nouns
    if word == "that" and noun.end > noun.start:
        return False  # "each other that can be seen"
    if fresh and (word in w.DETERMINERS or word in w.NUMBERS or word.isdecimal()):
        # "these", "two", "3": not what it is
        noun.count = w.COUNTS.get(word, int(word) if word.isdecimal() and len(word) < 4 else noun.count)
    elif word in w.ORDINALS:
        if not fresh:
            return False  # "the plane second from the left"
        noun.ordinal = word
    elif word in w.DIRECTIONS:
        # "shopping center" is a name; "the plane center left" is a plane.
        if not fresh:
            if word not in ("center", "centre") or following in w.DIRECTIONS or following == "of":
                return False
            noun.nouns.append(word)
        noun.places.append(w.DIRECTIONS[word])
    elif w.is_superlative(word):
        if not fresh:
            return False
        noun.superlative = word
    elif word in w.JOINERS or word == ",":
        # "green and brown", "small, rectangular": the name is still to come
        return fresh and bool(noun.attributes) and following not in w.DETERMINERS and following not in w.BREAKS
    elif word in w.BREAKS or w.is_adverb(word):
        return fresh and w.is_adverb(word)
    elif word in w.VERBS:
        if not (fresh and noun.end > noun.start and words[noun.end - 1] in w.DETERMINERS):
            return False
        noun.nouns.append(word)
    elif fresh and word in w.PLACES and noun.end > noun.start and words[noun.end - 1] in w.DIRECTIONS:
        pass  # "the bottom right corner plane"
    else:
        return _describe_or_name(noun, words, word)
    return True


def _describe_or_name(noun: Noun, words: Sequence[str], word: str) -> bool:
    """Take an adjective or a noun, the most a noun phrase is made of; False where the phrase is over."""
    fresh, followed = not noun.nouns, names_at(words, noun.end + 1)
    if not fresh and (w.is_participle(word) or word in w.OPENERS or word in w.DETERMINERS):
        return False  # "ship docked at", "plane next to"
    if not fresh and word == "parking" and not followed:
        return False  # "vehicle parking on"; "car parking lot" goes on
    if not fresh and word.endswith("s") and _at(words, noun.end + 1) in _OBJECT_STARTS:
        return False  # "area encompasses a"
    ends = not followed and _at(words, noun.end + 1) not in w.JOINERS
    if w.is_adjective(word) and not (word in w.NOUNS_TOO and ends):
        noun.attributes.append(word)
    else:
        if not fresh and words[noun.end - 1] != noun.nouns[-1]:
            # "airport main building": what came before the adjective describes
            noun.attributes.append(" ".join(noun.nouns))
            noun.nouns.clear()
        noun.nouns.append(word)
    return True


def read_noun(words: Sequence[str], start: int) -> Noun:
    """Read the noun phrase at `start`; one without nouns names nothing."""
    noun = Noun(start, start)
    while noun.end < len(words):
        if _take(noun, words):
            noun.end += 1
        elif words[noun.end] == "of" and _is_share(noun, words) and noun.end + 1 < len(words):
            _share(noun, words)
        else:
            break
    return noun


def _share(noun: Noun, words: Sequence[str]) -> None:
    """Pass "one of", "a row of", "the larger of": the thing itself follows."""
    noun.superlative = noun.superlative or next((word for word in noun.attributes if word in w.COMPARATIVES), None)
    single = noun.ordinal or noun.superlative or noun.count == 1
    noun.one_of = noun.one_of or (not noun.nouns and bool(single))
    noun.line = noun.line or next((w.LINES[word] for word in noun.nouns if word in w.LINES), None)
    noun.together = noun.together or words[noun.end - 1] in w.GROUPS
    noun.nouns.clear()
    noun.end += 1


def read_other(words: Sequence[str], start: int) -> Noun:
    """Read another object at `start`; "the first one" and "the others" are things of the kind that was named."""
    noun = read_noun(words, start)
    if not noun.nouns and not w.ONES.isdisjoint(words[start : noun.end]):
        noun.nouns.append("one")
    return noun


def _is_share(noun: Noun, words: Sequence[str]) -> bool:
    """Return whether a phrase before "of" only says how many or which, and not what."""
    if len(noun.nouns) == 1 and w.singular(noun.nouns[0]) in w.PARTITIVES:
        return True
    return not noun.nouns and noun.end > noun.start and (not noun.places or words[noun.end - 1] == "one")


def image_end(words: Sequence[str], start: int) -> int | None:
    """Return the index after "the image", "this aerial photo" and the like; `None` where it is something else."""
    index = after(words, after(words, start, w.DETERMINERS), w.IMAGE_KIND | w.ADJECTIVES)
    if _at(words, index) not in w.IMAGE:
        return None
    return after(words, index + 1, w.PLACES)


def _run(words: Sequence[str], start: int, found: list[Position]) -> int:
    """Read directions one after the other, with "side" and the like; return where they end."""
    index = start
    while True:
        following = after(words, index, w.EMPHASIS)
        extreme = w.EXTREMES.get(_at(words, following))
        if _at(words, following) in w.DIRECTIONS:
            found.append(w.DIRECTIONS[words[following]])
            index = following + 1
        elif extreme and _at(words, following + 1) in w.PLACES:
            found.append(extreme)  # "the topmost position"; "the topmost plane" is no place
            index = following + 1
        elif found and _at(words, index) in w.PLACES:
            index += 1
        else:
            return index


def read_place(words: Sequence[str], start: int) -> Place | None:
    """Read "the far left", "top-right corner of the image", "the center of the top", "left of the road" at `start`."""
    found: list[Position] = []
    first = after(words, start, _SKIPPED_BEFORE_PLACE)
    end = _run(words, first, found)
    if not found:
        return None
    off_middle = False
    while _at(words, end) in ("of", "and"):
        more: list[Position] = []
        further = _run(words, after(words, end + 1, _SKIPPED_BEFORE_PLACE), more)
        if not more or names_at(words, further):
            break  # "left of the middle building" names another object
        off_middle |= words[end] == "of" and (0, 0) not in found and not any(w.merged(more))
        found, end = found + more, further
    if names_at(words, end):
        return None  # "the left building"
    if not {"its", "their"}.isdisjoint(words[start:first]):
        return Place(None, end, end)  # "a shadow to its left"
    position, link = w.merged(found), _at(words, end)
    named = words[start:end]
    said = {
        "far": not w.FAR.isdisjoint(named) and any(position),
        "middle": (0, 0) in found and any(position) and not all(position) and not off_middle,
        "off_middle": off_middle,
        "edge": not w.EDGES.isdisjoint(named),
    }
    line = next((w.LINES[word] for word in named if word in w.LINES), None)
    if link in ("of", "in", "within", "inside", "from", "on"):
        of_image = image_end(words, end + 1)
        if of_image is not None:
            return Place(position, of_image, end, None, **said, line=line)
    if link in ("of", "within", "inside"):
        other = read_other(words, end + 1)
        if len(other.nouns) == 1 and other.nouns[0] in w.LINES:  # "the left of the row": of the things in it
            return Place(position, other.end, end, None, among=True)
        if other.nouns and line:
            return Place(position, other.end, end, None, **said, line=line)  # "the top row of planes"
        if other.nouns:
            among = _at(words, end + 1) == "the" and (other.count or 0) > 1
            return Place(position, other.end, end + 1, other, among=among)
        return Place(None, end + 1, end + 1)  # "of it": of what, is not known
    return Place(position, end, end, None, **said, line=line)
