"""A batch in shards: the same answers as in one piece, merged a shard at a time."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import zeroov
from scripts import bench_scale
from tests.raster.scenes import UTM, write_scene
from zeroov.batch import Row, batch, finished_parts, merge, one_by_one, rows_in
from zeroov.batch import write as writing
from zeroov.bench.mini.measure import questions
from zeroov.cli.main import app
from zeroov.errors import OutputError, UsageError
from zeroov.files import spool
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.outputs import write as formats
from zeroov.outputs.formats import coco, geoparquet
from zeroov.shards import Shard

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.usefixtures("kept_models")
ASKED = ["the ship", "the largest building"]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    pictures = [question.scene.image for question in questions(4) if question.truth]
    for number, rgb in enumerate(pictures):
        write_scene(folder / f"{number}.tif", np.moveaxis(rgb, 2, 0), crs="EPSG:32633", transform=UTM)
    (folder / "asked.txt").write_text("the ship\tship\nthe largest building\n")
    return folder


@pytest.fixture(scope="module")
def sharded(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch of one damaged image and four others, in three shards, none merged."""
    folder = tmp_path_factory.mktemp("sharded")
    shutil.copytree(images, folder / "images")
    (folder / "images" / "damaged.tif").write_bytes((images / "0.tif").read_bytes()[:500])
    for index in (1, 2, 3):
        done = run(folder, f"--shard={index}/3", "--format=coco,geoparquet")
        assert "when all are done: zeroov batch --merge" in done.output
        assert "--format coco" in done.output
    return folder


def run(folder: Path, *options: str, out: str = "out", merging: bool = False) -> Any:
    given = [] if merging else [str(folder / "images"), "--expressions", str(folder / "images" / "asked.txt")]
    command = ["batch", *given, "--out", str(folder / out), *options]
    return CliRunner().invoke(app, [*command, *([] if merging else ["--recipe=mini", "--device=cpu"])])


def labels(path: Path) -> set[str]:
    """What a COCO file says, without its numbers."""
    document = json.loads(path.read_bytes())
    images = {image["id"]: image["file_name"] for image in document["images"]}
    classes = {each["id"]: each["name"] for each in document["categories"]}
    said = set()
    for each in document["annotations"]:
        about = each["attributes"] | {"source": Path(each["attributes"]["source"]).name}
        facts = [images[each["image_id"]], classes[each["category_id"]], each["segmentation"], each["score"], about]
        said.add(json.dumps(facts, sort_keys=True))
    return said | {f"image {name}" for name in images.values()}


def test_merged_shards_hold_what_one_batch_holds(sharded: Path) -> None:
    whole = run(sharded, "--format=coco,geoparquet,png", out="whole")
    merged = run(sharded, "--merge", "--format=coco,geoparquet,png", merging=True)
    assert whole.exit_code == merged.exit_code == 1, merged.output
    assert "5 images" in merged.output
    assert "1 failed" in merged.output
    assert "damaged.tif" in merged.output
    assert labels(sharded / "out" / "coco.json") == labels(sharded / "whole" / "coco.json")
    assert {path.name for path in (sharded / "out").glob("*.png")} == {f"{number}.mask.png" for number in range(4)}
    for path in (sharded / "whole").glob("*.png"):
        assert path.read_bytes() == (sharded / "out" / path.name).read_bytes()
    rows = parquet.read_table(sharded / "out" / "objects.parquet").num_rows
    parts = sorted((sharded / "out").glob("objects-*-of-0003.parquet"))
    assert len(parts) == 3
    assert sum(parquet.read_table(part).num_rows for part in parts) == rows > 0


def test_a_threshold_at_the_merge_asks_no_model(sharded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pipeline, "ground", lambda *_, **__: pytest.fail("a model was asked"))
    merged = run(sharded, "--merge", "--min-score=1", "--json", merging=True)
    report = json.loads(merged.stdout)
    assert report["answers"]["found"] == 0
    assert report["answers"]["below"] > 0
    again = run(sharded, "--shard=2/3", "--json")
    assert json.loads(again.stdout)["done_now"] == 0
    assert json.loads(again.stdout)["shard"] == "2/3"


