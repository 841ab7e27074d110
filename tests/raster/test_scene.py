"""Scenes are read in windows, and look as the same file does when it is read whole."""

from __future__ import annotations

import logging
import struct

import numpy as np
import pytest
from affine import Affine
from PIL import Image

from tests.raster.scenes import DEGREES, UTM, textured, write_scene
from tests.raster.test_decode import sample
from zeroov import frames
from zeroov.errors import PictureError, UsageError
from zeroov.progress import SILENT
from zeroov.raster import reduce, stretch, windowed
from zeroov.raster.scene import Scene, image_content, open_picture, open_source
from zeroov.types import Window

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("rasterio.shutil")  # an attribute of `rasterio` once it is imported
STORED = [{}, {"tiled": True, "blockxsize": 64, "blockysize": 32, "compress": "deflate"}, {"interleave": "band"}]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(reduce, "CHUNK_PIXELS", 4000)


def whole(scene: Scene) -> np.ndarray:
    return scene.read().rgb


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7])
def test_a_scene_looks_like_the_picture(tmp_path, small_chunks, kind, bands, stored):
    path = write_scene(tmp_path / "a.tif", textured(kind, bands), crs="EPSG:32633", transform=UTM, **stored)
    picture = open_picture(path)
    with open_source(path) as scene:
        np.testing.assert_array_equal(whole(scene), picture.rgb)
        window = scene.read(Window(130, 40, 333, 210))
        assert scene.hw == (300, 500)
        assert scene.read().valid is None
    np.testing.assert_array_equal(window.rgb, picture.rgb[40:210, 130:333])
    assert (window.crs, window.source) == (picture.crs, picture.source)
    assert window.transform == (0.5, 0, 500_065, 0, -0.5, 4_999_980)
    assert (window.window, picture.window) == ((130, 40, 333, 210), (0, 0, 500, 300))


def test_a_sampled_stretch_is_that_of_the_picture(tmp_path, small_chunks, monkeypatch):
    monkeypatch.setattr(stretch, "SAMPLED_PIXELS", 10_000)
    path = write_scene(tmp_path / "a.tif", textured(hw=(301, 503)), nodata=0)
    with open_source(path) as scene:
        np.testing.assert_array_equal(whole(scene), open_picture(path).rgb)


@pytest.mark.parametrize("how", ["nodata", "nan", "mask", "alpha", "nodata and alpha", "one band"])
def test_what_is_not_valid_is_black_and_stretches_nothing(tmp_path, small_chunks, how):
    bands, profile = textured("float32" if how == "nan" else "uint16", 3), {}
    clean = write_scene(tmp_path / "clean.tif", bands[:, :, 200:].copy())
    holes = np.zeros(bands.shape[1:], bool)
    holes[:, :200] = True
    alpha = np.where(holes, 0, 60_000).astype(bands.dtype)
    if how == "nan":
        bands[:, holes] = np.nan
    elif how == "one band":
        bands[0, holes] = 65_535
        profile = {"nodata": 65_535}
    elif "nodata" in how:
        bands[:, holes] = 65_535
        profile = {"nodata": 65_535}
    else:
        bands[:, holes] = 65_535
    if "alpha" in how:
        bands = np.concatenate([bands, alpha[None]])
        profile |= {"alpha": "YES", "photometric": "RGB"}
    path = write_scene(tmp_path / "a.tif", bands, transform=UTM, **profile)
    if how == "mask":
        with rasterio.open(path, "r+") as dataset:
            dataset.write_mask(~holes)
    with open_source(path) as scene:
        rgb, valid = whole(scene), scene.read().valid
        part, small = scene.read(Window(150, 0, 250, 300)), scene.read(Window(130, 0, 330, 300), 140)
        overview = scene.read(most=50, tolerant=True).rgb
    np.testing.assert_array_equal(rgb, open_picture(path).rgb)
    if how == "one band":  # a pixel is seen when any of its bands is
        assert valid is part.valid is small.valid is None
        assert (rgb[:, :200, 0] == 0).all()
        assert rgb[:, :200, 1].any()
        return
    np.testing.assert_array_equal(valid, ~holes)
    np.testing.assert_array_equal(part.valid, ~holes[:, 150:250])
    np.testing.assert_array_equal(small.valid, frames.resize_mask(~holes[:, 130:330], small.hw))
    assert (rgb[:, :200] == 0).all()
    np.testing.assert_array_equal(rgb[:, 200:], open_picture(clean).rgb)
    assert (overview[:, :19] == 0).all()  # antialiasing mixes at the border only
    assert np.abs(overview[:, 21:].mean(axis=(0, 1)) - rgb[:, 210:].mean(axis=(0, 1))).max() < 2


