from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroov import frames
from zeroov.types import Box, Picture, Window

sides = st.integers(1, 40)


@st.composite
def boxes_in_images(draw: st.DrawFn) -> tuple[Box, tuple[int, int]]:
    height, width = draw(sides), draw(sides)
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
    return Box(x0, y0, x1, y1), (height, width)


@given(boxes_in_images())
def test_box_to_mask_to_box(sample: tuple[Box, tuple[int, int]]) -> None:
    box, hw = sample
    mask = frames.box_to_mask(box, hw)
    assert mask.shape == hw
    assert mask.sum() == (box.x1 - box.x0) * (box.y1 - box.y0)
    assert frames.mask_to_box(mask) == box


@given(boxes_in_images(), boxes_in_images())
def test_iou_of_boxes_is_that_of_their_masks(a: tuple[Box, tuple[int, int]], b: tuple[Box, tuple[int, int]]) -> None:
    first, second = frames.box_to_mask(a[0], (40, 40)), frames.box_to_mask(b[0], (40, 40))
    expected = (first & second).sum() / (first | second).sum()
    assert frames.box_iou(a[0], b[0]) == pytest.approx(expected)


@given(boxes_in_images(), st.integers(1, 7), st.integers(1, 7))
def test_scaling_there_and_back(sample: tuple[Box, tuple[int, int]], fx: int, fy: int) -> None:
    box, (height, width) = sample
    there = frames.scale_box(box.xyxy, (height, width), (height * fy, width * fx))
    assert there is not None
    back = frames.scale_box(there.xyxy, (height * fy, width * fx), (height, width))
    assert back is not None
    np.testing.assert_allclose(back.xyxy, box.xyxy)


@given(boxes_in_images(), st.integers(-50, 50), st.integers(-50, 50))
def test_a_box_found_in_a_crop_maps_back(sample: tuple[Box, tuple[int, int]], x: int, y: int) -> None:
    box, _ = sample
    inside = Box(box.x0 - x, box.y0 - y, box.x1 - x, box.y1 - y)
    assert frames.crop_to_image(inside, (x, y)) == box


def test_an_empty_mask_has_no_box() -> None:
    assert frames.mask_to_box(np.zeros((3, 4), dtype=np.bool_)) is None


