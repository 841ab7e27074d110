"""Images: undamaged ones look as rasterio and PIL read them; of damaged ones every window is a part of the whole."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import rasterio
from PIL import Image, ImageOps

from tests.fuzz.damage import NUMBERS, damaged_bytes, damaged_lines
from tests.fuzz.images import FORMATS, UTM, quiet, saved, small_files
from zeroov.errors import PictureError
from zeroov.raster.scene import Scene, image_content, open_source
from zeroov.types import Picture, Window

KINDS = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64", "int8")
MOST = 4_000_000  # pixels that are read whole here
JP2 = b"\x00\x00\x00\x0cjP  "


def damaged(random: Random, folder: Path) -> None:
    """Open a file of any kind with faults in its bytes.

    Of a damaged JPEG 2000 GDAL decodes a window to other pixels than the whole: those are opened alone.
    """
    name, data, beside = random.choice(small_files())
    for other, content in beside.items():
        (folder / other).write_bytes(content)
    (folder / name).write_bytes((damaged_lines if name.endswith("vrt") else damaged_bytes)(random, data))
    if data.startswith(JP2):
        with open_source(folder / name) as scene:
            if scene.hw[0] * scene.hw[1] <= MOST:
                scene.read()
        return
    _read(random, folder / name, random.random() < 0.8)


def tags(random: Random, folder: Path) -> None:
    """Open a TIFF with an odd tag: another number, type, count or value, or one more."""
    data = bytearray(random.choice([data for name, data, _ in small_files() if data[:4] == b"II*\x00"]))
    at = struct.unpack_from("<I", data, 4)[0]
    entries = [bytes(data[at + 2 + 12 * n : at + 14 + 12 * n]) for n in range(struct.unpack_from("<H", data, at)[0])]
    for _ in range(random.choice((1, 1, 2))):
        number = random.randrange(len(entries))
        tag, kind, count, value = struct.unpack("<HHII", entries[number])
        fault = random.randrange(6)
        if fault == 0:
            value = random.choice((*NUMBERS, 3, 4, 5, 6, 7, 8, 9, 32, 64, 32_768))
        elif fault == 1:
            count = random.choice((0, 1, 2, 3, 2**16, 2**31))
        elif fault == 2:
            kind = random.choice((0, 1, 2, 3, 4, 5, 11, 12, 13, 16, 99))
        elif fault == 3:
            tag = random.choice((tag + 1, 254, 262, 266, 274, 277, 284, 296, 317, 320, 338, 339, 33550, 42112, 65000))
        if fault == 4:
            del entries[number]
        elif fault == 5:
            entries.insert(
                number, struct.pack("<HHII", random.choice((266, 274, 296, 338, 65000)), 3, 1, random.randrange(99))
            )
        else:
            entries[number] = struct.pack("<HHII", tag & 0xFFFF, kind, count & 0xFFFFFFFF, value)
        if not entries:
            break
    struct.pack_into("<I", data, 4, len(data))  # a new directory, at the end: it may be longer
    data += struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    (folder / "a.tif").write_bytes(data)
    _read(random, folder / "a.tif")


def written(random: Random, folder: Path) -> None:
    """Write a GeoTIFF of any kind, and compare what is shown with its samples."""
    path = folder / "a.tif"
    samples, profile = _geotiff(random)
    with quiet(), rasterio.open(path, "w", **profile) as dataset:
        dataset.write(samples)
    with quiet(), rasterio.open(path) as dataset:
        samples, colours = dataset.read(), [each.name for each in dataset.colorinterp]
        shown = [colours.index(colour) for colour in ("red", "green", "blue")] if "red" in colours else []
        shown = shown or (list(range(3)) if dataset.count >= 3 else [0])
        counted = np.stack([dataset.read_masks(band + 1) > 0 for band in shown])
        if "alpha" in colours and colours.index("alpha") not in shown:
            nodata = profile.get("nodata")
            counted = samples[shown] != nodata if nodata is not None else np.ones_like(counted)
            counted = counted & (samples[colours.index("alpha")] > 0)
    values = samples[shown]
    if values.dtype.kind == "f":
        counted = counted & np.isfinite(values).all(axis=0)
    seen = counted.any(axis=0)
    expected: Any = np.where(seen, values, 0)
    if values.dtype != np.uint8 and seen.any():
        low, high = np.percentile(values[counted].astype(np.float64), (2, 98))
        if not high > low:
            low, high = values[counted].min().astype(np.float64), values[counted].max().astype(np.float64)
        with np.errstate(all="ignore"):
            shares = (
                np.where(counted, (values.astype(np.float64) - low) / (high - low), 0)
                if high > low
                else np.zeros(values.shape)
            )
        expected = np.rint(np.clip(shares, 0, 1) * 255)
    try:
        picture, scene = _read(random, path)
    except PictureError:
        assert not seen.any(), "an undamaged GeoTIFF is refused"
        return
    assert seen.any(), "a picture of nothing"
    assert picture
    assert np.array_equal(np.ones_like(seen) if picture.valid is None else picture.valid, seen), (
        "other pixels are valid"
    )
    differs = np.abs(picture.rgb - np.broadcast_to(np.moveaxis(expected, 0, -1), picture.rgb.shape)).max()
    assert differs <= 1, f"samples differ by {differs} in {profile}"
    wanted = profile.get("transform")
    assert scene.transform == (tuple(wanted)[:6] if wanted else None), f"{scene.transform} of {profile}"


def pictures(random: Random, folder: Path) -> None:
    """Save a picture in any format, upright or turned, and compare what is shown with what PIL shows."""
    ending = random.choice(list(FORMATS))
    modes, options = FORMATS[ending]
    mode = random.choice(modes)
    path = folder / f"a.{ending}"
    try:
        path.write_bytes(saved(random, ending, mode, options))
    except (OSError, ValueError):
        return  # PIL cannot write this mode as that kind
    with path.open("rb") as file, Image.open(file) as image:  # by its name PIL scrambles some TIFFs that it turns
        upright = image if ending == "tif" else ImageOps.exif_transpose(image)  # PIL turns TIFFs when it loads them
        rgba = np.asarray(upright.convert("RGBA")) if upright.has_transparency_data else None
        rgb = np.asarray(upright.convert("RGB")) if rgba is None else rgba[..., :3].copy()
    valid = None if rgba is None else rgba[..., 3] > 0
    if valid is not None:
        rgb[~valid] = 0
    picture, reason = None, ""
    try:
        picture, _ = _read(random, path)
    except PictureError as error:
        reason = str(error)
    if valid is not None and not valid.any():
        assert "no valid pixel" in reason, "a picture of nothing"
        return
    assert not reason, f"an undamaged {ending} of mode {mode} is refused: {reason}"
    assert picture
    assert picture.rgb.shape == rgb.shape, f"{picture.rgb.shape} instead of {rgb.shape}: {ending} of mode {mode}"
    if not mode.startswith("I"):
        assert np.array_equal(picture.rgb, rgb), f"other pixels: {ending} of mode {mode}"


def _read(random: Random, path: Path, georeferenced: bool = True) -> tuple[Picture | None, Scene]:
    """Read a file whole and in windows, and compare these; return the whole picture, if it is not too large."""
    bands = random.choice((None, None, None, (1,), (2,), (3, 2, 1), (1, 1, 1), (0,)))
    if path.stem == "a" and path.suffix != ".vrt":
        bands = None
    assert image_content(path) == image_content(path), "the same file has two contents"
    with open_source(path, bands, georeferenced=georeferenced) as scene:
        height, width = scene.hw
        assert height > 0, scene.hw
        assert width > 0, scene.hw
        if scene.transform:
            a, b, _, d, e, _ = scene.transform
            assert np.isfinite(scene.transform).all(), scene.transform
            assert a * e != b * d, scene.transform
        x0, y0 = random.randrange(width), random.randrange(height)
        window = Window(x0, y0, min(width, x0 + random.randrange(1, 40)), min(height, y0 + random.randrange(1, 40)))
        if height * width > MOST:
            scene.read(window, tolerant=True)
            return None, scene
        tolerant = scene.read(window, tolerant=True)
        assert tolerant.hw == window.hw, f"{tolerant.hw} of {window}"
        whole = scene.read()
        part = scene.read(window)
        inside = np.s_[window.y0 : window.y1, window.x0 : window.x1]
        assert np.array_equal(part.rgb, whole.rgb[inside]), f"the window {window} is no part of the whole"
        for of_part, of_whole in ((part.valid, whole.valid), (tolerant.valid, whole.valid)):
            seen = np.ones(scene.hw, np.bool_) if of_whole is None else of_whole
            assert np.array_equal(np.ones(window.hw, np.bool_) if of_part is None else of_part, seen[inside])
        most = random.randrange(1, 60)
        small = scene.read(most=most)
        assert max(small.hw) == min(most, max(scene.hw)), f"{small.hw} of {scene.hw} for {most}"
        assert whole.valid is None or not whole.rgb[~whole.valid].any(), "what is not valid is black"
        return whole, scene


def _geotiff(random: Random) -> tuple[Any, dict[str, Any]]:
    """Return samples and the profile to write them with."""
    kind, count = random.choice((*KINDS, "uint8", "uint8", "uint16")), random.choice((1, 1, 2, 3, 3, 4, 5))
    height, width = random.randrange(1, 80), random.randrange(1, 80)
    rng = np.random.default_rng(random.getrandbits(32))
    samples = rng.integers(0, 100, (count, height, width)).astype(kind)
    if random.random() < 0.3:
        samples[:] = random.randrange(3)
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": kind, "count": count, "height": height, "width": width}
    profile["interleave"] = random.choice(("pixel", "band"))
    profile["compress"] = random.choice((None, "lzw", "deflate", "packbits", "zstd"))
    if random.random() < 0.5:
        profile |= {"tiled": True, "blockxsize": random.choice((16, 64)), "blockysize": random.choice((16, 32))}
    if random.random() < 0.4:
        profile["nodata"] = random.choice((0, 1, 50, 99)) if kind[0] != "f" else random.choice((0, 1, -9999, np.nan))
    if kind[0] == "f" and random.random() < 0.4:
        samples[rng.random(samples.shape) < 0.1] = random.choice((np.nan, np.inf, -np.inf, 1e30))
    if kind in ("uint8", "uint16") and count >= 3 and random.random() < 0.5:
        profile["photometric"] = random.choice(("rgb", "minisblack"))
        profile["alpha"] = random.choice(("yes", "no", "unspecified"))
    if count == 1 and random.random() < 0.1:
        profile["photometric"] = "minisblack"
    if random.random() < 0.6:
        profile["transform"] = random.choice(
            (UTM, rasterio.Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_000_000), rasterio.Affine(1, 0, 0, 0, -1, 0))
        )
        profile["crs"] = random.choice((None, "EPSG:32633", "EPSG:4326", "EPSG:3857"))
    if random.random() < 0.1:
        profile["BIGTIFF"] = "YES"
    return samples, profile