def test_a_window_without_a_valid_pixel_is_black_a_scene_without_one_refused(tmp_path):
    bands = textured()
    bands[:, :, :100] = 0
    with open_source(write_scene(tmp_path / "a.tif", bands, nodata=0)) as scene:
        picture = scene.read(Window(0, 0, 90, 90))
        assert not picture.rgb.any()
        assert not picture.valid.any()
    for kind in ("uint8", "uint16", "float32"):
        path = write_scene(tmp_path / f"{kind}.tif", np.zeros((1, 30, 30), kind), nodata=0)
        with open_source(path) as scene:
            assert not scene.read(Window(0, 0, 30, 30)).valid.any()
            for most in (0, 10):
                with pytest.raises(PictureError, match="no valid pixel"):
                    scene.read(most=most, tolerant=True)


def test_few_valid_pixels_between_the_sampled_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(stretch, "SAMPLED_PIXELS", 100)
    bands = np.zeros((1, 100, 100), "uint16")
    bands[0, 55, 53:55] = 700, 900
    with open_source(write_scene(tmp_path / "a.tif", bands, nodata=0)) as scene:
        assert whole(scene)[55, 53:55].max() > 0


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("most", [250, 125, 97, 1, 499, 30])
def test_reduced_windows_are_antialiased(tmp_path, small_chunks, monkeypatch, kind, most):
    bands = textured(kind, 3)
    path = write_scene(tmp_path / "a.tif", bands, crs="EPSG:4326", transform=DEGREES, **STORED[1])
    for sampled in (stretch.SAMPLED_PIXELS, 300):  # with and without means of the whole scene that are fine enough
        monkeypatch.setattr(stretch, "SAMPLED_PIXELS", sampled)
        with open_source(path, percentiles=(0, 100)) as scene:
            full = whole(scene)
            reduced = scene.read(most=most)
        out_hw = max(1, round(most * 0.6)), most
        assert (reduced.hw, reduced.window) == (out_hw, (0, 0, 500, 300))
        smooth = np.asarray(Image.fromarray(full).resize(out_hw[::-1], Image.Resampling.BILINEAR)).astype(int)
        assert np.abs(reduced.rgb - smooth).max() <= 12
        assert np.abs((reduced.rgb - smooth).mean()) <= 0.5
        a, _, c, _, e, f = reduced.transform
        np.testing.assert_allclose((c + a * out_hw[1], f + e * out_hw[0]), (13.45, 52.47))


def test_reduced_windows_off_the_grid(tmp_path, small_chunks, monkeypatch):
    monkeypatch.setattr(stretch, "SAMPLED_PIXELS", 5000)
    with open_source(write_scene(tmp_path / "a.tif", textured("uint8", 3)), percentiles=(0, 100)) as scene:
        for window, most, out_hw in (
            (Window(33, 21, 433, 287), 40, (27, 40)),
            (Window(101, 77, 304, 201), 50, (31, 50)),
        ):
            full = Image.fromarray(scene.read(window).rgb)
            expected = np.asarray(full.resize(out_hw[::-1], Image.Resampling.BILINEAR)).astype(int)
            assert np.abs(scene.read(window, most).rgb - expected).max() <= 6


def test_speckles_of_nan_and_infinity_do_not_spoil_the_overview(tmp_path):
    bands = textured("float32", 1)
    rng = np.random.default_rng(1)
    bands[0, rng.random((300, 500)) < 0.05] = np.nan
    bands[0, rng.random((300, 500)) < 0.05] = np.inf
    with open_source(write_scene(tmp_path / "a.tif", bands)) as scene:
        assert (scene.read(most=50, tolerant=True).rgb > 0).mean() > 0.95


