"""What `scripts/fuzz.py` says of targets in which there is something to find."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the script asks Linux for memory in use")


def fuzz(name: str, *options: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "scripts.fuzz", "--targets", "tests.fuzz.faulty", "--only", name, "--inputs", "4"]
    root = Path(__file__).parents[2]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])["by"][name]


def test_what_is_raised_is_found_with_its_place_and_refusals_are_counted() -> None:
    code, found = fuzz("wrong")
    [kind] = found["kinds"]
    assert code == 1
    assert kind["kind"] == "TypeError in zeroov/overview/answer.py:parse_box"
    assert found["findings"] == kind["count"] > 0
    assert found["refused"] + kind["count"] == 4
    assert fuzz("wrong")[1]["kinds"] == [kind], "the same seed finds the same"
    assert fuzz("wrong", "--seed", "7")[1]["kinds"] != [kind], "another seed tries others"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("crash", "SIGSEGV in tests/fuzz/faulty.py:crash"),
        ("endless", "more than 0.2 s in tests/fuzz/faulty.py:endless"),
        ("greedy", "MemoryError in tests/fuzz/faulty.py:greedy"),
    ],
)
def test_a_case_that_ends_or_fills_its_process_is_found_and_the_others_are_tried(name: str, kind: str) -> None:
    code, found = fuzz(name, "--seconds", "0.2")
    assert code == 1
    assert [(each["kind"], each["count"]) for each in found["kinds"]] == [(kind, 4)]


def test_nothing_found() -> None:
    code, found = fuzz("fine")
    assert (code, found["inputs"], found["findings"], found["kinds"]) == (0, 4, 0, [])
