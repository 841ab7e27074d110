"""Real expressions with real boxes: how many of them the rules choose right, ties shared."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from zeroov.candidates.choose import choose
from zeroov.language.phrase import parse
from zeroov.types import Box, Candidate

Case = tuple[str, list[Candidate], int, tuple[int, int]]
SAME = 8  # pixels: two boxes of RSVG-HR that are no further apart are of one object


def right(cases: Iterable[Case]) -> tuple[int, float]:
    """Return how many cases there are, and how many are right; print those that are not."""
    count, total = 0, 0.0
    for text, candidates, meant, hw in cases:
        choice = choose(candidates, parse(text), hw)
        best = [index for index, value in enumerate(choice.values) if value >= max(choice.values) * (1 - 1e-9)]
        share = (meant in best) / len(best)
        if share < 1:
            print(f"{share:.2f} right, {meant} is meant of {[round(value, 3) for value in choice.values]}: {text}")
        count, total = count + 1, total + share
    print(f"{total} of {count}")
    return count, total


def boxes(corners: Iterable[Iterable[float]]) -> list[Candidate]:
    return [Candidate(Box(*map(float, each)), 1.0) for each in corners]


def test_the_open_cases(shared: Path) -> None:
    file = shared / "data" / "selection" / "cases.jsonl"
    if not file.is_file():
        pytest.skip("needs the open cases of RRSIS-D and RISBench")
    read = [json.loads(line) for line in file.read_text().splitlines()]
    cases = [(d["expression"], boxes(d["candidates_xyxy"]), d["meant"], tuple(d["hw"])) for d in read]
    count, total = right(case for case in cases if len(case[1]) > 1)
    assert count == 36
    assert total >= 33


def test_rsvg_hr(shared: Path) -> None:
    """Distinct boxes of one picture are candidates of one kind."""
    file = shared / "data" / "rsvg_hr" / "rsvg_hr_test.txt"
    if not file.is_file():
        pytest.skip("needs RSVG-HR's test annotation")
    pictures: dict[str, list[tuple[tuple[float, ...], str]]] = defaultdict(list)
    for line in file.read_text().splitlines():
        name, *corners, text = line.split(",", 5)
        pictures[name].append((tuple(map(float, corners)), text))
    cases: list[Case] = []
    for asked in pictures.values():
        found: list[tuple[float, ...]] = []
        for box, _ in asked:
            if not any(is_same(box, other) for other in found):
                found.append(box)
        if len(found) > 1:
            meant = [next(i for i, other in enumerate(found) if is_same(box, other)) for box, _ in asked]
            cases += [(text, boxes(found), i, (1024, 1024)) for i, (_, text) in zip(meant, asked, strict=True)]
    count, total = right(cases)
    assert count == 204
    assert total >= 190


def is_same(box: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(box, other, strict=True)) <= SAME
