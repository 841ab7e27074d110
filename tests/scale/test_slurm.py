"""Shards are sent to Slurm as one array job; without Slurm, submitit's local executor does them here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from typer.testing import CliRunner

from zeroov.bench.mini.measure import questions
from zeroov.cli.main import app
from zeroov.errors import UsageError
from zeroov.scale import slurm
from zeroov.scale.slurm import ShardJob, Slurm


def test_what_is_asked_of_slurm() -> None:
    asked = Slurm.parse("shards=128, partition=gpu,gpus=1,hours=1.5,at_once=16")
    assert asked == Slurm(128, "gpu", 1, 1.5, 16)
    parameters = asked.parameters()
    assert parameters["timeout_min"] == 90
    assert parameters["slurm_partition"] == "gpu"
    assert parameters["slurm_array_parallelism"] == 16
    assert parameters["gpus_per_node"] == 1
    assert "slurm_account" not in parameters


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("shards=2,partion=gpu", "did you mean `partition`"),
        ("partition=gpu", "needs the number of parts"),
        ("shards=two", "a number is wanted"),
        ("shards=0", "from 1 up"),
        ("shards=2,hours", "a number is wanted"),
        ("shards=2,partition=", "write partition=VALUE"),
    ],
)
def test_what_slurm_cannot_be_asked(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Slurm.parse(text)


def test_slurm_goes_without_what_it_decides(tmp_path: Path) -> None:
    command = ["batch", str(tmp_path), "--expressions", "asked.txt", "--out", str(tmp_path / "out")]
    for other in (["--shard", "1/2"], ["--export"], ["--engine", "ray"]):
        refused = CliRunner().invoke(app, [*command, "--slurm", "shards=2", *other])
        assert refused.exit_code == 2
        assert "leave out" in refused.output


def test_shards_on_this_machine_share_its_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Executor:
        cluster = "local"

        def __init__(self, folder: Path) -> None: ...

        def update_parameters(self, **_: object) -> None: ...

        def map_array(self, *_: object) -> list[object]:
            given.append(os.environ["OMP_NUM_THREADS"])
            return []

    given: list[str] = []
    monkeypatch.setattr(slurm, "_submitit", lambda: SimpleNamespace(AutoExecutor=Executor))
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for shards in (4, 16):
        monkeypatch.delenv("OMP_NUM_THREADS")
        slurm.submit(Slurm(shards), [], tmp_path)
    slurm.submit(Slurm(2), [], tmp_path)  # what is set stays
    assert given == ["2", "1", "1"]


@pytest.mark.far
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_shards_run_on_the_local_executor_and_go_on_from_their_journals(
    tmp_path: Path,
) -> None:
    pytest.importorskip("submitit")
    (tmp_path / "images").mkdir()
    for number, question in enumerate(each for each in questions(3) if each.truth):
        Image.fromarray(question.scene.image).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "asked.txt").write_text("the ship\n")
    command = ["batch", str(tmp_path / "images"), "--expressions", str(tmp_path / "asked.txt"), "--recipe=mini"]
    command += ["--device=cpu", "--out", str(tmp_path / "out")]
    sent = CliRunner().invoke(app, [*command, "--slurm", "shards=2", "--json"])
    assert sent.exit_code == 0, sent.output
    report = json.loads(sent.stdout)
    assert len(report["jobs"]) == 2
    assert "2 shards run on this machine" in sent.stderr
    assert "3 images" not in sent.output
    merged = CliRunner().invoke(app, ["batch", "--merge", "--out", str(tmp_path / "out"), "--json"])
    assert json.loads(merged.stdout)["images"] == 3
    again = ShardJob((*command, "--json"), 2).checkpoint(2)
    again.function(*again.args)  # the same job, which finds everything answered
    refused = CliRunner().invoke(app, [*command, "--all", "--slurm", "shards=2"])
    assert refused.exit_code == 1
    assert "2 shards failed" in refused.output
