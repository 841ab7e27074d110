"""What can be opened besides files, what a scene keeps and refuses, and what is valid, whatever was asked before."""

from __future__ import annotations

import io
import logging
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.raster.scenes import UTM, textured, write_scene, write_sparse
from tests.raster.test_decode import png_bytes, refusal, sample
from tests.raster.test_georeference import with_rpcs
from zeroov.errors import Cancelled, PictureError, UsageError
from zeroov.progress import Progress
from zeroov.raster import decode
from zeroov.raster.scene import Scene, open_picture, open_source
from zeroov.types import Picture, Window

rasterio = pytest.importorskip("rasterio")


def test_what_lies_in_memory_is_a_scene_too() -> None:
    rgba = np.dstack([sample(), np.full((6, 10), 255, np.uint8)])
    rgba[:, :5, 3] = 0
    for source in (rgba, Image.fromarray(rgba), open_picture(rgba)):
        with open_source(source) as scene:
            picture = scene.read()
            assert scene.hw == (6, 10)
            assert scene.source == picture.source
            np.testing.assert_array_equal(picture.valid, rgba[..., 3] > 0)
            part = scene.read(Window(2, 1, 8, 5))
            np.testing.assert_array_equal(part.rgb, picture.rgb[1:5, 2:8])
            np.testing.assert_array_equal(part.valid, picture.valid[1:5, 2:8])
        with open_source(source, (3, 2, 1)) as scene:
            np.testing.assert_array_equal(scene.read().rgb, picture.rgb[..., ::-1])
    assert open_picture(picture) is picture
    digests = {open_source(rgb).read().digest for rgb in (sample(), sample(), sample()[::-1])}
    assert len(digests) == 2


