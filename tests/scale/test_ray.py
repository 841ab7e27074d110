"""A batch on a cluster of two nodes: the answers of one process, also when one of the nodes is lost."""

from __future__ import annotations

import gc
import logging
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

import zeroov
from tests.layouts import write_layout
from zeroov import recipe as recipes
from zeroov.batch import batch, images_in, one_by_one
from zeroov.bench.mini.measure import questions
from zeroov.bench.runs.records import read_run
from zeroov.cli.main import app
from zeroov.errors import HardwareError
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.pipeline.models import MODEL_STAGES, LoadedModels, ModelStage
from zeroov.scale.pool import Answers, Row
from zeroov.scale.ray import RayEngine, Work

pytestmark = [
    pytest.mark.far,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ray = pytest.importorskip("ray")
ASKED = ["the ship", "the largest building"]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes of 4 logical CPUs each; the driver belongs to the first."""
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 4, "object_store_memory": 200 * 2**20})
        cluster.add_node(num_cpus=4, object_store_memory=200 * 2**20)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number, question in enumerate(each for each in questions(12) if each.truth):
        Image.fromarray(question.scene.image).save(folder / f"{number:02}.png")
    (folder / "damaged.png").write_bytes((folder / "00.png").read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def alone(pipeline: Pipeline, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    go(pipeline, images, out)
    return out


def go(pipeline: Pipeline, images: Path, out: Path, **options: Any) -> Any:
    files = images_in([images])
    return batch(pipeline, files, ASKED, out, one_by_one(out, ["coco"], ASKED, files), **options)


def held(out: Path) -> Any:
    items = sorted(read_items(out / "answers.jsonl"), key=lambda item: str(item["id"]))
    return items, (out / "coco.json").read_bytes()


def test_a_cluster_answers_as_one_process_does_and_goes_on(
    cluster: Any, pipeline: Pipeline, images: Path, alone: Path, tmp_path: Path
) -> None:
    outcome = go(pipeline, images, tmp_path / "out", engine=RayEngine(2, "cpu"))
    assert (outcome.done_now, len(outcome.failed)) == (13, 1)
    assert "damaged.png" in next(iter(outcome.failed))
    assert held(tmp_path / "out") == held(alone)
    lines = (tmp_path / "out" / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "out" / "answers.jsonl").write_bytes(b"".join(lines[:-6]))
    assert go(pipeline, images, tmp_path / "out", engine=RayEngine(2, "cpu")).done_now == 3
    assert held(tmp_path / "out") == held(alone)


class Watching(Work):
    """Writes down which models each actor holds when it has answered rows."""

    def open(self, stages: tuple[ModelStage, ...]) -> Answers:
        answers = super().open(stages)

        def watched(rows: Sequence[Row]) -> Sequence[Row]:
            answered = answers(rows)
            (holder,) = (each for each in gc.get_objects() if type(each) is LoadedModels and each.recipe is self.recipe)
            held = [stage for stage in MODEL_STAGES if holder.holds(stage)]
            assert self.dumps
            (self.dumps / f"{os.getpid()}.held").write_text(" ".join(held))
            return answered

        return watched


def test_models_with_actors_of_their_own_answer_as_one_process_does(
    cluster: Any,
    pipeline: Pipeline,
    images: Path,
    alone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zeroov.scale.ray.Work", Watching)
    maps = tmp_path / "maps"
    asked = RayEngine({"overview": 2, "rest": 2}, "cpu", maps, pipeline.recipe)
    outcome = go(pipeline, images, tmp_path / "out", engine=asked)
    assert (outcome.done_now, outcome.unanswered, len(outcome.failed)) == (13, 0, 1)
    assert held(tmp_path / "out") == held(alone)
    assert {path.read_text() for path in maps.glob("*.held")} == {"overview", "focus", "refine"}
    lines = (tmp_path / "out" / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "out" / "answers.jsonl").write_bytes(b"".join(lines[:-6]))
    assert go(pipeline, images, tmp_path / "out", engine=asked).done_now == 3
    assert held(tmp_path / "out") == held(alone)


@pytest.mark.parametrize("staged", [False, True])
def test_a_lost_node_costs_no_answer_and_is_told(
    staged: bool,
    cluster: Any,
    pipeline: Pipeline,
    images: Path,
    alone: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from zeroov.progress import Progress

    other = cluster.list_all_nodes()[1]
    killed = []

    class Killing(Progress):
        def show(self, what: str, done: int, total: int) -> None:
            if done >= 3 and not killed:
                killed.append(done)
                cluster.remove_node(other, allow_graceful=False)
                while sum(node["Alive"] for node in ray.nodes()) > 1:  # or the work may end before the cluster knows
                    time.sleep(0.05)

    with caplog.at_level(logging.WARNING, "zeroov"):
        engine = RayEngine(1, "cpu", tmp_path / "maps", pipeline.recipe) if staged else RayEngine(3, "cpu")
        outcome = go(pipeline, images, tmp_path / "out", engine=engine, progress=Killing())
    assert killed
    assert outcome.unanswered == 0
    assert held(tmp_path / "out") == held(alone)
    assert "1 node left the cluster; what was in hand there was asked again" in caplog.text


def test_a_cluster_that_cannot_hold_the_pools_is_refused(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"8 actors do not fit .* 2 nodes with 8 CPUs.*give --actors 7 or less"):
        RayEngine(8, "cpu")
    with pytest.raises(HardwareError, match="the cluster has no GPU"):
        RayEngine(1, "cuda")
    recipe = recipes.load("mini")
    with pytest.raises(HardwareError, match=r"9 actors \(overview 3, focus 3, rest 3\) do not fit .*give --actors 2"):
        RayEngine(3, "cpu", tmp_path, recipe)
    with pytest.raises(HardwareError, match=r"8 actors \(overview 6, focus 1, rest 1\) do not fit"):
        RayEngine({"overview": 6}, "cpu", tmp_path, recipe)


def test_a_benchmark_on_a_cluster_has_the_records_of_one_process(cluster: Any, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_layout("file", root, {"test": 5}, (224, 224))
    command = ["bench", "run", "file", "--root", str(root), "--recipe=mini", "--device=cpu", "--json"]
    alone = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "alone")])
    assert alone.exit_code == 0, alone.output
    for name, options in (("ray", ["--actors=2"]), ("staged", ["--staged"])):
        done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / name), "--engine=ray", *options])
        assert done.exit_code == 0, done.output
    runs = [read_run(tmp_path / name).records for name in ("alone", "ray", "staged")]
    records = [{each.id: replace(each, seconds={}) for each in records} for records in runs]
    assert len(records[0]) == 5
    assert records[0] == records[1] == records[2]


def test_the_command_works_on_a_cluster_and_one_model_that_is_missing_ends_it_in_one_line(
    cluster: Any, images: Path, alone: Path, tmp_path: Path
) -> None:
    (tmp_path / "asked.txt").write_text("\n".join(ASKED))
    command = ["batch", str(images), "--expressions", str(tmp_path / "asked.txt"), "--recipe=mini", "--device=cpu"]
    command += ["--engine=ray", "--actors=2"]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
    assert "13 images, 13 of them done now, 1 failed" in done.output
    assert held(tmp_path / "out") == held(alone)
    missing = CliRunner().invoke(
        app, [*command, "--out", str(tmp_path / "none"), "--set", f"refine.checkpoint={tmp_path / 'none.pth'}"]
    )
    assert missing.exit_code == 1
    assert "none.pth" in missing.output
