"""The temporary folder of a server."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from zeroov.serve.folder import JUST_MADE, LOCK, PREFIX, Folder


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_a_server_removes_what_killed_ones_left_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive = Folder()
    folders = {name: tmp_path / f"{PREFIX}{name}" for name in ("killed", "starting", "foreign")}
    for folder in folders.values():
        (folder / "pictures").mkdir(parents=True)
        (folder / LOCK).touch()
    (folders["foreign"] / LOCK).unlink()
    for lock in (alive.path / LOCK, folders["killed"] / LOCK):
        os.utime(lock, (lock.stat().st_mtime - JUST_MADE,) * 2)
    own = Folder()
    assert {*tmp_path.iterdir()} == {own.path, alive.path, folders["starting"], folders["foreign"]}
    own.close()
    alive.close()
    assert {*tmp_path.iterdir()} == {folders["starting"], folders["foreign"]}
