"""What an expression says beside a name, a place and a neighbour."""

from __future__ import annotations

import pytest

from zeroov.language.phrase import Line, parse


@pytest.mark.parametrize(
    ("text", "position", "far", "middle"),
    [
        ("a roundabout on the far left", (-1, 0), True, False),
        ("the plane at the very bottom of the image", (0, 1), True, False),
        ("the far right plane", (1, 0), True, False),
        ("a court on the center of the far top", (0, -1), True, True),
        ("the vehicle towards the middle-right part of the image", (1, 0), False, True),
        ("the middle left tank", (-1, 0), False, True),
        ("the ship in the middle", (0, 0), False, False),
        ("the ship on the lower right", (1, 1), False, False),
        ("the ship far from the pier, on the left", (-1, 0), False, False),
        ("the ship near the tank on the far left", None, False, False),
    ],
)
def test_far_and_the_middle_of_a_side(text: str, position: tuple[int, int] | None, far: bool, middle: bool) -> None:
    phrase = parse(text)
    if "near the tank" not in text:
        assert phrase.position == position
        assert (phrase.far, phrase.middle) == (far, middle)
    else:
        ((anchor,),) = phrase.anchors
        assert (anchor.position, anchor.far) == ((-1, 0), True)


@pytest.mark.parametrize(
    ("text", "sizes", "superlative"),
    [
        ("a tiny vehicle", ("tiny",), None),
        ("the area is characterized by its large size and a roof", ("large",), None),
        ("the ship small in size on the right", ("small",), None),
        ("the ship noted for its huge size", ("huge",), None),
        ("the larger of the two planes", ("larger",), "larger"),
        ("the larger plane of the two", ("larger",), "larger"),
        ("the smaller one on the left", ("smaller",), "smaller"),
        ("the tank that is larger than the other one", (), "larger"),
        ("the larger plane", ("larger",), None),
    ],
)
def test_sizes(text: str, sizes: tuple[str, ...], superlative: str | None) -> None:
    phrase = parse(text)
    assert (phrase.sizes, phrase.superlative) == (sizes, superlative)


@pytest.mark.parametrize(
    ("text", "rank", "toward", "line"),
    [
        ("the tank that is second from the right in the top row", 2, (1, 0), Line("row", 1, -1)),
        ("the vehicle is located third from the top", 3, (0, -1), None),
        ("the last tank from the left", -1, (-1, 0), None),
        ("the second plane in the second row from the bottom", 2, None, Line("row", 2, 1)),
        ("the third plane from the left in the last row of planes", 3, (-1, 0), Line("row", 1, 1)),
        ("the tank in the middle row", None, None, Line("row", 0, 0)),
        ("the tank in the left column", None, None, Line("column", 1, -1)),
        ("the first tank in the bottom row", 1, None, Line("row", 1, 1)),
        ("the plane at the end of the row", None, None, None),
    ],
)
def test_ordinals_and_rows(text: str, rank: int | None, toward: tuple[int, int] | None, line: Line | None) -> None:
    phrase = parse(text)
    assert (phrase.rank, phrase.toward, phrase.line) == (rank, toward, line)
    assert phrase.relations == ()


