"""TIFF files, with rasterio and without."""

import logging
import sys

import numpy as np
import pytest
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tests.raster.test_decode import refusal, sample
from zeroov.raster.scene import open_picture

rasterio = pytest.importorskip("rasterio")
UTM = {"crs": "EPSG:32631", "transform": rasterio.Affine(0.5, 0.0, 300_000.0, 0.0, -0.5, 5_000_000.0)}
TRANSFORM = (0.5, 0.0, 300_000.0, 0.0, -0.5, 5_000_000.0)


def write_tiff(path, bands: np.ndarray, interpretation=None, mask=None, **profile):
    """Write (bands, H, W) samples."""
    count, height, width = bands.shape
    shape = {"count": count, "height": height, "width": width}
    with rasterio.open(path, "w", driver="GTiff", dtype=bands.dtype, **shape, **{**UTM, **profile}) as dataset:
        dataset.write(bands)
        if interpretation:
            dataset.colorinterp = [rasterio.enums.ColorInterp[name] for name in interpretation]
        if mask is not None:
            dataset.write_mask(mask)
    return path


def ramp(low: float, high: float, bands: int, kind: str) -> np.ndarray:
    return np.broadcast_to(np.linspace(low, high, 10_000).reshape(100, 100), (bands, 100, 100)).astype(kind)


@pytest.fixture
def no_rasterio(monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)


def test_eight_bit_colours_and_the_place_on_the_ground_are_kept(tmp_path):
    picture = open_picture(write_tiff(tmp_path / "a.tif", np.moveaxis(sample(), -1, 0)))
    np.testing.assert_array_equal(picture.rgb, sample())
    assert picture.crs == "EPSG:32631"
    assert picture.transform == TRANSFORM


def test_crs_without_a_number_is_wkt_and_no_georeference_is_none(tmp_path):
    odd = "+proj=laea +lat_0=12.3 +lon_0=4.5 +datum=WGS84"
    assert "PROJCS" in (open_picture(write_tiff(tmp_path / "a.tif", ramp(0, 9, 3, "uint8"), crs=odd)).crs or "")
    Image.fromarray(sample()).save(tmp_path / "b.tif")
    picture = open_picture(tmp_path / "b.tif")
    assert (picture.crs, picture.transform) == (None, None)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("uint16", 300, 4000), ("int16", -500, 500), ("float32", -0.1, 0.4), ("float64", 1e6, 2e6), ("uint32", 0, 4e9)],
)
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 8])
def test_deep_samples_of_any_number_of_bands(tmp_path, kind, low, high, bands):
    rgb = open_picture(write_tiff(tmp_path / "a.tif", ramp(low, high, bands, kind))).rgb
    assert (rgb[0, 0] == 0).all()
    assert (rgb[-1, -1] == 255).all()
    assert np.abs(rgb[50, 0].astype(int) - 128).max() <= 2


def test_first_three_bands_unless_the_file_declares_colours(tmp_path):
    bands = np.stack([np.full((4, 4), value, np.uint8) for value in (10, 20, 30, 40)])
    grey = ["gray", "undefined", "undefined", "undefined"]
    plain = write_tiff(tmp_path / "a.tif", bands, grey, photometric="MINISBLACK", alpha="NO")
    assert open_picture(plain).rgb[0, 0].tolist() == [10, 20, 30]
    declared = write_tiff(tmp_path / "b.tif", bands.astype("uint16"), ["blue", "green", "red", "undefined"])
    assert open_picture(declared).rgb[0, 0].tolist() == [255, 128, 0]
    two = write_tiff(tmp_path / "c.tif", bands[:2])
    assert open_picture(two).rgb[0, 0].tolist() == [10, 10, 10]


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_nodata_is_black_and_stretches_nothing(tmp_path, kind):
    bands = ramp(50, 200, 3, kind)
    bands[:, :20] = 255 if kind == "uint8" else 9999
    picture = open_picture(write_tiff(tmp_path / "a.tif", bands, nodata=float(bands[0, 0, 0])))
    assert (picture.rgb[:20] == 0).all()
    assert picture.rgb[-1, -1, 0] == (200 if kind == "uint8" else 255)
    bands[:] = 7
    assert "no valid pixel" in refusal(write_tiff(tmp_path / "b.tif", bands, nodata=7))


def test_mask_band_and_alpha_band(tmp_path):
    mask = np.full((100, 100), 255, np.uint8)
    mask[:, :30] = 0
    masked = open_picture(write_tiff(tmp_path / "a.tif", ramp(50, 200, 3, "uint16"), mask=mask)).rgb
    assert (masked[:, :30] == 0).all()
    assert masked[-1, -1, 0] == 255
    bands = np.concatenate([ramp(50, 200, 3, "uint8"), mask[None]])
    bands[3, :, 30:50] = 1
    alpha = open_picture(write_tiff(tmp_path / "b.tif", bands, ["red", "green", "blue", "alpha"])).rgb
    np.testing.assert_array_equal(alpha[:, :30], 0)
    np.testing.assert_array_equal(alpha[:, 30:, 0], bands[0, :, 30:])


