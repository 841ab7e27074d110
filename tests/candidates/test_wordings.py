"""Wordings in the style of RISBench, RRSIS-D and RSVG-HR, invented here, over boxes that were laid out here."""

from __future__ import annotations

import pytest

from zeroov.candidates.choose import choose
from zeroov.language.phrase import parse
from zeroov.types import Box, Candidate

HW = (400, 600)


def laid_out(*places: tuple[float, float, float, float]) -> dict[str, Candidate]:
    """Return boxes named a, b, c ... from their middles and sides in hundredths of the picture."""
    return {
        chr(ord("a") + number): Candidate(
            Box(6 * (x - wide / 2), 4 * (y - high / 2), 6 * (x + wide / 2), 4 * (y + high / 2)), 0.7
        )
        for number, (x, y, wide, high) in enumerate(places)
    }


CORNERS = laid_out((12, 12, 8, 8), (88, 14, 8, 8), (13, 86, 8, 8), (87, 88, 8, 8), (50, 50, 8, 8))
"""Four corners and the middle, all of a size."""
ROW = laid_out((10, 50, 6, 12), (30, 52, 6, 12), (50, 48, 6, 12), (70, 50, 6, 12), (92, 50, 6, 12))
COLUMN = laid_out((50, 10, 10, 6), (52, 35, 10, 6), (48, 60, 10, 6), (50, 90, 10, 6))
ROWS = laid_out(
    *((x, y, 8, 8) for y in (20, 50, 80) for x in (20, 45, 70)),
)
"""Three rows of three: a b c, d e f, g h i."""
PAIR = laid_out((25, 40, 10, 10), (70, 60, 20, 20))
SIZES = laid_out((20, 30, 6, 6), (50, 40, 12, 12), (80, 60, 24, 24))
EDGES = laid_out((4, 45, 8, 12), (20, 55, 8, 12), (50, 96, 10, 8), (50, 75, 10, 8), (95, 30, 10, 8))
"""At the left edge, near it, at the bottom edge, near it, at the right edge."""
ROADS = laid_out((50, 30, 100, 10), (70, 60, 10, 80), (25, 70, 30, 30))
"""From the left to the right, nearly from the top to the bottom, and a compact one."""
CROWD = laid_out((20, 20, 6, 8), (28, 20, 6, 8), (24, 32, 6, 8), (80, 75, 6, 8))
"""Three together, and one alone."""

