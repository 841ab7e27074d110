"""Read the lists `<image> <phrase>` that RISBench and RefSegRS share."""

from __future__ import annotations

from collections.abc import Iterator

from zeroov.bench.data.draft import LEFT_OUT, Draft, Place
from zeroov.bench.data.text import read_lines


def read_phrases(draft: Draft, file: str) -> Iterator[tuple[Place, str, str]]:
    """Yield each line's place, its first word, and the rest: the phrase, with its inner spaces as they are."""
    for number, line in enumerate(read_lines(draft, file), start=1):
        name, _, phrase = line.strip().partition(" ") if " " in line.strip() else line.strip().partition("\t")
        if name:
            yield Place(file, number), name, phrase
        else:
            draft.remark(Place(file, number), "an empty line", LEFT_OUT)
