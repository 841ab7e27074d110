from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.bench.own import write_own
from zeroov import recipe as recipes
from zeroov.bench.data import registry
from zeroov.bench.data.sample import Split
from zeroov.bench.report.make import make_report
from zeroov.bench.runs.merging import merge
from zeroov.bench.runs.order import of_shard
from zeroov.bench.runs.records import read_run
from zeroov.bench.runs.run import Outcome, run
from zeroov.bench.scoring.protocols import named
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.sweep import sweep
from zeroov.cli.main import app
from zeroov.errors import HardwareError, ModelError, OutputError, UsageError, ZeroovError
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.pipeline.models import MODEL_STAGES, LoadedModels
from zeroov.shards import Shard, parse

SCENES = 5
pytestmark = pytest.mark.usefixtures("kept_models")


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("own"), SCENES)


def read(csv: Path) -> Split:
    return registry.find("file").read(csv, "test")


def go(csv: Path, out: Path, **options: Any) -> Outcome:
    out.mkdir(exist_ok=True)
    changes, limit = options.pop("changes", {}), options.pop("limit", None)
    split = read(csv).first(limit) if limit else read(csv)
    return run(split, recipes.load("mini").with_values(changes), out, device="cpu", **options)


def answers(path: Path) -> dict[str, dict[str, Any]]:
    """The records by id, without what a clock says."""
    return {item["id"]: {key: item[key] for key in item if key != "seconds"} for item in read_items(path)}


