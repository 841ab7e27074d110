"""One process at a time, whatever becomes of the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zeroov.errors import OutputError
from zeroov.files.lock import Lock

HOLD = """
import sys, time
from pathlib import Path
from zeroov.files.lock import Lock
lock = Lock(Path(sys.argv[1]), Path("records.jsonl"))
print("held", flush=True)
time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "records.lock"
    with holder(path) as process:
        with pytest.raises(OutputError, match=f"another process works on `records.jsonl` .process {process.pid} on"):
            Lock(path, Path("records.jsonl"))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with Lock(path, Path("records.jsonl")):
        assert str(os.getpid()) in path.read_text()
    assert not path.exists()


def test_a_lock_that_is_waited_for_comes(tmp_path: Path) -> None:
    path = tmp_path / "records.lock"
    script = HOLD.replace("time.sleep(60)", "time.sleep(0.5); lock.release()")
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        began = time.monotonic()
        with Lock(path, Path("records.jsonl"), wait=True):
            assert time.monotonic() - began > 0.1
            assert path.exists()
    assert not path.exists()


def test_a_folder_that_cannot_hold_it_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Lock(tmp_path / "nowhere" / "records.lock", Path("records.jsonl"))