def test_a_merge_removes_the_files_of_images_that_are_gone_and_no_others(
    sharded: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(sharded, tmp_path / "copy")
    copy = tmp_path / "copy"
    for index in (1, 2, 3):
        run(copy, f"--shard={index}/3")  # the images lie elsewhere now
    run(copy, "--merge", "--format=png,geojson", merging=True)
    (copy / "out" / "4.mask.png").write_bytes(b"the user's own")
    masks = {path.name for path in (copy / "out").glob("*.mask.png")}
    assert masks == {"0.mask.png", "1.mask.png", "2.mask.png", "3.mask.png", "4.mask.png"}
    (copy / "images" / "2.tif").unlink()
    for index in (1, 2, 3):
        run(copy, f"--shard={index}/3")
    run(copy, "--merge", "--format=png", merging=True)
    assert {path.name for path in (copy / "out").glob("*.mask.png")} == masks - {"2.mask.png"}
    assert {path.name for path in (copy / "out").glob("*.geojson")} == {"0.geojson", "1.geojson", "3.geojson"}
    assert "removed 2 files of images that were replaced or are gone" in caplog.text
    run(copy, "--merge", "--format=coco", merging=True)
    listed = json.loads((copy / "out" / "answers.written.json").read_bytes())
    assert sorted(listed) == ["geojson", "png"], "one document of all images needs no list of them"


def test_what_is_not_finished_or_does_not_belong_is_refused(sharded: Path, tmp_path: Path) -> None:
    shutil.copytree(sharded, tmp_path / "copy")
    copy = tmp_path / "copy"
    (copy / "out" / "answers-0002-of-0003.done.json").unlink()
    refused = run(copy, "--merge", merging=True)
    assert refused.exit_code == 2
    assert "of 3 shards 1 are not finished (2)" in refused.output
    for options in (["--shard=1/4"], []):
        refused = run(copy, *options)
        assert refused.exit_code == 1
        assert "is one of 3 shards" in refused.output
    assert "dealt by turn or by hash" in run(copy, "--shard=2/3", "--shard-by=name").output
    assert "all = False where now it is True" in run(copy, "--shard=2/3", "--all").output
    with pytest.raises(UsageError, match="no shards"):
        finished_parts(tmp_path)
    assert "leave out images and --shard" in run(copy, "--merge", "--shard=1/3").output


def test_an_array_job_is_a_shard_and_says_so(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    command = ["batch", str(images / "1.tif"), str(images / "2.tif"), "--expressions", str(images / "asked.txt")]
    command += ["--out", str(tmp_path), "--recipe=mini", "--device=cpu"]
    assert "give --of N" in CliRunner().invoke(app, command).output
    done = CliRunner().invoke(app, [*command, "--of=2"])
    assert "shard 2 of 2, as this process was started; --shard 1/1 does the whole" in done.output
    (journal,) = tmp_path.glob("*.jsonl")
    assert journal.name == "answers-0002-of-0002.jsonl"
    assert {Path(item["image"]).name for item in read_items(journal)} == {"2.tif"}


def test_lists_name_images_their_owner_and_what_is_asked(
    images: Path, tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images)
    (tmp_path / "list.txt").write_text("# two\n0.tif\n\n1.tif\n0.tif\n")
    assert rows_in([str(tmp_path / "list.txt")]) == [Row("0.tif"), Row("1.tif")]
    monkeypatch.setattr("sys.stdin", io.StringIO("2.tif\ns3://bucket/a.tif\n"))
    assert rows_in(["-"]) == [Row("2.tif"), Row("s3://bucket/a.tif")]
    columns = {"image": ["0.tif", "1.tif", "0.tif"], "id": ["a", None, "b"]}
    columns["expressions"] = [["the ship"], None, ["The  ship", "the tank"]]  # type: ignore[assignment]
    parquet.write_table(pyarrow.table(columns), tmp_path / "list.parquet")
    rows = rows_in([str(tmp_path / "list.parquet")])
    assert rows == [Row("0.tif", "a", ("the ship", "The ship", "the tank")), Row("1.tif")]
    own = batch(pipeline, rows[:1], [], tmp_path / "own", {}, shard=Shard(1, 2))
    assert (own.images, own.unanswered) == (1, 0)
    batch(pipeline, [], ["the ship", "the pier"], tmp_path / "own", {}, shard=Shard(2, 2))
    parts = finished_parts(tmp_path / "own")
    assert (parts.images, parts.questions) == (1, 3)
    assert list(parts.expressions) == ["the ship", "The ship", "the tank", "the pier"]
    with pytest.raises(UsageError, match=r"`1\.tif` has no expression of its own"):
        batch(pipeline, rows, [], tmp_path / "out", {})
    writers = one_by_one(tmp_path / "out", ["geojson"], ["the largest building", "the ship"], ["0.tif", "1.tif"])
    outcome = batch(pipeline, rows, ["the largest building"], tmp_path / "out", writers)
    assert (outcome.images, outcome.failed) == (2, {})
    asked = [(Path(item["image"]).name, item["expression"]) for item in read_items(tmp_path / "out" / "answers.jsonl")]
    assert asked[-1] == ("1.tif", "the largest building")
    assert {text for name, text in asked if name == "0.tif"} == {"the ship", "The ship", "the tank"}
    features = json.loads((tmp_path / "out" / "0.geojson").read_bytes())["features"]
    assert {each["properties"]["image_id"] for each in features} == {"a"}


def test_rows_of_one_image_fall_to_one_shard_in_turn_and_by_hash(tmp_path: Path) -> None:
    names = [f"{number % 50}.tif" for number in range(100)]
    (tmp_path / "list.txt").write_text("\n".join(names))
    for by_hash in (False, True):
        parts = [rows_in([str(tmp_path / "list.txt")], None, Shard(i, 4), by_hash=by_hash) for i in (1, 2, 3, 4)]
        assert sorted(row.image for part in parts for row in part) == sorted(set(names))
    before = rows_in([str(tmp_path / "list.txt")], None, Shard(2, 4), by_hash=True)
    (tmp_path / "list.txt").write_text("\n".join(["new.tif", *names]))
    after = rows_in([str(tmp_path / "list.txt")], None, Shard(2, 4), by_hash=True)
    assert [row for row in after if row.image != "new.tif"] == before


@pytest.mark.parametrize(("name", "content"), [("a.txt", None), ("a.parquet", b"no"), ("b.parquet", "images")])
def test_a_list_that_cannot_be_read_is_refused(name: str, content: bytes | str | None, tmp_path: Path) -> None:
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content:
        parquet.write_table(pyarrow.table({content: ["a.tif"]}), tmp_path / name)
    with pytest.raises(UsageError, match=r"cannot be read|has no column `image`; did you mean `images`"):
        rows_in([str(tmp_path / name)])


def test_one_document_for_too_many_questions_is_refused_before_the_work(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(images, tmp_path / "images")
    monkeypatch.setattr(formats, "MOST_QUESTIONS", 7)
    refused = run(tmp_path)
    assert refused.exit_code == 2
    assert "coco is one file for all of 8 questions, and takes 7; write geoparquet" in refused.output
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(coco, "MOST_BYTES", 100)
    writer = coco.Coco(tmp_path / "coco.json", expressions=ASKED)
    with pytest.raises(OutputError, match="would have more than"):
        writer.finish()
    assert os.listdir(tmp_path) == ["images"]  # noqa: PTH208 - the names alone


def test_merging_costs_memory_for_the_shard_in_hand_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 10_000)
    monkeypatch.setattr(geoparquet, "ROWS", 20)
    monkeypatch.setattr(writing, "TOGETHER", 10)
    bench_scale.merging(tmp_path / "first", shards=4, results=8)  # what is imported and kept for all
    few = bench_scale.merging(tmp_path / "few", shards=4, results=20)
    many = bench_scale.merging(tmp_path / "many", shards=20, results=200)
    assert (few["rows"], many["rows"]) == (20, 200)
    assert many["traced_mib"] < few["traced_mib"] + 0.35, (
        "rows that were held would be 0.5 MiB, and their table as much"
    )


def test_objects_of_many_images_become_polygons_in_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench_scale.write_shards(tmp_path / "out", shards=3, results=30)
    features = pytest.importorskip("rasterio.features")
    calls, shapes = [], features.shapes
    monkeypatch.setattr(features, "shapes", lambda *args, **options: calls.append(1) or shapes(*args, **options))
    parts = finished_parts(tmp_path / "out")
    outcome = merge(parts, one_by_one(tmp_path / "out", ["geoparquet"], parts.expressions, []), bench_scale.RECIPE)
    assert outcome.answers["found"] == parquet.read_table(outcome.files[0]).num_rows == 30
    assert len(calls) == 1
