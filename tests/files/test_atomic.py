"""Files are written whole, or what was there stays."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroov.errors import OutputError
from zeroov.files import atomic

DISCONNECTED = Path("/proc/zeroov")  # no folder or file can be made there, not even by root
needs_proc = pytest.mark.skipif(not DISCONNECTED.parent.is_dir(), reason="no /proc on this system")


def test_folder_is_made_with_its_parents(tmp_path):
    made = atomic.ensure_writable_folder(tmp_path / "a" / "ä b")
    assert made.is_dir()
    assert atomic.ensure_writable_folder(made) == made
    assert not any(made.iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "taken").write_text("mine")
    for path in (tmp_path / "taken", tmp_path / "taken" / "below"):
        for check in (atomic.ensure_writable_folder, atomic.require_writable_folder):
            with pytest.raises(OutputError, match=r"taken.*name another") as caught:
                check(path)
            assert "\n" not in str(caught.value)
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_check_of_a_folder_makes_none(tmp_path):
    for path in (tmp_path, tmp_path / "a" / "b"):
        assert atomic.require_writable_folder(path) == path
    assert not any(tmp_path.iterdir())


@needs_proc
@pytest.mark.parametrize("check", [atomic.ensure_writable_folder, atomic.require_writable_folder])
def test_folder_that_the_system_refuses(check):
    with pytest.raises(OutputError, match="cannot be written to"):
        check(DISCONNECTED)
    with pytest.raises(OutputError, match="cannot be written to"):
        check("/proc")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        atomic.ensure_writable_folder(tmp_path)


def test_bytes_arrive_whole_and_replace_what_was_there(tmp_path):
    target = tmp_path / "a.bin"
    atomic.write_atomically(target, b"old")
    atomic.write_atomically(str(target), b"new" * 1000)
    assert target.read_bytes() == b"new" * 1000
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_failure_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, failing):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    monkeypatch.setattr(Path, "replace", full if failing == "replace" else Path.replace)
    with pytest.raises(OutputError, match="No space left on device"):
        atomic.write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_interruption_leaves_no_litter(tmp_path, monkeypatch):
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_atomically(tmp_path / "a.bin", b"new")
    assert not any(tmp_path.iterdir())


def test_target_is_a_folder_or_in_none(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        atomic.write_atomically(tmp_path, b"x")
    with pytest.raises(OutputError, match="No such file"):
        atomic.write_atomically(tmp_path / "none" / "a.bin", b"x")


@given(
    value=st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    )
)
def test_json_comes_back_in_its_order(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    atomic.write_json(path, value)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text).items()) == list(value.items())


def test_json_keeps_scripts_and_odd_file_names_and_refuses_nan(tmp_path):
    path = tmp_path / "v.json"
    value = {"z": "红色屋顶", "a": "\udc80.png"}
    atomic.write_json(path, value)
    assert "红色屋顶" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == value
    with pytest.raises(OutputError, match=r"v\.json.*null"):
        atomic.write_json(path, {"score": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8")) == value