@pytest.mark.parametrize(
    ("text", "part", "value"),
    [
        ("the partially visible airplane", "cut", True),
        ("the plane cut off by the edge of the image", "cut", True),
        ("the cut off plane", "cut", True),
        ("the car that extends out of the frame", "cut", True),
        ("the plane partly seen at the left edge", "cut", True),
        ("the visible airplane", "cut", False),
        ("the overpass that spans the width of the image", "extent", "width"),
        ("the bridge stretching across the entire width of the image", "extent", "width"),
        ("the road running vertically", "extent", "height"),
        ("the river extends along the height of the image", "extent", "height"),
        ("the horizontal bridge", "extent", "width"),
        ("the road along the length of the pond", "extent", None),
        ("the river that extends from the top to the bottom of the image", "path", ((0, -1), (0, 1))),
        ("the bridge from slightly below the center to the bottom edge", "path", ((0, 0), (0, 1))),
        ("the plane seen from the left", "path", ()),
        ("the isolated plane on the right", "lone", True),
        ("the tank standing alone", "lone", True),
        ("the tank away from the others", "lone", True),
        ("the tank isolated from the other tanks", "lone", True),
        ("the car by itself", "lone", True),
        ("the tank far from the pier", "lone", False),
        ("the storage tank adjacent to another storage tank", "near_kind", True),
        ("the tank in close proximity to the other one", "near_kind", True),
        ("two adjacent tennis courts", "near_kind", True),
        ("a group of tanks on the left", "near_kind", True),
        ("three tanks close together that can be seen on the left", "near_kind", True),
        ("two planes next to each other that can be seen on the left", "near_kind", True),
        ("the tank next to the pier", "near_kind", False),
        ("the ship at the left edge of the image", "edge", (-1, 0)),
        ("the ship by the edge of the image", "edge", (0, 0)),
        ("the ship on the left", "edge", None),
        ("the ship closest to the left edge", "edge", None),
        ("two planes on the left", "count", 2),
        ("the larger of the two planes", "count", None),
        ("the planes on the left", "plural", True),
        ("one of the planes on the left", "plural", False),
        ("the plane on the left", "plural", False),
        ("the large docked plane was glimpsed on the left", "unread", ("glimpsed",)),
        ("the plane located on the left", "unread", ()),
    ],
)
def test_what_else_is_said(text: str, part: str, value: object) -> None:
    assert getattr(parse(text), part) == value


@pytest.mark.parametrize(
    "text", ["the ship by the edge of the image", "the plane cut off by the edge", "the car alone"]
)
def test_an_edge_of_the_image_is_no_other_object(text: str) -> None:
    assert parse(text).relations == ()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("the storage tank left of another tank", True),
        ("the tank left of the white storage tank", True),
        ("the overpass to the right of the first one", True),
        ("the plane above the one near the center", True),
        ("the plane left of the other", True),
        ("the baseball field right of a ground track field", False),
        ("the plane left of another white building", False),
    ],
)
def test_things_of_the_same_kind(text: str, same: bool) -> None:
    phrase = parse(text)
    ((anchor,),) = phrase.anchors
    assert phrase.same_kind(anchor) is same


def test_another_object_is_a_phrase_of_its_own() -> None:
    phrase = parse("the court is between the largest gray hall in the middle and two pools on the far left")
    ((hall, pools),) = phrase.anchors
    assert (hall.category, hall.attributes, hall.superlative, hall.position) == ("hall", ("gray",), "largest", (0, 0))
    assert (pools.category, pools.count, pools.position, pools.far) == ("pool", 2, (-1, 0), True)


def test_what_everything_lies_on_is_no_other_object() -> None:
    assert [each.other for each in parse("The bridge below the plane, standing out against the ground.").relations] == [
        "plane"
    ]
    assert [each.other for each in parse("the ship beside the ground track field").relations] == ["ground track field"]


@pytest.mark.parametrize(
    ("text", "as_if"),
    [
        ("the tank is aboe the pier", "the tank is above the pier"),
        ("the gorup of two planes on the lfet", "the group of two planes on the left"),
        ("the tank in the botom rihgt corner", "the tank in the bottom right corner"),
        ("thre planes at the center", "three planes at the center"),
    ],
)
def test_a_letter_lost_doubled_or_out_of_place(text: str, as_if: str) -> None:
    typed, meant = parse(text), parse(as_if)
    assert (typed.category, typed.position, typed.relations) == (meant.category, meant.position, meant.relations)
    assert (typed.count, typed.near_kind) == (meant.count, meant.near_kind)


@pytest.mark.parametrize("word", ["tower", "enter", "bellow", "boat", "lift", "tree", "night"])
def test_a_word_of_its_own_is_no_misspelt_one(word: str) -> None:
    assert word in parse(f"the {word} station").category