def test_what_pil_cannot_decode(tmp_path):
    bands = np.moveaxis(sample(64, 64), -1, 0)
    for profile in (
        {"compress": "zstd"},
        {"interleave": "band"},
        {"BIGTIFF": "YES"},
        {"tiled": True, "compress": "lzw"},
    ):
        np.testing.assert_array_equal(
            open_picture(write_tiff(tmp_path / "a.tif", bands, **profile)).rgb, sample(64, 64)
        )


def test_complex_samples(tmp_path):
    assert "complex64" in refusal(write_tiff(tmp_path / "a.tif", np.zeros((1, 4, 4), np.complex64)))


@pytest.mark.parametrize("mode", ["P", "CMYK", "1", "LAB"])
def test_colour_spaces_that_gdal_hands_out_raw(tmp_path, mode):
    image = Image.new("LAB", (4, 4), (200, 128, 128)) if mode == "LAB" else Image.fromarray(sample()).convert(mode)
    image.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(open_picture(tmp_path / "a.tif").rgb, np.asarray(image.convert("RGB")))


def test_a_picture_that_lies_somewhere_is_not_turned(tmp_path):
    tags = ImageFileDirectory_v2()
    tags[274] = 6
    for tag, values in ((33550, (0.5, 0.5, 0.0)), (33922, (0.0, 0.0, 0.0, 300_000.0, 5_000_000.0, 0.0))):
        tags.tagtype[tag] = TiffTags.DOUBLE
        tags[tag] = values
    Image.fromarray(sample()).save(tmp_path / "a.tif", tiffinfo=tags)
    picture = open_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.rgb, sample())
    assert picture.transform == TRANSFORM


def test_white_is_zero(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(1, 3, 4) * 20
    path = write_tiff(tmp_path / "a.tif", grey, photometric="MINISWHITE")
    np.testing.assert_array_equal(open_picture(path).rgb[..., 0], 255 - grey[0])
    assert open_picture(path).crs == "EPSG:32631"


def test_overviews_are_no_frames(tmp_path, caplog):
    path = write_tiff(tmp_path / "a.tif", np.moveaxis(sample(600, 600), -1, 0), tiled=True)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4])
    with caplog.at_level(logging.WARNING, "zeroov"):
        np.testing.assert_array_equal(open_picture(path).rgb, sample(600, 600))
    assert "frames" not in caplog.text


def test_truncated_and_enormous(tmp_path):
    rng = np.random.default_rng(0)
    path = write_tiff(tmp_path / "a.tif", rng.integers(0, 255, (3, 64, 64), dtype=np.uint8), compress="deflate")
    whole = path.read_bytes()
    for end in range(5, len(whole) - 200, len(whole) // 20):
        path.write_bytes(whole[:end])
        assert "copy or download it again" in refusal(path)
    sparse = {"driver": "GTiff", "dtype": "uint8", "count": 3, "tiled": True, "compress": "deflate", "SPARSE_OK": True}
    with rasterio.open(path, "w", width=20_000, height=20_000, **UTM, **sparse):
        pass
    assert "400,000,000 pixels" in refusal(path)


def test_without_rasterio_ordinary_tiffs_open_and_say_what_is_lost(tmp_path, no_rasterio, caplog):
    write_tiff(tmp_path / "a.tif", np.moveaxis(sample(), -1, 0))
    with caplog.at_level(logging.WARNING, "zeroov"):
        picture = open_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.rgb, sample())
    assert picture.crs is None
    assert "pip install 'zeroov[geo]'" in caplog.text
    deep = ramp(300, 4000, 1, "uint16")
    Image.fromarray(deep[0]).save(tmp_path / "b.tif")
    assert open_picture(tmp_path / "b.tif").rgb[-1, -1, 0] == 255


@pytest.mark.parametrize(("kind", "bands"), [("uint16", 3), ("uint16", 8), ("float32", 3), ("uint8", 5)])
def test_without_rasterio_the_error_says_how_to_get_it(tmp_path, no_rasterio, kind, bands):
    assert "pip install 'zeroov[geo]'" in refusal(write_tiff(tmp_path / "a.tif", ramp(1, 200, bands, kind)))


def test_without_rasterio_nodata_is_not_stretched(tmp_path, no_rasterio):
    path = write_tiff(tmp_path / "a.tif", ramp(1, 200, 1, "float32"), nodata=-9999)
    assert "pip install 'zeroov[geo]'" in refusal(path)


@pytest.mark.parametrize(("name", "crs"), [("RGB.byte.tif", 32618), ("m_4709963_se_14_1_20170827.tif", 26914)])
def test_real_files(shared, name, crs):
    path = shared / "data" / "geotiff" / name
    picture = open_picture(path)
    assert picture.crs == f"EPSG:{crs}"
    with Image.open(path) as image:
        np.testing.assert_array_equal(picture.rgb, np.asarray(image)[..., :3])
