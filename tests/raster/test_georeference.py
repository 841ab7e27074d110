"""Where a raster lies: right, or refused with what to type."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
from PIL import Image

from tests.raster.scenes import KINDS, ROTATED, SHIFTED, UTM, textured, write_scene
from zeroov import frames
from zeroov.errors import PictureError
from zeroov.outputs.found import SceneInfo
from zeroov.raster.georeference import crs_text
from zeroov.raster.scene import open_picture, open_source

rasterio = pytest.importorskip("rasterio")
from rasterio.control import GroundControlPoint  # noqa: E402
from rasterio.rpc import RPC  # noqa: E402


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(tmp_path, kind):
    path = write_scene(tmp_path / "a.tif", textured(bands=1), **KINDS[kind])
    with open_source(path) as scene:
        assert scene.transform == pytest.approx(KINDS[kind]["transform"])
        assert scene.crs == rasterio.CRS.from_user_input(KINDS[kind]["crs"])
        info = SceneInfo.of(scene)
    assert info == SceneInfo.of(open_picture(path))
    assert info.is_on_map
    assert (info.crs == KINDS[kind]["crs"]) == (kind not in ("nameless", "shifted"))


def test_a_number_is_given_to_exactly_that_crs_alone():
    plain = rasterio.CRS.from_epsg(31467)
    assert crs_text(plain) == "EPSG:31467"
    ellipsoid = 'AUTHORITY["EPSG","7004"]]'
    shifted = plain.to_wkt().replace(ellipsoid, f"{ellipsoid},TOWGS84[598.1,73.7,418.2]", 1)
    assert "TOWGS84[598.1,73.7,418.2" in crs_text(rasterio.CRS.from_wkt(shifted))  # GDAL calls the two equal
    like = rasterio.CRS.from_string(SHIFTED)
    assert like.to_epsg() == 32633
    assert "TOWGS84[100,200,50" in crs_text(like)


def test_pixel_is_point_is_half_a_pixel_away_in_the_file_only(tmp_path):
    path = write_scene(tmp_path / "a.tif", textured(bands=1), **KINDS["point"])
    with Image.open(path) as image:
        assert image.tag_v2[33922][3:5] == (500_000.25, 4_999_999.75)
    with open_source(path) as scene:
        assert scene.transform == UTM


def test_none_at_all_and_half_of_it(tmp_path):
    with open_source(write_scene(tmp_path / "a.tif", textured())) as scene:
        assert (scene.crs, scene.transform) == (None, None)
    with open_source(write_scene(tmp_path / "b.tif", textured(), transform=UTM)) as scene:
        assert (scene.crs, scene.transform) == (None, UTM)
        assert not SceneInfo.of(scene).is_on_map
    with open_source(write_scene(tmp_path / "c.tif", textured(), crs="EPSG:32633")) as scene:
        assert (crs_text(scene.crs), scene.transform) == ("EPSG:32633", None)


def with_gcps(path, off: float = 0.0, count: int = 5):
    spots = [(10, 20), (250, 30), (30, 400), (280, 450), (150, 200)][:count]
    points = []
    for row, col in spots:
        x, y = frames.pixel_to_map(np.array((col + off * (row == 150), row)), ROTATED)
        points.append(GroundControlPoint(row=row, col=col, x=x, y=y))
    write_scene(path, textured())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as dataset:
            dataset.gcps = points, rasterio.CRS.from_epsg(32633)
    return path


def test_ground_control_points_that_fit(tmp_path):
    for off, count in ((0.0, 5), (0.5, 5), (0.0, 3)):
        with open_source(with_gcps(tmp_path / "a.tif", off, count)) as scene:
            assert crs_text(scene.crs) == "EPSG:32633"
            corners = frames.box_corners_xy(frames.Box(0, 0, 500, 300))
            distance = frames.pixel_to_map(corners, scene.transform) - frames.pixel_to_map(corners, ROTATED)
            assert np.linalg.norm(distance, axis=1).max() <= off * 0.5 + 1e-4


def test_ground_control_points_that_do_not_fit_are_refused(tmp_path):
    path = with_gcps(tmp_path / "ein a.tif", off=12)
    with pytest.raises(PictureError, match=r"9\.\d pixels off.*gdalwarp -tps -r bilinear '.*ein a\.tif'"):
        open_source(path)
    with open_source(path, georeferenced=False) as scene:
        assert (scene.crs, scene.transform) == (None, None)
    with pytest.raises(PictureError, match="at least 3"):
        open_source(with_gcps(tmp_path / "b.tif", count=2))


def with_rpcs(path, **georeference):
    number = {"err_bias": 1.0, "err_rand": 1.0}
    offs = {"lat_off": 45.0, "long_off": 15.0, "height_off": 100.0, "line_off": 150.0, "samp_off": 250.0}
    scales = {"lat_scale": 0.1, "long_scale": 0.1, "height_scale": 500.0, "line_scale": 150.0, "samp_scale": 250.0}
    coefficients = [1.0] + [0.0] * 19
    names = ("line_num_coeff", "line_den_coeff", "samp_num_coeff", "samp_den_coeff")
    rpcs = RPC(**number, **offs, **scales, **dict.fromkeys(names, coefficients))
    write_scene(path, textured(), **georeference)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as dataset:
            dataset.rpcs = rpcs
    return path


def test_rpcs(tmp_path, caplog):
    with pytest.raises(PictureError, match=r"RPCs only.*gdalwarp -rpc"):
        open_source(with_rpcs(tmp_path / "a.tif"))
    with (
        caplog.at_level(logging.WARNING, "zeroov"),
        open_source(with_rpcs(tmp_path / "b.tif", crs="EPSG:32633", transform=UTM)) as scene,
    ):
        assert scene.transform == UTM
    assert "RPCs beside its transform" in caplog.text


@pytest.mark.parametrize("transform", [(0.5, 0, 5e5, 0.5, 0, 5e6), (1.0, 2.0, 5.0, 2.0, 4.0, 7.0)])
def test_a_transform_that_is_flat_is_refused(tmp_path, transform):
    path = write_scene(tmp_path / "a.tif", textured(), crs="EPSG:32633", transform=transform)
    with pytest.raises(PictureError, match=r"on one line.*gdal_edit\.py -a_ullr"):
        open_source(path)


def test_a_world_file_beside_a_picture(tmp_path):
    rgb = np.moveaxis(textured("uint8", 3), 0, -1)
    Image.fromarray(rgb).save(tmp_path / "ä b.png")
    (tmp_path / "ä b.pgw").write_text("0.5\n0\n0\n-0.5\n500000.25\n4999999.75\n")
    with open_source(tmp_path / "ä b.png") as scene:
        np.testing.assert_array_equal(scene.read().rgb, rgb)
        assert (scene.crs, scene.transform) == (None, UTM)
