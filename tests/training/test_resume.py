"""A training run that is killed goes on as if nothing had happened: the three commands, and what they stand on."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.training.resume import Curve, exported, read_state, write_state

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
NAMES = ("vlm", "sam", "diffusion")
ALIKE = ("--threads", "1", "--log-every", "1", "--measure-every", "9999", "--save-every")
COURSE = {
    "last": 60,
    "fall_from": 6,
    "stages": [
        {"start": 0, "images": 3, "turns": 0, "objects": [1, 3]},
        {"start": 2, "images": 2, "turns": 3, "objects": [1, 3], "forms": {"colour": 1, "absent": 1}},
    ],
}


def command(name: str, folder: Path) -> list[str]:
    """Return the options of a training that takes a second."""
    (folder / "course.json").write_text(json.dumps(COURSE))
    own = {
        "vlm": f"--schedule {folder}/course.json --workers 0 --no-compile --no-bf16 --val-images 2",
        "sam": "--course 60 --batch 2 --prompts 2 --val-images 1",
        "diffusion": "--course 60 --vae-course 2 --scenes 6 --batch 2 --val-scenes 1",
    }
    return [*own[name].split(), *ALIKE]


def steps_of(folder: Path) -> list[dict[str, Any]]:
    """Read the curve's training lines without their seconds."""
    lines = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines if "val" not in line]


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of trainings that were killed, each in one of its own."""
    folder = tmp_path_factory.mktemp("trainings")
    for name in NAMES:
        (folder / name).mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    begun = [sys.executable, "-m", "tests.training.killed", str(folder)]
    done = subprocess.run(begun, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight:UserWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", NAMES)
def test_a_killed_training_goes_on_as_if_never_cut_off(name: str, trainings: Path) -> None:
    options = command(name, trainings / name)
    killed, whole = trainings / name / "killed", trainings / name / "whole"
    last = taken(killed)[-1]["step"] + 2
    with (killed / "curve.jsonl").open("a") as curve:
        curve.write('{"step": 9, "loss')  # the kill that cuts a line short
    (killed / "state.part").write_bytes(b"half")
    main = importlib.import_module(f"scripts.training.train_{name}").main
    threads = torch.get_num_threads()
    for folder in (killed, killed, whole):  # the second time, nothing is left to do
        main([*options, "9999", "--state", str(folder), "--steps", str(last)])
    torch.set_num_threads(threads)
    assert [line["step"] for line in taken(whole)] == list(range(1, last + 1))
    assert steps_of(killed) == steps_of(whole)


def taken(folder: Path) -> list[dict[str, Any]]:
    """Read the whole lines of the curve that tell a step of the last part of the course."""
    curve = folder / "curve.jsonl"
    lines = curve.read_text().splitlines(keepends=True) if curve.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [line for line in found if "step" in line and "val" not in line]


def test_a_damaged_state_is_told_and_the_one_before_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "state.bin"
    assert read_state(file, CPU) is None
    for step in (1, 2):
        write_state({"step": step, "weight": torch.full((100,), float(step))}, file)
    assert read_state(file, CPU)["step"] == 2
    content = bytearray(file.read_bytes())
    for damaged in (content[:-20], content[:10], b"", bytes([*content[:-60], content[-60] ^ 1, *content[-59:]])):
        file.write_bytes(damaged)
        state = read_state(file, CPU)
        assert state is not None
        assert state["step"] == 1
        assert "is damaged" in capsys.readouterr().err
    (tmp_path / "state.before").write_bytes(b"also damaged")
    with pytest.raises(SystemExit, match="no whole state"):
        read_state(file, CPU)


def test_a_kill_between_two_renames_leaves_the_state_before(tmp_path: Path) -> None:
    file = tmp_path / "state.bin"
    write_state({"step": 1}, file)
    file.replace(tmp_path / "state.before")
    assert read_state(file, CPU) == {"step": 1}


def test_the_curve_forgets_what_the_state_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    Curve(path, lambda line: line["step"] <= 2).add(step=3, loss=0.5)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3, "loss": 0.5}\n'


def test_an_export_replaces_its_own_files_and_no_others(tmp_path: Path) -> None:
    target = tmp_path / "model"
    (target / "unet").mkdir(parents=True)
    (target / "CARD.md").write_text("mine")
    (target / "unet" / "config.json").write_text("old")
    (tmp_path / "model.part").mkdir()
    (tmp_path / "model.part" / "config.json").write_text("half, from a killed run")
    with exported(target) as part:
        (part / "unet").mkdir(parents=True)
        (part / "unet" / "config.json").write_text("new")
    assert (target / "CARD.md").read_text() == "mine"
    assert (target / "unet" / "config.json").read_text() == "new"
    assert {path.name for path in target.rglob("*")} == {"CARD.md", "unet", "config.json"}
    assert not part.exists()
