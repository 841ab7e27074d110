"""Annotators' formats: COCO, YOLO and Label Studio hold what was found, and their own readers read it."""

from __future__ import annotations

import contextlib
import io
import json
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests.outputs.found_objects import PLAIN, PROVENANCE, SCENE, airport, full_mask, loaded, pond
from zeroov.errors import OutputError
from zeroov.outputs.formats.coco import Coco
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.rle import run_lengths
from zeroov.outputs.write import open_writers, write
from zeroov.types import Box


@given(
    arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 5),
)
@settings(deadline=None)
def test_run_lengths_of_a_window_are_those_of_the_full_mask(mask, left, top, right, bottom):
    full = np.pad(mask, ((top, bottom), (left, right)))
    encoded = run_lengths(mask, (left, top), full.shape)
    reference = coco_mask.encode(np.asfortranarray(full, dtype=np.uint8))
    assert encoded == {"size": list(full.shape), "counts": reference["counts"].decode()}


def coco_of(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


# pycocotools 2.0.11 hands NumPy 2 an __array__ of the old kind.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_coco_of_several_images(tmp_path):
    pytest.importorskip("rasterio")
    writers = open_writers(tmp_path / "labels.json", ["coco"])
    writers.add(SCENE, [airport(), pond()], PROVENANCE)
    writers.add(SceneInfo("/data/photo.jpg", PLAIN.hw), [], PROVENANCE)
    writers.add(SceneInfo("/other/photo.jpg", PLAIN.hw), [airport()], PROVENANCE)
    writers.add(SCENE, [pond()], PROVENANCE)
    (path,) = writers.finish()
    coco = coco_of(path)
    names = {image["id"]: image["file_name"] for image in coco.loadImgs(coco.getImgIds())}
    assert list(names.values()) == ["data/Szene ä 1.tif", "data/photo.jpg", "other/photo.jpg"]
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == [
        airport().expression,
        pond().expression,
    ]
    assert [len(coco.getAnnIds(imgIds=[number])) for number in names] == [3, 0, 1]
    first = coco.loadAnns(coco.getAnnIds(imgIds=[1]))[0]
    np.testing.assert_array_equal(coco.annToMask(first), full_mask(airport()))
    x, y, width, height = first["bbox"]
    assert (x, y, x + width, y + height) == airport().box.xyxy
    assert first["area"] == airport().pixels == coco_mask.area(first["segmentation"])
    assert first["attributes"]["recipe_digest"] == "0123"


def test_coco_counts_a_scene_of_twenty_thousand_and_no_more(tmp_path):
    large = SceneInfo("a.tif", (20_000, 20_000))
    far = Found(np.ones((3, 2), np.bool_), (19_998, 19_997), Box(19_998, 19_997, 20_000, 20_000), 0.5, "the hut")
    (path,) = write(tmp_path / "a.json", ["coco"], large, [far], {})
    (annotation,) = loaded(path)["annotations"]
    assert coco_mask.area(annotation["segmentation"]) == 6
    assert coco_mask.toBbox(annotation["segmentation"]).tolist() == [19_998, 19_997, 2, 3]
    with pytest.raises(OutputError, match="write geotiff or gpkg"):
        Coco(tmp_path / "b.json").add(SceneInfo("a.tif", (70_000, 70_000)), [], {})


def test_a_label_is_the_category_of_all(tmp_path):
    coco, *_ = write(tmp_path, ["coco", "yolo"], SCENE, [airport(), pond()], {}, label="plane")
    assert [category["name"] for category in loaded(coco)["categories"]] == ["plane"]
    assert (tmp_path / "yolo" / "classes.txt").read_text() == "plane\n"


def test_yolo_boxes(tmp_path):
    writers = open_writers(tmp_path, ["yolo"])
    writers.add(SCENE, [airport(), pond()], PROVENANCE)
    writers.add(SceneInfo("/data/photo.jpg", PLAIN.hw), [], PROVENANCE)
    writers.add(SceneInfo("/other/photo.png", PLAIN.hw), [pond()], PROVENANCE)
    writers.add(SceneInfo("/third/photo.png", PLAIN.hw), [pond()], PROVENANCE)
    written = writers.finish()
    labels = tmp_path / "yolo" / "labels"
    text = (labels / "data" / "Szene ä 1.txt").read_text()
    rows = [[float(number) for number in line.split()] for line in text.splitlines()]
    for (number, cx, cy, width, height), (index, found) in zip(rows, enumerate((airport(), pond())), strict=True):
        assert number == index
        x0, y0, x1, y1 = found.box.xyxy
        corners = ((cx - width / 2) * 500, (cy - height / 2) * 300, (cx + width / 2) * 500, (cy + height / 2) * 300)
        assert corners == pytest.approx((x0, y0, x1, y1), abs=1e-4)
    assert (labels / "data" / "photo.txt").read_bytes() == b""
    assert (labels / "other" / "photo.txt").read_text().startswith("1 ")
    assert set(written) == {path for path in (tmp_path / "yolo").rglob("*") if path.is_file()}
    data = (tmp_path / "yolo" / "data.yaml").read_text(encoding="utf-8").splitlines()
    assert json.loads(data[-1].removeprefix("names: ")) == [airport().expression, pond().expression]
    assert (tmp_path / "yolo" / "classes.txt").read_text("utf-8").splitlines() == [
        airport().expression,
        pond().expression,
    ]


def test_yolo_polygons(tmp_path):
    pytest.importorskip("shapely")
    write(tmp_path, ["yolo-seg"], SCENE, [airport()], {})
    (line,) = (tmp_path / "yolo-seg" / "labels" / "Szene ä 1.txt").read_text().splitlines()
    points = np.array(line.split()[1:], float).reshape(-1, 2) * (500, 300)
    assert (points >= 0).all()
    canvas = np.zeros((3000, 5000), np.uint8)
    cv2.fillPoly(canvas, [np.rint(points * 10).astype(np.int32)], 1)
    drawn, expected = canvas.astype(bool), np.kron(full_mask(airport()), np.ones((10, 10), bool))
    assert (drawn & expected).sum() / (drawn | expected).sum() > 0.97  # OpenCV draws the edge as well


def test_label_studio(tmp_path):
    pytest.importorskip("shapely")
    writers = open_writers(tmp_path, ["labelstudio"])
    writers.add(SCENE, [airport(), pond()], PROVENANCE)
    writers.add(SceneInfo("/data/photo.jpg", PLAIN.hw), [], PROVENANCE)
    path, config = writers.finish()
    scene, photo = loaded(path)
    assert scene["data"]["image"] == "/data/local-files/?d=Szene%20%C3%A4%201.tif"
    assert photo["predictions"][0]["result"] == []
    (prediction,) = scene["predictions"]
    assert prediction["model_version"].endswith("Qwen/ä abc fast")
    assert prediction["score"] == 0.75
    view = ElementTree.fromstring(config.read_text(encoding="utf-8"))
    controls = {control.get("name"): control for control in view if control.tag != "Image"}
    for region in prediction["result"]:
        control = controls[region["from_name"]]
        assert control.tag.lower() == region["type"]
        assert control.get("toName") == region["to_name"] == view.find("Image").get("name")
        (label,) = region["value"][region["type"]]
        assert label in {each.get("value") for each in control}
        assert (region["original_width"], region["original_height"]) == (500, 300)
    points = np.array(prediction["result"][0]["value"]["points"])
    assert points.min() >= 0
    assert points.max() <= 100
    assert [region["id"] for region in prediction["result"]] == ["1", "2"], "one region for each object"
    assert prediction["result"][0]["meta"]["text"] == [airport().expression]


def test_label_studio_boxes(tmp_path):
    path, config = write(tmp_path, ["labelstudio-boxes"], SCENE, [airport(), pond()], PROVENANCE)
    view = ElementTree.fromstring(config.read_text(encoding="utf-8"))
    assert [(each.tag, each.get("name")) for each in view] == [("Image", "image"), ("RectangleLabels", "rectangle")]
    first, second = loaded(path)[0]["predictions"][0]["result"]
    assert (first["type"], first["from_name"]) == ("rectanglelabels", "rectangle")
    assert first["value"]["x"] * 5 == pytest.approx(airport().box.x0)
    assert (first["value"]["y"] + first["value"]["height"]) * 3 == pytest.approx(airport().box.y1)
    assert second["value"]["rectanglelabels"] == [pond().expression]


def disc():
    """A disc of 60 pixels: its exact outline is a staircase of many points."""
    rows, columns = np.mgrid[:60, :60]
    mask = (rows - 29.5) ** 2 + (columns - 29.5) ** 2 < 900
    return Found(mask, (100, 100), Box(100, 100, 160, 160), 0.5, "the tank")


def test_polygons_to_be_corrected_have_few_points(tmp_path):
    pytest.importorskip("shapely")
    formats = ["labelstudio", "labelme", "cvat"]

    def counts(folder, **options):
        write(folder, formats, SCENE, [disc()], {}, **options)
        [region] = loaded(folder / "labelstudio.json")[0]["predictions"][0]["result"]
        [shape] = loaded(folder / "labelme" / "Szene ä 1.json")["shapes"]
        polygon = ElementTree.parse(folder / "cvat.xml").find("image/polygon")
        return [len(region["value"]["points"]), len(shape["points"]), polygon.get("points").count(";") + 1]

    default, exact = counts(tmp_path / "default"), counts(tmp_path / "exact", tolerance=0)
    assert len(set(default)) == len(set(exact)) == 1
    assert default[0] < 25 < 100 < exact[0]
    write(tmp_path, ["yolo-seg"], SCENE, [disc()], {})
    (line,) = (tmp_path / "yolo-seg" / "labels" / "Szene ä 1.txt").read_text().splitlines()
    assert len(line.split()) == 1 + 2 * exact[0], "labels to train with stay exact"


def test_labelme(tmp_path, monkeypatch):
    pytest.importorskip("shapely")
    monkeypatch.chdir(tmp_path)
    images = ["in/one/a.png", "in/two/b.png"]
    writers = open_writers("out", ["labelme"], expressions=["the tank"], classes={"the tank": "tank"}, images=images)
    writers.add(SceneInfo(images[0], PLAIN.hw), [disc(), airport()], PROVENANCE)
    writers.add(SceneInfo(images[1], PLAIN.hw), [], PROVENANCE)
    written = [path.as_posix() for path in writers.finish()]
    assert written == ["out/labelme/one/a.json", "out/labelme/two/b.json", "out/labelme/labels.txt"]
    one, two = (loaded(tmp_path / name) for name in written[:2])
    assert one["imagePath"] == "../../../in/one/a.png"
    assert (one["imageHeight"], one["imageWidth"], one["imageData"], two["shapes"]) == (300, 500, None, [])
    assert [(shape["label"], shape["description"]) for shape in one["shapes"]] == [
        ("tank", "the tank"),
        (airport().expression, airport().expression),
    ]
    points = np.array(one["shapes"][0]["points"])
    assert points.min(axis=0).tolist() == [100, 100]
    assert points.max(axis=0).tolist() == [160, 160]
    assert (tmp_path / written[2]).read_text().splitlines() == ["tank", airport().expression]


def test_cvat(tmp_path):
    pytest.importorskip("shapely")
    path, labels = write(tmp_path, ["cvat"], SCENE, [pond(), disc()], PROVENANCE, classes={"the tank": "a <tank>"})
    root = ElementTree.parse(path).getroot()
    assert (root.tag, root.findtext("version")) == ("annotations", "1.1")
    [image] = root.findall("image")
    assert image.attrib == {"id": "0", "name": "Szene ä 1.tif", "width": "500", "height": "300"}
    first, second = image.findall("polygon")
    corners = {tuple(map(float, point.split(","))) for point in first.get("points").split(";")}
    assert corners == {(488, 292), (500, 292), (500, 300), (488, 300)}
    assert second.get("label") == "a <tank>"
    assert [label["name"] for label in loaded(labels)] == [pond().expression, "a <tank>"]


def test_several_expressions_have_one_class(tmp_path):
    pytest.importorskip("shapely")
    asked, classes = ["the tank", "the white terminal", "x"], {"the tank": "round  one", "x": "round one"}
    write(tmp_path, WITH_CLASSES, PLAIN, [disc(), airport()], {}, expressions=asked, classes=classes)
    assert categories(tmp_path) == ["round one", "the white terminal"]
    lines = (tmp_path / "yolo" / "labels" / "photo.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1"]


def test_yolo_says_that_it_trains_on_what_it_measures(tmp_path):
    write(tmp_path, ["yolo"], PLAIN, [], {})
    text = (tmp_path / "yolo" / "data.yaml").read_text()
    assert "# train and val are the same images" in text
    kept = [line for line in text.splitlines() if not line.startswith("#")]
    assert kept == ["train: images", "val: images", "names: []"]


def test_nothing_found_anywhere(tmp_path):
    formats = ["coco", "yolo", "yolo-seg", "labelstudio", "png"]
    coco, *_ = write(tmp_path, formats, PLAIN, [], PROVENANCE)
    assert coco_of(coco).getAnnIds() == []
    assert (tmp_path / "yolo" / "data.yaml").read_text().endswith("names: []\n")
    assert not cv2.imread(str(tmp_path / "photo.mask.png"), cv2.IMREAD_GRAYSCALE).any()


def categories(folder):
    """Return the classes of all formats that have them, which are the same."""
    coco = [category["name"] for category in loaded(folder / "coco.json")["categories"]]
    numbers = [category["id"] for category in loaded(folder / "coco.json")["categories"]]
    assert numbers == list(range(1, len(numbers) + 1))
    config = ElementTree.fromstring((folder / "labelstudio.xml").read_text(encoding="utf-8"))
    for control in config:
        if control.tag != "Image":
            assert [label.get("value") for label in control] == coco
    assert (folder / "yolo" / "classes.txt").read_text("utf-8").splitlines() == coco
    data = (folder / "yolo" / "data.yaml").read_text(encoding="utf-8").splitlines()
    assert json.loads(data[-1].removeprefix("names: ")) == coco
    return coco


WITH_CLASSES = ["coco", "yolo", "yolo-seg", "labelstudio"]


def test_classes_are_what_was_asked_and_not_what_was_found(tmp_path):
    pytest.importorskip("shapely")
    asked = ["the  red\nship", airport().expression]
    for number, found in enumerate(([], [airport()], [pond(), airport()])):
        write(tmp_path / str(number), WITH_CLASSES, PLAIN, found, {}, expressions=asked)
    assert categories(tmp_path / "0") == categories(tmp_path / "1") == ["the red ship", airport().expression]
    assert categories(tmp_path / "2") == ["the red ship", airport().expression, pond().expression]
    (annotation,) = loaded(tmp_path / "1" / "coco.json")["annotations"]
    assert annotation["category_id"] == 2
    assert (tmp_path / "1" / "yolo" / "labels" / "photo.txt").read_text().startswith("1 ")


def test_a_label_is_one_line_and_there_without_an_object(tmp_path):
    pytest.importorskip("shapely")
    write(tmp_path, WITH_CLASSES, PLAIN, [], {}, label="big\nplane\x07\u2028 ä", expressions=["a", "b"])
    assert categories(tmp_path) == ["big plane ä"]
    odd = airport()
    found = Found(odd.mask, odd.origin_xy, odd.box, 0.5, "two\r\nlines")
    write(tmp_path / "odd", WITH_CLASSES, PLAIN, [found], {})
    assert categories(tmp_path / "odd") == ["two lines"]


def test_a_coco_box_is_the_masks_own(tmp_path):
    wide = Found(airport().mask, airport().origin_xy, Box(0, 0, 304.15, 300), 0.5, "the terminal")
    coco, *_ = write(tmp_path, ["coco", "yolo"], SCENE, [wide], {})
    (annotation,) = loaded(coco)["annotations"]
    assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist() == [220, 110, 31, 36]
    assert annotation["box_xyxy"] == [0, 0, 304.15, 300]
    line = (tmp_path / "yolo" / "labels" / "Szene ä 1.txt").read_text().split()
    assert float(line[3]) * 500 == pytest.approx(304.15, abs=1e-4)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("told", [True, False])
def test_images_are_named_from_the_folder_that_all_lie_in(tmp_path, monkeypatch, order, told):
    pytest.importorskip("shapely")
    monkeypatch.chdir(tmp_path)
    images = ["in/sub1/same.tif", str(tmp_path / "in" / "sub2" / "same.tif"), "./in/other/../sub1/deep/ä b.png"]
    writers = open_writers("out", WITH_CLASSES, images=images if told else ())
    for number in order:
        writers.add(SceneInfo(images[number], PLAIN.hw), [pond()] * number, {})
    writers.finish()
    objects = {"sub1/same": 0, "sub2/same": 1, "sub1/deep/ä b": 2}
    for name in ("yolo", "yolo-seg"):
        labels = tmp_path / "out" / name / "labels"
        lines = {str(each.relative_to(labels))[:-4]: each.read_text().count("\n") for each in labels.rglob("*.txt")}
        assert lines == objects
    named = {each["id"]: each["file_name"] for each in loaded(tmp_path / "out" / "coco.json")["images"]}
    assert set(named.values()) == {"sub1/same.tif", "sub2/same.tif", "sub1/deep/ä b.png"}
    tasks = loaded(tmp_path / "out" / "labelstudio.json")
    assert {task["data"]["image"].partition("=")[2] for task in tasks} == {
        "sub1/same.tif",
        "sub2/same.tif",
        "sub1/deep/%C3%A4%20b.png",
    }
