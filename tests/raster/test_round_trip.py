"""An object painted into a georeferenced scene is searched by the command, and comes out of every layer where it lies.

Two things are told apart. The georeference: each layer, read without zeroov, is the outline of the very pixels of the
answer, placed by this file's own arithmetic, to a hundredth of a pixel. The answer: its outline and the sides of its
box, from each layer, lie within one pixel of those of the object that was painted. The miniature models are that exact
in about one scene in six, of which these are two; after a training see first whether they still are. The same pixels
lie in several places, and maps that are kept answer for them the second time.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.raster.scenes import NAMELESS, SHIFTED, write_scene
from zeroov.cli.main import app
from zeroov.frames import Transform
from zeroov.mini.scenes import SceneStyle, make_scene, seed_for
from zeroov.types import Bool

rasterio = pytest.importorskip("rasterio")
pyogrio = pytest.importorskip("pyogrio")
pyproj = pytest.importorskip("pyproj")
shapely = pytest.importorskip("shapely")
affinity = pytest.importorskip("shapely.affinity")

pytestmark = pytest.mark.usefixtures("kept_models")
PIXEL = 10.0  # metres
NORTH_UP = (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0)
ROTATED = (8.0, 6.0, 500_000.0, 6.0, -8.0, 5_000_000.0)
NEAR = (10.0, 0.0, -30_000.0, 0.0, -10.0, 40_000.0)  # to the middle of the CRS without a number
SOUTH_UP = (10.0, 0.0, 500_000.0, 0.0, 10.0, 5_000_000.0)
PLACED: dict[str, tuple[str, Transform]] = {
    "utm": ("EPSG:32633", NORTH_UP),
    "rotated": ("EPSG:32633", ROTATED),
    "nameless": (NAMELESS, NEAR),
    "shifted": (SHIFTED, NORTH_UP),
    "south-up": ("EPSG:32633", SOUTH_UP),
    "gcps": ("EPSG:32633", ROTATED),
}
STYLE = SceneStyle(height_width=(400, 480), objects=(2, 4))
ASKED = {
    "utm": (7009, "purple building"),
    "rotated": (7046, "black storage tank"),
    "nameless": (7046, "black storage tank"),
    "shifted": (7009, "purple building"),
    "south-up": (7009, "purple building"),
    "gcps": (7046, "black storage tank"),
}
FORMATS = "geotiff,geotiff-instances,png,geojson,geojson-boxes,gpkg"
EXACT = 0.01  # of a pixel: ten centimetres, where the seven decimals of GeoJSON's degrees are one


@dataclass(frozen=True)
class Answer:
    """A scene's georeference and truth as this file wrote them, and what the command answered."""

    kind: str
    crs: Any
    transform: Transform
    painted: Bool
    painted_box: Any
    folder: Path
    report: dict[str, Any]

    @property
    def mask(self) -> Bool:
        """The answer's pixels, of the one layer that knows of no map."""
        mask: Bool = np.asarray(Image.open(self.folder / "scene.mask.png")) == 255
        return mask

    def on_map(self, shape: Any) -> Any:
        """Return a shape in scene pixels in map coordinates."""
        return placed(shape, self.transform)

    def in_pixels(self, shape: Any) -> Any:
        """Return a shape in map coordinates in scene pixels."""
        a, b, c, d, e, f = self.transform
        turn = np.array([[a, b], [d, e]])
        return shapely.transform(shape, lambda points: np.linalg.solve(turn, (points - (c, f)).T).T)

    def from_degrees(self, shape: Any) -> Any:
        """Return a shape in longitude and latitude in map coordinates."""
        back = pyproj.Transformer.from_crs("EPSG:4326", self.crs, always_xy=True)
        return shapely.transform(shape, lambda points: np.column_stack(back.transform(*points.T)))


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module", params=ASKED)
def answer(
    request: pytest.FixtureRequest, kept_models: None, maps: Path, tmp_path_factory: pytest.TempPathFactory
) -> Answer:
    """Paint, write, and search by the command; the georeference is written by rasterio."""
    number, words = ASKED[request.param]
    scene = make_scene(seed_for("test", number), STYLE)
    (thing,) = (thing for thing in scene.objects if f"{thing.colour} {thing.kind}" == words)
    folder = tmp_path_factory.mktemp(request.param)
    crs, transform = PLACED[request.param]
    placing = {"gcps": corners(transform)} if request.param == "gcps" else {"transform": transform}
    write_scene(folder / "scene.tif", scene.image.transpose(2, 0, 1), crs=crs, **placing)
    command = ["ground", str(folder / "scene.tif"), f"the {words}", "--recipe", "mini", "--scene", "--device", "cpu"]
    command += ["--dumps", str(maps)]
    told = CliRunner().invoke(app, [*command, "--format", FORMATS, "--out", str(folder), "--json"])
    assert told.exit_code == 0, told.output
    return Answer(
        request.param,
        pyproj.CRS(crs),
        transform,
        thing.mask,
        shapely.box(*thing.box_xyxy),
        folder,
        json.loads(told.stdout),
    )


