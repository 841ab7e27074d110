"""Put what is meant into words: RRSIS-D's short form, or sentences as RISBench has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zeroov.mini.expressions import SYNONYMS
from zeroov.mini.kinds import COLOURS, KINDS

Style = Literal["short", "long"]
SHORT_SHARE, USELESS_SHARE, TYPO_SHARE = 0.55, 0.23, 0.03
"""Sentences that would be too short take a useless clause too: with them it is a third."""
WORDS = (10, 25)
"""Fewest and most words of a long sentence."""
HELD_OUT_WORDS = (
    *("quadrant", "toward", "towards", "abutting", "north", "south", "east", "west", "northern", "southern", "eastern"),
    *("western", "northeast", "northwest", "southeast", "southwest", "northeastern", "northwestern", "southeastern"),
    *("southwestern", "second from", "the other", "proximity", "aligned to", "portion"),
)
"""Words that the validation and test splits use, and the training split does not."""
BARE = "~"
"""A tail that begins so follows the noun at once, without a verb."""

_PARTICIPLES = ("located", "situated", "positioned", "found", "seen")
_VERBS = (
    *("located", "situated", "positioned", "that is located", "that is situated", "that can be seen", "is located"),
    *("is situated", "is positioned", "can be seen", "which is found"),
)
_USELESS = (
    *(
        "clearly visible to the viewer",
        "as seen in this aerial view of the area",
        "as captured by the camera high above",
    ),
    *(
        "casting a small shadow on the ground",
        "standing out clearly against the ground",
        "with a small shadow beside it",
    ),
    *("which can be recognized easily", "with all of its details in plain view"),
)
_OPENERS = ("In this aerial image, ", "In the picture taken from above, ", "As seen from the air, ")
_TAILS = (
    "that can be seen in this aerial image",
    "that is visible in the picture taken from above",
    "shown in this image of the area",
    "that appears in the scene as viewed from above",
)
"""What follows the noun where it says nothing more."""

SIDE_NOUN = {(-1, 0): "left", (1, 0): "right", (0, -1): "top", (0, 1): "bottom"}
_SPACED = {(-1, -1): "upper left", (1, -1): "upper right", (-1, 1): "lower left", (1, 1): "lower right"}
_HYPHENED = {(-1, -1): "top-left", (1, -1): "top-right", (-1, 1): "bottom-left", (1, 1): "bottom-right"}
_COMPASS = {
    **{(-1, 0): "west", (1, 0): "east", (0, -1): "north", (0, 1): "south"},
    **{(-1, -1): "northwest", (1, -1): "northeast", (-1, 1): "southwest", (1, 1): "southeast"},
}
Way = tuple[int, int]


@dataclass(frozen=True)
class Speech:
    """How one expression is worded."""

    rng: np.random.Generator
    style: Style
    held_out: bool
    """Whether words may be used that no training expression has."""

    def one(self, short: Sequence[str], long: Sequence[str], held: Sequence[str] = ()) -> str:
        """Draw a wording of the style; a held-out one in a third of the long sentences, in a sixth of the short."""
        held_share = 1 / 3 if self.style == "long" else 1 / 6
        if held and self.held_out and self.rng.random() < held_share:
            return self._pick(held)
        return self._pick(short if self.style == "short" else long)

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def place(self, way: Way) -> str:
        """Say a side, a corner or the middle of the picture."""
        if way == (0, 0):
            return self.one(
                ["in the middle", "in the center"],
                ["in the middle of the image", "at the center of the image"],
                ["in the central portion of the image"],
            )
        if 0 not in way:
            spaced, hyphened = _SPACED[way], _HYPHENED[way]
            return self.one(
                [f"on the {spaced}"],
                [
                    f"in the {hyphened} part of the image",
                    f"at the {hyphened} of the image",
                    f"in the {spaced} area of the image",
                    f"on the {spaced} side of the image",
                ],
                [
                    f"in the {spaced} quadrant of the image",
                    f"towards the {hyphened} of the image",
                    f"in the {hyphened} portion of the image",
                    f"in the {_COMPASS[way]}ern part of the image",
                    f"toward the {spaced} of the image",
                ],
            )
        noun = SIDE_NOUN[way]
        adjective = {"top": "upper", "bottom": "lower"}.get(noun, noun)
        upright = noun in ("top", "bottom")
        return self.one(
            [f"at the {noun}", f"on the {noun}"] if upright else [f"on the {noun}"],
            [
                f"in the {adjective} part of the image",
                f"at the {noun} of the image",
                f"in the {noun} area of the image",
                f"on the {noun} side of the image",
            ],
            [
                f"towards the {noun} of the image",
                f"in the {adjective} portion of the image",
                f"in the {_COMPASS[way]}ern part of the image",
                f"{BARE}aligned to the {noun} side of the image",
                f"toward the {noun} side of the image",
            ],
        )

    def middle_of(self, way: Way) -> str:
        """Say the middle of a side of the picture."""
        noun = SIDE_NOUN[way]
        upright = noun in ("top", "bottom")
        joined = f"{noun}-center" if upright else f"middle-{noun}"
        return self.one(
            [f"at the {noun} center", f"in the {noun} middle"]
            if upright
            else [f"on the middle {noun}", f"in the center of the {noun}"],
            [
                f"in the {joined} part of the image",
                f"at the {joined} of the image",
                f"in the middle of the {noun} side of the image",
                f"at the center of the {noun} side of the image",
            ],
            [
                f"towards the {joined} part of the image",
                f"toward the {noun} middle of the image" if upright else f"toward the middle {noun} of the image",
                f"in the {joined} portion of the image",
            ],
        )

    def far(self, way: Way) -> str:
        """Say the outermost part of a side of the picture."""
        noun = SIDE_NOUN[way]
        very = [f"at the very {noun}"] if noun in ("top", "bottom") else [f"on the far {noun}"]
        return self.one(
            very,
            [*(f"{each} of the image" for each in very), f"at the extreme {noun} of the image"],
            [f"in the far {_COMPASS[way]} of the image", f"far towards the {noun} of the image"],
        )

    def beside(self, way: Way) -> str:
        """Say on which side of something the object lies; what follows is the other object."""
        if 0 not in way:
            spaced, (x, y) = _SPACED[way], ("left" if way[0] < 0 else "right", "above" if way[1] < 0 else "below")
            return self.one(
                [f"on the {spaced} of"],
                [f"to the {spaced} of", f"{y} and to the {x} of", f"on the {spaced} side of"],
                [f"to the {_COMPASS[way]} of", f"in the area {_COMPASS[way]} of"],
            )
        if way[0]:
            noun = SIDE_NOUN[way]
            return self.one(
                [f"on the {noun} of"],
                [f"to the {noun} of", f"on the {noun} side of", f"just to the {noun} of"],
                [f"to the {_COMPASS[way]} of", f"directly {_COMPASS[way]} of"],
            )
        word = "above" if way[1] < 0 else "below"
        return self.one([word], [f"directly {word}", f"just {word}", word], [f"to the {_COMPASS[way]} of"])

    def sentence(
        self, subject: str, tail: str, *, plural: bool = False, relation: bool = False, definite: bool = False
    ) -> str:
        """Join the description's head, without its article, and what says which one is meant."""
        if self.style == "short":
            text = self._short(
                subject, tail, "The" if plural or definite or self.rng.random() < 0.5 else "A", relation, plural
            )
        else:
            text = self._long(subject, tail, plural)
        return self._mistyped(text) if self.rng.random() < TYPO_SHARE else text

    def _short(self, subject: str, tail: str, article: str, relation: bool, plural: bool) -> str:
        if not tail:
            return f"{article} {subject}"
        verb = (" are" if plural else " is") if relation and not tail.startswith(BARE) else ""
        return f"{article} {subject}{verb} {tail.removeprefix(BARE)}"

    def _long(self, subject: str, tail: str, plural: bool) -> str:
        if not tail:
            tail = BARE + self._pick(_TAILS)
        bare = tail.startswith(BARE)
        verb = "" if bare else f" {self._pick([v for v in _VERBS if not plural or 'is' not in v.split()])}"
        text = f"the {subject}{verb} {tail.removeprefix(BARE)}"
        useless = self.rng.random() < USELESS_SHARE
        if len(text.split()) < WORDS[0] and not useless and not bare:
            opener = self._pick([each for each in _OPENERS if "image" not in each or "image" not in text])
            text = f"{opener}the {subject} {'are' if plural else 'is'} {self._pick(_PARTICIPLES)} {tail}"
        if useless or len(text.split()) < WORDS[0]:
            options = [f"{text}, {each}" for each in _USELESS[: 3 if plural else None]]
            able = [each for each in options if WORDS[0] <= len(each.split()) <= WORDS[1]]
            text = self._pick(able) if able else text
        return f"{text[0].upper()}{text[1:]}."

    def _mistyped(self, text: str) -> str:
        words = text.split(" ")
        known = {
            word
            for name in (*KINDS, *SYNONYMS.values(), *COLOURS, *(kind.plural for kind in KINDS.values()))
            for word in name.split()
        }
        able = [at for at, word in enumerate(words) if len(word) >= 4 and word.isalpha() and word.lower() not in known]
        if not able:
            return text
        at = able[int(self.rng.integers(len(able)))]
        letter = int(self.rng.integers(1, len(words[at]) - 1))
        word = words[at]
        if self.rng.random() < 0.5:
            words[at] = word[:letter] + word[letter + 1 :]
        else:
            words[at] = word[:letter] + word[letter + 1] + word[letter] + word[letter + 2 :]
        return " ".join(words)
