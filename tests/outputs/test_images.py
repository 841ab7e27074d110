import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from zeroov.errors import PictureError
from zeroov.outputs import images
from zeroov.outputs.found import Found
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


def grey(rgb):
    return rgb @ np.array([0.299, 0.587, 0.114])


def blob():
    """Return a mask with a hole, a bay and a part at the picture's edge."""
    mask = np.zeros((120, 160), np.bool_)
    cv2.circle(view := mask.view(np.uint8), (70, 60), 30, 1, -1)
    cv2.circle(view, (70, 60), 8, 0, -1)
    mask[55:65, 80:160] = True
    return mask


@pytest.mark.parametrize("dim", [0.0, 0.5])
def test_the_colour_of_what_is_marked_stays(dim):
    rgb = np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    before, mask = rgb.copy(), blob()
    drawn = images.overlay(rgb, mask, dim=dim)
    np.testing.assert_array_equal(rgb, before)
    np.testing.assert_array_equal(drawn[mask], rgb[mask])
    assert (drawn[~mask] != rgb[~mask]).any()
    far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) > 12
    np.testing.assert_allclose(drawn[far], rgb[far] * (1 - dim), atol=0.51)


@pytest.mark.parametrize("inside", range(0, 256, 15))
@pytest.mark.parametrize("outside", range(0, 256, 51))
def test_an_outline_is_seen_on_any_grey(inside, outside):
    mask = blob()
    rgb = np.repeat(np.where(mask, inside, outside).astype(np.uint8)[..., None], 3, axis=2)
    light = grey(images.overlay(rgb, mask))
    # up from the upper rim of the disc: the line, then what is around; down from it: the disc
    line = light[18:30, 70]
    assert np.abs(line - inside).max() > 75
    assert np.abs(line - outside).max() > 75
    assert line.max() - line.min() > 100, "light and dark side by side"


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), images.BOX_RGB, images.OUTLINE_RGB, (128, 128, 128)])
def test_a_box_is_seen_on_its_own_colour_and_ends_where_its_line_begins(colour):
    rgb = np.full((400, 500, 3), colour, np.uint8)
    mask = np.zeros((400, 500), np.bool_)
    mask[150:300, 200:420] = True
    found = Found(mask, (0, 0), Box(200, 150, 420, 300), 0.5, "the pool")
    drawn = images.scene_overlay(rgb, (400, 500), [found])
    assert drawn.shape == (800, 1000, 3)
    assert (drawn[300:600, 400:840] == colour).all()
    for line in (drawn[290:300, 600], drawn[600:610, 600], drawn[450, 390:400], drawn[450, 840:850]):
        assert np.abs(grey(line) - grey(np.array(colour))).max() > 75
    assert (drawn[299, 400:840] != colour).any(axis=1).all()
    assert (drawn[300:600, 399] != colour).any(axis=1).all()


def test_a_small_picture_is_enlarged_pixel_by_pixel():
    assert [images.enlarged_by((side, side // 2)) for side in (1, 100, 224, 448, 512, 640, 4000)] == [
        800, 8, 4, 2, 2, 1, 1,
    ]  # fmt: skip
    rgb = np.random.default_rng(2).integers(0, 256, (224, 200, 3), dtype=np.uint8)
    np.testing.assert_array_equal(images.scene_overlay(rgb, (224, 200), []), np.kron(rgb, np.ones((4, 4, 1), np.uint8)))
    mask = np.zeros((224, 200), np.bool_)
    mask[100:140, 50:90] = np.random.default_rng(3).random((40, 40)) > 0.3
    drawn = images.scene_overlay(rgb, (224, 200), [Found(mask, (0, 0), Box(50, 100, 90, 140), 0.5, "the pool")])
    np.testing.assert_array_equal(drawn[::4, ::4][mask], rgb[mask])
    np.testing.assert_array_equal(drawn[3::4, 3::4][mask], rgb[mask])


def test_objects_beside_each_other_keep_their_colours():
    rgb = np.random.default_rng(4).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    founds = [Found(np.ones((100, 100), np.bool_), (x, 300), Box(x, 300, x + 100, 400), 0.5, "x") for x in (300, 400)]
    drawn = images.scene_overlay(rgb, (900, 900), founds)
    np.testing.assert_array_equal(drawn[310:400, 300:500], rgb[310:400, 300:500])
    assert (drawn[402, 300:500] != rgb[402, 300:500]).any(axis=1).all()


@pytest.mark.parametrize("box", [Box(0, 0, 900, 700), Box(0, 0, 1, 1), Box(899, 699, 900, 700), Box(0, 100, 900, 300)])
def test_a_box_at_the_edge_is_seen(box):
    rgb = np.full((700, 900, 3), 90, np.uint8)
    mask = np.zeros((700, 900), np.bool_)
    mask[int(box.y0), int(box.x0)] = True
    drawn = images.scene_overlay(rgb, (700, 900), [Found(mask, (0, 0), box, 0.5, "x")])
    assert (grey(drawn) > 180).any()
    assert (grey(drawn) < 30).any()


def test_overlay_of_nothing_is_the_picture_and_a_foreign_mask_is_refused():
    rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(images.overlay(rgb, np.zeros((4, 4), np.bool_)), rgb)
    np.testing.assert_array_equal(images.overlay(rgb, np.ones((4, 4), np.bool_)), rgb)
    with pytest.raises(ValueError, match="size"):
        images.overlay(rgb, np.zeros((4, 5), np.bool_))
