"""One reader: each kind of file has its pixels, what is valid of them and its place, whole and in windows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tests.raster.scenes import ROTATED, UTM, textured, write_scene
from zeroov.frames import Transform
from zeroov.raster.scene import open_picture, open_source
from zeroov.types import Bool, Uint8, Window

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("rasterio.shutil")

HW = 40, 60
BANDS = textured("uint8", 4, HW)
RGB = np.ascontiguousarray(np.moveaxis(BANDS[:3], 0, -1))
DEEP = textured("uint16", 3, HW)
HOLE = np.zeros(HW, np.bool_)
HOLE[:, :15] = True
ORIENTATION, PIXEL_SCALE, TIEPOINTS = 274, 33550, 33922


@dataclass(frozen=True)
class Kind:
    """A file, and what it shows: uint8 (H, W, 3) up to `tolerance`, bool (H, W) or `None` of what is valid, a place."""

    path: Path
    rgb: Uint8
    valid: Bool | None = None
    transform: Transform | None = None
    tolerance: int = 0


KINDS: dict[str, Callable[[Path], Kind]] = {}


def kind(write: Callable[[Path], Kind]) -> Callable[[Path], Kind]:
    KINDS[write.__name__] = write
    return write


def stretched(bands: NDArray[Any], valid: Bool) -> Uint8:
    """Return bands (C, H, W) as one stretch of their valid pixels shows them."""
    values = np.moveaxis(bands, 0, -1).astype(np.float64)
    low, high = np.percentile(values[valid], (2, 98))
    scaled = np.rint(np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1) * 255)
    return np.where(valid[..., None], np.broadcast_to(scaled, (*HW, 3)), 0).astype(np.uint8)


def black(rgb: Uint8, where: Bool) -> Uint8:
    return np.where(where[..., None], 0, rgb).astype(np.uint8)


def grey(values: NDArray[Any]) -> Uint8:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def tags(orientation: int, **placed: tuple[float, ...]) -> ImageFileDirectory_v2:
    """Return the tags of a TIFF that is turned and placed by a pixel scale and tie points."""
    directory = ImageFileDirectory_v2()
    directory[ORIENTATION] = orientation
    for tag, values in ((PIXEL_SCALE, placed.get("scale")), (TIEPOINTS, placed.get("points"))):
        if values:
            directory.tagtype[tag] = TiffTags.DOUBLE
            directory[tag] = values
    return directory


UTM_TAGS = {"scale": (0.5, 0.5, 0.0), "points": (0.0, 0.0, 0.0, 500_000.0, 5_000_000.0, 0.0)}


def world_file(path: Path) -> None:
    path.write_text("0.5\n0\n0\n-0.5\n500000.25\n4999999.75\n")


def palette_image() -> tuple[Image.Image, Uint8]:
    """Return an image of 8 colours, and what it shows."""
    image = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    return image, np.asarray(image.convert("RGB"))


@kind
def png(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.png")
    return Kind(folder / "a.png", RGB)


@kind
def png_with_alpha(folder: Path) -> Kind:
    Image.fromarray(np.dstack([RGB, np.where(HOLE, 0, 90).astype(np.uint8)])).save(folder / "a.png")
    return Kind(folder / "a.png", black(RGB, HOLE), ~HOLE)


@kind
def png_of_16_bits(folder: Path) -> Kind:
    Image.fromarray(DEEP[0]).save(folder / "a.png")
    return Kind(folder / "a.png", stretched(DEEP[:1], ~np.zeros(HW, np.bool_)))


@kind
def png_with_palette(folder: Path) -> Kind:
    image, rgb = palette_image()
    image.save(folder / "a.png")
    return Kind(folder / "a.png", rgb)


@kind
def png_of_one_bit(folder: Path) -> Kind:
    Image.fromarray(HOLE).save(folder / "a.png")
    return Kind(folder / "a.png", grey(HOLE * 255))


@kind
def png_turned(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.png", exif=exif(6))
    return Kind(folder / "a.png", np.rot90(RGB, -1))


@kind
def png_turned_with_world_file(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.png", exif=exif(6))
    world_file(folder / "a.pgw")
    return Kind(folder / "a.png", RGB, transform=UTM)


@kind
def jpeg(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.jpg", quality=100, subsampling=0)
    return Kind(folder / "a.jpg", RGB, tolerance=6)


@kind
def jpeg_turned(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.jpg", quality=100, subsampling=0, exif=exif(6))
    return Kind(folder / "a.jpg", np.rot90(RGB, -1), tolerance=6)


@kind
def jpeg_turned_with_world_file(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.jpg", quality=100, subsampling=0, exif=exif(6))
    world_file(folder / "a.jgw")
    return Kind(folder / "a.jpg", RGB, transform=UTM, tolerance=6)


@kind
def bmp(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.bmp")
    return Kind(folder / "a.bmp", RGB)


@kind
def gif(folder: Path) -> Kind:
    image, rgb = palette_image()
    image.save(folder / "a.gif")
    return Kind(folder / "a.gif", rgb)


@kind
def webp(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.webp", lossless=True)
    return Kind(folder / "a.webp", RGB)


@kind
def avif(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.avif", quality=100, subsampling="4:4:4")
    return Kind(folder / "a.avif", RGB, tolerance=8)


@kind
def pgm_of_4_bits(folder: Path) -> Kind:
    (folder / "a.pgm").write_bytes(b"P5 60 40 15\n" + (BANDS[0] // 16).tobytes())
    return Kind(folder / "a.pgm", grey(BANDS[0] // 16 * 17))


@kind
def geotiff(folder: Path) -> Kind:
    return Kind(write_scene(folder / "a.tif", BANDS[:3], transform=UTM), RGB, transform=UTM)


@kind
def geotiff_rotated(folder: Path) -> Kind:
    return Kind(write_scene(folder / "a.tif", BANDS[:3], transform=ROTATED), RGB, transform=ROTATED)


@kind
def geotiff_with_nodata(folder: Path) -> Kind:
    path = write_scene(folder / "a.tif", np.where(HOLE, 255, BANDS[:3]), transform=UTM, nodata=255)
    return Kind(path, black(RGB, HOLE), ~HOLE, UTM)


@kind
def geotiff_with_mask(folder: Path) -> Kind:
    path = write_scene(folder / "a.tif", BANDS[:3], transform=UTM)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(~HOLE)
    return Kind(path, black(RGB, HOLE), ~HOLE, UTM)


@kind
def geotiff_with_alpha(folder: Path) -> Kind:
    bands = np.concatenate([BANDS[:3], np.where(HOLE, 0, 255).astype(np.uint8)[None]])
    path = write_scene(folder / "a.tif", bands, transform=UTM, photometric="RGB", alpha="YES")
    return Kind(path, black(RGB, HOLE), ~HOLE, UTM)


@kind
def geotiff_of_16_bits(folder: Path) -> Kind:
    path = write_scene(folder / "a.tif", np.where(HOLE, 0, DEEP), transform=UTM, nodata=0)
    return Kind(path, stretched(DEEP, ~HOLE), ~HOLE, UTM)


@kind
def geotiff_of_floats(folder: Path) -> Kind:
    bands = np.where(HOLE, np.nan, DEEP / 7).astype(np.float32)
    return Kind(write_scene(folder / "a.tif", bands, transform=UTM), stretched(bands, ~HOLE), ~HOLE, UTM)


@kind
def tiff_turned(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.tif", tiffinfo={ORIENTATION: 6})
    return Kind(folder / "a.tif", np.rot90(RGB, -1))


@kind
def geotiff_turned(folder: Path) -> Kind:
    Image.fromarray(RGB).save(folder / "a.tif", tiffinfo=tags(6, **UTM_TAGS))
    return Kind(folder / "a.tif", RGB, transform=UTM)


@kind
def geotiff_turned_with_control_points(folder: Path) -> Kind:
    a, b, c, d, e, f = ROTATED
    corners = ((0, 0), (60, 0), (0, 40), (60, 40), (20, 30))
    points = [(x, y, 0.0, a * x + b * y + c, d * x + e * y + f, 0.0) for x, y in corners]
    Image.fromarray(RGB).save(folder / "a.tif", tiffinfo=tags(6, points=tuple(np.ravel(points).tolist())))
    return Kind(folder / "a.tif", RGB, transform=ROTATED)


@kind
def palette_tiff_turned(folder: Path) -> Kind:
    image, rgb = palette_image()
    image.save(folder / "a.tif", tiffinfo={ORIENTATION: 6})
    return Kind(folder / "a.tif", np.rot90(rgb, -1))


@kind
def palette_geotiff_turned(folder: Path) -> Kind:
    image, rgb = palette_image()
    image.save(folder / "a.tif", tiffinfo=tags(6, **UTM_TAGS))
    return Kind(folder / "a.tif", rgb, transform=UTM)


def with_nodata(path: Path, nodata: int) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as dataset:
            dataset.nodata = nodata
    return path


@kind
def palette_geotiff_with_nodata(folder: Path) -> Kind:
    image, rgb = palette_image()
    image.save(folder / "a.tif", tiffinfo=tags(1, **UTM_TAGS))
    hole = np.asarray(image) == 3
    return Kind(with_nodata(folder / "a.tif", 3), black(rgb, hole), ~hole, UTM)


@kind
def palette_tiff_turned_with_nodata(folder: Path) -> Kind:
    image, rgb = palette_image()
    image.save(folder / "a.tif", tiffinfo={ORIENTATION: 6})
    hole = np.rot90(np.asarray(image) == 3, -1)
    return Kind(with_nodata(folder / "a.tif", 3), black(np.rot90(rgb, -1), hole), ~hole)


@kind
def cmyk_tiff(folder: Path) -> Kind:
    image = Image.fromarray(RGB).convert("CMYK")
    image.save(folder / "a.tif", tiffinfo=tags(1, **UTM_TAGS))
    return Kind(folder / "a.tif", np.asarray(image.convert("RGB")), transform=UTM)


@kind
def lab_tiff(folder: Path) -> Kind:
    image = Image.fromarray(np.dstack([BANDS[0], np.full((*HW, 2), 128, np.uint8)]), mode="LAB")
    image.save(folder / "a.tif")
    return Kind(folder / "a.tif", np.asarray(image.convert("RGB")))


@kind
def white_is_zero(folder: Path) -> Kind:
    bands = np.where(HOLE, 9, np.maximum(BANDS[:1], 10))
    path = write_scene(folder / "a.tif", bands, transform=UTM, photometric="MINISWHITE", nodata=9)
    return Kind(path, black(grey(255 - bands[0]), HOLE), ~HOLE, UTM)


@kind
def white_is_zero_of_16_bits(folder: Path) -> Kind:
    bands = np.where(HOLE, 7, DEEP[:1])
    path = write_scene(folder / "a.tif", bands, transform=UTM, photometric="MINISWHITE", nodata=7)
    return Kind(path, stretched(65535 - bands, ~HOLE), ~HOLE, UTM)


@kind
def white_is_zero_of_floats(folder: Path) -> Kind:
    bands = (DEEP[:1] / 9).astype(np.float32)
    path = write_scene(folder / "a.tif", bands, transform=UTM, photometric="MINISWHITE")
    return Kind(path, stretched(-bands, ~np.zeros(HW, np.bool_)), transform=UTM)


@kind
def geotiff_of_4_bits(folder: Path) -> Kind:
    bands = np.where(HOLE, 3, np.maximum(BANDS[:1] // 16, 4)).astype(np.uint8)
    path = write_scene(folder / "a.tif", bands, transform=UTM, nbits=4, nodata=3)
    return Kind(path, black(grey(bands[0] * 17), HOLE), ~HOLE, UTM)


def copied(folder: Path, bands: NDArray[Any], name: str, driver: str, **options: Any) -> Path:
    """Write bands as another kind of raster; no band of them is called alpha."""
    source = write_scene(folder / "source.tif", bands, transform=UTM, photometric="MINISBLACK", alpha="NO")
    rasterio.shutil.copy(source, folder / name, driver=driver, **options)
    return folder / name


LOSSLESS = {"QUALITY": "100", "REVERSIBLE": "YES"}


@kind
def jpeg_2000_with_infrared(folder: Path) -> Kind:
    bands = np.concatenate([BANDS[:3], np.where(HOLE, 0, BANDS[3])[None]])  # no infrared comes from water
    return Kind(copied(folder, bands, "a.jp2", "JP2OpenJPEG", **LOSSLESS), RGB, transform=UTM)


@kind
def jpeg_2000_of_16_bits(folder: Path) -> Kind:
    path = copied(folder, DEEP, "a.jp2", "JP2OpenJPEG", **LOSSLESS)
    return Kind(path, stretched(DEEP, ~np.zeros(HW, np.bool_)), transform=UTM)


@kind
def jpeg_2000_of_other_colours(folder: Path) -> Kind:
    image = Image.fromarray(RGB).convert("YCbCr")
    image.save(folder / "a.jp2")
    return Kind(folder / "a.jp2", RGB, tolerance=6)


@kind
def virtual_raster(folder: Path) -> Kind:
    return Kind(copied(folder, BANDS[:3], "a.vrt", "VRT"), RGB, transform=UTM)


@kind
def erdas_imagine(folder: Path) -> Kind:
    return Kind(copied(folder, BANDS[:3], "a.img", "HFA"), RGB, transform=UTM)


@kind
def cloud_optimised_geotiff(folder: Path) -> Kind:
    return Kind(copied(folder, BANDS[:3], "a.tif", "COG"), RGB, transform=UTM)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_file(tmp_path: Path, name: str) -> None:
    expected = KINDS[name](tmp_path)
    picture = open_picture(expected.path)
    assert picture.rgb.shape == expected.rgb.shape
    assert np.abs(picture.rgb.astype(int) - expected.rgb).max() <= expected.tolerance
    if expected.valid is None:
        assert picture.valid is None
    else:
        np.testing.assert_array_equal(picture.valid, expected.valid)
    assert picture.transform == (expected.transform and pytest.approx(expected.transform, abs=1e-6))
    with open_source(expected.path) as scene:
        same = scene.read()
        assert scene.hw == same.hw == picture.hw
        assert (same.digest, same.crs, same.transform) == (picture.digest, picture.crs, picture.transform)
        np.testing.assert_array_equal(same.valid, picture.valid)
        height, width = scene.hw
        valid = np.ones(scene.hw, np.bool_) if picture.valid is None else picture.valid
        for y0, y1 in ((0, 17), (17, height)):
            for x0, x1 in ((0, 23), (23, width)):
                part = scene.read(Window(x0, y0, x1, y1))
                np.testing.assert_array_equal(part.rgb, picture.rgb[y0:y1, x0:x1])
                part_valid = np.ones(part.hw, np.bool_) if part.valid is None else part.valid
                np.testing.assert_array_equal(part_valid, valid[y0:y1, x0:x1])
                assert part.window == (x0, y0, x1, y1)