def test_bands_are_chosen(tmp_path):
    bands = textured("uint8", 5)
    path = write_scene(tmp_path / "a.tif", bands)
    with open_source(path, bands=(5, 3, 1)) as scene:
        np.testing.assert_array_equal(whole(scene), np.moveaxis(bands[[4, 2, 0]], 0, -1))
        assert scene.bands == (5, 3, 1)
    with open_source(path, bands=(4,)) as scene:
        assert np.ptp(whole(scene), axis=2).max() == 0
    for wrong in ((6,), (0, 1, 2), (1, 2), ()):
        with pytest.raises(UsageError, match="from 1 to 5"):
            open_source(path, bands=wrong)


def test_percentiles(tmp_path):
    path = write_scene(tmp_path / "a.tif", textured())
    with open_source(path, percentiles=(0, 100)) as wide, open_source(path) as usual:
        assert wide.read(most=50).rgb.std() < usual.read(most=50).rgb.std()
    for wrong in ((2, 2), (-1, 50), (50, 101)):
        with pytest.raises(UsageError, match="no stretch"):
            open_source(path, percentiles=wrong)


def test_windows_outside_are_refused_and_none_is_enlarged(tmp_path):
    with open_source(write_scene(tmp_path / "a.tif", textured())) as scene:
        for window in ((-1, 0, 5, 5), (0, 0, 501, 5), (5, 5, 5, 9), (0, 290, 9, 301)):
            with pytest.raises(UsageError, match="clip it"):
                scene.read(Window(*window))
        assert scene.read(Window(0, 0, 10, 8), 50).hw == (8, 10)


def test_the_content_tells_files_apart_and_no_names(tmp_path, monkeypatch):
    first = write_scene(tmp_path / "a.tif", textured(), crs="EPSG:32633", transform=UTM)
    (tmp_path / "b c.tif").write_bytes(first.read_bytes())
    write_scene(tmp_path / "c.tif", textured(seed=1), crs="EPSG:32633", transform=UTM)
    Image.fromarray(sample()).save(tmp_path / "d.png")
    (tmp_path / "e.png").write_bytes((tmp_path / "d.png").read_bytes())
    (tmp_path / "e.pgw").write_text("2\n0\n0\n-2\n500000\n5000000\n")
    (tmp_path / "broken.tif").write_bytes(first.read_bytes()[:200])
    names = ("a.tif", "b c.tif", "c.tif", "d.png", "e.png", "broken.tif")
    one, same, *others = [image_content(tmp_path / name) for name in names]
    assert one == same
    assert len({one, *others}) == 1 + len(others)
    assert image_content(tmp_path / "nowhere.tif") == ""
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><Metadata><MDI key='A'>1</MDI></Metadata></PAMDataset>")
    assert image_content(first) == one  # another program's statistics
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:32634</SRS></PAMDataset>")
    assert image_content(first) != one


def test_the_content_of_a_vrt_is_that_of_its_sources(tmp_path):
    source = write_scene(tmp_path / "a.tif", textured(), crs="EPSG:32633", transform=UTM)
    pytest.importorskip("rasterio.shutil").copy(source, tmp_path / "a.vrt", driver="VRT")
    before = image_content(tmp_path / "a.vrt")
    write_scene(source, textured(seed=1), crs="EPSG:32633", transform=UTM)
    assert image_content(tmp_path / "a.vrt") != before