WORDINGS = [
    ("The ship in the northeast corner of the image.", CORNERS, "b"),
    ("A bridge in the southwestern part of the picture.", CORNERS, "c"),
    ("The harbor in the lower-right quadrant of the image.", CORNERS, "d"),
    ("The plane located in the top-left portion of the image.", CORNERS, "a"),
    ("The tank situated in the very center of the image.", CORNERS, "e"),
    ("The vehicle closest to the center of the image.", CORNERS, "e"),
    ("The plane with its nose pointing to the left at the top right of the image.", CORNERS, "b"),
    ("The vehicle heading towards the bottom in the upper left corner.", CORNERS, "a"),
    ("The ship near the image's bottom left corner.", CORNERS, "c"),
    ("The windmill in the north-west.", CORNERS, "a"),
    ("The second ship from the left side of the image.", ROW, "b"),
    ("The ship that is the third one from the right.", ROW, "c"),
    ("The plane which is second in line from the right.", ROW, "d"),
    ("The fourth vehicle counting from the left.", ROW, "d"),
    ("The last ship from the left", ROW, "e"),
    ("The first ship from the right", ROW, "e"),
    ("The right-most vehicle in the row.", ROW, "e"),
    ("The vehicle furthest to the left.", ROW, "a"),
    ("The vehicle on the extreme right of the image.", ROW, "e"),
    ("The vehicle slightly to the left of the center.", ROW, "b"),
    ("The plane just right of center.", ROW, "d"),
    ("The plane in the middle of the five planes.", ROW, "c"),
    ("The plane in the middle of the row.", ROW, "c"),
    ("The middle one of the five planes", ROW, "c"),
    ("The plane at the left of the row.", ROW, "a"),
    ("The plane third from left, by the gate.", ROW, "c"),
    ("The court located third from the top.", COLUMN, "c"),
    ("The second court from the bottom", COLUMN, "c"),
    ("The court just below the center.", COLUMN, "c"),
    ("The vehicle positioned lowest in the image.", COLUMN, "d"),
    ("The highest ship in the image.", COLUMN, "a"),
    ("The tennis court directly above the bottommost tennis court.", COLUMN, "c"),
    ("The tank in the bottom row, second from the left.", ROWS, "h"),
    ("The second tank from the right in the top row.", ROWS, "b"),
    ("The third building from the left in the second row from the top", ROWS, "f"),
    ("The leftmost airplane in the second row.", ROWS, "d"),
    ("The last vehicle in the second row of vehicles", ROWS, "f"),
    ("The top tank in the rightmost column.", ROWS, "c"),
    ("The middle tank in the middle row.", ROWS, "e"),
    ("The vehicle at the right end of the bottom row.", ROWS, "i"),
    ("The larger of the two baseball fields.", PAIR, "b"),
    ("The smaller one of the two ships", PAIR, "a"),
    ("The lower of the two airplanes.", PAIR, "b"),
    ("The left one of the two bridges.", PAIR, "a"),
    ("The court at the bottom of the two courts.", PAIR, "b"),
    ("The tank to the left of the other one.", PAIR, "a"),
    ("The tank below the other tank.", PAIR, "b"),
    ("The tank southeast of the other storage tank.", PAIR, "b"),
    ("The ship larger than the other one.", PAIR, "b"),
    ("The ship, smaller in size than the other, in the water.", PAIR, "a"),
    ("The rightmost of the two tanks, surrounded by trees on all sides.", PAIR, "b"),
    ("The overpass situated to the right of the first one.", PAIR, "b"),
    ("The smallest of the three storage tanks.", SIZES, "a"),
    ("The second-largest storage tank.", SIZES, "b"),
    ("The tiny ship", SIZES, "a"),
    ("The harbor characterized by its massive size", SIZES, "c"),
    ("The small vehicle located to the right of the smallest vehicle, on the left.", SIZES, "a"),
    ("The airplane is partially visible at the bottom edge of the image.", EDGES, "c"),
    ("The vehicle cropped by the left edge of the image.", EDGES, "a"),
    ("The ship along the right boundary of the image.", EDGES, "e"),
    ("The harbor touching the left border.", EDGES, "a"),
    ("The stadium that extends beyond the image's right edge.", EDGES, "e"),
    ("The ship nearest the bottom edge.", EDGES, "c"),
    ("The overpass that spans the entire width of the image.", ROADS, "a"),
    ("The bridge running horizontally across the image.", ROADS, "a"),
    ("The road that extends vertically.", ROADS, "b"),
    ("The bridge stretching from the left edge to the right edge.", ROADS, "a"),
    ("The road running north to south", ROADS, "b"),
    ("The isolated storage tank.", CROWD, "d"),
    ("The vehicle parked away from the others.", CROWD, "d"),
    ("The vehicle situated apart from the rest of the vehicles.", CROWD, "d"),
    ("The tank that stands alone.", CROWD, "d"),
    ("The vehicle below the other two vehicles at the upper left.", CROWD, "c"),
]


@pytest.mark.parametrize(("text", "boxes", "meant"), WORDINGS)
def test_the_wording_is_understood(text: str, boxes: dict[str, Candidate], meant: str) -> None:
    choice = choose(list(boxes.values()), parse(text), HW)
    assert list(boxes)[choice.order[0]] == meant, {
        name: f"{v:.3f}" for name, v in zip(boxes, choice.values, strict=True)
    }
    assert choice.values[choice.order[0]] > 1.001 * choice.values[choice.order[1]]


@pytest.mark.parametrize(
    ("text", "boxes", "meant"),
    [
        ("Two planes on the left of the image.", ROW, "ab"),
        ("The two rightmost planes", ROW, "de"),
        ("The vehicles at the top", ROWS, "abc"),
        ("Three adjacent tennis courts on the upper left", CROWD, "abc"),
        ("A group of vehicles in the top left.", CROWD, "abc"),
        ("Both tanks", PAIR, "ab"),
        ("The larger of the two tanks", PAIR, ""),
    ],
)
def test_groups_are_understood(text: str, boxes: dict[str, Candidate], meant: str) -> None:
    choice = choose(list(boxes.values()), parse(text), HW)
    assert "".join(sorted(list(boxes)[index] for index in choice.group)) == meant