@given(sides, sides, sides, sides, st.integers(0, 9))
@settings(deadline=None)
def test_resizing_a_map_is_torch_s_bilinear_without_corners(h: int, w: int, to_h: int, to_w: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((h, w), dtype=np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None], (to_h, to_w), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    np.testing.assert_allclose(frames.resize_map(values, (to_h, to_w)), expected, atol=1e-5)


@given(sides, sides, st.integers(1, 4))
def test_a_mask_enlarged_by_whole_steps_comes_back(h: int, w: int, factor: int) -> None:
    mask = np.random.default_rng(h * 41 + w).random((h, w)) > 0.5
    large = frames.resize_mask(mask, (h * factor, w * factor))
    np.testing.assert_array_equal(large, np.kron(mask, np.ones((factor, factor))).astype(bool))
    np.testing.assert_array_equal(frames.resize_mask(large, (h, w)), mask)


def test_cell_centres() -> None:
    centres = frames.cell_centres_xy((2, 4), (100, 200))
    assert centres.shape == (2, 4, 2)
    np.testing.assert_array_equal(centres[1, 3], [175, 75])


@pytest.mark.parametrize("corners", [(1, 1, 1, 2), (2, 1, 1, 2), (0, 0, float("nan"), 1), (0, 0, float("inf"), 1)])
def test_a_box_without_area_is_no_box(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="a box needs"):
        Box(*corners)


@st.composite
def transforms(draw: st.DrawFn) -> frames.Transform:
    """Any sensible affine: pixels of a centimetre to a kilometre, rotated, mirrored, far from the origin."""
    width, height = draw(st.floats(0.01, 1000)), draw(st.floats(0.01, 1000))
    angle, mirrored = draw(st.floats(0, 2 * np.pi)), draw(st.sampled_from((-1, 1)))
    c, f = draw(st.floats(-2e7, 2e7)), draw(st.floats(-2e7, 2e7))
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return width * cos, -height * sin * mirrored, c, width * sin, height * cos * mirrored, f


points = st.tuples(st.floats(-10, 1e5), st.floats(-10, 1e5))


@given(transforms(), st.lists(points, min_size=1, max_size=5))
def test_pixels_to_the_map_and_back(transform: frames.Transform, pixels: list[tuple[float, float]]) -> None:
    on_map = frames.pixel_to_map(np.array(pixels), transform)
    assert on_map.shape == (len(pixels), 2)
    # Numbers of eight digits before the point leave a hundred-millionth metre, at worst a millionth of a pixel.
    np.testing.assert_allclose(frames.map_to_pixel(on_map, transform), pixels, atol=1e-5)


@given(transforms())
def test_the_upper_left_corner_is_the_origin_and_a_step_is_a_pixel(transform: frames.Transform) -> None:
    a, b, c, d, e, f = transform
    on_map = frames.pixel_to_map(np.array([[0, 0], [1, 0], [0, 1]]), transform)
    np.testing.assert_allclose(on_map, [(c, f), (a + c, d + f), (b + c, e + f)])


@given(transforms(), boxes_in_images(), st.integers(1, 5))
def test_a_window_s_transform_is_the_scene_s(
    transform: frames.Transform, sample: tuple[Box, tuple[int, int]], scale: int
) -> None:
    box, _ = sample
    window = frames.window_transform(transform, (box.x0, box.y0), (scale, scale))
    inside = Box(0, 0, (box.x1 - box.x0) / scale, (box.y1 - box.y0) / scale)
    np.testing.assert_allclose(
        frames.pixel_to_map(frames.box_corners_xy(inside), window),
        frames.pixel_to_map(frames.box_corners_xy(box), transform),
        rtol=1e-12,
        atol=1e-6,
    )


def test_a_rotated_box_is_a_rotated_polygon() -> None:
    corners = frames.pixel_to_map(frames.box_corners_xy(Box(0, 0, 2, 1)), (0, 1, 100, 1, 0, 200))
    np.testing.assert_array_equal(corners, [(100, 200), (100, 202), (101, 202), (101, 200)])


def test_to_a_crop_and_back_and_the_hull_of_two() -> None:
    box, other = Box(10, 20, 30, 50), Box(5, 30, 12, 90)
    assert frames.image_to_crop(box, (4, 6)) == Box(6, 14, 26, 44)
    assert frames.crop_to_image(frames.image_to_crop(box, (4, 6)), (4, 6)) == box
    assert frames.box_hull(box, other) == frames.box_hull(other, box) == Box(5, 20, 30, 90)


@pytest.mark.parametrize(
    ("box", "rows", "cols"),
    [
        (Box(1, 2, 3, 5), (2, 5), (1, 3)),
        (Box(0.5, 1.5, 2.5, 3.5), (1, 3), (0, 2)),  # a centre on the upper left edge is inside, one on the other is not
        (Box(0.51, 1.51, 2.51, 3.51), (2, 4), (1, 3)),
        (Box(-4, -3, 2, 1), (0, 1), (0, 2)),
        (Box(-4, -3, -2, -1), (0, 0), (0, 0)),
        (Box(0, -3, 5, -1), (0, 0), (0, 0)),
        (Box(-4, 0, -2, 5), (0, 0), (0, 0)),
        (Box(6, 5, 99, 99), (5, 7), (6, 9)),
        (Box(9, 7, 12, 12), (0, 0), (0, 0)),
    ],
)
def test_a_mask_holds_the_pixels_whose_centres_lie_in_the_box(
    box: Box, rows: tuple[int, int], cols: tuple[int, int]
) -> None:
    expected = np.zeros((7, 9), dtype=np.bool_)
    expected[slice(*rows), slice(*cols)] = True
    np.testing.assert_array_equal(frames.box_to_mask(box, (7, 9)), expected)


def test_the_nearest_pixel_is_that_of_the_centre() -> None:
    assert frames.nearest_pixels(6, 3).tolist() == [1, 3, 5]
    assert frames.nearest_pixels(3, 5).tolist() == [0, 0, 1, 2, 2]
    assert frames.nearest_pixels(4, 4).tolist() == [0, 1, 2, 3]
    mask = np.arange(12).reshape(3, 4) % 3 == 0
    same = frames.resize_mask(mask, (3, 4))
    assert same is not mask
    np.testing.assert_array_equal(same, mask)
    assert frames.resize_mask(mask, (1, 2)).tolist() == [[mask[1, 1], mask[1, 3]]]
    assert frames.resize_mask(mask, (3, 2)).shape == (3, 2)
    assert frames.resize_mask(mask, (1, 4)).shape == (1, 4)


def test_a_map_of_the_right_size_is_copied() -> None:
    values = np.ones((2, 3), np.float32)
    made = frames.resize_map(values, (2, 3))
    made[:] = 0
    assert values.all()
    assert frames.resize_map(values, (3, 2)).shape == (3, 2)
    assert frames.resize_map(values, (2, 4)).shape == (2, 4)
    assert frames.resize_map(values, (5, 3)).shape == (5, 3)


def test_a_map_is_scaled_to_0_and_1() -> None:
    assert frames.min_max(np.array([[-2.0, 0.0], [2.0, 6.0]])).tolist() == [[0.0, 0.25], [0.5, 1.0]]
    assert frames.min_max(np.full((2, 2), 3.0)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_picture_is_resized_with_antialiasing_and_a_part_of_it_alone() -> None:
    rgb = np.zeros((4, 8, 3), dtype=np.uint8)
    rgb[:, ::2] = 200
    whole = frames.resize_rgb(rgb, (2, 4), "bilinear")
    assert whole.shape == (2, 4, 3)
    assert 60 < whole.min() <= whole.max() < 140
    rgb[:, :4] = 200
    part = frames.resize_rgb(rgb, (3, 2), "bilinear", (0.0, 0.0, 3.0, 4.0))
    assert part.shape == (3, 2, 3)
    assert (part == 200).all()


def test_a_part_of_a_scene_and_back() -> None:
    part = Picture(np.zeros((50, 100, 3), dtype=np.uint8), part=Window(300, 700, 500, 850))  # 2 and 3 pixels to one
    assert frames.to_scene(Box(10, 20, 30, 40), part) == Box(320, 760, 360, 820)
    assert frames.to_picture(Box(320, 760, 360, 820), part) == Box(10, 20, 30, 40)
    assert frames.to_picture(Box(200, 600, 320, 730), part) == Box(0, 0, 10, 10)
    assert frames.to_picture(Box(200, 600, 300, 730), part) is None


def test_the_peak_is_the_centre_of_the_highest_cell_of_the_region() -> None:
    values = np.array([[0.1, 0.9, 0.2], [0.3, 0.4, 0.8]])
    region = np.array([[True, False, True], [True, True, False]])
    assert frames.peak_xy(values, region, (100, 300)) == (150.0, 75.0)
    assert frames.peak_xy(values, np.zeros((2, 3), dtype=np.bool_), (100, 300)) == (150.0, 25.0)  # none: of all


def test_boxes_that_do_not_meet_share_nothing() -> None:
    first = Box(0, 0, 10, 10)
    for second in (Box(20, 20, 30, 30), Box(20, 0, 30, 10), Box(0, 20, 10, 30), Box(10, 0, 20, 10), Box(0, 10, 10, 20)):
        assert frames.share_of_smaller(first, second) == 0
        assert frames.box_iou(first, second) == 0
    assert frames.share_of_smaller(first, Box(9, 6, 11, 12)) == pytest.approx(4 / 12)
    assert frames.box_iou(first, Box(9, 6, 11, 12)) == pytest.approx(4 / 108)


def test_a_box_is_clipped_and_put_in_order() -> None:
    assert frames.clip_box((8, 9, -2, -3), (5, 7)) == Box(0, 0, 7, 5)
    assert frames.clip_box((1, 2, 3, 4), (5, 7)) == Box(1, 2, 3, 4)
    for outside in ((7, 0, 9, 5), (0, 5, 7, 9), (2, 1, 2, 4), (1, 2, 4, 2), (-3, 0, 0, 5)):
        assert frames.clip_box(outside, (5, 7)) is None
    assert frames.scale_box((1, 2, 3, 4), (5, 7), (10, 70)) == Box(10, 4, 30, 8)


def test_a_reduced_window_of_a_turned_scene_keeps_its_place() -> None:
    turned = (2.0, 3.0, 5.0, 7.0, 11.0, 13.0)
    assert frames.window_transform(turned, (1, 2), (10, 100)) == (20.0, 300.0, 13.0, 70.0, 1100.0, 42.0)
    assert frames.window_transform(turned, (1, 2)) == (2.0, 3.0, 13.0, 7.0, 11.0, 42.0)


def test_points_of_any_shape_are_mapped() -> None:
    turned = (2.0, 3.0, 5.0, 7.0, 11.0, 13.0)
    points = np.arange(24, dtype=np.float64).reshape(3, 4, 2)
    on_map = frames.pixel_to_map(points, turned)
    assert on_map[1, 2].tolist() == frames.pixel_to_map(points[1, 2], turned).tolist()
    np.testing.assert_allclose(frames.map_to_pixel(on_map, turned), points, atol=1e-9)


@given(
    hw=st.tuples(st.integers(1, 1200), st.integers(1, 1200)) | st.sampled_from([(1, 1000), (33, 517), (1000, 1)]),
    side=st.sampled_from([(1024, 256), (1008, 288), (128, 32)]),
    fit=st.sampled_from(["pad", "squash"]),
    shares=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_a_box_lies_in_a_square_where_the_picture_lies(
    hw: frames.HW, side: tuple[int, int], fit: frames.Fit, shares: tuple[float, ...]
) -> None:
    square = frames.place_in_square(hw, side[0], fit)
    assert square.inside_hw == (side[0], side[0]) if fit == "squash" else max(square.inside_hw) == side[0]
    assert min(square.inside_hw) >= 1
    x, y = sorted(shares[:2]), sorted(shares[2:])
    given_xyxy = (x[0] * hw[1], y[0] * hw[0], x[1] * hw[1], y[1] * hw[0])
    inside = square.box(given_xyxy)
    if inside is None:
        assert min(x[1] - x[0], y[1] - y[0]) < 1e-9
        return
    assert inside.x1 <= square.inside_hw[1] + 1e-6
    assert inside.y1 <= square.inside_hw[0] + 1e-6
    back = frames.scale_box(inside.xyxy, square.inside_hw, hw)
    assert back is not None
    np.testing.assert_allclose(back.xyxy, given_xyxy, atol=1e-6 * max(hw))
    assert square.point((given_xyxy[2], given_xyxy[3])) == pytest.approx((inside.x1, inside.y1))
    reach = square.reach_hw(side[1])
    assert reach == pytest.approx((square.inside_hw[0] / side[0] * side[1], square.inside_hw[1] / side[0] * side[1]))


@settings(max_examples=30)
@given(
    hw=st.tuples(st.integers(1, 700), st.integers(1, 700)) | st.sampled_from([(1, 1000), (33, 517), (1000, 1)]),
    side=st.sampled_from([(1024, 256), (1008, 288), (128, 32)]),
    fit=st.sampled_from(["pad", "squash"]),
    shares=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
)
def test_a_mask_comes_back_from_a_square_within_a_pixel(
    hw: frames.HW, side: tuple[int, int], fit: frames.Fit, shares: tuple[float, float]
) -> None:
    """Both edges of a mask, drawn exactly into the square's own masks, come back to where they are in the image."""
    import torch

    square = frames.place_in_square(hw, side[0], fit)
    at = shares[0] * hw[1], shares[1] * hw[0]
    x, y = square.point(at)
    centres = (torch.arange(side[1], dtype=torch.float32) + 0.5) * side[0] / side[1]
    right, below = (centres - x).expand(side[1], -1), (centres - y).expand(side[1], -1).T
    logits = square.to_image(torch.stack([right, below])[None])[0].numpy()
    assert logits.shape == (2, *hw)
    for mask, edge, axis in ((logits[0], at[0], 1), (logits[1], at[1], 0)):
        if square.inside_hw[axis] * side[1] / side[0] < 8:
            continue  # the edge lies within a cell of the border, where bilinear maps are flat
        profile = mask[0] if axis == 1 else mask[:, 0]
        where = np.interp(0, profile, np.arange(len(profile)) + 0.5)
        assert abs(where - edge) < max(1.0, hw[axis] / square.inside_hw[axis])


def test_a_map_of_the_whole_picture_fills_its_part_of_a_square() -> None:
    wide = np.ones((4, 4), np.float32)
    squashed = frames.place_in_square((33, 517), 1008, "squash").lay(wide, 288)
    assert squashed.shape == (288, 288)
    assert squashed.min() == squashed.max() == 1
    padded = frames.place_in_square((64, 128), 128, "pad").lay(wide, 32)
    assert padded[:16].min() == 1
    assert padded[16:].max() == 0
