import json
import os
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from zeroov.errors import OutputError, PictureError
from zeroov.raster import write
from zeroov.types import Box

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))
DISCONNECTED = Path("/proc/zeroov")  # no folder or file can be made there, not even by root
needs_proc = pytest.mark.skipif(not DISCONNECTED.parent.is_dir(), reason="no /proc on this system")


def test_folder_is_made_with_its_parents(tmp_path):
    made = write.ensure_writable_folder(tmp_path / "a" / "ä b")
    assert made.is_dir()
    assert write.ensure_writable_folder(made) == made
    assert not any(made.iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "taken").write_text("mine")
    for path in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(OutputError, match=r"taken.*name another") as caught:
            write.ensure_writable_folder(path)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "taken").read_text() == "mine"


@needs_proc
def test_folder_that_the_system_refuses():
    with pytest.raises(OutputError, match="cannot be written to"):
        write.ensure_writable_folder(DISCONNECTED)
    with pytest.raises(OutputError, match="cannot be written to"):
        write.ensure_writable_folder("/proc")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        write.ensure_writable_folder(tmp_path)


def test_bytes_arrive_whole_and_replace_what_was_there(tmp_path):
    target = tmp_path / "a.bin"
    write.write_atomically(target, b"old")
    write.write_atomically(str(target), b"new" * 1000)
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
        write.write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_interruption_leaves_no_litter(tmp_path, monkeypatch):
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write.write_atomically(tmp_path / "a.bin", b"new")
    assert not any(tmp_path.iterdir())


def test_target_is_a_folder_or_in_none(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write.write_atomically(tmp_path, b"x")
    with pytest.raises(OutputError, match="No such file"):
        write.write_atomically(tmp_path / "none" / "a.bin", b"x")


@given(mask=MASKS)
def test_mask_png_comes_back(tmp_path_factory, mask):
    path = tmp_path_factory.getbasetemp() / "mask.png"
    write.write_mask_png(path, mask)
    back = write.read_mask_png(path)
    assert back.dtype == np.bool_
    np.testing.assert_array_equal(back, mask)
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert raw.ndim == 2
    assert set(np.unique(raw)) <= {0, 255}


def test_masks_that_are_none(tmp_path):
    with pytest.raises(PictureError, match="does not exist"):
        write.read_mask_png(tmp_path / "none.png")
    write.write_mask_png(tmp_path / "m.png", np.random.default_rng(0).random((64, 64)) > 0.5)
    whole = (tmp_path / "m.png").read_bytes()
    (tmp_path / "m.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PictureError, match="truncated"):
        write.read_mask_png(tmp_path / "m.png")
    (tmp_path / "m.png").write_text("no picture")
    with pytest.raises(PictureError, match="no PNG"):
        write.read_mask_png(tmp_path / "m.png")
    write.write_rgb_png(tmp_path / "rgb.png", np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(PictureError, match="got RGB"):
        write.read_mask_png(tmp_path / "rgb.png")


@given(
    value=st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    )
)
def test_json_comes_back_in_its_order(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write.write_json(path, value)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text).items()) == list(value.items())


def test_json_keeps_scripts_and_odd_file_names_and_refuses_nan(tmp_path):
    path = tmp_path / "v.json"
    value = {"z": "红色屋顶", "a": "\udc80.png"}
    write.write_json(path, value)
    assert "红色屋顶" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == value
    with pytest.raises(OutputError, match=r"v\.json.*null"):
        write.write_json(path, {"score": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_rgb_png_keeps_red_red(tmp_path):
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[..., 0] = 255
    write.write_rgb_png(tmp_path / "a.png", rgb)
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [0, 0, 255]


def test_overlay_draws_inside_the_half_open_box_and_leaves_the_rest(tmp_path):
    rgb = np.full((40, 60, 3), 100, np.uint8)
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 30:45] = True
    drawn = write.overlay(rgb, mask, Box(30, 10, 45, 20))
    assert (rgb == 100).all()
    np.testing.assert_array_equal((drawn != 100).any(axis=2), mask)
    assert drawn[10, 30].tolist() == drawn[19, 44].tolist() == list(write.BOX_RGB)
    assert drawn[15, 35].tolist() == [162, 60, 118]
    write.write_overlay_png(tmp_path / "o.png", rgb, mask, Box(30, 10, 45, 20))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "o.png"))[..., ::-1], drawn)


def test_overlay_of_nothing_is_the_picture_and_a_foreign_mask_is_refused():
    rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(write.overlay(rgb, np.zeros((4, 4), np.bool_), None), rgb)
    with pytest.raises(ValueError, match="size"):
        write.overlay(rgb, np.zeros((4, 5), np.bool_), None)
    one = write.overlay(rgb[:1, :1], np.ones((1, 1), np.bool_), Box(0, 0, 1, 1))
    assert one[0, 0].tolist() == list(write.BOX_RGB)
