from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import zeroov
from tests.raster.scenes import UTM, write_scene
from zeroov.batch import batch, images_in, one_by_one, read_expressions
from zeroov.batch import images as images_of
from zeroov.bench.mini.measure import questions
from zeroov.cli.main import app
from zeroov.errors import Cancelled, Interrupted, ModelError, OutputError, PictureError, UsageError, ZeroovError
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.progress import Progress
from zeroov.raster.scene import Scene, open_picture
from zeroov.types import Picture, Window

pytestmark = pytest.mark.usefixtures("kept_models")
ASKED = ["the ship", "the largest building"]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images" / "deeper").mkdir(parents=True)
    names = ["a.png", "deeper/b c.png", "ü.jpg"]
    pictures = [question.scene.image for question in questions(3) if question.truth]
    for name, rgb in zip(names, pictures, strict=True):
        Image.fromarray(rgb).save(tmp_path / "images" / name)
    (tmp_path / "images" / "notes.txt").write_text("no image")
    return tmp_path / "images"


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["batch", *map(str, arguments), "--recipe", "mini", "--device", "cpu"])


def mend(path: Path, like: Path) -> None:
    """Write the mirror image of a picture."""
    Image.fromarray(np.asarray(Image.open(like).convert("RGB"))[:, ::-1]).save(path)


