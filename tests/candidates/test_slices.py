"""Slices cover the picture, and their lists become one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from zeroov.candidates.slices import joined, slices_of
from zeroov.types import Box, Listing, Window

WHOLE = Window(0, 0, 100, 100)


@pytest.mark.parametrize(("hw", "side"), [((100, 250), 80), ((81, 80), 80), ((300, 40), 64), ((336, 336), 192)])
def test_slices_cover_the_picture_and_overlap(hw: tuple[int, int], side: int) -> None:
    slices = slices_of(hw, side, 0.25)
    covered = np.zeros(hw, int)
    for window in slices:
        assert max(window.hw) <= side
        covered[window.y0 : window.y1, window.x0 : window.x1] += 1
    assert covered.min() >= 1
    across = sorted({(window.x0, window.x1) for window in slices})
    for (_, end), (start, _) in itertools.pairwise(across):
        assert end - start >= 0.25 * side - 1


def test_a_small_picture_has_no_slices() -> None:
    assert slices_of((80, 80), 80, 0.2) == slices_of((80, 80), 0, 0.2) == []


def listing(*boxes: tuple[float, float, float, float]) -> Listing:
    return Listing(tuple(Box(*corners) for corners in boxes), (0.5,) * len(boxes), "words", "m", "0")


def test_what_the_whole_has_already_and_what_a_slice_cuts_are_left_out() -> None:
    part = Window(40, 0, 100, 60)
    found = joined(
        (100, 100),
        [
            (WHOLE, listing((50, 10, 70, 30))),
            (part, listing((11, 10, 31, 31), (30, 30, 40, 40), (0, 40, 9, 50), (50, 0, 60, 12))),
        ],
        10,
    )
    assert found.boxes == (Box(50, 10, 70, 30), Box(70, 30, 80, 40), Box(90, 0, 100, 12))
    assert found.answer == "words"
    assert len(joined((100, 100), [(WHOLE, listing((0, 0, 9, 9), (20, 0, 29, 9)))], 1).boxes) == 1


def test_a_small_thing_on_a_large_one_is_another_object() -> None:
    found = joined((100, 100), [(WHOLE, listing((0, 0, 90, 90))), (Window(0, 0, 60, 60), listing((20, 20, 30, 30)))], 9)
    assert len(found.boxes) == 2