def test_a_part_of_a_scene_is_a_picture_of_its_own(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", textured("uint8", 3), crs="EPSG:32633", transform=UTM)
    with open_source(path) as scene:
        part = scene.read(Window(100, 50, 300, 150))
    with open_source(part) as own:
        assert own.read().window == (0, 0, 200, 100)
        assert (own.read().crs, own.read().transform) == ("EPSG:32633", (0.5, 0.0, 500_050.0, 0.0, -0.5, 4_999_975.0))
        assert own.read(Window(0, 0, 10, 10)).transform == part.transform


def test_an_open_scene_is_not_closed_by_who_borrows_it(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", textured("uint8", 3))
    with open_source(path) as scene:
        with open_source(scene) as same:
            assert isinstance(same, Scene)
            assert same.read() is scene.read()
        scene.read(Window(0, 0, 5, 5))
        open_source(scene, (1, 2, 3)).close()
        scene.read(Window(0, 0, 5, 5))
        with pytest.raises(UsageError, match="open the file again"):
            open_source(scene, (3, 2, 1))
    with pytest.raises(PictureError):
        scene.read()


def test_the_whole_is_kept_while_the_scene_is_open(tmp_path: Path) -> None:
    for path in (write_scene(tmp_path / "a.tif", textured()), tmp_path / "b.png"):
        if path.suffix == ".png":
            Image.fromarray(sample()).save(path)
        with open_source(path) as scene:
            assert scene.read() is scene.read()
            assert scene.read().part is None
            assert scene.read(Window(0, 0, *scene.hw[::-1])) is scene.read()
            assert scene.read(most=5).window == (0, 0, *scene.hw[::-1])


def test_the_whole_is_refused_where_it_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MOST_PIXELS", 10_000)
    with open_source(write_scene(tmp_path / "a.tif", textured("uint8", 3))) as scene:
        with pytest.raises(PictureError, match=r"500 x 300 = 150,000 pixels, at most 10,000 .* give it `most`"):
            scene.read()
        assert scene.read(most=100).hw == (60, 100)


def test_what_is_valid_does_not_hang_on_what_was_asked_before(tmp_path: Path) -> None:
    stored = {"tiled": True, "blockxsize": 64, "blockysize": 32, "compress": "deflate"}
    path = write_scene(tmp_path / "a.tif", textured("uint8", 3), nodata=100, **stored)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    window = Window(100, 100, 400, 290)
    with open_source(path) as scene:
        before = scene.read(window, tolerant=True)
        scene.read(most=50, tolerant=True)
        after = scene.read(window, tolerant=True)
    assert 0.2 < before.valid.mean() < 0.9
    np.testing.assert_array_equal(before.valid, after.valid)
    assert not before.rgb[~before.valid].any()


@pytest.mark.parametrize("bands", [(3, 2, 1), (4, 3, 2), (3, 2, 4), (2, 4, 3)])
def test_alpha_does_not_hang_on_the_order_of_bands(tmp_path: Path, bands: tuple[int, ...]) -> None:
    values = textured("uint8", 4)
    values[3, :, :200] = 0  # infrared of water
    with open_source(write_scene(tmp_path / "a.tif", values), bands) as scene:
        valid = scene.read().valid
    if 4 in bands:  # it is shown, so it is no alpha band
        assert valid is None
    else:
        np.testing.assert_array_equal(valid, values[3] > 0)


def test_an_alpha_band_of_many_values_is_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = textured("uint8", 4)
    for name, is_alpha in (("infrared.tif", False), ("alpha.tif", True)):
        if is_alpha:
            values[3] = np.where(values[3] > 100, 255, 0)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "zeroov"), open_source(write_scene(tmp_path / name, values)) as scene:
            scene.read()
            scene.read(Window(0, 0, 90, 90))
        assert caplog.text.count("gdal_edit.py -colorinterp_4 undefined") == (not is_alpha)


@pytest.mark.parametrize(("tag", "value"), [(296, 0), (296, 77), (266, 9), (274, 0), (274, 9)])
def test_tags_that_libtiff_dislikes(tmp_path: Path, tag: int, value: int) -> None:
    Image.fromarray(sample()).save(tmp_path / "a.tif", tiffinfo={tag: value})
    np.testing.assert_array_equal(open_picture(tmp_path / "a.tif").rgb, sample())
    with open_source(tmp_path / "a.tif", (3, 2, 1)) as scene:
        np.testing.assert_array_equal(scene.read().rgb, sample()[..., ::-1])


def test_damage_that_decoders_meet_unprepared(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_bytes(8, 8, 8, 3, bytes(72)))
    assert "cannot be decoded" in refusal(tmp_path / "a.png")  # a palette without colours
    buffer = io.BytesIO()
    Image.fromarray(sample(32, 32)).save(buffer, "AVIF")
    whole = buffer.getvalue()
    assert b"pitm" in whole
    (tmp_path / "a.avif").write_bytes(whole.replace(b"pitm", b"free"))
    assert "cannot be decoded" in refusal(tmp_path / "a.avif")
    assert "0 x 0 pixels" in refusal(Image.new("I", (0, 0)))


@pytest.mark.parametrize("side", [0, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_tiff_of_impossible_dimensions(tmp_path: Path, side: int) -> None:
    entries = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, 1),
    ]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    header = b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    (tmp_path / "a.tif").write_bytes(header + directory + bytes(60))
    refusal(tmp_path / "a.tif")


def test_a_place_that_no_affine_follows_costs_a_picture_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = with_rpcs(tmp_path / "a.tif")
    with caplog.at_level(logging.WARNING, "zeroov"):
        assert open_picture(path).transform is None
    assert "gdalwarp -rpc" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    Image.fromarray(sample()).save(tmp_path / "a.tif")
    Image.fromarray(sample()).save(tmp_path / "a.png")
    tiff, png = (tmp_path / os.fsdecode(b"b\xe9." + kind) for kind in (b"tif", b"png"))
    (tmp_path / "a.tif").rename(tiff)
    (tmp_path / "a.png").rename(png)
    assert "rename it" in refusal(tiff)
    assert isinstance(open_picture(png), Picture)


@pytest.mark.parametrize("most", [100, 1600])
def test_reading_a_large_file_can_be_stopped(tmp_path: Path, most: int) -> None:
    """Both ways to reduce it: from the survey, and part by part."""

    class Stopped(Progress):
        def show(self, what: str, done: int, total: int) -> None:
            assert (what, done, total) == ("reading", 0, 10**6)
            self.stop()

    sparse = write_sparse(tmp_path / "sparse.tif", 10**6)
    stopped = "stopped at reading, 0 of 1000000"
    with open_source(sparse, progress=Stopped()) as scene, pytest.raises(Cancelled, match=stopped):
        scene.read(most=most)


@pytest.mark.parametrize("bands", ["432", b"432", 4, (4.0, 3.0, 2.0), ["4", "3", "2"]])
def test_what_is_no_list_of_bands_is_the_arguments_fault(tmp_path: Path, bands: object) -> None:
    Image.fromarray(np.full((8, 9, 3), 90, np.uint8)).save(tmp_path / "a.png")
    for source in (tmp_path / "a.png", tmp_path / "nowhere.png", np.full((8, 9, 3), 90, np.uint8)):
        with pytest.raises(UsageError, match=r"bands takes one whole number or three, from 1, e\.g\. \(4, 3, 2\), got"):
            open_source(source, bands)  # type: ignore[arg-type]
    with open_source(tmp_path / "a.png", [3, np.int64(2), 1]) as scene:  # type: ignore[arg-type]
        assert scene.bands == (3, 2, 1)
