"""What kinds of files are scenes: those with windows, those that are read whole, and those that are none."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from tests.raster.scenes import UTM, textured, write_scene
from tests.raster.test_decode import sample
from tests.raster.test_scene import whole
from zeroov.errors import PictureError, UsageError
from zeroov.raster.scene import open_picture, open_source
from zeroov.types import Window

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("rasterio.shutil")


@pytest.mark.parametrize("mode", ["P", "CMYK", "1", "LAB", "L", "RGB"])
def test_tiffs_of_every_colour_space(tmp_path, mode):
    image = Image.new("LAB", (4, 4), (200, 128, 128)) if mode == "LAB" else Image.fromarray(sample()).convert(mode)
    image.save(tmp_path / "a.tif")
    with open_source(tmp_path / "a.tif") as scene:
        np.testing.assert_array_equal(whole(scene), np.asarray(image.convert("RGB")))


def test_a_palette_behind_a_virtual_raster_says_how_to_make_colours(tmp_path):
    (tmp_path / "b.vrt").write_text(
        '<VRTDataset rasterXSize="10" rasterYSize="6"><VRTRasterBand dataType="Byte" band="1">'
        "<ColorInterp>Palette</ColorInterp></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(PictureError, match="gdal_translate -expand rgb"):
        open_source(tmp_path / "b.vrt")


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "gif", "webp"])
@pytest.mark.parametrize("has_rasterio", [True, False])
def test_pictures_without_windows(tmp_path, monkeypatch, kind, has_rasterio):
    if not has_rasterio:
        monkeypatch.setitem(sys.modules, "rasterio", None)
    Image.fromarray(sample(60, 100)).save(tmp_path / f"ä b.{kind}")
    picture = open_picture(tmp_path / f"ä b.{kind}")
    with open_source(tmp_path / f"ä b.{kind}") as scene:
        np.testing.assert_array_equal(whole(scene), picture.rgb)
        np.testing.assert_array_equal(scene.read(Window(20, 30, 90, 60)).rgb, picture.rgb[30:60, 20:90])
        assert scene.read(most=50, tolerant=True).hw == (30, 50)
        assert (scene.crs, scene.transform) == (None, None)


def test_transparent_and_turned_pictures(tmp_path):
    rgba = np.dstack([sample(), np.full((6, 10), 255, np.uint8)])
    rgba[:, :5, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    with open_source(tmp_path / "a.png") as scene:
        np.testing.assert_array_equal(scene.read().valid, rgba[..., 3] > 0)
        assert not scene.read(Window(0, 0, 5, 6)).valid.any()
    exif = Image.Exif()
    exif[274] = 6
    for kind in ("jpg", "tif"):
        Image.fromarray(sample()).save(tmp_path / f"b.{kind}", exif=exif)
        with open_source(tmp_path / f"b.{kind}") as scene:
            assert scene.hw == (10, 6)
            np.testing.assert_array_equal(whole(scene), open_picture(tmp_path / f"b.{kind}").rgb)


def test_bands_of_a_picture(tmp_path):
    Image.fromarray(sample()).save(tmp_path / "a.png")
    with open_source(tmp_path / "a.png", bands=(3, 2, 1)) as scene:
        np.testing.assert_array_equal(whole(scene), sample()[..., ::-1])
    with pytest.raises(UsageError, match="from 1 to 3"):
        open_source(tmp_path / "a.png", bands=(4,))


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_other_rasters_that_gdal_knows(tmp_path, kind):
    """Sentinel-2 comes as JPEG 2000; mosaics are virtual rasters."""
    bands = textured(kind, 3)
    tiff = write_scene(tmp_path / "a.tif", bands, crs="EPSG:32633", transform=UTM)
    copied = tmp_path / "b c.jp2"
    rasterio.shutil.copy(tiff, copied, driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES")
    virtual = tmp_path / "d.vrt"
    rasterio.shutil.copy(tiff, virtual, driver="VRT")
    for path in (copied, virtual):
        with open_source(path) as scene:
            np.testing.assert_array_equal(whole(scene), open_picture(tiff).rgb)
            assert scene.transform == UTM
            assert scene.crs == "EPSG:32633"


def test_a_file_of_several_rasters_says_how_to_take_one_out(tmp_path):
    path = tmp_path / "a.gpkg"
    for number, more in enumerate(({}, {"APPEND_SUBDATASET": "YES"})):
        profile = {
            "driver": "GPKG",
            "width": 20,
            "height": 10,
            "count": 3,
            "dtype": "uint8",
            "RASTER_TABLE": f"t{number}",
        }
        profile |= {"crs": "EPSG:32633", "transform": rasterio.Affine(*UTM)}
        with rasterio.open(path, "w", **profile, **more) as dataset:
            dataset.write(textured("uint8", 3, (10, 20)))
    with pytest.raises(PictureError, match=r"holds 2 rasters.*gdal_translate GPKG:"):
        open_source(path)


def test_what_is_no_raster(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\x00" + b"rubbish" * 9)
    (tmp_path / "b.txt").write_text("no picture")
    for name, what in (("a.tif", "copy or download it again"), ("b.txt", "not an image"), ("c.tif", "does not exist")):
        with pytest.raises(PictureError, match=what):
            open_source(tmp_path / name)


def test_deep_tiffs_need_rasterio(tmp_path, monkeypatch):
    path = write_scene(tmp_path / "a.tif", textured())
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(PictureError, match=r"pip install 'zeroov\[geo\]'"):
        open_source(path)