def corners(transform: Transform) -> list[Any]:
    """Ground control points at the corners of a scene."""
    height, width = STYLE.height_width
    in_pixels = [shapely.Point(xy) for xy in ((0, 0), (width, 0), (width, height), (0, height))]
    on_map = [placed(point, transform) for point in in_pixels]
    point = rasterio.control.GroundControlPoint
    return [point(one.y, one.x, other.x, other.y) for one, other in zip(in_pixels, on_map, strict=True)]


def placed(shape: Any, transform: Transform) -> Any:
    """Lay a shape in pixels on the map, by shapely's arithmetic."""
    a, b, c, d, e, f = transform
    return affinity.affine_transform(shape, [a, b, d, e, c, f])


def outline(mask: Bool) -> Any:
    """Return the union of a mask's pixels, each a unit square."""
    y, x = np.nonzero(mask)
    return shapely.union_all(shapely.box(x, y, x + 1, y + 1))


def apart(first: Any, second: Any) -> float:
    """Return how far the outlines, holes included, of two shapes lie apart at most."""
    return float(shapely.hausdorff_distance(shapely.boundary(first), shapely.boundary(second)))


def from_package(answer: Answer, layer: str) -> Any:
    """Return the one shape of a GeoPackage's layer, in map coordinates."""
    _, _, shapes, _ = pyogrio.raw.read(answer.folder / "objects.gpkg", layer=layer)
    (shape,) = shapely.from_wkb(shapes)
    return shape


def from_json(answer: Answer, name: str) -> Any:
    """Return the one shape of a GeoJSON file, brought back to map coordinates."""
    (feature,) = json.loads((answer.folder / name).read_text(encoding="utf-8"))["features"]
    degrees = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert degrees.is_valid
    return answer.from_degrees(degrees)


def from_tiff(answer: Answer, name: str) -> Any:
    """Return the outline of a GeoTIFF's pixels, in map coordinates by the file's own transform."""
    with rasterio.open(answer.folder / name) as file:
        return placed(outline(file.read(1) == 1), tuple(file.transform)[:6])


def masks_of(answer: Answer) -> dict[str, Any]:
    """Return the mask of every layer, in map coordinates."""
    return {
        "gpkg": from_package(answer, "masks"),
        "geojson": from_json(answer, "scene.geojson"),
        "geotiff": from_tiff(answer, "scene.mask.tif"),
        "geotiff-instances": from_tiff(answer, "scene.instances.tif"),
    }


def boxes_of(answer: Answer) -> dict[str, Any]:
    """Return the box of every layer, in map coordinates."""
    return {"gpkg": from_package(answer, "boxes"), "geojson": from_json(answer, "scene.boxes.geojson")}


def test_the_scenes_are_what_they_are_called(answer: Answer) -> None:
    with rasterio.open(answer.folder / "scene.tif") as scene:
        assert scene.crs or scene.gcps[1]
        if answer.kind == "nameless":
            assert scene.crs.to_epsg() is None
        if answer.kind == "gcps":
            assert scene.transform.is_identity
        else:
            assert tuple(scene.transform)[:6] == answer.transform
            assert (not scene.transform.is_rectilinear) == (answer.kind == "rotated")


