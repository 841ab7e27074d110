"""What is found, written in every format and read back by others: pycocotools, PIL, GDAL, shapely."""

from __future__ import annotations

import functools
import importlib
import json
import math
import warnings
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pyproj
import rasterio
import shapely
from PIL import Image
from pycocotools import mask as coco

from tests.fuzz.damage import odd_value
from tests.fuzz.masks import drawn
from tests.outputs.found_objects import WRITABLE
from zeroov import frames
from zeroov.frames import Transform
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.write import FORMATS, open_writers
from zeroov.types import Bool, Box

PLACES: tuple[tuple[str | None, Transform | None], ...] = (
    (None, None),
    (None, (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_000_000.0)),
    ("EPSG:32633", None),
    ("EPSG:32633", (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_000_000.0)),
    ("EPSG:32633", (8.0, 6.0, 500_000.0, 6.0, -8.0, 5_000_000.0)),
    ("EPSG:32633", (0.5, 0.0, 500_000.0, 0.0, 0.5, 5_000_000.0)),
    ("EPSG:4326", (0.001, 0.0, 13.4, 0.0, -0.001, 52.5)),
    ("EPSG:4326", (0.1, 0.0, 175.0, 0.0, -0.1, 10.0)),  # over the antimeridian
    ("EPSG:4326", (0.001, 0.0, 359.95, 0.0, -0.001, -20.0)),
    ("EPSG:3857", (1_000.0, 0.0, 1_500_000.0, 0.0, -1_000.0, 6_000_000.0)),
    ("EPSG:3031", (5_000.0, 0.0, -300_000.0, 0.0, -5_000.0, 300_000.0)),  # around the south pole
    ("EPSG:3413", (900.0, 0.0, -50_000.0, 0.0, -900.0, 40_000.0)),  # around the north pole
    ("EPSG:2193", (10.0, 0.0, 1_570_000.0, 0.0, -10.0, 5_180_000.0)),  # northing comes first
)
WORLDS = {"EPSG:4326": (180.0, 90.0), "EPSG:3857": (20_037_508.342789244, 20_037_508.342789244)}  # half of their sides
NAMES = (
    "a.png",
    "b.tif",
    "c",
    "é ü.jpg",
    "a;b.tif",
    "x!y.tif",
    "a#b?.tif",
    "50%.tif",
    "sub/a.png",
    "sub.d/a.tif",
    ".a.png",
)
SPOKEN = ("the ship", 'the "pond" & <ä>', "飞机", "a\u2028b", "x" * 300, "the plane's, left: {1}", "-", "ship")


def files(random: Random, folder: Path) -> None:
    """Write what was found in one to three images in some formats, and read it back."""
    scenes = [_scene(random, folder, name) for name in random.sample(NAMES, random.choice((1, 1, 2, 3)))]
    formats = random.sample(WRITABLE, random.choice((1, 2, 4)))
    asked = random.sample(SPOKEN, 2)
    images = [info.source for info, _ in scenes] if random.random() < 0.8 else []
    label = random.choice((None, None, None, "thing", "a\tb", ""))
    out = folder / "out"
    writers = open_writers(out, formats, label=label, tolerance=0, expressions=asked, images=images)
    provenance: dict[str, Any] = {"model": "Qwen/ä", "revision": "abc", "recipe": "fast", "tiles": 9}
    for info, founds in scenes:
        writers.add(info, founds, provenance)
    written = writers.finish()
    for path in written:
        assert path.is_relative_to(out), f"{path} lies outside"
    outside = [path for path in folder.rglob("*") if path.is_file() and not path.is_relative_to(out)]
    assert not outside, f"files outside of the folder: {outside}"
    _check(out, formats, scenes, written)


def _check(
    out: Path, formats: list[str], scenes: list[tuple[SceneInfo, list[Found]]], written: tuple[Path, ...]
) -> None:
    """Read back what was written."""
    for name in formats:
        if FORMATS[name].collection is None:
            once = dict.fromkeys(written)  # stac names the same GeoJSON
            paths = [path for path in once if path.name.endswith(FORMATS[name].ending)]
            if name == "geojson":
                paths = [path for path in paths if not path.name.endswith(".boxes.geojson")]
            assert len(paths) == len(scenes), f"{len(paths)} files of {len(scenes)} images in {name}"
            for path, (info, founds) in zip(paths, scenes, strict=True):
                ONE[name](path, info, founds)
    if "gpkg" in formats:
        _geopackage(out / "objects.gpkg", scenes)
    if "geoparquet" in formats:
        _geoparquet(out / "objects.parquet", scenes)
    if "coco" in formats:
        _coco(out / "coco.json", scenes)
    if "labelstudio" in formats:
        _label_studio(out / "labelstudio.json", scenes)
    if "labelme" in formats:
        shapes = [
            shape
            for path in written
            if path.parts[-1] != "labels.txt" and path.is_relative_to(out / "labelme")
            for shape in _json(path)["shapes"]
        ]
        for shape, found in zip(shapes, [found for _, founds in scenes for found in founds], strict=True):
            _same_area(np.array(shape["points"]), found)
    if "cvat" in formats:
        polygons = ElementTree.parse(out / "cvat.xml").findall("image/polygon")
        for polygon, found in zip(polygons, [found for _, founds in scenes for found in founds], strict=True):
            points = [point.split(",") for point in polygon.get("points", "").split(";")]
            _same_area(np.array(points, dtype=np.float64), found)
    for name in {"yolo", "yolo-seg"} & set(formats):
        _yolo(out / name, scenes, written, segments=name == "yolo-seg")


