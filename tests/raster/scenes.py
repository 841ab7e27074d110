"""Rasters to test with: written small, in every kind of georeference."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeroov.frames import Transform

rasterio = pytest.importorskip("rasterio")
UTM: Transform = (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_000_000.0)
ROTATED: Transform = (0.4, 0.3, 500_000.0, 0.3, -0.4, 5_000_000.0)
SOUTH_UP: Transform = (0.5, 0.0, 500_000.0, 0.0, 0.5, 4_999_900.0)
DEGREES: Transform = (0.0001, 0.0, 13.4, 0.0, -0.0001, 52.5)
NAMELESS = "+proj=laea +lat_0=12.3 +lon_0=4.5 +datum=WGS84 +units=m"
SHIFTED = "+proj=utm +zone=33 +ellps=WGS84 +towgs84=100,200,50 +units=m"
"""GDAL takes it for EPSG:32633, which lies some 220 m away."""
KINDS: dict[str, dict[str, Any]] = {
    "utm": {"crs": "EPSG:32633", "transform": UTM},
    "rotated": {"crs": "EPSG:32633", "transform": ROTATED},
    "nameless": {"crs": NAMELESS, "transform": UTM},
    "shifted": {"crs": SHIFTED, "transform": UTM},
    "south-up": {"crs": "EPSG:32633", "transform": SOUTH_UP},
    "point": {"crs": "EPSG:32633", "transform": UTM, "tags": {"AREA_OR_POINT": "Point"}},
    "geographic": {"crs": "EPSG:4326", "transform": DEGREES},
}


def write_scene(
    path: Path,
    bands: np.ndarray,
    *,
    crs: str | None = None,
    transform: Transform | None = None,
    tags: dict[str, str] | None = None,
    **profile: Any,
) -> Path:
    """Write (bands, H, W) samples as a GeoTIFF."""
    count, height, width = bands.shape
    shape = {"count": count, "height": height, "width": width}
    if transform:
        profile["transform"] = rasterio.Affine(*transform)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", dtype=bands.dtype, crs=crs, **shape, **profile) as dataset:
            if tags:
                dataset.update_tags(**tags)
            dataset.write(bands)
    return path


def textured(kind: str = "uint16", bands: int = 4, hw: tuple[int, int] = (300, 500), seed: int = 0) -> np.ndarray:
    """Smooth ground with noise, from 300 to about 3,000."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: hw[0], : hw[1]]
    ground = 1500 + 900 * np.sin(x / 40) * np.cos(y / 30)
    noisy = ground + rng.normal(0, 100, (bands, *hw)) + 100 * np.arange(bands)[:, None, None]
    if kind == "uint8":
        noisy = noisy / 13
    image: np.ndarray = noisy.clip(1).astype(kind)
    return image


def write_sparse(path: Path, side: int) -> Path:
    """Write a GeoTIFF of `side` x `side` pixels that stores none of them: few bytes of very many pixels."""
    rasterio = pytest.importorskip("rasterio")
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint8", "sparse_ok": True}
    tiles = {"tiled": True, "blockxsize": 4096, "blockysize": 4096}
    with rasterio.open(path, "w", **profile, **tiles, crs="EPSG:32633", transform=rasterio.Affine(*UTM)):
        pass
    return path
