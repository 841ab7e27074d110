"""Any picture a user can have: the right content, or one line that says what to do."""

import contextlib
import io
import logging
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from zeroov.errors import PictureError
from zeroov.raster.decode import MOST_PIXELS
from zeroov.raster.scene import open_picture
from zeroov.types import Picture

ORANGE, TEAL = (230, 120, 20), (20, 130, 140)


def sample(height: int = 6, width: int = 10) -> np.ndarray:
    """Orange on the left, teal on the right, white in the upper left corner."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:, : width // 2], rgb[:, width // 2 :] = ORANGE, TEAL
    rgb[0, 0] = 255
    return rgb


def refusal(source: object) -> str:
    with pytest.raises(PictureError) as caught:
        open_picture(source)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 1
    return message


def png_bytes(width: int, height: int, bits: int, kind: int, raw: bytes, *more: tuple[bytes, bytes]) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks)


def sixteen_bit_png(samples: np.ndarray, kind: int, *more: tuple[bytes, bytes]) -> bytes:
    height, width = samples.shape[:2]
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return png_bytes(width, height, 16, kind, raw, *more)


# Files that are no picture


def test_missing_file_names_its_neighbours(tmp_path):
    Image.fromarray(sample()).save(tmp_path / "harbour_01.png")
    assert "did you mean `harbour_01.png`?" in refusal(tmp_path / "harbor_01.png")
    assert "does not exist" in refusal(str(tmp_path / "quite different"))
    assert "nor does the folder" in refusal(tmp_path / "none" / "a.png")
    assert "does not exist" in refusal("~nobody-of-this-name")
    assert "does not exist" in refusal("a\0b")
    assert "no picture was given" in refusal("")
    assert "cannot be opened" in refusal("x" * 5000)


def test_folder_empty_file_and_other_things(tmp_path):
    assert "is a folder" in refusal(tmp_path)
    assert f"zeroov batch {tmp_path} --expressions FILE" in refusal(tmp_path)
    (tmp_path / "empty.jpg").touch()
    assert "is empty (0 bytes)" in refusal(tmp_path / "empty.jpg")
    assert "no ordinary file" in refusal("/dev/null")
    for thing, kind in ((3, "int"), (None, "NoneType"), ([1], "list"), (b"a.png", "bytes")):
        assert f"a {kind} is no picture; give a path" in refusal(thing)


def test_unreadable_file(tmp_path, monkeypatch):
    Image.fromarray(sample()).save(tmp_path / "a.png")

    def denied(*_: object) -> None:  # root, who may read everything, runs tests too
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "cannot be opened: Permission denied" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize(
    "content", [b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"%PDF-1.7 ...", b"GIF89a", b"\0" * 99]
)
def test_not_an_image(tmp_path, content):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert "photo.jpg` is" in refusal(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_truncated_file_is_refused_wherever_it_ends(tmp_path, kind):
    rgb = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind)
    whole = buffer.getvalue()
    path = tmp_path / "cut"
    for end in range(1, int(len(whole) * 0.98), max(len(whole) // 60, 1)):
        path.write_bytes(whole[:end])
        message = refusal(path)
        if kind in ("JPEG", "PNG") and end > len(whole) // 2:
            assert "is truncated; copy or download it again" in message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "JPEG2000"])
def test_damage_never_escapes_as_anything_else(tmp_path, kind):
    rng = np.random.default_rng(1)
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.fromarray(sample(32, 32)).save(buffer, kind, exif=exif)
    whole = np.frombuffer(buffer.getvalue(), np.uint8)
    path = tmp_path / "damaged"
    for _ in range(60):
        damaged = whole.copy()
        where = rng.integers(0, min(len(whole), 400), 3)
        damaged[where] = rng.integers(0, 255, 3)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(PictureError):
            open_picture(path)


@pytest.mark.parametrize("side", [10_100, 13_000, 20_000, 60_000])
def test_enormous_header_is_refused_before_any_memory_is_taken(tmp_path, side):
    assert side**2 > MOST_PIXELS
    path = tmp_path / "bomb.png"
    path.write_bytes(png_bytes(side, side, 8, 2, b""))
    message = refusal(path)
    assert f"{side * side:,} pixels" in message
    assert "cut it into tiles or shrink it" in message
    if side < 13_001:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path)
        with image:
            assert f"{side * side:,} pixels" in refusal(image)


# Every kind of sample


@pytest.mark.parametrize("kind", ["png", "bmp", "tif", "webp", "ppm"])
def test_colours_are_kept_bit_by_bit(tmp_path, kind):
    path = tmp_path / f"ä pictüre 图.{kind}"
    Image.fromarray(sample()).save(path, **({"lossless": True} if kind == "webp" else {}))
    for source in (path, str(path)):
        picture = open_picture(source)
        np.testing.assert_array_equal(picture.rgb, sample())
        assert picture.source == str(path)
        assert (picture.crs, picture.transform) == (None, None)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path, mode):
    image = Image.fromarray(sample(64, 64)).convert(mode)
    image.save(tmp_path / "a.jpg", quality=95)
    difference = open_picture(tmp_path / "a.jpg").rgb.astype(int) - np.asarray(image.convert("RGB"))
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_one_bit_and_grey(tmp_path, kind):
    bits = np.array([[True, False, True], [False, False, True]])
    Image.fromarray(bits).save(tmp_path / f"bits.{kind}")
    np.testing.assert_array_equal(open_picture(tmp_path / f"bits.{kind}").rgb, np.repeat(bits[..., None] * 255, 3, 2))
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    Image.fromarray(grey).save(tmp_path / f"grey.{kind}")
    np.testing.assert_array_equal(open_picture(tmp_path / f"grey.{kind}").rgb, np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_wholly_transparent_pixels_become_black_and_others_keep_their_colour(tmp_path, mode):
    alpha = np.full((6, 10), 255, np.uint8)
    alpha[0], alpha[1] = 0, 1
    image = Image.fromarray(sample()).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "a.png")
    expected = np.asarray(Image.fromarray(sample()).convert(mode[:-1]).convert("RGB")).copy()
    expected[0] = 0
    np.testing.assert_array_equal(open_picture(tmp_path / "a.png").rgb, expected)
    np.testing.assert_array_equal(open_picture(image).rgb, expected)
    image.putalpha(0)
    image.save(tmp_path / "a.png")
    assert "no valid pixel" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["png", "gif", "tif"])
def test_palette(tmp_path, kind):
    image = Image.fromarray(sample()).convert("P", palette=Image.Palette.ADAPTIVE)
    image.save(tmp_path / f"p.{kind}")
    np.testing.assert_array_equal(open_picture(tmp_path / f"p.{kind}").rgb, sample())


@pytest.mark.parametrize("table", [False, True])
def test_palette_with_transparency(tmp_path, table):
    image = Image.fromarray(sample()).convert("P", palette=Image.Palette.ADAPTIVE)
    white = image.getpixel((0, 0))
    transparency = bytes(0 if index == white else 255 for index in range(3)) if table else white
    image.save(tmp_path / "p.png", transparency=transparency)
    expected = sample()
    expected[0, 0] = 0
    np.testing.assert_array_equal(open_picture(tmp_path / "p.png").rgb, expected)


def test_transparent_colour_of_an_rgb_png(tmp_path):
    Image.fromarray(sample()).save(tmp_path / "t.png", transparency=TEAL)
    expected = sample()
    expected[:, 5:] = 0
    np.testing.assert_array_equal(open_picture(tmp_path / "t.png").rgb, expected)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_sixteen_bit_grey_is_stretched_over_its_percentiles(tmp_path, kind):
    deep = np.linspace(1000, 3000, 10_000).astype(np.uint16).reshape(100, 100)
    deep[0, 0] = 65535  # one hot pixel
    Image.fromarray(deep).save(tmp_path / f"a.{kind}")
    for source in (tmp_path / f"a.{kind}", Image.fromarray(deep), deep):
        grey = open_picture(source).rgb
        assert (grey[..., 0] == grey[..., 2]).all()
        assert grey[0, 1, 0] == 0
        assert grey[0, 0, 0] == grey[-1, -1, 0] == 255
        assert abs(int(grey[50, 0, 0]) - 128) <= 2


@pytest.mark.parametrize("kind", [2, 6])
def test_sixteen_bit_colours_keep_their_depth_and_proportions(tmp_path, kind):
    rgb = np.zeros((50, 50, 3), np.uint16)
    rgb[..., 0], rgb[..., 1], rgb[..., 2] = np.linspace(100, 900, 2500).reshape(50, 50), 500, 100
    samples = np.dstack([rgb, np.full((50, 50), 65535, np.uint16)]) if kind == 6 else rgb
    if kind == 6:
        samples[0, :, 3] = 0
    (tmp_path / "a.png").write_bytes(sixteen_bit_png(samples, kind))
    for source in (tmp_path / "a.png", samples):
        opened = open_picture(source).rgb
        assert len(np.unique(opened[..., 0])) > 200
        assert np.abs(opened[1:, :, 1].astype(int) - 128).max() < 12
        assert (opened[..., 2] == 0).all()
        assert opened[0].any() == (kind == 2)


def test_sixteen_bit_grey_with_alpha(tmp_path):
    samples = np.dstack([np.arange(64).reshape(8, 8) * 500, np.full((8, 8), 65535)]).astype(np.uint16)
    samples[0, 0, 1] = 0
    (tmp_path / "a.png").write_bytes(sixteen_bit_png(samples, 4))
    opened = open_picture(tmp_path / "a.png").rgb
    assert (opened[..., 0] == opened[..., 2]).all()
    assert opened[0, 0, 0] == 0
    assert opened[-1, -1, 0] == 255


def test_constant_deep_pictures_do_not_divide_by_zero():
    assert (open_picture(np.full((3, 3), 900, np.uint16)).rgb == 0).all()
    mostly = np.full((30, 30), 900, np.uint16)
    mostly[0, 0] = 1000
    assert open_picture(mostly).rgb[0, 0].tolist() == [255, 255, 255]


def test_float_samples_leave_out_what_is_not_finite(tmp_path):
    values = np.linspace(-1, 1, 10_000, dtype=np.float32).reshape(100, 100)
    values[0, 0], values[99, 99] = np.nan, np.inf
    Image.fromarray(values).save(tmp_path / "f.tif")
    for source in (tmp_path / "f.tif", Image.fromarray(values)):
        grey = open_picture(source).rgb[..., 0]
        assert grey[0, 0] == grey[99, 99] == grey[0, 1] == 0
        assert grey[99, 98] == 255
        assert abs(int(grey[50, 0]) - 128) <= 2
    assert "no valid pixel" in refusal(Image.fromarray(np.full((3, 3), np.nan, np.float32)))


# Frames, orientation, shapes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
def test_picture_stands_upright(tmp_path, orientation, kind):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a.{kind}"
    stored = Image.fromarray(np.repeat(np.repeat(sample(), 16, 0), 16, 1))
    if kind == "tif":
        stored.save(path, tiffinfo={274: orientation})
    else:
        stored.save(path, exif=exif, quality=95)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    upright = np.asarray(stored.transpose(turns[orientation]) if orientation in turns else stored)
    opened = open_picture(path).rgb
    assert opened.shape == upright.shape
    assert np.abs(opened.astype(int) - upright).mean() < 4


def test_sixteen_bit_png_stands_upright(tmp_path):
    exif = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    samples = np.zeros((4, 6, 3), np.uint16)
    samples[0] = 5000
    (tmp_path / "a.png").write_bytes(sixteen_bit_png(samples, 2, (b"eXIf", exif)))
    opened = open_picture(tmp_path / "a.png").rgb
    assert opened.shape == (6, 4, 3)
    assert (opened[:, -1] == 255).all()
    assert (opened[:, 0] == 0).all()


def test_objects_in_memory_are_not_turned(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(sample()).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        picture = open_picture(image)
    np.testing.assert_array_equal(picture.rgb, sample())
    assert picture.source == "PIL image"


@pytest.mark.parametrize("kind", ["gif", "tif", "png", "webp"])
def test_first_of_several_frames_with_a_word(tmp_path, kind, caplog):
    frames = [Image.fromarray(sample()), Image.fromarray(sample()[::-1].copy())]
    path = tmp_path / f"a.{kind}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "webp" else {}))
    with caplog.at_level(logging.WARNING, "zeroov"):
        np.testing.assert_array_equal(open_picture(path).rgb, sample())
    assert "only the first of its 2 frames is read" in caplog.text


def test_first_of_several_frames_of_a_palette(tmp_path, caplog):
    frames = [Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE) for rgb in (sample(), sample()[::-1])]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.WARNING, "zeroov"):
        np.testing.assert_array_equal(open_picture(tmp_path / "a.tif").rgb, sample())
    assert "only the first of its 2 frames is read" in caplog.text


@pytest.mark.parametrize("hw", [(1, 1), (30, 4000), (4000, 30)])
def test_odd_shapes(tmp_path, hw):
    Image.fromarray(sample(*hw)).save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").hw == hw


def test_icc_profile_and_text_do_no_harm(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 2_000_000, zip=True)  # PIL refuses to inflate this one
    Image.fromarray(sample()).save(tmp_path / "a.png", pnginfo=text)
    assert "cannot be decoded" in refusal(tmp_path / "a.png")
    Image.fromarray(sample()).save(tmp_path / "b.png", icc_profile=b"broken")
    np.testing.assert_array_equal(open_picture(tmp_path / "b.png").rgb, sample())


# Arrays and objects


def test_arrays_are_taken_as_they_are_and_copied():
    rgb = sample()
    picture = open_picture(rgb)
    np.testing.assert_array_equal(picture.rgb, rgb)
    assert picture.source == "array"
    rgb[:] = 0
    np.testing.assert_array_equal(picture.rgb, sample())
    np.testing.assert_array_equal(open_picture(sample()[:, ::-1]).rgb, sample()[:, ::-1])
    assert open_picture(picture) is picture


def test_grey_and_rgba_arrays():
    grey = sample()[..., 0]
    for array in (grey, grey[..., None]):
        np.testing.assert_array_equal(open_picture(array).rgb, np.repeat(grey[..., None], 3, 2))
    rgba = np.dstack([sample(), np.full((6, 10), 9, np.uint8)])
    rgba[2, :, 3] = 0
    expected = sample()
    expected[2] = 0
    np.testing.assert_array_equal(open_picture(rgba).rgb, expected)


@pytest.mark.parametrize(
    "array", [np.zeros((5, 5, 3)), np.zeros((5, 5), bool), np.zeros((5, 5, 3), int), np.array("x")]
)
def test_arrays_of_other_kinds(array):
    message = refusal(array)
    assert str(array.dtype) in message
    assert str(array.shape) in message
    assert "convert it to uint8" in message


@pytest.mark.parametrize("shape", [(5,), (5, 5, 2), (5, 5, 5), (2, 5, 5, 3), (0, 5, 3), (5, 0), ()])
def test_arrays_of_other_shapes(shape):
    assert str(shape) in refusal(np.zeros(shape, np.uint8))


def test_channels_first():
    assert "transpose it: array.transpose(1, 2, 0)" in refusal(np.zeros((3, 20, 30), np.uint8))


def test_enormous_array():
    assert "at most 100,000,000" in refusal(np.broadcast_to(np.uint8(0), (20_000, 20_000, 3)))


@pytest.mark.parametrize(
    ("mode", "colour"),
    [(mode, 1) for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "I", "I;16", "F", "RGBX")]
    + [("LA", (1, 255)), ("PA", (1, 255)), ("RGBA", (1, 1, 1, 255)), ("RGBa", (1, 1, 1, 255))],
)
def test_every_pil_mode(mode, colour):
    picture = open_picture(Image.new(mode, (3, 2), colour))
    assert isinstance(picture, Picture)
    assert picture.hw == (2, 3)


def test_truncated_pil_image(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    image = Image.open(io.BytesIO(whole[: len(whole) // 2]))
    assert "`PIL image` is truncated" in refusal(image)


def test_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.fromarray(sample()).save(tmp_path / "a.png")
    assert open_picture("~/a.png").source == "~/a.png"
    assert open_picture(Path("~/a.png")).hw == (6, 10)
