"""Split a text into the words that the reader knows; what is misspelt of them is put right."""

from __future__ import annotations

import re

from zeroov.language.words import CUT, FRUSTUM, vocabulary


def _misspelt(words: frozenset[str], but: frozenset[str]) -> dict[str, str]:
    """Return what becomes of words when a letter but the first is lost or doubled, or two change places."""
    found: dict[str, str] = {}
    for word in sorted(words):
        for at in range(1, len(word)):
            lost, doubled = word[:at] + word[at + 1 :], word[: at + 1] + word[at:]
            turned = word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
            found |= {typo: word for typo in (lost, doubled, turned) if len(typo) >= 4 and typo not in words | but}
    return found


_TYPOS = _misspelt(
    vocabulary(
        "left right upper lower bottom middle center centre corner above below between second third fourth group side",
        "edge image leftmost rightmost topmost largest smallest located situated positioned three four five within",
    ),
    but=vocabulary("blow bellow forth locate situate corer tree fie"),
)
"""Misspelt words that say where something is; how a noun is spelt, nobody knows."""
_HYPHENS = re.compile(r"[-_\u2010-\u2015]+")
_GLUED_MOST = re.compile(r"\b(left|right|top|bottom|upper|lower|\w{4,5}ern)[ -]most\b")
_IS = re.compile(r"\b(that|it|which|who|there|here)['\u2019]s\b")
_TOKEN = re.compile(r"[,;:.!?()&/]|[^\s,;:.!?()&/\"“”«»\[\]{}<>|*`~]+")


def tokens(text: str) -> list[str]:
    """Split a text into lower-case words and single marks; hyphens part words, "left-most" is one."""
    lowered = _HYPHENS.sub(" ", _GLUED_MOST.sub(r"\1most", text.lower()))
    lowered = _IS.sub(r"\1 is", lowered)
    found = [token.strip("'\u2019") for token in _TOKEN.findall(lowered)]
    joined: list[str] = []
    for token in found:
        if token:
            joined.append(_TYPOS.get(token, token))
        if joined[-4:] == FRUSTUM.split():
            joined[-4:] = [FRUSTUM]
        for count in (3, 2):
            if " ".join(joined[-count:]) in CUT:
                joined[-count:] = [" ".join(joined[-count:])]
    return joined
