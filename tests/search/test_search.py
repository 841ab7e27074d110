"""One object in a scene that is too large for one look, with the miniature models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zeroov
from zeroov import frames
from zeroov.errors import HardwareError, PictureError
from zeroov.ground import Pipeline
from zeroov.language.phrase import parse
from zeroov.mini.expressions import ask
from zeroov.mini.scenes import Scene, SceneStyle, make_scene, seed_for
from zeroov.outputs.answer import Answer
from zeroov.progress import SILENT
from zeroov.raster.scene import open_source
from zeroov.search.near import look_closer
from zeroov.search.plan import described, neighbours
from zeroov.types import Box, Candidate

pytestmark = pytest.mark.usefixtures("kept_models")
STYLE = SceneStyle(height_width=(560, 640), scale=0.8, objects=(3, 6))


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture
def mapping(tmp_path: Path) -> Pipeline:
    """A pipeline that keeps its maps: a scene that is asked again, in another way, is not looked at again."""
    return zeroov.load("mini", device="cpu", dumps=tmp_path / "maps")


@pytest.fixture(scope="module")
def asked() -> list[tuple[Scene, str, int]]:
    found = []
    for index in range(40):
        scene = make_scene(seed_for("test", 5000 + index), STYLE)
        expression = ask(scene, np.random.default_rng(index), ("colour", "position", "category"))
        if expression and expression.target is not None:
            found.append((scene, expression.text, expression.target))
        if len(found) == 4:
            break
    return found


def look(pipeline: Pipeline, folder: Path, rgb: Any, expression: str, **options: Any) -> Answer:
    Image.fromarray(rgb).save(folder / "scene.tif")
    return pipeline.ground(folder / "scene.tif", expression, search=True, **options)


def test_one_referent_for_the_scene(pipeline: Pipeline, asked: list[tuple[Scene, str, int]], tmp_path: Path) -> None:
    ious = []
    for scene, expression, target in asked:
        answer = look(pipeline, tmp_path, scene.image, expression)
        assert len(answer.found) <= 1
        assert len(answer.tiles) > 4
        assert {tile.status for tile in answer.tiles} == {"looked"}
        truth = Box(*map(float, scene.objects[target].box_xyxy))
        ious.append(frames.box_iou(answer.found[0].box, truth) if answer.found else 0.0)
        for found in answer.found:
            assert found.expression == expression
            x0, y0, x1, y1 = found.window_xyxy
            assert 0 <= x0 < x1 <= 640
            assert 0 <= y0 < y1 <= 560
    assert np.mean(np.array(ious) > 0.5) >= 0.5


def test_every_object_of_a_kind_is_found_once(pipeline: Pipeline, tmp_path: Path) -> None:
    hits = total = extra = 0
    for index in range(2):
        scene = make_scene(seed_for("test", 6000 + index), STYLE)
        kind = scene.objects[0].kind
        truths = [Box(*map(float, thing.box_xyxy)) for thing in scene.objects if thing.kind == kind]
        answer = look(pipeline, tmp_path, scene.image, f"the {kind}", every=True)
        matched = [[t for t in truths if frames.box_iou(t, found.box) > 0.4] for found in answer.found]
        assert all(len(m) <= 1 for m in matched)
        hit = {m[0].xyxy for m in matched if m}
        assert len(hit) == sum(bool(m) for m in matched)  # none twice
        hits, total, extra = hits + len(hit), total + len(truths), extra + sum(not m for m in matched)
    assert hits / total >= 0.5, (hits, total, extra)


def test_tiles_of_nodata_are_told_and_never_looked_at(
    pipeline: Pipeline, asked: list[tuple[Scene, str, int]], tmp_path: Path
) -> None:
    rasterio = pytest.importorskip("rasterio")
    scene, expression, _ = asked[0]
    rgb = scene.image.copy()
    rgb[rgb == 0] = 1
    rgb[:300] = 0
    profile = {"driver": "GTiff", "width": 640, "height": 560, "count": 3, "dtype": "uint8", "nodata": 0}
    with rasterio.open(
        tmp_path / "half.tif", "w", **profile, crs="EPSG:32633", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)
    ) as file:
        file.write(rgb.transpose(2, 0, 1))
    answer = pipeline.ground(tmp_path / "half.tif", expression)
    nodata = [tile for tile in answer.tiles if tile.status == "nodata"]
    assert nodata
    assert all(tile.window[3] <= 310 for tile in nodata)


def test_a_tile_that_fails_is_in_the_result(
    pipeline: Pipeline, asked: list[tuple[Scene, str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zeroov.overview import stage

    original = stage.look

    def failing(models: Any, pictures: Any, *others: Any) -> Any:
        if any(picture.rgb[0, 0].tolist() == corner for picture in pictures):
            raise HardwareError("overview ran out of device memory")
        return original(models, pictures, *others)

    scene, expression, _ = asked[1]
    corner = scene.image[0, 0].tolist()
    first = look(pipeline, tmp_path, scene.image, expression)
    pipeline.models.drop_all()
    monkeypatch.setattr(stage, "look", failing)
    second = look(pipeline, tmp_path, scene.image, expression)
    assert not first.failed
    assert len(second.tiles) == len(first.tiles)
    assert {tile.reason for tile in second.failed} <= {"overview ran out of device memory"}
    assert 0 < len(second.failed) < len(second.tiles)


def test_a_scene_without_anything_is_empty_and_no_error(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from zeroov.cli.main import app

    ground = make_scene(seed_for("test", 1), SceneStyle(height_width=(560, 560), objects=(0, 0)))
    Image.fromarray(ground.image).save(tmp_path / "bare.tif")
    command = ["ground", str(tmp_path / "bare.tif"), "the red plane", "--recipe", "mini", "--scene", "--json"]
    options = ["--set", "min_score=0.3", "--out", str(tmp_path / "out"), "--format", "geotiff,coco"]
    told = CliRunner().invoke(app, [*command, *options])
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert report["status"] == "empty"
    assert report["found"] == []
    assert json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"] == []
    assert (tmp_path / "out" / "bare.mask.tif").exists()


def test_what_is_nodata_is_no_object(mapping: Pipeline, asked: list[tuple[Scene, str, int]], tmp_path: Path) -> None:
    """It is drawn black, and looks like a black building."""
    rasterio = pytest.importorskip("rasterio")
    rgb = np.maximum(asked[0][0].image, 1)
    rgb[240:361, 240:361] = 0
    profile = {"driver": "GTiff", "width": 640, "height": 560, "count": 3, "dtype": "uint8", "nodata": 0}
    placed = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(tmp_path / "hole.tif", "w", **profile, **placed) as file:
        file.write(rgb.transpose(2, 0, 1))
    for every in (False, True):
        with open_source(tmp_path / "hole.tif") as scene:
            answer = mapping.ground(scene, "the black building", every=every)
            valid = scene.read().valid
        assert valid is not None
        for found in answer.found:
            x0, y0, x1, y1 = found.window_xyxy
            assert valid[y0:y1, x0:x1][found.mask].all()


def test_a_scene_without_a_valid_pixel_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    profile = {"driver": "GTiff", "width": 640, "height": 560, "count": 3, "dtype": "uint8", "nodata": 0}
    placed = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(tmp_path / "none.tif", "w", **profile, **placed) as file:
        file.write(np.zeros((3, 560, 640), np.uint8))
    with pytest.raises(PictureError, match="no valid pixel"):
        pipeline.ground(tmp_path / "none.tif", "the ship")


def test_a_strip_that_no_model_takes_in_one_piece_is_searched(pipeline: Pipeline, tmp_path: Path) -> None:
    style = SceneStyle(height_width=(560, 640), scale=0.8, objects=(3, 6))
    wide = np.concatenate([make_scene(seed_for("test", 7200 + i), style).image[200:224] for i in range(9)], axis=1)
    answer = look(pipeline, tmp_path, wide, "the ship")
    assert answer.words == ""
    assert {tile.status for tile in answer.tiles} == {"looked"}


@pytest.mark.parametrize("words", ["to the left of the bridge", "on the left"])
def test_words_that_name_no_thing_are_asked_as_they_are(words: str) -> None:
    assert described(parse(words)) == words
    assert described(parse(f"the large black ship {words}")) == "the large black ship"
    assert described(parse(f"the large black ship {words}"), sizes=False) == "the black ship"


def test_each_neighbour_is_asked_for() -> None:
    phrase = parse("the ship between the bridge and the white plane")
    assert neighbours(phrase) == [(0, 0, "the bridge"), (0, 1, "the white plane")]
    assert neighbours(parse("the ship near the bus and near the truck")) == [(0, 0, "the bus"), (1, 0, "the truck")]
    assert neighbours(parse("the ship near the white plane on the left")) == [(0, 0, "the white plane")]


def test_things_of_the_same_kind_are_the_candidates() -> None:
    assert neighbours(parse("the ship near the other ship")) == []
    assert neighbours(parse("the white ship near the black ship")) == [(0, 0, "the black ship")]
    assert neighbours(parse("the ship to the right of the first one")) == []


def test_what_cannot_be_decoded_is_no_object(
    mapping: Pipeline, asked: list[tuple[Scene, str, int]], tmp_path: Path
) -> None:
    """It is drawn black too where a window is reduced, and the glance's own box may lie on it."""
    rasterio = pytest.importorskip("rasterio")
    profile = {"driver": "GTiff", "width": 640, "height": 560, "count": 3, "dtype": "uint8", "compress": "deflate"}
    profile |= {"tiled": True, "blockxsize": 64, "blockysize": 64, "interleave": "pixel"}
    placed = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(tmp_path / "cut.tif", "w", **profile, **placed) as file:
        file.write(asked[0][0].image.transpose(2, 0, 1))
    whole_bytes = (tmp_path / "cut.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole_bytes[: len(whole_bytes) * 2 // 3])
    for words, every in (("the building", False), ("the black building", False), ("the building", True)):
        with open_source(tmp_path / "cut.tif") as scene:
            answer = mapping.ground(scene, words, every=every)
            assert answer.failed
            valid = scene.read(tolerant=True).valid
        assert valid is not None
        damaged = ~valid
        for found in answer.found:
            x0, y0, x1, y1 = found.window_xyxy
            assert not damaged[y0:y1, x0:x1][found.mask].any()


def test_the_closer_look_in_a_search_merges_boxes_as_the_recipe_says(
    asked: list[tuple[Scene, str, int]], tmp_path: Path
) -> None:
    scene, expression, target = asked[0]
    truth = Box(*map(float, scene.objects[target].box_xyxy))
    seen = Box(truth.x0 - 6, truth.y0 - 6, truth.x1 + 2, truth.y1 + 2)  # as a tile may have seen it
    Image.fromarray(scene.image).save(tmp_path / "scene.tif")
    text = described(parse(expression), sizes=False)
    boxes = {}
    for rule, whole in (("refined", True), ("mean", True), ("weighted", True), ("mean", False)):
        with (
            zeroov.load("mini", device="cpu", zoom__merge=rule) as pipeline,
            open_source(tmp_path / "scene.tif") as opened,
        ):
            candidate = Candidate(seen, 0.5, whole)
            found = look_closer(pipeline, opened, candidate, text, expression, pipeline.recipe, 1, SILENT)
        assert found
        boxes[rule, whole] = np.array(found.box.xyxy)
    refined = boxes["refined", True]
    assert frames.box_iou(Box(*refined), truth) > 0.5
    assert boxes["mean", True] == pytest.approx((refined + seen.xyxy) / 2)
    weighted = (boxes["weighted", True] - seen.xyxy)[0] / (refined - seen.xyxy)[0]
    assert 0 < weighted < 1
    assert weighted != pytest.approx(0.5)
    assert boxes["mean", False] == pytest.approx(refined)  # the tile's edge cut this one off


def test_an_object_longer_than_a_tile_is_found_whole(pipeline: Pipeline, tmp_path: Path) -> None:
    scene = make_scene(seed_for("test", 3), SceneStyle(height_width=(896, 896), scale=4.0))
    truth = next(Box(*map(float, each.box_xyxy)) for each in scene.objects if each.kind == "building")
    Image.fromarray(scene.image).save(tmp_path / "scene.tif")
    part = Candidate(Box(336, 672, 358, 698), 0.4, whole=False)  # what a tile of 224 pixels sees of it
    with open_source(tmp_path / "scene.tif") as opened:
        found = look_closer(pipeline, opened, part, "the building", "the building", pipeline.recipe, 1, SILENT)
    assert found
    assert frames.box_iou(found.box, truth) > 0.9