def test_every_expression_of_every_image(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("# ships first\nthe ship\n\nthe largest building\nthe ship\n")
    told = run(folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--format", "coco,yolo")
    assert told.exit_code == 0, told.output
    assert "3 images, 3 of them done now, 0 failed" in told.output
    coco = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert len(coco["images"]) == 3
    assert {category["name"] for category in coco["categories"]} <= set(ASKED)
    assert 1 <= len(coco["annotations"]) <= 6
    items = [json.loads(line) for line in (tmp_path / "out" / "answers.jsonl").read_text().splitlines()]
    pipeline = zeroov.load("mini", device="cpu")
    first = next(item for item in items if item["image"].endswith("a.png") and item["found"])
    answer = pipeline.ground(folder / "a.png", first["expression"], undecided=True)
    assert list(answer.box.xyxy) == first["found"][0]["box"]  # type: ignore[union-attr]


@pytest.mark.parametrize(("said", "found", "empty"), [("empty", 1, 1), ("keep", 2, 0)])
def test_what_the_model_says_is_not_there_is_no_label(said: str, found: int, empty: int, tmp_path: Path) -> None:
    present, absent = list(questions(1))
    Image.fromarray(present.scene.image).save(tmp_path / "a.png")
    texts = [present.expression.text, absent.expression.text]
    (tmp_path / "asked.txt").write_text("\n".join(texts))
    command = [tmp_path / "a.png", "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out"]
    command += ["--format", "yolo", "--set", f"said_absent={said}"]
    told = run(*command)
    assert told.exit_code == 0, told.output
    labels = (tmp_path / "out" / "yolo" / "labels" / "a.txt").read_text().splitlines()
    assert len(labels) == found
    assert labels[0].startswith("0 ")
    doubt = "1 of them {}the model says that there is no such object"
    assert f"{found} found" in told.output
    assert f"{empty} empty" in told.output
    assert doubt.format("doubtful: " if said == "keep" else "because ") in told.output
    counts = json.loads(run(*command, "--json").stdout)["answers"]
    by_reason = {"merged": 0, "doubtful": found - 1, "denied": empty, "below": 0}
    assert counts == {"found": found, "empty": empty, **by_reason}
    items = read_items(tmp_path / "out" / "answers.jsonl")
    assert [item["says_absent"] for item in items] == [False, True]
    assert all((item["score"] < 0.1) == item["says_absent"] for item in items)
    assert all(item["found"] for item in items), "what the model denies is kept, and shown on demand"


def test_it_goes_on_and_another_format_asks_no_model(
    folder: Path, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, out = images_in([folder]), tmp_path / "out"
    original = Pipeline.ground
    calls = []

    def dying(self: Pipeline, *question: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, *question, **options)

    monkeypatch.setattr(Pipeline, "ground", dying)
    with pytest.raises(Interrupted, match="1 of 3 images are answered and kept"):
        batch(pipeline, files, ASKED, out, {})
    assert batch(pipeline, files, ASKED, out, {}).done_now == 2
    monkeypatch.setattr(Pipeline, "ground", lambda *_, **__: pytest.fail("a model was asked again"))
    outcome = batch(pipeline, files, ASKED, out, one_by_one(out, ["geotiff", "png"], ASKED, files))
    assert outcome.done_now == 0
    assert len(outcome.files) == 6
    with pytest.raises(OutputError, match="all = False where now it is True"):
        batch(pipeline, files, ASKED, out, {}, every=True)


def test_an_image_that_fails_is_told_and_costs_no_other(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:300])
    (tmp_path / "asked.txt").write_text("the ship\n")
    command = [folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    told = run(*command)
    assert told.exit_code == 1
    report = json.loads(told.stdout)
    assert list(report["failed"]) == [str(folder / "broken.png")]
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["images"]) == 3
    assert run(*command, "--allow-failures").exit_code == 0
    mend(folder / "broken.png", folder / "a.png")
    mended = run(*command)
    assert mended.exit_code == 0, mended.output
    assert json.loads(mended.stdout)["done_now"] == 1
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["images"]) == 4


def boxes(out: Path) -> dict[str, list[Any]]:
    """The boxes in coco.json by the image's name."""
    coco = json.loads((out / "coco.json").read_text())
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    found: dict[str, list[Any]] = {name: [] for name in names.values()}
    for each in coco["annotations"]:
        found[names[each["image_id"]]].append(each["bbox"])
    return found


def test_a_replaced_picture_is_asked_again_and_the_user_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(logging.getLogger("zeroov"), "warning", lambda text, *values: warnings.append(text % values))
    (tmp_path / "asked.txt").write_text("the largest building\n")
    command = [folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    assert run(*command).exit_code == 0
    before = boxes(tmp_path / "out")
    mend(folder / "a.png", folder / "a.png")
    again = json.loads(run(*command).stdout)
    assert again["done_now"] == 1
    assert again["changed"] == [str(folder / "a.png")]
    assert any("1 image changed since the answer" in text for text in warnings)
    after = boxes(tmp_path / "out")
    assert after["a.png"] != before["a.png"]
    assert {name: found for name, found in after.items() if name != "a.png"} == {
        name: found for name, found in before.items() if name != "a.png"
    }
    fresh = tmp_path / "fresh"
    assert run(folder, "--expressions", tmp_path / "asked.txt", "--out", fresh).exit_code == 0
    assert boxes(fresh) == after
    assert json.loads(run(*command).stdout)["done_now"] == 0


def test_a_format_that_holds_a_replaced_picture_does_not_stay(folder: Path, tmp_path: Path, pipeline: Pipeline) -> None:
    files, out = images_in([folder / "a.png"]), tmp_path / "out"
    for name in ("coco", "png"):
        batch(pipeline, files, ["the ship"], out, one_by_one(out, [name], ["the ship"], files))
    assert (out / "coco.json").exists(), "another format of the same answers stays"
    mend(folder / "a.png", folder / "a.png")
    batch(pipeline, files, ["the ship"], out, one_by_one(out, ["png"], ["the ship"], files))
    assert not (out / "coco.json").exists()
    assert (out / "a.mask.png").exists()


def test_another_folders_picture_of_the_same_name_is_another_picture(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asked.txt").write_text("the largest building\n")
    for name in ("first", "second"):
        (tmp_path / name / "img").mkdir(parents=True)
    (tmp_path / "first" / "img" / "a.png").write_bytes((folder / "a.png").read_bytes())
    mend(tmp_path / "second" / "img" / "a.png", folder / "a.png")
    command = ["img", "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    answers = {}
    for name in ("first", "second", "first"):
        monkeypatch.chdir(tmp_path / name)
        done_now = json.loads(run(*command).stdout)["done_now"]
        assert done_now == (name not in answers)
        answers[name] = boxes(tmp_path / "out")
    assert answers["first"] != answers["second"]


def test_a_moved_picture_keeps_its_answer(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("the ship\n")
    command = [folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    assert run(*command).exit_code == 0
    before = boxes(tmp_path / "out")
    (folder / "a.png").rename(folder / "deeper" / "z.png")
    assert json.loads(run(*command).stdout)["done_now"] == 0
    assert boxes(tmp_path / "out")["deeper/z.png"] == before["a.png"]


@pytest.mark.parametrize("stage", ["overview", "focus", "refine"])
def test_other_weights_of_any_model_do_not_go_into_the_same_answers(
    stage: str, folder: Path, tmp_path: Path, pipeline: Pipeline
) -> None:
    from dataclasses import replace

    files = images_in([folder / "a.png"])
    batch(pipeline, files, ["the ship"], tmp_path / "out", {})
    other = zeroov.load("mini", device="cpu")
    located = replace(other.models.locate(stage), revision="0" * 40)  # type: ignore[arg-type]
    other.models._located[stage] = located  # type: ignore[index]
    with pytest.raises(OutputError, match=f"models.{stage}.revision = '[0-9a-f]+' where now it is '0000"):
        batch(other, files, ["the ship"], tmp_path / "out", {})


def test_one_odd_image_costs_itself_alone(
    folder: Path, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, out, original = images_in([folder]), tmp_path / "out", Pipeline.ground

    def odd(self: Pipeline, scene: Any, *question: Any, **options: Any) -> Any:
        if Path(scene.source).name == "b c.png":
            raise AssertionError("a library's own")
        return original(self, scene, *question, **options)

    monkeypatch.setattr(Pipeline, "ground", odd)
    outcome = batch(pipeline, files, ASKED, out, one_by_one(out, ["coco"], ASKED, files))
    assert dict(outcome.failed) == {str(folder / "deeper" / "b c.png"): "AssertionError: a library's own"}
    assert len(boxes(out)) == 2
    again = batch(pipeline, files, ASKED, out, one_by_one(out, ["coco"], ASKED, files))
    assert (again.done_now, again.failed) == (0, outcome.failed)


def test_bands_that_one_image_lacks_cost_no_other(folder: Path, tmp_path: Path) -> None:
    rgb = np.moveaxis(np.asarray(Image.open(folder / "a.png").convert("RGB")), 2, 0)
    write_scene(tmp_path / "images" / "four.tif", np.concatenate([rgb, rgb[:1]]), crs="EPSG:32633", transform=UTM)
    (tmp_path / "asked.txt").write_text("the ship\n")
    command = [folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json", "--bands", "4,3,2"]
    told = run(*command)
    assert told.exit_code == 1
    report = json.loads(told.stdout)
    assert len(report["failed"]) == 3
    assert all("one band or three, each from 1 to 3" in reason for reason in report["failed"].values())
    assert list(boxes(tmp_path / "out")) == ["four.tif"]


def test_work_that_ends_early_leaves_the_formats_of_what_was_answered(
    folder: Path, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, out, original = images_in([folder]), tmp_path / "out", Pipeline.ground
    calls = []

    def ending(self: Pipeline, *question: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise ModelError("the weights are gone")
        return original(self, *question, **options)

    monkeypatch.setattr(Pipeline, "ground", ending)
    with pytest.raises(ModelError, match="gone"):
        batch(pipeline, files, ASKED, out, one_by_one(out, ["coco"], ASKED, files))
    assert len(boxes(out)) == 1
    monkeypatch.setattr(Pipeline, "ground", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("zeroov.errors.SAME_IN_A_ROW", 2)
    with pytest.raises(ZeroovError, match="2 in a row failed, the last with ZeroDivisionError"):
        batch(pipeline, files, ASKED, out, one_by_one(out, ["coco"], ASKED, files))
    assert len(boxes(out)) == 1


def test_a_format_that_breaks_costs_no_other(
    folder: Path, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, out = images_in([folder]), tmp_path / "out"
    monkeypatch.setattr("zeroov.outputs.formats.yolo.Yolo.add", lambda *_: 1 / 0)
    outcome = batch(pipeline, files, ASKED, out, one_by_one(out, ["yolo", "coco"], ASKED, files))
    assert set(outcome.failed.values()) == {"not in yolo: ZeroDivisionError: division by zero"}
    assert len(boxes(out)) == 3


def test_a_second_batch_in_the_same_folder_waits_for_nobody_and_is_refused(
    folder: Path, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    files, out, refused = images_in([folder / "a.png"]), tmp_path / "out", []

    def meanwhile(*_: Any, **__: Any) -> Any:
        with pytest.raises(OutputError, match=f"another process works on .*answers.jsonl` .process {os.getpid()} on"):
            batch(pipeline, files, ASKED, out, {})
        refused.append(1)
        raise PictureError("enough")

    monkeypatch.setattr(Pipeline, "ground", meanwhile)
    batch(pipeline, files, ASKED, out, {})
    assert refused
    assert not list(out.glob("*.lock"))


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images"):
        images_in([tmp_path])
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    with pytest.raises(UsageError, match="no expression"):
        read_expressions(tmp_path / "empty.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        read_expressions(tmp_path / "bytes.txt")


def test_large_scenes_are_searched(tmp_path: Path, pipeline: Pipeline) -> None:
    rgb = np.concatenate([q.scene.image for q in questions(3) if q.truth], axis=1)
    Image.fromarray(rgb).save(tmp_path / "wide.png")
    outcome = batch(pipeline, [tmp_path / "wide.png"], ["the ship"], tmp_path / "out", {})
    assert not outcome.failed


def test_a_tile_that_fails_costs_nothing_that_was_found(
    tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = [q for q in questions(3) if q.truth]
    rgb = np.concatenate([q.scene.image for q in (first, *others)], axis=1)
    Image.fromarray(rgb).save(tmp_path / "wide.png")
    original = Scene.read

    def damaged(self: Scene, window: Window | None = None, most: int = 0, **options: Any) -> Picture:
        if window and window.x1 == rgb.shape[1] and window.x0 > 0:
            raise PictureError("the file is damaged there")
        return original(self, window, most, **options)

    monkeypatch.setattr(Scene, "read", damaged)
    writers = one_by_one(tmp_path / "out", ["coco"], [first.expression.text], [tmp_path / "wide.png"])
    outcome = batch(pipeline, [tmp_path / "wide.png"], [first.expression.text], tmp_path / "out", writers)
    (reason,) = outcome.failed.values()
    assert "1 of 4 tiles failed" in reason
    assert "damaged" in reason
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"]) == 1


def test_an_image_that_a_format_refuses_costs_no_other(folder: Path, tmp_path: Path) -> None:
    rgb = np.asarray(Image.open(folder / "a.png").convert("RGB"))
    for name in ("first.tif", "last.tif"):
        write_scene(tmp_path / name, np.moveaxis(rgb, 2, 0), crs="EPSG:32633", transform=UTM)
    (tmp_path / "asked.txt").write_text("the ship\n")
    images = [tmp_path / "first.tif", folder / "a.png", tmp_path / "last.tif"]
    command = [*images, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    told = run(*command, "--format", "coco,geojson")
    assert told.exit_code == 1
    report = json.loads(told.stdout)
    assert list(report["failed"]) == [str(folder / "a.png")]
    assert "not in geojson: " in report["failed"][str(folder / "a.png")]
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["images"]) == 3
    assert len(list((tmp_path / "out").rglob("*.geojson"))) == 2
    again = run(*command, "--format", "coco")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["done_now"] == 0
    assert run(*command, "--format", "geojson", "--allow-failures").exit_code == 0


def test_a_format_that_cannot_be_finished_costs_no_other(
    tmp_path: Path, folder: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, files = tmp_path / "out", images_in([folder / "a.png"])
    writers = one_by_one(out, ["labelstudio", "coco"], ["the ship"], files)
    (out / "labelstudio.json").mkdir(parents=True)
    outcome = batch(pipeline, files, ["the ship"], out, writers)
    assert "labelstudio.json" in outcome.unwritten["labelstudio"]
    assert outcome.files == (out / "coco.json",)
    (tmp_path / "asked.txt").write_text("the ship\n")

    def full(_: Any) -> Any:
        raise OutputError("no space left")

    monkeypatch.setattr("zeroov.outputs.formats.yolo.Yolo.finish", full)
    command = [*files, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "other", "--allow-failures"]
    told = run(*command, "--format", "yolo")
    assert told.exit_code == 1
    assert "format yolo was not written: no space left" in told.output


def test_what_was_written_is_no_image(folder: Path, tmp_path: Path) -> None:
    files = images_in([folder])
    inside = folder / "labels"
    (inside / "deeper").mkdir(parents=True)
    (inside / "a.mask.tif").touch()
    (inside / "deeper" / "other.png").touch()
    assert images_in([folder], inside) == files
    assert images_in([inside / "a.mask.tif"], inside) == [inside / "a.mask.tif"]  # named, so it is meant
    for written in ("a.mask.tif", "deeper/b c.mask.png", "deeper/b c.png.instances.tif"):
        (folder / written).touch()
    (folder / "another.mask.png").touch()
    found = images_in([folder], folder)  # as after a run whose files went where the images are
    assert {path.relative_to(folder).as_posix() for path in found} == {
        *(path.relative_to(folder).as_posix() for path in files),
        "another.mask.png",
        "labels/deeper/other.png",
    }


def test_one_file_under_two_spellings_is_one_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    twice = [Path("a.png"), folder / "a.png", folder / "deeper" / ".." / "a.png"]
    assert images_in(twice) == [Path("a.png")]
    assert len(images_in([*twice, folder])) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["IMAGES", "none.tif", "--out", "OUT"], "no such file or folder"),
        (["IMAGES", "--out", "FILE"], "is a file"),
        (["IMAGES", "--out", "OUT", "--format", ",,"], "without a name"),
        (["IMAGES", "--out", "OUT", "--bands", "x"], "--bands"),
        (["IMAGES", "--out", "OUT", "--format", "coco,sheets"], "`sheets` is no format; did you mean `sheet`?"),
    ],
)
def test_wrong_use_is_told_before_anything_is_made(
    wrong: list[str], message: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "asked.txt").write_text("the ship\n")
    (tmp_path / "old.json").write_text("{}")
    places = {"IMAGES": folder, "OUT": tmp_path / "out", "FILE": tmp_path / "old.json"}
    told = run(*[places.get(word, word) for word in wrong], "--expressions", tmp_path / "asked.txt")
    assert told.exit_code == 2, told.output
    assert message in told.output
    assert not (tmp_path / "out").exists()


def test_a_single_look_keeps_to_what_is_valid(tmp_path: Path, pipeline: Pipeline) -> None:
    question = next(q for q in questions(3) if q.truth)
    bands = np.moveaxis(question.scene.image, 2, 0).copy()
    files = [write_scene(tmp_path / "whole.tif", bands, nodata=255)]
    outcome = pipeline.ground(files[0], question.expression.text)
    assert outcome.box
    _, y0, x1, y1 = map(int, outcome.box.xyxy)
    bands[:, y0:y1, x1 - 3 : x1] = 255
    files.append(write_scene(tmp_path / "hole.tif", bands, nodata=255))
    writers = one_by_one(tmp_path / "out", ["png"], [question.expression.text], files)
    assert not batch(pipeline, files, [question.expression.text], tmp_path / "out", writers).failed
    mask = np.asarray(Image.open(tmp_path / "out" / "hole.mask.png")) > 0
    assert mask.any()
    valid = open_picture(files[1]).valid
    assert valid is not None
    assert not (mask & ~valid).any()


def test_a_stop_inside_an_image_ends_the_work_and_is_no_failure_of_the_image(
    pipeline: Pipeline, folder: Path, tmp_path: Path
) -> None:
    class StopsInside(Progress):
        def inner(self) -> Progress:
            self.stop()
            return super().inner()

    with pytest.raises(Cancelled):
        batch(pipeline, images_in([folder]), ASKED, tmp_path / "out", {}, progress=StopsInside())
    assert not read_items(tmp_path / "out" / "answers.jsonl")


def test_two_images_of_one_content_are_asked_once_and_both_have_the_answer(folder: Path, tmp_path: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    (tmp_path / "asked.txt").write_text("the largest building\n")
    command = [folder, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    command += ["--format", "yolo", "--set", "said_absent=keep"]
    run(*command)
    assert len(read_items(tmp_path / "out" / "answers.jsonl")) == 3
    labels = tmp_path / "out" / "yolo" / "labels"
    assert (labels / "copy.txt").read_text() == (labels / "a.txt").read_text() != ""
    again = run(*command)
    assert json.loads(again.stdout)["done_now"] == 0
    assert "twice" not in again.stderr


def test_a_failure_is_that_of_every_copy_and_one_that_cannot_be_read_is_asked_each_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("broken.png", "copy.png", "locked.png"):
        (folder / name).write_bytes((folder / "a.png").read_bytes()[:300])
    content = images_of.image_content
    monkeypatch.setattr(images_of, "image_content", lambda path: "" if path.name == "locked.png" else content(path))
    images = [folder / name for name in ("a.png", "broken.png", "copy.png", "locked.png")]
    (tmp_path / "asked.txt").write_text("the ship\n")
    command = [*images, "--expressions", tmp_path / "asked.txt", "--out", tmp_path / "out", "--json"]
    for done_now in (4, 1, 1):
        told = run(*command)
        report = json.loads(told.stdout)
        assert set(report["failed"]) == set(map(str, images[1:])), told.output
        assert report["done_now"] == done_now
        assert "twice" not in told.stderr