def _raster(path: Path, info: SceneInfo, founds: list[Found], values: str = "mask") -> None:
    nothing = -1 if values == "scores" else 0
    with warnings.catch_warnings(action="ignore"), rasterio.open(path) as dataset:
        expected = np.full(info.hw, nothing, np.float32)
        for number, found in reversed(list(enumerate(founds, start=1))):
            expected[_full(found, info)] = {"mask": 1, "instances": number, "scores": found.score}[values]
        assert np.array_equal(dataset.read(1), expected), "GDAL reads another mask"
        assert dataset.nodata == nothing
        assert tuple(dataset.transform)[:6] == (info.transform or (1, 0, 0, 0, 1, 0)), dataset.transform
        assert (dataset.crs or None) == (rasterio.CRS.from_user_input(info.crs) if info.crs else None), dataset.crs


def _mask_png(path: Path, info: SceneInfo, founds: list[Found]) -> None:
    with Image.open(path) as image:
        expected = np.zeros(info.hw, np.bool_)
        for found in founds:
            expected |= _full(found, info)
        assert np.array_equal(np.asarray(image) == 255, expected), "PIL reads another mask"


def _geojson(path: Path, info: SceneInfo, founds: list[Found], boxes: bool) -> None:
    document = _json(path)
    assert len(document["features"]) == len(founds)
    assert info.transform
    for feature, found in zip(document["features"], founds, strict=True):
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid, shapely.is_valid_reason(shape)
        west, south, east, north = shape.bounds
        assert -180 <= west <= east <= 180, shape.bounds
        assert -90 <= south <= north <= 90, shape.bounds
        assert feature["properties"]["pixels"] == found.pixels
        if not boxes:
            assert shape.area > 0, f"a polygon without area: {shape.wkt[:100]}"
            _same_pixels(shape, info, found)


def _same_pixels(shape: Any, info: SceneInfo, found: Found) -> None:
    """Ask of some pixels' centres whether they lie in a shape in longitude and latitude."""
    assert info.transform
    mask = _full(found, info)
    rng = np.random.default_rng(found.pixels)
    rows, columns = (rng.integers(0, side, 40) for side in info.hw)
    centres = frames.pixel_to_map(np.column_stack((columns + 0.5, rows + 0.5)), info.transform)
    longitudes, latitudes = _to_degrees(info.crs).transform(*centres.T)
    longitudes = (longitudes + 180) % 360 - 180
    inside = shapely.intersects_xy(shape, longitudes, latitudes)
    near = shapely.distance(shapely.boundary(shape), shapely.points(longitudes, latitudes)) < 1e-5
    near |= (np.abs(latitudes) > 89.9) | (np.abs(longitudes) > 179.99)
    wrong = (inside != mask[rows, columns]) & ~near
    assert not wrong.any(), f"{wrong.sum()} of 40 pixels are in the wrong place, {info.crs} {info.transform}"


def _geopackage(path: Path, scenes: list[tuple[SceneInfo, list[Found]]]) -> None:
    """Scenes of one CRS keep it; others come in longitude and latitude, where areas are not those of pixels."""
    pairs = [(info, found) for info, founds in scenes for found in founds]
    systems = {info.crs for info, _ in scenes}
    for layer in ("masks", "boxes"):
        about, _, shapes, _ = pyogrio.raw.read(path, layer=layer)
        if len(systems) == 1 and scenes[0][0].crs:
            assert pyproj.CRS(about["crs"]) == pyproj.CRS(scenes[0][0].crs), about["crs"]
        for data, (info, found) in zip(shapes, pairs, strict=True):
            shape = shapely.from_wkb(data)
            assert shape.is_valid, shapely.is_valid_reason(shape)
            assert info.transform
            a, b, _, d, e, _ = info.transform
            pixels = found.pixels if layer == "masks" else (found.box.x1 - found.box.x0) * (found.box.y1 - found.box.y0)
            if len(systems) == 1:
                whole = pixels * abs(a * e - b * d)
                assert math.isclose(shape.area, whole, rel_tol=1e-6), f"area {shape.area} of {pixels}"


