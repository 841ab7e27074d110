"""A GeoTIFF on the web is read in windows, without being downloaded; nothing else on the web is opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tests.raster.scenes import UTM, textured, write_scene
from zeroov.errors import PictureError
from zeroov.raster.scene import open_source
from zeroov.types import Window

rasterio = pytest.importorskip("rasterio")


class Handler(BaseHTTPRequestHandler):
    """Serves the files of a folder, whole or in ranges, and counts the bytes that it sent."""

    folder = Path()
    sent = 0

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.folder / self.path.partition("?")[0].lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content, asked = path.read_bytes(), self.headers.get("Range")
        first, last = 0, len(content) - 1
        if asked:
            start, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(end or last), last)
        part = content[first : last + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
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
    Handler.folder, Handler.sent = tmp_path, 0
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
            f"{site}/a.tif?token=1",
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
