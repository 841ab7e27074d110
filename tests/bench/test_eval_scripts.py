"""Each benchmark's script, from its data set's layout (of drawn scenes) to its scores, with the miniature models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.layouts import write_layout
from zeroov.bench.runs.records import read_run

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
def test_a_script_runs_end_to_end(script: str, name: str, split: str, targets: tuple[str, ...], tmp_path: Path) -> None:
    write_layout(name, tmp_path / "data", {split: 4})
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "RECIPES": "mini", "NAME": name, "SPLIT": split, "OMP_NUM_THREADS": "1"}
    command = ["bash", str(SCRIPTS / f"{script}.sh"), str(tmp_path / "data"), str(tmp_path / "runs"), "--limit", "3"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 0, told.stderr
    run = read_run(tmp_path / "runs" / "mini")
    assert len(run.records) == 3
    assert run.manifest["made_with"]["benchmark"] == name
    assert all(record.status != "failed" for record in run.records)
    for target in targets:
        assert f"{target}, n = 3" in told.stdout
    assert (tmp_path / "runs" / "samples.png").read_bytes().startswith(b"\x89PNG")
    command = ["bench", "score", str(tmp_path / "runs" / "mini"), "--json"]
    scored = subprocess.run([sys.executable, "-m", "zeroov", *command], capture_output=True, text=True, check=True)
    rows = {row["target"]: row for row in json.loads(scored.stdout)["rows"]}
    assert rows["box"]["figures"]["mIoU"]["value"] > 20  # three questions: the convention of the box is right