def _geoparquet(path: Path, scenes: list[tuple[SceneInfo, list[Found]]]) -> None:
    table = importlib.import_module("pyarrow.parquet").read_table(path)
    pairs = [(info, found) for info, founds in scenes for found in founds]
    for data, pixels, (info, found) in zip(table["geometry"], table["pixels"], pairs, strict=True):
        shape = shapely.from_wkb(data.as_py())
        assert shape.is_valid, shapely.is_valid_reason(shape)
        assert pixels.as_py() == found.pixels
        _same_pixels(shape, info, found)


def _coco(path: Path, scenes: list[tuple[SceneInfo, list[Found]]]) -> None:
    document = _json(path)
    assert [(image["height"], image["width"]) for image in document["images"]] == [info.hw for info, _ in scenes]
    pairs = [(info, found) for info, founds in scenes for found in founds]
    names = {category["id"]: category["name"] for category in document["categories"]}
    for annotation, (info, found) in zip(document["annotations"], pairs, strict=True):
        mask = coco.decode(annotation["segmentation"]).astype(np.bool_)
        assert np.array_equal(mask, _full(found, info)), "pycocotools reads another mask"
        assert annotation["area"] == coco.area(annotation["segmentation"]) == found.pixels
        assert annotation["bbox"] == coco.toBbox(annotation["segmentation"]).tolist()
        assert annotation["category_id"] in names


def _label_studio(path: Path, scenes: list[tuple[SceneInfo, list[Found]]]) -> None:
    for task, (info, founds) in zip(_json(path), scenes, strict=True):
        results = task["predictions"][0]["result"]
        for result, found in zip(results, founds, strict=True):
            _same_area(np.array(result["value"]["points"]) * info.hw[::-1] / 100, found)


def _yolo(folder: Path, scenes: list[tuple[SceneInfo, list[Found]]], written: tuple[Path, ...], segments: bool) -> None:
    labels = [path for path in written if path.is_relative_to(folder / "labels")]
    classes = (folder / "classes.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(labels) == len(scenes), f"{len(labels)} labels of {len(scenes)} images"
    for path, (info, founds) in zip(labels, scenes, strict=True):
        for line, found in zip(path.read_text().splitlines(), founds, strict=True):
            number, *numbers = line.split(" ")
            values = np.array(numbers, dtype=np.float64)
            assert int(number) < len(classes), f"class {number} of {classes}"
            if segments:
                _same_area(values.reshape(-1, 2) * info.hw[::-1], found)
            else:
                x, y, width, height = values * (*info.hw[::-1], *info.hw[::-1])
                read = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
                assert np.allclose(read, found.box.xyxy, atol=1e-4), f"{read} of {found.box}"


def _same_area(ring: Any, found: Found) -> None:
    x, y = ring.T
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    assert math.isclose(area, found.pixels, rel_tol=1e-4, abs_tol=1e-3), (
        f"a ring of area {area} of {found.pixels} pixels"
    )


ONE: dict[str, Any] = {
    "geotiff": _raster,
    "geotiff-instances": functools.partial(_raster, values="instances"),
    "geotiff-scores": functools.partial(_raster, values="scores"),
    "png": _mask_png,
    "geojson": functools.partial(_geojson, boxes=False),
    "geojson-boxes": functools.partial(_geojson, boxes=True),
}


def _scene(random: Random, folder: Path, name: str) -> tuple[SceneInfo, list[Found]]:
    hw = random.choice(((1, 1), (1, 30), (20, 1), (60, 90), (100, 100), (550, 530)))
    crs, transform = random.choice(PLACES)
    if random.random() < 0.1:
        crs, (x, y) = random.choice([*WORLDS.items()])
        transform = (2 * x / hw[1], 0.0, -x, 0.0, -2 * y / hw[0], y)
    info = SceneInfo(str(folder / "images" / name), hw, crs, transform)
    return info, [found for _ in range(random.choice((0, 1, 1, 2, 3))) if (found := _found(random, hw))]


def _found(random: Random, hw: frames.HW) -> Found | None:
    height, width = random.randrange(1, min(hw[0], 120) + 1), random.randrange(1, min(hw[1], 120) + 1)
    mask = drawn(random, (height, width))
    tight = frames.mask_to_box(mask)
    if tight is None:
        return None
    origin_xy = random.randrange(hw[1] - width + 1), random.randrange(hw[0] - height + 1)
    box = frames.crop_to_image(tight, origin_xy)
    if random.random() < 0.3:
        box = Box(box.x0, box.y0, box.x0 + (box.x1 - box.x0) * random.uniform(0.1, 1), box.y1)
    odd = odd_value(random)
    extra = {random.choice(("a", "Score", "fid", "é", "a b")): odd} if random.random() < 0.2 else {"round": 2}
    return Found(mask, origin_xy, box, random.random(), random.choice(SPOKEN), extra=extra)


def _full(found: Found, info: SceneInfo) -> Bool:
    mask = np.zeros(info.hw, np.bool_)
    x0, y0, x1, y1 = found.window_xyxy
    mask[y0:y1, x0:x1] = found.mask
    return mask


def _json(path: Path) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@functools.cache
def _to_degrees(crs: str | None) -> Any:
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