def test_damaged_windows_are_left_out_and_told(tmp_path, small_chunks, caplog):
    path = write_scene(tmp_path / "a.tif", textured(), crs="EPSG:32633", transform=UTM, **STORED[1])
    whole_bytes = path.read_bytes()
    path.write_bytes(whole_bytes[: len(whole_bytes) * 2 // 3])
    with caplog.at_level(logging.WARNING, "zeroov"), open_source(path) as scene:
        picture, small = scene.read(tolerant=True), scene.read(most=50, tolerant=True)
        assert picture.valid[0, 0]
        assert not picture.valid[-1, -1]
        assert not picture.rgb[~picture.valid].any()
        np.testing.assert_array_equal(small.valid, frames.resize_mask(picture.valid, small.hw))
        assert small.rgb[:10].all()
        for window in (None, Window(400, 200, 500, 300)):
            for most in (0, 50):
                with pytest.raises(PictureError, match="copy or download it again"):
                    scene.read(window, most)
        assert not scene.read(Window(436, 268, 500, 300), tolerant=True).valid.any()
    assert "is left out" in caplog.text


def test_a_block_that_could_not_be_read_once_is_not_read_as_zeros_later(tmp_path, monkeypatch):
    """GDAL fails once at a block whose size has an invalid type, and gives zeros when it is asked again."""
    path = write_scene(tmp_path / "a.tif", textured(), crs="EPSG:32633", transform=UTM, **STORED[1])
    original, failed = windowed.Windowed._samples, set()

    def as_gdal(self, window):
        if window.y0 <= 0 < window.y1 and window.x0 <= 0 < window.x1 and window not in failed:
            failed.add(window)
            raise PictureError("copy or download it again")
        return original(self, window)

    monkeypatch.setattr(windowed.Windowed, "_samples", as_gdal)
    with open_source(path) as scene:
        assert not scene.read(Window(0, 0, 9, 9), tolerant=True).valid.any()
        with pytest.raises(PictureError, match="copy or download it again"):
            scene.read(Window(0, 0, 9, 9))
        assert scene.read(Window(300, 200, 309, 209)).valid is None


def test_a_jpeg_2000_is_not_asked_how_it_is_interleaved(monkeypatch):
    class Dataset:
        driver, height, width, count = "JP2OpenJPEG", 8, 9, 3
        dtypes, block_shapes = ("uint8",) * 3, ((8, 9),) * 3

        @property
        def profile(self):
            raise AssertionError("of a damaged file GDAL looks for that for minutes")

    monkeypatch.setattr(windowed, "BandReader", lambda *_: None)
    assert windowed.Windowed(rasterio, Dataset(), "a.jp2", (1, 2, 3), (0, 100), SILENT).hw == (8, 9)


def test_complex_samples_huge_blocks_and_files_of_files(tmp_path, monkeypatch):
    with pytest.raises(PictureError, match="export its amplitude"):
        open_source(write_scene(tmp_path / "a.tif", np.zeros((1, 4, 4), np.complex64)))
    monkeypatch.setattr(windowed, "MOST_BLOCK_BYTES", 1000)
    with pytest.raises(PictureError, match="TILED=YES"):
        open_source(write_scene(tmp_path / "b.tif", textured()))


def test_an_overview_shows_what_is_left_of_a_damaged_file(tmp_path, caplog):
    """One chunk holds all of it, so that it has to be read block by block."""
    path = write_scene(tmp_path / "a.tif", textured(), crs="EPSG:32633", transform=UTM, **STORED[1])
    whole_bytes = path.read_bytes()
    path.write_bytes(whole_bytes[: len(whole_bytes) * 2 // 3])
    with caplog.at_level(logging.WARNING, "zeroov"), open_source(path) as scene:
        height, width = scene.hw
        for side in (50, max(height, width)):
            rgb = scene.read(most=side, tolerant=True).rgb
            assert rgb[0, 0].all()
            assert not rgb[-1, -1].any()
        with pytest.raises(PictureError, match="copy or download it again"):
            scene.read()
    assert caplog.text.count("left out") == 1


def test_a_small_file_that_claims_many_blocks_is_refused_soon(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    profile = {"height": 50, "width": 60, "count": 1, "dtype": "uint16", "blockysize": 1, "transform": Affine(*UTM)}
    with rasterio.open(path, "w", driver="GTiff", **profile) as dataset:
        dataset.write(np.arange(3000, dtype=np.uint16).reshape(1, 50, 60))
    data = path.read_bytes()
    height = struct.pack("<HHI", 257, 3, 1)  # ImageLength, one short number
    assert data.count(height) == 1
    path.write_bytes(data.replace(height + struct.pack("<H", 50), height + struct.pack("<H", 65_000)))
    tried = []
    original = windowed.Windowed._samples
    monkeypatch.setattr(
        windowed.Windowed, "_samples", lambda self, window: tried.append(window) or original(self, window)
    )
    with open_source(path) as scene:
        assert scene.hw == (65_000, 60)
        shown = scene.read(most=1000, tolerant=True)
        assert shown.valid.any()
        assert not shown.valid.all()
        with pytest.raises(PictureError, match="cannot be decoded"):
            scene.read(most=1000)
    assert len(tried) < 5000
