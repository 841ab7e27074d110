"""`zeroov serve`: how it starts, what it refuses, and how it ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zeroov.cli.serve import folders_of, serve
from zeroov.client import Client
from zeroov.errors import UsageError


def test_nobody_else_is_let_in_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZEROOV_KEY", raising=False)
    with pytest.raises(UsageError, match=r"no key is set; type `export ZEROOV_KEY=.*or give --open"):
        serve(host="0.0.0.0", port=0, recipe="mini", device="cpu")


def test_folders_have_names(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert folders_of([f"{tmp_path}/a", f"maps={tmp_path}"]) == {"a": tmp_path / "a", "maps": tmp_path}
    for wrong in (f"{tmp_path}/none", f"a:b={tmp_path}", f"={tmp_path}"):
        with pytest.raises(UsageError, match="--folder"):
            folders_of([wrong])
    with pytest.raises(UsageError, match="given twice"):
        folders_of([f"x={tmp_path}", f"x={tmp_path}/a"])


def test_a_command_that_is_stopped_while_it_loads_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from zeroov.cli.main import main; from zeroov.pipeline.models import LoadedModels\n"
        "LoadedModels.load_all = lambda self: (print('loading', flush=True), time.sleep(60))\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "serve", "--recipe", "mini", "--device", "cpu", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "loading\n"
        assert list(tmp_path.glob("zeroov-serve-*"))
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert not list(tmp_path.glob("zeroov-serve-*"))


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, photo: bytes) -> None:
    command = [sys.executable, "-m", "zeroov.cli.main", "serve", "--recipe", "mini", "--device", "cpu", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "ZEROOV_KEY": "k"}
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process,
        contextlib.ExitStack() as ending,
    ):
        ending.callback(process.kill)  # or a failure would wait for ever
        assert process.stdout
        found = re.search(r"http://127.0.0.1:(\d+)/ \(recipe mini, cpu\)", process.stdout.readline())
        assert found
        client = Client(f"http://127.0.0.1:{found[1]}", "k", timeout=120)
        client.ask(client.upload(photo), "the ship")
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert re.search(r"127.0.0.1 POST /v1/pictures/[0-9a-f]{16}/ground 200 ", told)
    assert "Traceback" not in told
    assert not list(tmp_path.glob("zeroov-*"))