def test_every_layer_is_the_answers_pixels_where_they_lie(answer: Answer) -> None:
    (found,) = answer.report["found"]
    assert answer.mask.shape == STYLE.height_width
    assert answer.mask.sum() == found["mask_pixels"]
    mask, box = answer.on_map(outline(answer.mask)), answer.on_map(shapely.box(*found["box_xyxy"]))
    for shape in masks_of(answer).values():
        assert apart(shape, mask) < EXACT * PIXEL
        assert shape.area == pytest.approx(answer.mask.sum() * PIXEL**2, rel=1e-3)
    for shape in boxes_of(answer).values():
        assert apart(shape, box) < EXACT * PIXEL


def test_the_painted_object_comes_out_within_a_pixel(answer: Answer) -> None:
    painted = answer.on_map(outline(answer.painted))
    off = {layer: apart(shape, painted) / PIXEL for layer, shape in masks_of(answer).items()}
    assert max(off.values()) < 1 + EXACT, off
    for layer, shape in boxes_of(answer).items():
        sides = np.abs(np.subtract(answer.in_pixels(shape).bounds, answer.painted_box.bounds))
        assert sides.max() < 1 + EXACT, (layer, sides)


def test_the_masks_lie_on_the_scenes_own_grid(answer: Answer) -> None:
    for name in ("scene.mask.tif", "scene.instances.tif"):
        with rasterio.open(answer.folder / name) as mask, rasterio.open(answer.folder / "scene.tif") as scene:
            assert (mask.shape, mask.nodata) == (STYLE.height_width, 0)
            assert mask.crs == (scene.crs or scene.gcps[1])
            np.testing.assert_array_equal(mask.read(1) == 1, answer.mask)
            if answer.kind == "gcps":
                np.testing.assert_allclose(tuple(mask.transform)[:6], answer.transform, rtol=1e-9)
            else:
                assert tuple(mask.transform)[:6] == answer.transform


def test_the_layers_open_and_say_their_crs(answer: Answer) -> None:
    package = answer.folder / "objects.gpkg"
    layers = [["masks", "MultiPolygon"], ["boxes", "Polygon"], ["layer_styles", None]]
    assert pyogrio.list_layers(package).tolist() == layers
    for layer in ("masks", "boxes"):
        about = pyogrio.read_info(package, layer=layer)
        assert about["features"] == 1
        same_place(answer, about["crs"], from_package(answer, layer))
        np.testing.assert_allclose(about["total_bounds"], from_package(answer, layer).bounds, rtol=1e-12)
    for name in ("scene.geojson", "scene.boxes.geojson"):
        about = pyogrio.read_info(answer.folder / name)
        assert (about["driver"], about["crs"], about["features"]) == ("GeoJSON", "EPSG:4326", 1)
    with contextlib.closing(sqlite3.connect(package)) as tables:
        assert tables.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        named = tables.execute("SELECT table_name FROM gpkg_geometry_columns").fetchall()
        assert set(named) == {("masks",), ("boxes",)}
    if ogrinfo := shutil.which("ogrinfo"):
        for file in (package, answer.folder / "scene.geojson", answer.folder / "scene.boxes.geojson"):
            told = subprocess.run([ogrinfo, "-ro", "-al", "-so", str(file)], capture_output=True, text=True, check=True)
            assert "Feature Count: 1" in told.stdout


def same_place(answer: Answer, crs: str, shape: Any) -> None:
    """Ask that a layer's CRS, whatever it is called, lays a shape to where the scene's own does."""
    x, y = shape.centroid.x, shape.centroid.y
    degrees = [pyproj.Transformer.from_crs(one, "EPSG:4326", always_xy=True) for one in (crs, answer.crs)]
    first, second = (one.transform(x, y) for one in degrees)
    assert first == pytest.approx(second, abs=1e-9)
