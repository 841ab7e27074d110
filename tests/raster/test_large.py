"""A scene of 14,000 x 14,000 pixels never enters memory whole, neither when it is read nor when its mask is written."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.raster.scenes import UTM
from zeroov.types import Window

rasterio = pytest.importorskip("rasterio")
SIDE = 14_000  # three bands of bytes are more than MOST_MIB, a mask is more than what writing may take
MOST_MIB = 500
SCRIPT = """
import resource, sys
import cv2, numpy as np, PIL.Image, rasterio, zeroov.frames
from zeroov.outputs.write import write
from zeroov.outputs.found import Found, SceneInfo
from zeroov.raster.scene import open_source
from zeroov.types import Box, Window

def mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

before = mib()
with open_source(sys.argv[1]) as scene:
    overview = scene.read(most=1000, tolerant=True)
    window = scene.read(Window(9_900, 10_100, 11_020, 11_220))
    scene.read(Window(0, 0, 6_000, 6_000), 1_000)
    info = SceneInfo.of(scene)
read = mib()
hut = Found(np.ones((40, 30), np.bool_), (10_000, 10_200), Box(10_000, 10_200, 10_030, 10_240), 1.0, "the hut")
write(sys.argv[2], ["geotiff"], info, [hut], {})
print(read - before, mib() - read, overview.rgb.max(), window.rgb[200, 200, 0])
"""


@pytest.mark.parametrize("stored", ["tiled", "striped"])
def test_memory_stays_small(tmp_path, stored):
    """The file is sparse: what is not written takes no space, but is read like any other block."""
    path = tmp_path / "scene.tif"
    layout = {"tiled": True, "blockxsize": 256, "blockysize": 256} if stored == "tiled" else {}
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 4, "height": SIDE, "width": SIDE, "sparse_ok": True}
    georeference = {"crs": "EPSG:32633", "transform": rasterio.Affine(*UTM)}
    with rasterio.open(path, "w", compress="deflate", nodata=0, **profile, **layout, **georeference) as dataset:
        bright = np.random.default_rng(0).integers(1000, 3000, (4, 512, 512), dtype=np.uint16)
        dataset.write(bright, window=rasterio.windows.Window(10_000, 10_200, 512, 512))
    command = [sys.executable, "-c", SCRIPT, str(path), str(tmp_path / "mask.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reading, writing, brightest, pixel = map(float, done.stdout.split())
    assert reading < MOST_MIB
    assert writing < 100
    assert brightest > 0
    assert pixel > 0
    with rasterio.open(tmp_path / "mask.tif") as mask:
        assert mask.shape == (SIDE, SIDE)
        assert mask.read(1, window=rasterio.windows.Window(9_999, 10_199, 32, 42)).sum() == 1200


def test_a_large_picture_of_bytes_is_no_decompression_bomb(tmp_path):
    """PIL knows such files, unlike those of four deep bands, and would refuse to open one of this size."""
    from zeroov.raster.scene import open_source

    path = tmp_path / "bytes.tif"
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 3, "dtype": "uint8", "tiled": True}
    with rasterio.open(
        path, "w", **profile, sparse_ok=True, crs="EPSG:32633", transform=rasterio.Affine(1, 0, 5e5, 0, -1, 5e6)
    ) as f:
        f.write(np.full((3, 64, 64), 200, np.uint8), window=rasterio.windows.Window(512, 512, 64, 64))
    with open_source(path) as scene:
        assert scene.hw == (SIDE, SIDE)
        assert (scene.read(Window(512, 512, 576, 576)).rgb == 200).all()