@pytest.fixture(scope="module")
def undisturbed(csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert go(csv, out) == Outcome(samples=SCENES + 1, done_now=SCENES + 1, failed=0)
    return out


def test_a_run_records_every_sample_and_its_manifest(undisturbed: Path) -> None:
    records = answers(undisturbed / "records.jsonl")
    manifest = json.loads((undisturbed / "manifest.json").read_text())
    assert len(records) == manifest["samples"] == SCENES + 1
    assert manifest["split_samples"] == SCENES + 1
    assert manifest["failed"] == 0
    assert manifest["packages"]["torch"]
    assert set(manifest["seconds"]) == {"overview", "focus", "evolve", "refine"}
    assert all(value > 0 for value in manifest["seconds"].values())
    assert manifest["made_with"]["models"]["overview"]["revision"]
    good = [record for record in records.values() if record["status"] == "found" and record["truth_mask"]]
    assert len(good) >= SCENES - 1
    assert not list((undisturbed / "dumps").glob("*.evolve.*"))


def test_the_same_command_again_does_nothing(csv: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pipeline, "look", lambda *_: pytest.fail("a finished run ran a stage"))
    before = (undisturbed / "records.jsonl").read_bytes()
    assert go(csv, undisturbed).done_now == 0
    assert (undisturbed / "records.jsonl").read_bytes() == before


def test_a_run_killed_at_random_moments_gives_the_same_records(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed.py")
    command = [sys.executable, str(script), str(csv), str(tmp_path / "out")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert told.returncode == 0, told.stderr
    stood = [int(line.split()[1]) for line in told.stdout.splitlines() if line[0].isdigit()]
    assert len(stood) >= 6
    assert any(0 < count < SCENES + 1 for count in stood)  # some kills fell into the writing of records
    assert answers(tmp_path / "out" / "records.jsonl") == answers(undisturbed / "records.jsonl")


def test_one_model_at_a_time(csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[set[str]] = []
    original = LoadedModels.load

    def watched(self: LoadedModels, stage: Any, *progress: Any) -> float:
        seconds = original(self, stage, *progress)
        held.append({name for name in MODEL_STAGES if self.holds(name)})
        return seconds

    monkeypatch.setattr(LoadedModels, "load", watched)
    go(csv, tmp_path / "out")
    assert max(map(len, held)) == 1
    assert set().union(*held) == {"overview", "focus", "refine"}  # the recipe has no detector


def test_maps_of_another_run_are_used_and_filled_and_no_overview_or_focus_model_is_loaded(
    csv: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    original = LoadedModels.load
    monkeypatch.setattr(
        LoadedModels, "load", lambda self, stage, *progress: loaded.append(stage) or original(self, stage, *progress)
    )
    maps = tmp_path / "maps"
    shutil.copytree(undisturbed / "dumps", maps)
    lost = sorted(maps.glob("*.focus.*"))[0]
    lost.unlink()
    go(csv, tmp_path / "a", dumps=maps, changes={"evolve.alpha": 0.3})
    assert lost.exists()  # what was missing was made, and is there for the next run
    assert set(loaded) == {"focus", "refine"}
    loaded.clear()
    go(csv, tmp_path / "b", dumps=maps, changes={"evolve.alpha": 0.35})
    assert set(loaded) == {"refine"}
    assert not (tmp_path / "b" / "dumps").exists()
    assert read_run(tmp_path / "b").manifest["dumps"] == [str(maps.resolve())]
    setting = sweep(read_run(tmp_path / "b"), Maps([maps]), {"evolve.alpha": (0.35,)}, named("honest"), jobs=1)
    coarse = [record.coarse_box for record in read_run(tmp_path / "b").records]
    assert [None if np.isnan(box[0]) else tuple(box) for box in setting.boxes[0]] == coarse


def test_the_answers_of_another_run_are_read_and_not_decoded(
    csv: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The maps are the same, to rounding, as those of the run that decoded the answers, and so is what is found."""
    first = tmp_path / "first"
    shutil.copytree(undisturbed, first)
    lines = (first / "records.jsonl").read_text().splitlines()
    others = [json.loads(line) for line in lines]
    gone, asked = others[0], others[1]
    gone |= {"status": "failed", "error": "for the test", "box": None, "mask": None}
    asked |= {"expression": "the other plane"}
    (first / "records.jsonl").write_text("".join(json.dumps(each) + "\n" for each in others))
    monkeypatch.setattr("zeroov.overview.stage.decode", lambda *_, **__: pytest.fail("an answer was decoded"))
    given = {"overview.answer": "given"}
    out = tmp_path / "read"
    assert go(csv, out, changes=given, answers=first).failed == 2
    wanted, made = answers(undisturbed / "records.jsonl"), answers(out / "records.jsonl")
    assert "has no answer to it: it failed there" in made[gone["id"]]["error"]
    assert "was asked something else" in made[asked["id"]]["error"]
    for name in made.keys() - {gone["id"], asked["id"]}:
        assert made[name]["answer"] == wanted[name]["answer"]
        assert made[name]["mask"] == wanted[name]["mask"]
    with pytest.raises(OutputError, match="answers"):  # others are another run's
        go(csv, out, changes=given, answers=undisturbed)
    with pytest.raises(UsageError, match="--answers RUN"):
        go(csv, tmp_path / "none", changes=given)
    with pytest.raises(UsageError, match="closer looks"):
        go(csv, tmp_path / "none", changes=given | {"zoom.rounds": 1}, answers=first)


def test_answers_of_another_run_do_not_go_to_a_cluster_and_none_is_looked_for(
    csv: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = "another run's answers are read in this process; leave out --engine, or --answers"
    given = {"overview.answer": "given"}
    with pytest.raises(UsageError, match=refusal):
        go(csv, tmp_path / "out", changes=given, answers=undisturbed, engine=cast(Any, object()))
    monkeypatch.setattr("zeroov.scale.pool._ray", lambda: pytest.fail("a cluster was looked for"))
    command = ["bench", "run", "file", "--root", str(csv), "--recipe=mini", "--engine=ray", "--out", str(tmp_path)]
    refused = CliRunner().invoke(app, [*command, "--answers", str(undisturbed)])
    assert refused.exit_code == 2
    assert refusal in " ".join(refused.output.split())


def test_a_run_that_goes_on_with_another_folder_of_maps_knows_both(
    csv: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out, maps, others = tmp_path / "out", tmp_path / "maps", tmp_path / "others"
    shutil.copytree(undisturbed, out)
    (out / "dumps").rename(maps)
    lines = (out / "records.jsonl").read_bytes().splitlines(keepends=True)
    (out / "manifest.json").unlink()
    (out / "dumps.json").write_text(json.dumps([str(maps)]))
    (out / "records.jsonl").write_bytes(b"".join(lines[1:]))  # one sample is to be done
    go(csv, out, dumps=others)
    assert read_run(out).manifest["dumps"] == [str(others), str(maps)]
    assert json.loads((out / "dumps.json").read_text()) == [str(others), str(maps)]
    before = (out / "dumps.json").read_bytes()
    go(csv, out, dumps=tmp_path / "third")  # nothing is to be done, so no map lies there
    assert (out / "dumps.json").read_bytes() == before
    (out / "dumps.json").write_text("{")
    (out / "records.jsonl").write_bytes(b"".join(lines[1:]))
    with pytest.raises(OutputError, match="is no list of folders"):
        go(csv, out, dumps=others)


def test_a_run_is_no_folder_of_maps(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"this run's are named by `--dumps {undisturbed / 'dumps'}`"):
        go(csv, tmp_path / "out", dumps=undisturbed)
    assert not list((tmp_path / "out").iterdir())


def test_other_settings_do_not_go_into_the_same_run(csv: Path, undisturbed: Path) -> None:
    with pytest.raises(OutputError, match=r"evolve.alpha = 0.4 where now it is 0.35"):
        go(csv, undisturbed, changes={"evolve.alpha": 0.35})


def test_a_sample_that_fails_is_a_record_with_its_reason(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    broken = write_own(tmp_path / "own", SCENES)
    images = sorted((tmp_path / "own" / "images").iterdir())
    images[1].write_bytes(images[1].read_bytes()[:200])
    images[2].unlink()
    outcome = go(broken, tmp_path / "out")
    records = {item["id"]: item for item in read_items(tmp_path / "out" / "records.jsonl")}
    failed = [item for item in records.values() if item["status"] == "failed"]
    assert outcome.failed == len(failed) == 2
    assert len(records) == SCENES + 1
    assert all(images[i].name in " ".join(item["error"] for item in failed) for i in (1, 2))
    assert all(item["truth_mask"] for item in failed)  # a miss has a truth that was missed
    assert go(broken, tmp_path / "out").done_now == 0
    assert go(broken, tmp_path / "out", retry_failed=True) == Outcome(SCENES + 1, 2, 2)
    whole = answers(undisturbed / "records.jsonl")
    for name, record in answers(tmp_path / "out" / "records.jsonl").items():
        assert record["status"] == "failed" or record == whole[name]

    write_own(tmp_path / "mended", SCENES)
    for image in (1, 2):
        images[image].write_bytes((tmp_path / "mended" / "images" / images[image].name).read_bytes())
    assert go(broken, tmp_path / "out") == Outcome(SCENES + 1, 2, 0)  # their images have changed
    assert answers(tmp_path / "out" / "records.jsonl") == whole


def test_a_corrected_truth_is_taken_and_the_sample_alone_is_done_again(
    csv: Path, undisturbed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = write_own(tmp_path / "own", SCENES)
    right = own.read_text()
    header, first, *rest = right.splitlines()
    cells = first.split(",")
    wrong = ",".join([*cells[:3], "0", "0", "9", "9", cells[-1]])
    own.write_text("\n".join([header, wrong, *rest]) + "\n")
    assert go(own, tmp_path / "out").done_now == SCENES + 1
    assert answers(tmp_path / "out" / "records.jsonl")[cells[0]]["truth_box"] == [0, 0, 9, 9]
    own.write_text(right)
    assert go(own, tmp_path / "out") == Outcome(SCENES + 1, 1, 0)
    assert f"1 of {SCENES + 1} samples changed since they were recorded ({cells[0]})" in caplog.text
    assert answers(tmp_path / "out" / "records.jsonl") == answers(undisturbed / "records.jsonl")
    mask = tmp_path / "own" / cells[-1]
    Image.fromarray(~np.asarray(Image.open(mask))).save(mask)
    assert go(own, tmp_path / "out").done_now == 2  # the first image's second question has the same mask
    assert go(own, tmp_path / "out").done_now == 0


def test_a_replaced_image_is_asked_again(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    own = write_own(tmp_path / "own", SCENES)
    image = sorted((tmp_path / "own" / "images").iterdir())[-1]
    whole = image.read_bytes()
    Image.fromarray(np.asarray(Image.open(image))[:, ::-1]).save(image)
    go(own, tmp_path / "out")
    image.write_bytes(whole)
    assert go(own, tmp_path / "out").done_now == 1
    assert answers(tmp_path / "out" / "records.jsonl") == answers(undisturbed / "records.jsonl")


def test_a_run_given_twice_at_once_is_refused_and_its_doubled_lines_are_mended(
    csv: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []
    original = Pipeline.look

    def meanwhile(self: Pipeline, *questions: Any) -> Any:
        if not refused:
            with pytest.raises(OutputError, match="another process works on"):
                go(csv, tmp_path / "out")
            refused.append(1)
        return original(self, *questions)

    monkeypatch.setattr(Pipeline, "look", meanwhile)
    go(csv, tmp_path / "out")
    assert refused
    monkeypatch.setattr(Pipeline, "look", original)
    records = tmp_path / "out" / "records.jsonl"
    records.write_bytes(records.read_bytes() * 2)  # what two runs at once left before there was a lock
    (tmp_path / "out" / "manifest.json").unlink()
    assert go(csv, tmp_path / "out") == Outcome(SCENES + 1, 0, 0)
    assert answers(records) == answers(undisturbed / "records.jsonl")
    assert len(read_items(records)) == SCENES + 1


def test_a_finished_run_keeps_what_its_manifest_says_of_its_costs(csv: Path, undisturbed: Path) -> None:
    before = (undisturbed / "manifest.json").read_bytes()
    go(csv, undisturbed)
    assert (undisturbed / "manifest.json").read_bytes() == before


def test_short_memory_halves_the_batch(
    csv: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from zeroov.overview import stage

    sizes = []
    original = stage.look

    def limited(models: Any, pictures: Any, *others: Any) -> Any:
        sizes.append(len(pictures))
        if len(pictures) > 2:
            raise HardwareError("overview ran out of device memory")
        return original(models, pictures, *others)

    monkeypatch.setattr(stage, "look", limited)
    outcome = go(csv, tmp_path / "out", changes={"runtime.batch": 6})
    assert outcome.failed == 0
    assert sizes[0] == 6
    assert set(sizes[1:]) <= {3, 2, 1}
    assert "ran out of memory" in caplog.text
    assert set(answers(tmp_path / "out" / "records.jsonl")) == set(answers(undisturbed / "records.jsonl"))


def test_what_is_no_samples_fault_ends_the_run(csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError):
        go(csv, tmp_path / "a", changes={"overview.model": str(tmp_path / "nowhere")})
    monkeypatch.setattr("zeroov.errors.SAME_IN_A_ROW", 3)
    from zeroov.focus import stage

    def broken(*_: Any) -> Any:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(stage, "compute_affinities", broken)
    with pytest.raises(ZeroovError, match="3 in a row failed"):
        go(csv, tmp_path / "b")


def test_a_full_disk_ends_the_run_and_loses_nothing(
    csv: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    room = [3]
    original = os.fsync

    def full(file: int) -> None:
        if room[0] == 0:
            raise OSError(28, "No space left on device")
        room[0] -= 1
        original(file)

    for more in (1, 9, 4):
        room[0] = more
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            go(csv, tmp_path / "out")
    monkeypatch.setattr(os, "fsync", original)
    go(csv, tmp_path / "out")
    assert answers(tmp_path / "out" / "records.jsonl") == answers(undisturbed / "records.jsonl")


def test_shards_join_to_the_whole(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    folders = [tmp_path / f"part{i}" for i in (1, 2)]
    for index, folder in enumerate(folders, start=1):
        go(csv, folder, shard=Shard(index, 2))
    counts = [len(read_items(folder / f"records-000{i}-of-0002.jsonl")) for i, folder in enumerate(folders, start=1)]
    assert sorted(counts) == [2, 4] or sorted(counts) == [3, 3]
    (tmp_path / "joined").mkdir()
    assert merge(folders, tmp_path / "joined") == SCENES + 1
    assert answers(tmp_path / "joined" / "records.jsonl") == answers(undisturbed / "records.jsonl")
    with pytest.raises(UsageError, match="of 2 shards, 2 are missing"):
        merge(folders[:1], tmp_path / "joined")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folders[0].glob("*.json*"):
        (copy / file.name).write_bytes(file.read_bytes())
    with pytest.raises(UsageError, match=r"1/2 is there twice"):
        merge([folders[0], copy], tmp_path / "joined")
    about = folders[1] / "records-0002-of-0002.made-with.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"evolve.k": 9}))
    with pytest.raises(UsageError, match=r"differs in evolve.k"):
        merge(folders, tmp_path / "joined")
    (folders[1] / "manifest-0002-of-0002.json").unlink()
    with pytest.raises(UsageError, match=r"2/2 .* is not finished"):
        merge(folders, tmp_path / "joined")


def test_the_last_shard_of_a_folder_joins_them(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    for index in (2, 1):
        assert not (tmp_path / "out" / "records.jsonl").exists()
        go(csv, tmp_path / "out", shard=Shard(index, 2), limit=SCENES)
    whole = answers(undisturbed / "records.jsonl")
    found = answers(tmp_path / "out" / "records.jsonl")
    assert list(found) == [sample.id for sample in read(csv).samples[:SCENES]]
    for name, record in found.items():  # s0 was asked alone here, and with another question about its picture there
        assert (record["score"], record["box"]) == (
            pytest.approx(whole[name]["score"]),
            pytest.approx(whole[name]["box"], abs=1e-3),
        )
        assert record["mask"] == whole[name]["mask"]
    manifest = read_run(tmp_path / "out").manifest
    assert (manifest["samples"], manifest["split_samples"]) == (SCENES, SCENES + 1)


def test_shards_and_merges_never_replace_another_run(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", {"changes": {"evolve.alpha": 0.9}}
    shutil.copytree(undisturbed, out)
    before = (out / "records.jsonl").read_bytes(), (out / "manifest.json").read_bytes()
    for index in (1, 2):
        with pytest.raises(OutputError, match=r"evolve.alpha = 0.4 where now it is 0.9"):
            go(csv, out, shard=Shard(index, 2), **other)
    shards = tmp_path / "shards"
    for index in (1, 2):
        go(csv, shards, shard=Shard(index, 2), **other)
    with pytest.raises(OutputError, match=r"evolve.alpha = 0.4 where now it is 0.9"):
        merge([shards], out)
    assert ((out / "records.jsonl").read_bytes(), (out / "manifest.json").read_bytes()) == before
    with pytest.raises(OutputError, match=r"evolve.alpha = 0.9 where now it is 0.4"):
        go(csv, shards)
    with pytest.raises(OutputError, match="one of 2 shards, and now there are 3"):
        go(csv, shards, shard=Shard(1, 3), **other)
    with pytest.raises(OutputError, match=r"evolve.alpha = 0.9 where now it is 0.4"):
        go(csv, shards, shard=Shard(1, 2))
    assert go(csv, shards, **other).done_now == 0  # joined, they are the run itself


def test_shards_whose_truth_was_corrected_join_again(csv: Path, tmp_path: Path) -> None:
    own = write_own(tmp_path / "own", SCENES)
    for index in (1, 2):
        go(own, tmp_path / "out", shard=Shard(index, 2))
    lines = own.read_text().splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:3], "0", "0", "9", "9", cells[-1]])
    own.write_text("\n".join(lines) + "\n")
    assert [go(own, tmp_path / "out", shard=Shard(index, 2)).done_now for index in (1, 2)] == [1, 0]
    assert answers(tmp_path / "out" / "records.jsonl")[cells[0]]["truth_box"] == [0, 0, 9, 9]


def test_two_processes_of_accelerate_equal_one(csv: Path, undisturbed: Path, tmp_path: Path) -> None:
    accelerate = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    command = [*accelerate, "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "zeroov"]
    arguments = ["bench", "run", "file", "--root", str(csv), "--recipe", "mini", "--out", str(tmp_path / "out")]
    told = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 0, told.stderr
    assert answers(tmp_path / "out" / "records.jsonl") == answers(undisturbed / "records.jsonl")


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1-2", "a/b", "1/0"])
def test_impossible_shards_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="shard"):
        parse(text)


def test_every_sample_is_in_exactly_one_shard(csv: Path) -> None:
    samples = read(csv).samples
    for count in (1, 2, 3, 7):
        parts = [of_shard(samples, Shard(index, count)) for index in range(1, count + 1)]
        assert sorted(s.id for part in parts for s in part) == sorted(s.id for s in samples)
        images = [{s.image for s in part} for part in parts]
        assert sum(map(len, images)) == len(set().union(*images))


def test_a_report_draws_the_stages_from_the_runs_maps_without_a_model(
    undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoadedModels, "load", lambda *_: pytest.fail("a model was loaded"))
    made = make_report(undisturbed, named("honest"), cases=1)
    for case in (*made.worst, *made.best):
        titles = [picture.title for picture in case.pictures]
        assert [title.partition(":")[0] for title in titles] == [
            *("Picture", "Overview", "Focus", "Evolve", "Evolve", "Evolve", "Truth", "Answer")
        ]
        assert not case.missing
        assert case.pictures[1].caption.endswith(" s")
    assert made.worst[0].ious["mask"] < made.best[0].ious["mask"]


def test_metering_does_not_hide_what_a_dump_cost(undisturbed: Path) -> None:
    seconds = [item["seconds"] for item in read_items(undisturbed / "records.jsonl")]
    assert all(set(one) >= {"overview", "focus", "evolve"} and one["overview"] > 0 for one in seconds)
