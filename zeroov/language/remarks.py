"""Collect what an expression says of its object beside name, place and neighbours: its size, that it is cropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zeroov.language import words as w
from zeroov.language.nouns import Noun, Place, image_end, read_noun, read_place
from zeroov.language.words import Position, after

_BEFORE_SIZE = w.vocabulary("its a an the by with of in to for has having characterized characterised relatively very")
_NEUTRAL = (
    w.DETERMINERS
    | w.EMPHASIS
    | w.vocabulary(
        "located situated positioned placed seen found shown visible set there featured present captured one"
    )
)
"""Words that tell no object from another."""


@dataclass
class Remarks:
    """What was said of one object; the fields are those of `Phrase`."""

    attributes: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    edges: list[Position] = field(default_factory=list)
    far: bool = False
    middle: bool = False
    off_middle: bool = False
    line: tuple[str, int, int] | None = None
    cut: bool = False
    lone: bool = False
    together: bool = False
    extent: str | None = None
    spanning: bool = False
    """A verb of extent came: "spans", "stretching"."""
    unread: list[str] = field(default_factory=list)

    @property
    def comparative(self) -> str | None:
        """Give the attribute that compares, "larger"."""
        return next((word for word in self.attributes if word in w.COMPARATIVES), None)

    def describe(self, adjectives: Sequence[str]) -> None:
        """Take adjectives; those that speak of the picture or of its like are kept apart."""
        for word in adjectives:
            self.cut |= word in w.CUT
            self.lone |= word in w.LONE
            self.extent = self.extent or w.EXTENTS.get(word)
            if word not in w.CUT and word not in w.LONE:
                self.attributes.append(word)

    def take(self, words: Sequence[str], index: int) -> bool:
        """Take a word that says how the object lies in the picture or among its like: "cropped", "isolated"."""
        word = words[index]
        if word in w.EXTENTS and (self.spanning or word.endswith("ly")):
            self.extent = w.EXTENTS[word]
            return True
        leaves = word == "out" and image_end(words, index + 1 + (words[index + 1 : index + 2] == ["of"])) is not None
        self.cut |= word in w.CUT or leaves
        self.lone |= word in w.LONE
        self.together |= word == "together"
        return word in w.CUT or word in w.LONE or word == "together" or leaves

    def leave(self, word: str) -> None:
        """Keep a word of which nothing was made."""
        if word not in _NEUTRAL:
            self.unread.append(word)

    def place(self, place: Place, position: Position) -> None:
        """Take how exactly the object's own place was named."""
        self.far |= place.far
        self.middle |= place.middle
        self.off_middle |= place.off_middle
        if place.edge:
            self.edges.append(position)
        if place.line:
            side = position[place.line == "row"]
            self.line = self.line or (place.line, 1 if side else 0, side)

    def size(self, words: Sequence[str], index: int) -> int | None:
        """Read "its large size", "by its small size", "large in size"; return where it ends."""
        start = index + after(words[index : index + 6], 0, _BEFORE_SIZE)
        word, following = "".join(words[start : start + 1]), words[start + 1 : start + 3]
        if not following or (word not in w.SMALL and word not in w.LARGE):
            return None
        if following[0] not in w.SIZE_NOUNS and not (following[0] == "in" and following[-1] in w.SIZE_NOUNS):
            return None
        self.sizes.append(word)
        return start + (2 if following[0] in w.SIZE_NOUNS else 3)

    def heading(self, words: Sequence[str], index: int) -> int | None:
        """Read "facing left", "pointing to the upper right", "facing upwards": no place; return where it ends."""
        start = index + 1
        start += words[start : start + 1] in (["to"], ["toward"], ["towards"])
        place = read_place(words, start)
        turn = start < len(words) and words[start] in w.TURNS
        if not turn and (place is None or place.other is not None):
            return None
        self.leave(words[index])
        return start + 1 if turn or place is None else place.end

    def stand_in(self, words: Sequence[str], other: Noun, head: Noun | None) -> int | None:
        """Read "in the second row", "in the last row of planes": where the things stand; return where it ends."""
        alone = len(other.nouns) == 1 and words[other.end : other.end + 1] != ["of"]
        line = w.LINES.get(other.nouns[-1]) if alone else None
        if head and w.singular(head.nouns[-1]) == w.singular(other.nouns[-1]):
            line = line or other.line
        if line is None:
            return _end_of_line(words, other)
        if not other.ordinal:
            return other.end
        number = w.RANKS[other.ordinal]
        side, end = -1, other.end
        counted = read_place(words, end + 1) if words[end : end + 1] == ["from"] else None
        if counted and counted.position:
            side, end = counted.position[line == "row"] or -1, counted.end
        self.line = line, abs(number), side if number > 0 else -side
        return end


def _end_of_line(words: Sequence[str], other: Noun) -> int | None:
    """Return where "the end", "all sides", or "the end of the row" ends; `None` where it is something else."""
    if other.nouns not in (["end"], ["side"], ["sides"], ["position"]):
        return None
    if words[other.end : other.end + 1] != ["of"]:
        return other.end
    if (place := read_place(words, other.end + 1)) and place.line:
        return other.end  # "of the top row": read next
    line = read_noun(words, other.end + 1)
    return line.end if line.line or (line.nouns and line.nouns[-1] in w.LINES) else None
