from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zeroov.bench.data.masks import read_mask
from zeroov.bench.data.sample import MaskTruth
from zeroov.errors import DatasetError
from zeroov.outputs.rle import encode_rle

# pycocotools 2.0.11 warns of itself where NumPy is of version 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RING = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 0]], dtype=np.bool_)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P"])
def test_a_mask_file_of_any_kind(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(RING.astype(np.uint8) * 255)
    picture.convert(mode).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(MaskTruth(file="m.png"), tmp_path, (4, 5)), RING)


def test_a_mask_file_of_zeros_and_ones_and_a_threshold(tmp_path: Path) -> None:
    Image.fromarray(RING.astype(np.uint8)).save(tmp_path / "ones.png")
    assert np.array_equal(read_mask(MaskTruth(file="ones.png"), tmp_path, (4, 5)), RING)
    Image.fromarray(np.array([[0, 50, 51, 127, 128, 255]], dtype=np.uint8)).save(tmp_path / "levels.tif")
    levels = read_mask(MaskTruth(file="levels.tif"), tmp_path, (1, 6))
    assert levels.astype(int).tolist() == [[0, 0, 0, 0, 1, 1]]
    levels = read_mask(MaskTruth(file="levels.tif", threshold=50), tmp_path, (1, 6))
    assert levels.astype(int).tolist() == [[0, 0, 1, 1, 1, 1]]


def test_a_mask_file_with_an_odd_tag_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.fromarray(RING.astype(np.uint8)).save(tmp_path / "m.tif")
    data = bytearray((tmp_path / "m.tif").read_bytes())
    entry = data.index(struct.pack("<HH", 284, 3))  # its planar configuration, of a million numbers
    struct.pack_into("<I", data, entry + 4, 1_000_000)
    (tmp_path / "m.tif").write_bytes(data)
    assert np.array_equal(read_mask(MaskTruth(file="m.tif"), tmp_path, (4, 5)), RING)


@pytest.mark.parametrize(
    "truth",
    [
        MaskTruth(file="m.png"),
        MaskTruth(rle=encode_rle(RING)),
        MaskTruth(polygons=((1, 1, 4, 1, 4, 4, 1, 4),), hw=(4, 5)),
    ],
)
def test_a_mask_of_another_size_than_its_image_is_told_and_not_resized(tmp_path: Path, truth: MaskTruth) -> None:
    Image.fromarray(RING).save(tmp_path / "m.png")
    assert read_mask(truth, tmp_path, (4, 5)).any()
    with pytest.raises(DatasetError, match="5 x 4 pixels and its image 4 x 5"):
        read_mask(truth, tmp_path, (5, 4))


def test_a_mask_file_that_is_missing_damaged_or_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        read_mask(MaskTruth(file="none.png"), tmp_path, (4, 5))
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_mask(MaskTruth(file="bad.png"), tmp_path, (4, 5))
    Image.fromarray(RING).save(tmp_path / "m.png")
    (tmp_path / "inner").mkdir()
    for name in ("../m.png", str(tmp_path / "m.png"), "..\\m.png", "m.png\0"):
        with pytest.raises(DatasetError, match="below the root"):
            read_mask(MaskTruth(file=name), tmp_path / "inner", (4, 5))
