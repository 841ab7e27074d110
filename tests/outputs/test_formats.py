"""Formats by name, and files that are whole or not there."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.files.test_atomic import DISCONNECTED, needs_proc
from tests.outputs.found_objects import PLAIN, PROVENANCE, SCENE, WRITABLE, airport, full_mask, loaded, pond
from zeroov.errors import OutputError, UsageError
from zeroov.look import Outline
from zeroov.outputs.found import Found, SceneInfo, found_of
from zeroov.outputs.images import read_mask_png
from zeroov.outputs.names import Names
from zeroov.outputs.write import FORMATS, open_writers, write
from zeroov.types import Box, Picture, Window

GEO = pytest.importorskip("pyogrio") and pytest.importorskip("rasterio")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="POSIX paths and limits")


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_all_formats_into_a_folder_with_blanks(tmp_path):
    folder = tmp_path / "ein Ordner ü" / "tief"
    written = write(folder, WRITABLE, SCENE, [airport(), pond()], PROVENANCE)
    assert names(folder) == {str(path.relative_to(folder)) for path in written}
    assert {"yolo/labels/Szene ä 1.txt", "yolo-seg/labels/Szene ä 1.txt"} < names(folder)
    again = write(folder, WRITABLE, SCENE, [], PROVENANCE)
    assert again == written
    png = cv2.imdecode(np.fromfile(folder / "Szene ä 1.mask.png", np.uint8), cv2.IMREAD_GRAYSCALE)
    assert not png.any()


def test_a_png_is_the_mask(tmp_path):
    (path,) = write(tmp_path / "a.png", ["png"], PLAIN, [airport(), pond()], {})
    np.testing.assert_array_equal(read_mask_png(path), full_mask(airport(), pond()))
    with pytest.raises(OutputError, match="write geotiff"):
        write(tmp_path / "b.png", ["png"], SceneInfo("a.tif", (20_000, 20_000)), [], {})


def test_unknown_formats_and_none():
    with pytest.raises(UsageError, match=r"`geojsn` is no format; did you mean `geojson`"):
        open_writers("out", ["geojsn"])
    for asked, near in {"shp": "gpkg", "parquet": "geoparquet", "tif": "geotiff"}.items():
        with pytest.raises(UsageError, match=rf"`{asked}` is no format; write `{near}`"):
            open_writers("out", [asked])
    with pytest.raises(UsageError, match="no format was given; known: geotiff"):
        open_writers("out", [])


def test_files_for_the_wrong_formats(tmp_path):
    with pytest.raises(UsageError, match=r"cannot hold geojson; name a file that ends in \.geojson, or a folder"):
        open_writers(tmp_path / "a.json", ["geojson"])
    with pytest.raises(UsageError, match="cannot hold coco and gpkg; name a folder"):
        open_writers(tmp_path / "a.gpkg", ["coco", "gpkg"])
    with pytest.raises(UsageError, match="cannot hold yolo; name a folder"):
        open_writers(tmp_path / "a.tif", ["yolo"])
    (path,) = write(tmp_path / "results.v2", ["coco"], PLAIN, [], {})
    assert path == tmp_path / "results.v2" / "coco.json"


def test_all_or_nothing_where_one_format_refuses(tmp_path):
    with pytest.raises(OutputError, match="no georeference"):
        write(tmp_path, ["png", "coco", "geojson"], PLAIN, [airport()], {})
    assert names(tmp_path) == set()


ORDERS = list(itertools.permutations(range(6)))[::53]
IMAGES = ("in/a.tif", "in/in/a.tif", "in/in/a.png", "in/a.tif.tif", "in/x/b.tif", "in/in/a.tif.tif")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("told", [True, False])
def test_files_of_images_in_subfolders(tmp_path, order, told):
    """What a file is called depends on the run's images, not on their order, and no file takes another's place."""
    images = [str(tmp_path / image) for image in IMAGES]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.tif.mask.png").write_text("of another run")
    writers = open_writers(tmp_path / "out", ["png"], images=images if told else ())
    for number in order:
        mask = np.ones((1, number + 1), np.bool_)
        writers.add(
            SceneInfo(images[number], PLAIN.hw), [Found(mask, (0, 0), Box(0, 0, number + 1, 1), 0.5, "a row")], {}
        )
    written = {str(path.relative_to(tmp_path / "out")): path for path in writers.finish()}
    expected = {"a": 0, "in/a.tif": 1, "in/a.png": 2, "a.tif": 3, "x/b": 4, "in/a.tif.tif": 5}
    assert {name.removesuffix(".mask.png") for name in written} == set(expected)
    assert names(tmp_path / "out") == set(written)
    for name, number in expected.items():
        assert read_mask_png(tmp_path / "out" / f"{name}.mask.png").sum() == number + 1


def test_an_image_told_in_two_ways_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writers = open_writers("out", ["png", "coco", "yolo"])
    for source in ("in/a.png", str(tmp_path / "in" / "a.png"), "in/../in/a.png", "b.png"):
        writers.add(SceneInfo(source, PLAIN.hw), [pond()], {})
    writers.finish()
    labels = {"yolo/labels/in/a.txt", "yolo/labels/b.txt", "yolo/classes.txt", "yolo/data.yaml"}
    assert names(tmp_path / "out") == {"in/a.mask.png", "b.mask.png", "coco.json", *labels}
    assert [image["file_name"] for image in loaded(tmp_path / "out" / "coco.json")["images"]] == ["in/a.png", "b.png"]
    assert (tmp_path / "out" / "yolo" / "labels" / "in" / "a.txt").read_text().count("\n") == 3


def test_what_lies_beside_a_mask_moves_with_it(tmp_path):
    writers = open_writers(tmp_path / "out", ["geotiff"])
    writers.add(SceneInfo("/data/one/a.tif", PLAIN.hw), [pond()], {})
    (tmp_path / "out" / "a.mask.tif.aux.xml").write_text("<PAMDataset/>")
    writers.add(SceneInfo("/data/two/a.tif", PLAIN.hw), [pond()], {})
    writers.finish()
    assert names(tmp_path / "out") == {"one/a.mask.tif", "one/a.mask.tif.aux.xml", "two/a.mask.tif"}


def test_an_image_that_fails_changes_no_name(tmp_path):
    writers = open_writers(tmp_path, ["png", "coco"], images=["/data/one/a.tif", "/data/two/a.tif"])
    writers.add(SceneInfo("/data/two/a.tif", PLAIN.hw), [], {})
    assert {str(path.relative_to(tmp_path)) for path in writers.finish()} == {"two/a.mask.png", "coco.json"}


@needs_posix
@pytest.mark.parametrize("are_given", [True, False])
def test_nothing_is_written_beside_images_that_begin_with_two_slashes(tmp_path, are_given):
    images = [f"/{tmp_path}/one/a.tif", f"{tmp_path}/two/b.tif"]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.txt").write_text("mine")
    formats = ["png", "geotiff", "yolo", "yolo-seg", "coco"]
    writers = open_writers(tmp_path / "out", formats, images=images if are_given else ())
    for image in images:
        writers.add(replace(SCENE, source=image), [airport()], {})
    writers.finish()
    assert (tmp_path / "one" / "a.txt").read_text() == "mine"
    labels = {f"{folder}/labels/{stem}.txt" for folder in ("yolo", "yolo-seg") for stem in ("one/a", "two/b")}
    masks = {f"{stem}.mask.{ending}" for stem in ("one/a", "two/b") for ending in ("png", "tif")}
    assert labels | masks < names(tmp_path / "out")
    assert {path.parts[0] for path in map(Path, names(tmp_path))} == {"one", "out"}
    coco = loaded(tmp_path / "out" / "coco.json")
    assert [image["file_name"] for image in coco["images"]] == ["one/a.tif", "two/b.tif"]


@pytest.mark.parametrize("name", ["png", "yolo"])
@pytest.mark.parametrize("outside", ["../a", "sub/../../../../a", "/absolute/a"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, monkeypatch, name, outside):
    outside = f"{tmp_path}{outside}" if outside.startswith("/") else outside
    writers = open_writers(tmp_path / "deep" / "out", [name])
    monkeypatch.setattr(Names, "stem", lambda *_: outside)
    with pytest.raises(OutputError, match="outside of"):  # noqa: PT012 - where files of many images fail
        writers.add(PLAIN, [airport()], {})
        writers.finish()
    assert names(tmp_path) == set()


@needs_posix
@pytest.mark.parametrize("name", ["png", "geotiff", "geojson"])
def test_a_name_that_is_too_long_costs_no_other_image(tmp_path, name):
    images = [f"/data/{'n' * 251}.tif", "/data/b.tif"]
    writers = open_writers(tmp_path, [name], images=images)
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\); .*shorter name"):
        writers.add(replace(SCENE, source=images[0]), [pond()], {})
    writers.add(replace(SCENE, source=images[1]), [pond()], {})
    assert {path.name for path in writers.finish()} == names(tmp_path) == {f"b{FORMATS[name].ending}"}


@needs_posix
def test_a_name_is_not_too_long_for_what_might_lie_beside_it(tmp_path):
    """`.aux.xml` would not fit, so none is there."""
    longest = "n" * (255 - len(".mask.tif"))
    writers = open_writers(tmp_path, ["geotiff"])
    writers.add(SceneInfo(f"/data/one/{longest}.tif", PLAIN.hw), [pond()], {})
    writers.add(SceneInfo(f"/data/two/{longest}.tif", PLAIN.hw), [pond()], {})
    writers.finish()
    assert names(tmp_path) == {f"{folder}/{longest}.mask.tif" for folder in ("one", "two")}


@pytest.mark.parametrize("content", [None, b""])
def test_a_file_that_is_not_there_is_not_said_to_be_written(tmp_path, monkeypatch, content):
    def broken(path, *_, **__):
        if content is not None:
            path.write_bytes(content)

    monkeypatch.setitem(FORMATS, "png", replace(FORMATS["png"], make=broken))
    reason = "it is not there" if content is None else "it is empty"
    with pytest.raises(OutputError, match=rf"photo\.mask\.png` was not written: {reason}"):
        write(tmp_path, ["png"], PLAIN, [airport()], {})


def test_a_file_that_is_gone_in_the_end_is_not_said_to_be_written(tmp_path):
    writers = open_writers(tmp_path, ["png"])
    writers.add(PLAIN, [airport()], {})
    (tmp_path / "photo.mask.png").unlink()
    with pytest.raises(OutputError, match="it is not there"):
        writers.finish()


def test_a_folder_in_the_way(tmp_path):
    for name, target in {"gpkg": "objects.gpkg", "geotiff": "photo.mask.tif", "png": "photo.mask.png"}.items():
        (tmp_path / target).mkdir()
        with pytest.raises(OutputError, match=rf"{target}` cannot be written: a folder of that name is in the way"):
            open_writers(tmp_path, [name], images=[PLAIN.source])
        with pytest.raises(OutputError, match="a folder of that name is in the way"):
            write(tmp_path, [name], SceneInfo(PLAIN.source, PLAIN.hw, SCENE.crs, SCENE.transform), [], {})
    for name in ("coco", "labelstudio"):
        (tmp_path / f"{name}.json").mkdir()
        with pytest.raises(OutputError, match="a folder of that name is in the way"):
            open_writers(tmp_path, [name])


@needs_proc
@pytest.mark.parametrize("name", WRITABLE)
def test_folders_that_cannot_be_written(name):
    with pytest.raises(OutputError, match="cannot be written to"):
        write(DISCONNECTED, [name], SCENE, [airport()], {})


@pytest.mark.parametrize("name", ["geotiff", "geojson", "gpkg", "coco", "labelstudio", "png"])
def test_a_file_that_takes_the_folders_place_during_the_work(tmp_path, name):
    folder = tmp_path / "gone"
    writers = open_writers(folder, [name])
    assert not folder.exists()
    folder.write_text("mine")
    for step in (lambda: writers.add(SCENE, [airport()], PROVENANCE), writers.finish):
        with pytest.raises(OutputError, match="is a file, expected a folder"):
            step()
    assert folder.read_text() == "mine"


@pytest.mark.parametrize("name", ["geotiff", "gpkg"])
def test_what_was_there_stays_when_writing_fails(tmp_path, name, monkeypatch):
    (path,) = write(tmp_path / "a", [name], SCENE, [airport()], PROVENANCE)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zeroov.files.atomic.os.fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "a", [name], SCENE, [pond()], PROVENANCE)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_stale_files_beside_a_mask_go(tmp_path):
    for ending in (".aux.xml", ".ovr"):
        (tmp_path / f"a.tif{ending}").write_text("of another mask")
    write(tmp_path / "a.tif", ["geotiff"], SCENE, [airport()], {})
    assert names(tmp_path) == {"a.tif"}


@pytest.mark.parametrize("name", WRITABLE)
def test_an_object_outside_the_scene_is_our_own_mistake(tmp_path, name):
    outside = Found(np.ones((10, 10), np.bool_), (495, 0), Box(495, 0, 500, 10), 0.5, "half of it")
    with pytest.raises(ValueError, match="leaves 500 x 300 pixels"):
        write(tmp_path, [name], SCENE, [outside], {})


def test_missing_libraries_are_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with pytest.raises(OutputError, match=r"format geojson needs pyproj.*pip install 'zeroov\[geo\]'"):
        open_writers(tmp_path / "out", ["png", "geojson"])
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError, match=r"format geoparquet needs pyarrow.*pip install 'zeroov\[geoparquet\]'"):
        open_writers(tmp_path / "out", ["geoparquet"])
    assert not (tmp_path / "out").exists()


def test_found_objects():
    found = airport().trimmed()
    assert found.window_xyxy == (220, 110, 251, 146)
    np.testing.assert_array_equal(full_mask(found), full_mask(airport()))
    for mask, origin_xy in (
        (np.zeros((3, 3), bool), (0, 0)),
        (np.ones((3, 3)), (0, 0)),
        (np.ones((3, 3), bool), (-1, 0)),
    ):
        with pytest.raises(ValueError, match=r"a found object|lies in the scene"):
            Found(mask, origin_xy, Box(0, 0, 1, 1), 0.5, "nothing")


def test_an_outline_is_cut_where_nothing_is_valid():
    valid = np.ones((40, 60), np.bool_)
    valid[:, 30:] = False
    picture = Picture(np.zeros((40, 60, 3), np.uint8), valid=valid, part=Window(100, 200, 160, 240))

    def found(x0: int, x1: int) -> Found | None:
        mask = np.zeros((40, 60), np.bool_)
        mask[10:20, x0:x1] = True
        return found_of(picture, Outline(mask, Box(x0 - 0.5, 9, x1, 20)), "the thing", 0.7, rounds=2)

    whole, part, gone = found(5, 15), found(20, 38), found(25, 45)
    assert whole
    assert whole.box == Box(104.5, 209, 115, 220)
    assert (whole.window_xyxy, whole.extra) == ((105, 210, 115, 220), {"rounds": 2})
    assert part
    assert part.box == Box(120, 210, 130, 220)
    assert part.pixels == 100
    assert gone is None
    assert found_of(picture, Outline(np.zeros((40, 60), np.bool_), None), "the thing", 0.7) is None


def test_a_picture_says_where_it_lies():
    picture = Picture(np.zeros((30, 40, 3), np.uint8), "a.tif", "EPSG:32633", SCENE.transform)
    assert SceneInfo.of(picture) == SceneInfo("a.tif", (30, 40), "EPSG:32633", SCENE.transform)


def test_importing_needs_none_of_the_extra():
    heavy = "{'rasterio', 'pyproj', 'shapely', 'pyogrio', 'pyarrow', 'torch'}"
    code = f"import sys, zeroov, zeroov.outputs.write, zeroov.raster.scene; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
