"""Compression gives back every bit; quantisation stays within the error and the size that it states."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.dumps.world import recipe, write_world
from zeroov.dumps import DumpStore, read_dump
from zeroov.dumps.compress import compress, decompress, pack, unpack
from zeroov.dumps.export import quantise_all
from zeroov.dumps.quantise import LEVELS, dequantise, quantise
from zeroov.dumps.values import from_affinity, to_affinity
from zeroov.errors import DumpError, OutputError
from zeroov.pipeline import replay
from zeroov.types import Affinity


@given(hnp.arrays(st.sampled_from(["f2", "f4", "u1", "?", "i8"]), hnp.array_shapes(min_dims=1, max_dims=3, min_side=0)))
def test_what_is_compressed_comes_back_bit_by_bit(array: np.ndarray[Any, Any]) -> None:
    back = decompress(compress(array), array.dtype, array.shape)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    back[...] = 0  # whoever reads a dump may write into it, as torch does


def test_only_what_gains_is_compressed(rng: np.random.Generator) -> None:
    arrays = {
        "smooth": np.zeros((64, 64), np.float32),
        "small": np.zeros(9, np.float32),
        "noise": rng.integers(0, 256, 9000, dtype=np.uint8),
    }
    stored, packed = pack(arrays)
    assert set(packed) == {"smooth"}
    assert stored["smooth"].nbytes < 100
    for name, array in unpack(stored, packed).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_bytes_that_hardly_shrink_stand_as_they_are_in_a_stream_that_zlib_reads(rng: np.random.Generator) -> None:
    low, high = rng.integers(0, 200, (512, 512), dtype=np.uint16), np.uint16(15 << 8)
    array = (low | high).view(np.float16)
    shrunk = compress(array)
    assert low.astype(np.uint8).tobytes()[:9000] in shrunk
    assert len(shrunk) < 0.51 * array.nbytes  # the high bytes are all one
    assert zlib.decompress(shrunk) == low.astype(np.uint8).tobytes() + bytes([15]) * low.size
    np.testing.assert_array_equal(decompress(shrunk, array.dtype, array.shape), array)


@pytest.mark.parametrize(
    "how",
    [
        {"dtype": "float32", "shape": [64, 65]},
        {"dtype": "float32", "shape": [64, 63]},
        {"dtype": "object", "shape": [64, 64]},
        {"dtype": "no such", "shape": [64, 64]},
        {"shape": [64, 64]},
    ],
)
def test_a_wrong_description_of_a_compressed_array_is_refused(how: dict[str, Any]) -> None:
    stored, _ = pack({"a": np.zeros((64, 64), np.float32)})
    with pytest.raises(ValueError, match=r"array|object|bytes"):
        unpack(stored, {"a": how})
    with pytest.raises(ValueError, match="unpacked"):
        unpack({"a": np.zeros(9, np.uint8)}, {"a": {"dtype": "float32", "shape": [64, 64]}})
    bomb = np.frombuffer(zlib.compress(bytes(10**7)), np.uint8)
    with pytest.raises(ValueError, match="expected"):
        unpack({"a": bomb}, {"a": {"dtype": "uint8", "shape": [8]}})


def rows_of_one(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float16]]:
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float16)


def matrices(n: int = 1024) -> dict[str, np.ndarray[Any, np.dtype[np.float16]]]:
    rng = np.random.default_rng(0)
    side = int(n**0.5)
    y, x = np.mgrid[0:side, 0:side].reshape(2, -1)
    near = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    noise = rng.normal(size=(n, n))
    return {
        "peaked": rows_of_one(4 * noise - near / 4),
        "smooth": rows_of_one(0.3 * noise - near / 18),
        "diffuse": rows_of_one(0.1 * noise),
        "noise": rows_of_one(noise),
        "worst": (rng.random((n, n)) ** 2).astype(np.float16),  # its roots fill every level alike
    }


def test_an_affinity_keeps_to_the_sizes_that_are_promised(tmp_path: Path) -> None:
    store, small = DumpStore(tmp_path), DumpStore(tmp_path / "small")
    for number, (name, matrix) in enumerate(matrices().items()):
        arrays, about = from_affinity(Affinity(matrix, (32, 32), "noise", "m", "r"))
        sample = {
            "picture": {"digest": name, "source": name, "hw": [9, 9]},
            "expression": "",
            "settings": {"prompt": ""},
        }
        path = store.write("focus", f"{number:032x}", arrays, {**sample, **about})
        assert path.stat().st_size <= 2_100_000, name
        np.testing.assert_array_equal(to_affinity(read_dump(path)).matrix, matrix)
    written = list(quantise_all(store, small))
    assert len(written) == 5
    for dump in written:
        told = dump.about["quantised"]
        name = dump.about["picture"]["digest"]
        assert dump.path.stat().st_size <= 800_000, name
        matrix = matrices()[name].astype(np.float32)
        error = np.abs(to_affinity(dump).matrix.astype(np.float32) - matrix) / matrix.max(1, keepdims=True)
        assert told["error"] == pytest.approx(error.max(), abs=1e-6)
        assert error.max() <= 1 / (told["levels"] - 1) + 2**-11  # and what float16 rounds
        assert told["levels"] == (256 if name in ("peaked", "smooth", "diffuse") else told["levels"])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 30))
def test_no_cell_is_off_by_more_than_a_level(seed: int, sharpness: float) -> None:
    matrix = rows_of_one(np.random.default_rng(seed).normal(size=(36, 36)) * sharpness)
    made = quantise(matrix)
    back = dequantise(made.codes, made.peaks, made.levels).astype(np.float32)
    allowed = (1 / (made.levels - 1) + 2**-10) * matrix.max(1, keepdims=True).astype(np.float32) + 2**-24
    assert (np.abs(back - matrix) <= allowed).all()
    assert made.levels in LEVELS


def test_rows_of_zeros_and_single_cells_are_quantised() -> None:
    matrix = np.zeros((4, 4), np.float16)
    matrix[1, 2] = 1
    made = quantise(matrix)
    np.testing.assert_array_equal(dequantise(made.codes, made.peaks, made.levels), matrix)
    assert made.error == 0


def test_a_pipeline_never_meets_a_quantised_map_and_evolve_says_that_it_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:

    world = write_world(tmp_path)
    small = DumpStore(tmp_path / "small")
    made = {dump.about["quantised"]["made_from"]: dump for dump in quantise_all(world.store, small)}
    for key, dump in made.items():
        assert world.store.path("focus", key).exists()
        assert small.read("focus", key) is None, "what a pipeline would look for"
        assert small.read("focus", dump.key) is not None
    assert len(list(small.all("overview"))) == len(list(world.store.all("overview")))
    exact = [value.mask for _, value, _ in replay.replay(world.store, DumpStore(tmp_path / "o"), recipe())]
    assert "uint8" not in caplog.text
    close = [value.mask for _, value, _ in replay.replay(small, DumpStore(tmp_path / "p"), recipe())]
    assert "focus.kept = 'uint8'" in caplog.text
    assert np.mean([(a != b).mean() for a, b in zip(exact, close, strict=True)]) < 0.01
    list(quantise_all(world.store, small))  # once more: what is there stays
    assert list(quantise_all(small, DumpStore(tmp_path / "again"))) == []
    with pytest.raises(OutputError, match="name another"):
        list(quantise_all(world.store, world.store))


def test_an_older_format_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zeroov.dumps import store

    monkeypatch.setattr(store, "FORMAT", 1)
    path = DumpStore(tmp_path).write("focus", "0" * 32, {"affinity": np.zeros((4, 4), np.float16)}, {})
    monkeypatch.undo()
    with pytest.raises(DumpError, match=r"format 1, this zeroov reads 2.*prune"):
        read_dump(path)


def test_the_scripts_in_the_document_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "docs" / "dumps.md").read_text()
    make, compare = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert "SceneStyle(), 30" in make
    exec(make.replace("SceneStyle(), 30", "SceneStyle((96, 128)), 2"), {})
    assert len((tmp_path / "truth.jsonl").read_text().splitlines()) >= 2
    list(quantise_all(DumpStore("maps"), DumpStore("small")))
    exec(compare, {})
