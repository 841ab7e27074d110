from __future__ import annotations

import os
from pathlib import Path

import pytest

from zeroov.files import content
from zeroov.files.content import content_of, digest_of, remembered_digest


def test_a_remembered_digest_is_never_an_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "REMEMBERED_BYTES", 1)
    monkeypatch.setattr(content, "SETTLED_SECONDS", -1)
    path, reads = tmp_path / "large.bin", []
    monkeypatch.setattr(content, "digest_of", lambda *args: reads.append(1) or digest_of(*args))
    path.write_bytes(b"first")
    first = remembered_digest(path, "sha256")
    assert remembered_digest(path, "sha256") == first
    assert len(reads) == 1
    state = path.stat()
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "other").replace(path)  # of the same size, and made to be as old
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_mtime_ns == state.st_mtime_ns
    assert remembered_digest(path, "sha256") == digest_of(path, "sha256") != first


def test_a_file_that_may_still_change_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "REMEMBERED_BYTES", 1)
    path = tmp_path / "large.bin"
    for written in (b"first", b"other"):
        path.write_bytes(written)
        assert remembered_digest(path, "sha256") == digest_of(path, "sha256")


def test_content_is_bytes_and_facts_and_no_names(tmp_path: Path) -> None:
    for name, written in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(written)
    a, b, c = (tmp_path / name for name in "abc")
    assert content_of([a]) == content_of([b])
    assert len({content_of([a]), content_of([c]), content_of([a], "fact"), content_of([a, c]), content_of([c, a])}) == 5
