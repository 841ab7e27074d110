"""Each benchmark's script, from its data set's layout (of drawn scenes) to its scores, with the miniature models."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.layouts import write_layout
from zeroov.bench.runs.records import read_run
from zeroov.cli.main import app

pytestmark = pytest.mark.usefixtures("kept_models")
SCRIPTS = Path(__file__).parents[2] / "scripts"
# script, the benchmark whose layout it reads, split, and what it must have scored
CASES = [
    ("eval_rrsisd", "rrsisd", "test", ("box", "mask")),
    ("eval_risbench", "risbench", "test", ("box", "mask")),
    ("eval_refsegrs", "refsegrs", "test", ("mask",)),
    ("eval_dior_rsvg", "dior-rsvg", "test", ("box",)),
    ("eval_opt_rsvg", "opt-rsvg", "test", ("box",)),
    ("eval_rsvg_hr", "rsvg-hr", "test", ("box",)),
    ("eval_vrsbench", "vrsbench", "val", ("box",)),
    ("eval_refcoco", "refcoco", "val", ("box",)),
    ("eval_refcoco", "referit", "test", ("box",)),
]


def test_every_script_has_a_case() -> None:
    assert {path.stem for path in SCRIPTS.glob("eval_*.sh")} == {script for script, *_ in CASES}


@pytest.mark.parametrize(("script", "name", "split", "targets"), CASES)
def test_a_script_runs_end_to_end(
    script: str, name: str, split: str, targets: tuple[str, ...], tmp_path: Path, checkout: Path
) -> None:
    """The script writes down what it calls; the calls are made here, where torch is imported once for all."""
    write_layout(name, tmp_path / "data", {split: 4})
    noted = tmp_path / "noted"
    write_command(checkout / ".venv" / "bin" / "zeroov", 'printf "%s\\0" "$@" >> "$NOTED"; echo >> "$NOTED"\n')
    environment = {"PATH": "/usr/bin:/bin", "NOTED": str(noted), "RECIPES": "mini", "NAME": name, "SPLIT": split}
    command = ["bash", str(checkout / "scripts" / f"{script}.sh"), str(tmp_path / "data"), str(tmp_path / "runs")]
    subprocess.run([*command, "--limit", "3"], env=environment, check=True)
    calls = [line.split("\0")[:-1] for line in noted.read_text().splitlines()]
    assert [call[:2] for call in calls[:2]] == [["bench", "data"], ["bench", "run"]]
    assert {tuple(call[:2]) for call in calls[2:]} == {("bench", "score")}
    told = ""
    for call in [*calls, ["bench", "score", str(tmp_path / "runs" / "mini"), "--json"]]:
        result = CliRunner().invoke(app, call)
        assert result.exit_code == 0, result.output
        told += result.stdout if call[-1] != "--json" else ""
    run = read_run(tmp_path / "runs" / "mini")
    assert len(run.records) == 3
    assert run.manifest["made_with"]["benchmark"] == name
    assert all(record.status != "failed" for record in run.records)
    for target in targets:
        assert f"{target}, n = 3" in told
    assert (tmp_path / "runs" / "samples.png").read_bytes().startswith(b"\x89PNG")
    rows = {row["target"]: row for row in json.loads(result.stdout)["rows"]}
    assert rows["box"]["figures"]["mIoU"]["value"] > 20  # three questions: the convention of the box is right


ASKED = 'echo "$(basename "$0") $*" >> "$ASKED"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the scripts in a checkout whose environment nobody has activated; its zeroov notes its calls."""
    checkout = tmp_path / "a checkout"
    shutil.copytree(SCRIPTS, checkout / "scripts", ignore=shutil.ignore_patterns("*.py", "training"))
    write_command(checkout / ".venv" / "bin" / "zeroov")
    return checkout


def write_command(path: Path, does: str = ASKED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}")
    path.chmod(0o755)


def asked(checkout: Path, *command: str, code: int = 0, **environment: str) -> list[str]:
    """Run a script without any environment; return the calls, each by its command's name and first two words."""
    calls = checkout / "calls"
    calls.unlink(missing_ok=True)
    bare = {"PATH": "/usr/bin:/bin", "ASKED": str(calls), "RECIPES": "mini", **environment}
    done = subprocess.run(["bash", *command], env=bare, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return [" ".join(line.split()[:3]) for line in calls.read_text().splitlines()] if calls.exists() else [done.stderr]


def test_a_script_finds_the_environment_that_is_not_activated(checkout: Path) -> None:
    command = ("scripts/eval_refsegrs.sh", "data")
    assert asked(checkout, *command) == [
        "zeroov bench data",
        "zeroov bench run",
        *["zeroov bench score"] * 3,
    ]
    habits = ("scripts/official_habits.sh", "overview", "--image_path", "a.png", "--question", "the plane")
    assert asked(checkout, *habits) == ["zeroov overview --"]
    shutil.rmtree(checkout / ".venv")
    for script in (command, habits):
        [error] = asked(checkout, *script, code=127)
        assert "there is no command `zeroov`; `make install` makes" in error


def test_zeroov_is_another_command_on_every_line_and_launch_on_the_runs_alone(checkout: Path) -> None:
    write_command(checkout / "bin" / "mine")
    write_command(checkout / "bin" / "torchrun")
    path = f"{checkout / 'bin'}:/usr/bin:/bin"
    command = ("scripts/eval_opt_rsvg.sh", "data")
    calls = asked(checkout, *command, PATH=path, ZEROOV="mine -m")
    assert {call.rpartition(" ")[0] for call in calls} == {"mine -m"}
    assert len(calls) >= 3
    launched = asked(checkout, *command, PATH=path, LAUNCH="torchrun -m zeroov")
    assert [call for call in launched if call.startswith("torchrun")] == ["torchrun -m zeroov"]
    assert sum(call.startswith("zeroov bench") for call in launched) == len(launched) - 1
