from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.frames import clip_box, crop_to_image
from zeroov.types import Box
from zeroov.zoom.crop import is_small, window_around

sides = st.integers(1, 3000)
fractions = st.floats(0, 1)


@st.composite
def boxes_in_images(draw: st.DrawFn) -> tuple[Box, tuple[int, int]]:
    height, width = draw(sides), draw(sides)
    x0, x1 = sorted(draw(st.tuples(fractions, fractions).filter(lambda p: abs(p[0] - p[1]) > 1e-4)))
    y0, y1 = sorted(draw(st.tuples(fractions, fractions).filter(lambda p: abs(p[0] - p[1]) > 1e-4)))
    return Box(x0 * width, y0 * height, x1 * width, y1 * height), (height, width)


@given(boxes_in_images(), st.floats(1, 20), st.integers(0, 4000))
def test_a_window_lies_inside_the_image_and_is_square_where_the_image_allows(
    given_: tuple[Box, tuple[int, int]], context: float, least: int
) -> None:
    box, (height, width) = given_
    x0, y0, x1, y1 = window_around(box, (height, width), context, least)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    side = max(x1 - x0, y1 - y0)
    assert x1 - x0 == min(side, width)
    assert y1 - y0 == min(side, height)
    assert side >= min(least, max(height, width))


@given(boxes_in_images(), st.floats(1.5, 20), st.integers(4, 4000))
def test_a_window_holds_the_box(given_: tuple[Box, tuple[int, int]], context: float, least: int) -> None:
    box, hw = given_
    x0, y0, x1, y1 = window_around(box, hw, context, least)
    # whole pixels: the side is rounded up and the corner to the nearest, so that half a pixel may be lost
    assert x0 <= box.x0 + 0.5
    assert y0 <= box.y0 + 0.5
    assert box.x1 <= x1 + 0.5
    assert box.y1 <= y1 + 0.5


@given(boxes_in_images(), st.floats(1, 20), st.integers(0, 4000))
def test_crop_and_image_frames_compose_exactly(given_: tuple[Box, tuple[int, int]], context: float, least: int) -> None:
    box, hw = given_
    x0, y0, x1, y1 = window_around(box, hw, context, least)
    inside = clip_box((box.x0 - x0, box.y0 - y0, box.x1 - x0, box.y1 - y0), (y1 - y0, x1 - x0))
    if inside:
        back = crop_to_image(inside, (x0, y0))
        within = clip_box(box.xyxy, hw)
        assert within
        for there, here in zip(back.xyxy, within.xyxy, strict=True):
            assert abs(there - here) <= 0.5 + 1e-6


def test_small_means_small_beside_the_shorter_side() -> None:
    assert is_small(Box(0, 0, 24, 10), (100, 200), 0.25)
    assert not is_small(Box(0, 0, 26, 10), (100, 200), 0.25)


@pytest.mark.parametrize(
    ("box", "context", "least", "window"),
    [
        (Box(100, 40, 140, 60), 2.0, 10, (80, 10, 160, 90)),  # twice the longer side, around the middle
        (Box(100, 40, 120, 80), 2.0, 10, (70, 20, 150, 100)),  # the height is the longer one
        (Box(100, 40, 140, 60), 2.0, 100, (70, 0, 170, 100)),
        (Box(0, 0, 20, 10), 3.0, 1, (0, 0, 60, 60)),  # moved inside
        (Box(390, 190, 400, 200), 3.0, 1, (370, 170, 400, 200)),
        (Box(100, 40, 104, 45), 1.5, 0, (98, 38, 106, 46)),  # 7.5 is rounded up
        (Box(100.4, 40.4, 100.6, 40.6), 1.0, 0, (100, 40, 101, 41)),  # never thinner than a pixel
        (Box(100, 40, 200, 60), 2.0, 1, (50, 0, 250, 200)),  # as high as the image
        (Box(100, 40, 310, 60), 1.0, 1, (100, 0, 310, 200)),  # the image is lower than the square
    ],
)
def test_where_a_window_lies(box: Box, context: float, least: int, window: tuple[int, int, int, int]) -> None:
    assert window_around(box, (200, 400), context, least) == window


def test_the_longer_side_says_if_a_box_is_small() -> None:
    assert not is_small(Box(0, 0, 25, 10), (100, 200), 0.25)  # just that share
    assert not is_small(Box(0, 0, 10, 26), (100, 200), 0.25)
    assert is_small(Box(50, 50, 60, 74), (200, 100), 0.25)
