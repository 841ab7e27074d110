import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from zeroov.errors import PictureError
from zeroov.outputs import images
from zeroov.types import Box

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(mask=MASKS)
def test_mask_png_comes_back(tmp_path_factory, mask):
    path = tmp_path_factory.getbasetemp() / "mask.png"
    images.write_mask_png(path, mask)
    back = images.read_mask_png(path)
    assert back.dtype == np.bool_
    np.testing.assert_array_equal(back, mask)
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert raw.ndim == 2
    assert set(np.unique(raw)) <= {0, 255}


def test_masks_that_are_none(tmp_path):
    with pytest.raises(PictureError, match="does not exist"):
        images.read_mask_png(tmp_path / "none.png")
    images.write_mask_png(tmp_path / "m.png", np.random.default_rng(0).random((64, 64)) > 0.5)
    whole = (tmp_path / "m.png").read_bytes()
    (tmp_path / "m.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PictureError, match="truncated"):
        images.read_mask_png(tmp_path / "m.png")
    (tmp_path / "m.png").write_text("no picture")
    with pytest.raises(PictureError, match="no PNG"):
        images.read_mask_png(tmp_path / "m.png")
    images.write_rgb_png(tmp_path / "rgb.png", np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(PictureError, match="got RGB"):
        images.read_mask_png(tmp_path / "rgb.png")


def test_a_mask_of_far_too_many_pixels_is_none(tmp_path, monkeypatch):
    images.write_mask_png(tmp_path / "m.png", np.ones((64, 64), np.bool_))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64)  # PIL refuses twice as many
    with pytest.raises(PictureError, match="truncated or no PNG"):
        images.read_mask_png(tmp_path / "m.png")


def test_rgb_png_keeps_red_red(tmp_path):
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[..., 0] = 255
    images.write_rgb_png(tmp_path / "a.png", rgb)
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [0, 0, 255]


def test_overlay_draws_inside_the_half_open_box_and_leaves_the_rest(tmp_path):
    rgb = np.full((40, 60, 3), 100, np.uint8)
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 30:45] = True
    drawn = images.overlay(rgb, mask, Box(30, 10, 45, 20))
    assert (rgb == 100).all()
    np.testing.assert_array_equal((drawn != 100).any(axis=2), mask)
    assert drawn[10, 30].tolist() == drawn[19, 44].tolist() == list(images.BOX_RGB)
    assert drawn[15, 35].tolist() == [162, 60, 118]
    images.write_rgb_png(tmp_path / "o.png", images.overlay(rgb, mask, Box(30, 10, 45, 20)))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "o.png"))[..., ::-1], drawn)


def test_overlay_of_nothing_is_the_picture_and_a_foreign_mask_is_refused():
    rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(images.overlay(rgb, np.zeros((4, 4), np.bool_), None), rgb)
    with pytest.raises(ValueError, match="size"):
        images.overlay(rgb, np.zeros((4, 5), np.bool_), None)
    one = images.overlay(rgb[:1, :1], np.ones((1, 1), np.bool_), Box(0, 0, 1, 1))
    assert one[0, 0].tolist() == list(images.BOX_RGB)
