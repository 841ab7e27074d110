"""A GeoTIFF on the web is read in windows, without being downloaded; nothing else on the web is opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tests.raster.scenes import UTM, textured, write_scene
from tests.raster.site import begin_range, sent, serving
from zeroov.errors import PictureError
from zeroov.raster import web
from zeroov.raster.scene import open_source
from zeroov.types import Window

rasterio = pytest.importorskip("rasterio")


class Handler(BaseHTTPRequestHandler):
    """Serves the files of a folder, whole or in ranges, and counts the bytes that it sent.

    Below /bucket/ it is an object store, which answers who signs its requests. It is `busy` for so many requests.
    """

    folder = Path()
    sent = 0
    busy = 0
    signed: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.folder / self.path.partition("?")[0].removeprefix("/bucket").lstrip("/")
        if Handler.busy:
            Handler.busy -= 1
            self.send_error(503)
            return
        if self.path.startswith("/bucket/"):
            Handler.signed.append(self.headers.get("Authorization", ""))
            if not Handler.signed[-1]:
                self.send_error(403)
                return
        if not path.is_file():
            self.send_error(404)
            return
        part = begin_range(self, path.read_bytes())
        if body:
            type(self).sent += len(part)
            self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of the files in `tmp_path`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Handler.folder, Handler.sent, Handler.busy, Handler.signed = tmp_path, 0, 0, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_window_of_a_raster_on_the_web(site: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(1, 256, (3, 1536, 1536), dtype=np.uint8)
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    path = write_scene(tmp_path / "a.tif", noise, crs="EPSG:32633", transform=UTM, **tiled)
    with open_source(f"{site}/a.tif?token=1") as scene, open_source(path) as same:
        assert (scene.source, scene.hw, scene.crs, scene.transform) == (
            f"{site}/a.tif",
            same.hw,
            same.crs,
            same.transform,
        )
        window = Window(600, 300, 800, 500)
        np.testing.assert_array_equal(scene.read(window).rgb, same.read(window).rgb)
    assert 0 < Handler.sent < path.stat().st_size / 2


def test_what_is_no_geotiff_on_the_web_is_refused(site: str, tmp_path: Path) -> None:
    plain = write_scene(tmp_path / "plain.tif", textured("uint8", 3))
    (tmp_path / "text.tif").write_text("no picture")
    (tmp_path / "all.vrt").write_text(
        f"""<VRTDataset rasterXSize="500" rasterYSize="300"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
        <SourceFilename>{plain}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""
    )
    for name in ("none.tif", "text.tif", "all.vrt"):
        with pytest.raises(PictureError, match=r"cannot be opened as a GeoTIFF on the web .*download the file"):
            open_source(f"{site}/{name}")
    profile = {"driver": "GTiff", "width": 9, "height": 9, "count": 1, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(tmp_path / "palette.tif", "w", transform=rasterio.Affine(*UTM), **profile) as file:
        file.write_colormap(1, {0: (0, 0, 0), 1: (255, 0, 0)})
    with pytest.raises(PictureError, match="colours of a kind that is read from whole files alone"):
        open_source(f"{site}/palette.tif")


def test_what_gdal_says_of_a_raster_on_the_web_once_it_is_open_is_an_error_in_words(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rasterio._err import CPLE_AppDefinedError

    def complain(*_: object) -> None:
        raise CPLE_AppDefinedError(1, 1, "the tag is odd")

    write_scene(tmp_path / "a.tif", textured("uint8", 3))
    monkeypatch.setattr("zeroov.raster.scene.choose_bands", complain)
    for name in (f"{site}/a.tif", str(tmp_path / "a.tif")):
        with pytest.raises(PictureError, match=r"a\.tif` cannot be decoded \(the tag is odd\)"):
            open_source(name)


def test_an_upload_asks_no_other_machine(site: str, tmp_path: Path) -> None:
    write_scene(tmp_path / "a.tif", textured("uint8", 3))
    with pytest.raises(PictureError, match="is an address; send the file itself"):
        open_source(f"{site}/a.tif", uploaded=True)
    assert Handler.sent == 0


def test_an_object_store_is_read_with_the_credentials_of_the_environment(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scene(tmp_path / "a.tif", textured("uint8", 3), crs="EPSG:32633", transform=UTM)
    host = site.removeprefix("http://")
    for name, value in {"AWS_S3_ENDPOINT": host, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    monkeypatch.setenv("CPL_GS_ENDPOINT", f"{site}/")
    monkeypatch.setenv("GS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("GS_SECRET_ACCESS_KEY", "a secret")
    for address in ("s3://bucket/a.tif", "gs://bucket/a.tif"):
        with open_source(address) as scene, open_source(path) as same:
            assert (scene.source, scene.hw, scene.transform) == (address, same.hw, same.transform)
            np.testing.assert_array_equal(scene.read().rgb, same.read().rgb)
        with pytest.raises(PictureError, match="check the address and the credentials in the environment") as refused:
            open_source(address.replace("a.tif", "none.tif"))
        assert "a secret" not in str(refused.value)
        assert "/vsi" not in str(refused.value)
    assert Handler.signed
    assert all("somebody" in signed and "a secret" not in signed for signed in Handler.signed)


def test_what_is_secret_in_an_address_is_never_printed(site: str, tmp_path: Path) -> None:
    secret = f"{site.replace('http://', 'http://me:pass@')}/none.tif?signature=hidden"
    assert web.shown(secret) == f"{site}/none.tif"
    assert web.shown("a?b.tif") == "a?b.tif"
    with pytest.raises(PictureError, match=r"none\.tif` cannot be opened") as refused:
        open_source(secret)
    told = f"{refused.value} {refused.value.__cause__}"
    assert "hidden" not in told
    assert "pass" not in told


def test_an_address_that_is_busy_is_asked_again_and_given_up_in_the_end(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    for name in ("a.tif", "b.tif"):
        write_scene(tmp_path / name, textured("uint8", 3))
    Handler.busy = 3
    with open_source(f"{site}/a.tif") as scene:
        assert scene.hw == (300, 500)
    Handler.busy = 1000
    with pytest.raises(PictureError, match="503"):
        open_source(f"{site}/b.tif")
    assert 1000 - Handler.busy < 20, "retries are bounded"


def test_the_whole_is_looked_at_in_an_overview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeroov.raster.stretch.SAMPLED_PIXELS", 100_000)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tiled = {"crs": "EPSG:32633", "transform": UTM, "tiled": True, "blockxsize": 128, "blockysize": 128}
    path = write_scene(tmp_path / "a.tif", textured("uint16", 3, (1400, 1500)), **tiled)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
    with serving(tmp_path) as other, open_source(f"{other}/a.tif") as scene, open_source(path) as same:
        small, local = scene.read(most=200), same.read(most=200)
        assert (small.rgb.shape, small.transform) == (local.rgb.shape, local.transform)
        assert np.abs(small.rgb.astype(int) - local.rgb.astype(int)).mean() < 2
        window = Window(700, 800, 900, 1000)
        near = scene.read(window).rgb.astype(int) - same.read(window).rgb.astype(int)
        assert np.abs(near).mean() < 3, "one stretch for all of it, nearly that of all its pixels"
        assert 0 < sent(other) < path.stat().st_size / 3
