from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layouts.lists import torch_zip
from zeroov.bench.data.forms.pickles import load_plain
from zeroov.errors import DatasetError

PLAIN = [
    {"ref_id": 3, "sentences": [{"raw": "the ship é", "sent_id": 9}], "more": (1.5, None, True, b"x", {1, 2})},
    OrderedDict(a=frozenset([1]), b=2**70),
]
ENTRIES = [("a.jpg", "a_1.pth", [1, 2, 3, 4], "the ship", [("r1", ["none"])])]


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, call: Callable[..., Any], *arguments: Any):
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> Any:
        return self.call, self.arguments


def written(folder: Path, data: bytes) -> Path:
    path = folder / "refs(unc).p"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_containers_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    assert load_plain(written(tmp_path, pickle.dumps(PLAIN, protocol=protocol))) == PLAIN


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saved(tmp_path: Path, zipped: bool) -> None:
    torch.save(ENTRIES, tmp_path / "unc_val.pth", _use_new_zipfile_serialization=zipped)
    assert load_plain(tmp_path / "unc_val.pth") == ENTRIES


def test_torch_reads_what_the_miniature_world_writes_as_its_own() -> None:
    assert torch.load(io.BytesIO(torch_zip(ENTRIES)), weights_only=True) == ENTRIES
    assert torch_zip(ENTRIES) == torch_zip(ENTRIES)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numpy_numbers_and_arrays_become_plain_ones(tmp_path: Path, protocol: int) -> None:
    arrays = [
        np.float32(1.5),
        np.int64(-7),
        np.bool_(True),
        np.str_("ship"),
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([[10, 20, 30, 40]], dtype=np.uint8),
    ]
    value = load_plain(written(tmp_path, pickle.dumps(arrays, protocol=protocol)))
    assert value == [item.tolist() for item in arrays]
    assert not any(isinstance(item, np.ndarray | np.generic) for item in value)


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    # Texts as bytes (SHORT_BINSTRING), whole numbers as LONG; one text is not UTF-8.
    data = b"\x80\x02}q\x00(U\x05splitU\x04testU\x02idL12L\nU\x03rawU\x04caf\xe9u."
    assert load_plain(written(tmp_path, data)) == {"split": "test", "id": 12, "raw": "caf�"}


def payloads(marker: Path) -> list[tuple[str, Any]]:
    command = f"touch {marker}"
    return [
        ("system", Evil(os.system, command)),
        ("eval", Evil(eval, f"open({str(marker)!r}, 'w')")),
        ("getattr", Evil(getattr, os, "system")),
        ("frombuffer", Evil(np.frombuffer, b"1234")),
        ("object", object()),
        ("path", marker),
        ("function", os.path.join),
        ("object array", np.array([Evil(os.system, command)], dtype=object)),
    ]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrapped", ["plain", "zip", "legacy", "deep"])
def test_an_evil_pickle_runs_nothing_and_is_told(tmp_path: Path, protocol: int, wrapped: str) -> None:
    marker = tmp_path / "ran"
    for name, payload in payloads(marker):
        if name == "getattr":
            payload = Evil(os.system, f"touch {marker}")
        data = pickle.dumps([PLAIN, payload] if wrapped == "deep" else payload, protocol=protocol)
        if wrapped == "zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("archive/data.pkl", data)
            data = buffer.getvalue()
        if wrapped == "legacy":
            data = b"".join(pickle.dumps(item, protocol=2) for item in (0x1950A86A20F9469CFC6C, 1001, {})) + data
        with pytest.raises(DatasetError, match="refused, and nothing of it was run"):
            load_plain(written(tmp_path, data))
        assert not marker.exists(), name


def test_the_payloads_are_evil_indeed(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(payloads(marker)[0][1]))
    assert marker.exists()


@pytest.mark.parametrize("module", ["numpy", "_codecs", "numpy._core.multiarray", "collections", "builtins"])
def test_a_pickle_cannot_change_what_stands_in_for_numpy(tmp_path: Path, module: str) -> None:
    name = {"numpy": "dtype", "_codecs": "encode", "collections": "OrderedDict", "builtins": "set"}.get(
        module, "scalar"
    )
    # BUILD with a state of attributes, (None, {...}), on the admitted global itself.
    state = pickle.dumps((None, {"_make": 1, "__call__": 2, "__code__": 3}), protocol=2)[2:-1]
    data = b"\x80\x02c" + f"{module}\n{name}\n".encode() + state + b"b."
    with pytest.raises(DatasetError):
        load_plain(written(tmp_path, data))
    scalar = pickle.dumps([np.float64(2.5), b"\xff", OrderedDict(a=1), {3}], protocol=2)
    assert load_plain(written(tmp_path, scalar)) == [2.5, b"\xff", {"a": 1}, {3}]


def test_a_tensor_is_refused(tmp_path: Path) -> None:
    for zipped in (True, False):
        torch.save([torch.zeros(2)], tmp_path / "unc_val.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(DatasetError, match=r"torch|tensor"):
            load_plain(tmp_path / "unc_val.pth")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<html>404</html>",
        pickle.dumps(PLAIN)[:-5],
        pickle.dumps(PLAIN)[:40],
        torch_zip(ENTRIES)[:60],
        b"PK\x03\x04 no zip",
        pickle.dumps(0x1950A86A20F9469CFC6C),
        b"\x80\x02]]b.",
        b"\x80\x02(((((.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ],
)
def test_a_damaged_pickle_is_told(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DatasetError, match="no pickle, or damaged"):
        load_plain(written(tmp_path, data))


def test_a_zip_without_torchs_pickle(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DatasetError, match=r"without torch's data\.pkl"):
        load_plain(written(tmp_path, buffer.getvalue()))


def test_a_damaged_zip_is_told(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(PLAIN * 50))
    whole = buffer.getvalue()
    for place in range(45, 90, 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        with pytest.raises(DatasetError, match="no pickle, or damaged"):
            load_plain(written(tmp_path, bytes(damaged)))
    encrypted = bytearray(whole)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[whole.index(signature) + flags] |= 1
    with pytest.raises(DatasetError, match="no pickle, or damaged"):
        load_plain(written(tmp_path, bytes(encrypted)))


DEEP = b")" + b"\x85" * 200_000  # ((((...),),),)
WIDE = b")" + b"2\x86" * 60  # a pair of one pair, 60 times: 2**60 empty tuples
HOSTILE = {
    "deep key": b"}" + DEEP + b"K\x01s.",
    "deep member": b"(" + DEEP + b"\x91.",
    "deep member of a set": b"cbuiltins\nset\n(" + DEEP + b"t\x85R.",
    "deep key in a dict": b"(" + DEEP + b"K\x01d.",
    "deep key by OrderedDict": b"ccollections\nOrderedDict\n" + DEEP + b"K\x01\x86\x85\x85R.",
    "deep list": b"]" * 200_000 + b"a" * 199_999 + b".",
    "endless key": b"}" + WIDE + b"K\x01s.",
    "endless text": b"cnumpy\ndtype\n" + WIDE + b"\x85R.",
    "endless bytes": b"cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0u1\x85R" + WIDE + b"\x86R.",
    "endless encoding": b"c_codecs\nencode\nX\x01\0\0\0a" + WIDE + b"\x86R.",
    "endless value": WIDE + b".",
    "large bytearray": b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "large bytearray of protocol 5": b"\x96\xff\xff\xff\xff\x1f\0\0\0.",
    "large buffer": b"cnumpy._core.numeric\n_frombuffer\n(J\xff\xff\xff\x7f"
    b"cnumpy\ndtype\nX\x02\0\0\0u1\x85RK\x01X\x01\0\0\0CtR.",
    "long number": b"\x8b" + (10**5).to_bytes(4, "little") + b"\x01" * 10**5 + b".",
    "empty array of any length": b"cnumpy._core.multiarray\n_reconstruct\n)R(K\x01(J\xff\xff\xff\x7fK\0t"
    b"cnumpy\ndtype\nX\x02\0\0\0u1\x85R\x89X\0\0\0\0tb.",
    "many copies": b"X\0\0\x10\0" + bytes(2**20) + b"q\0" + b"c_codecs\nencode\nh\0\x85R" * 5000 + b".",
    "an attribute": b"]ccollections\nOrderedDict\n)R}X\x03\0\0\0getK\x01sba.",
    "a name": b"c" + b"x" * 10**6 + b"\ny\n.",
}
READ = """
import resource, sys
from pathlib import Path
from zeroov.bench.data.forms.pickles import load_plain
from zeroov.errors import DatasetError
resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, end=": ", flush=True)
    try:
        print("read", str(load_plain(path))[:50], flush=True)
    except DatasetError as error:
        print("refused", str(error).removeprefix(f"`{path}` ")[:300], flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and time are POSIX")
def test_a_hostile_pickle_takes_neither_the_process_nor_its_memory_nor_its_time(tmp_path: Path) -> None:
    for name, data in HOSTILE.items():
        (tmp_path / name).write_bytes(b"\x80\x04" + data)
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    others = [line for line in done.stdout.splitlines() if ": refused" not in line]
    assert others == ["empty array of any length: read []"], done.stdout
    assert not done.stderr


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=300)
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = written(tmp_path_factory.mktemp("fuzz"), b"\x80\x02" + data)
    try:
        load_plain(path)
    except DatasetError as error:
        assert str(path) in str(error)  # noqa: PT017 -- either outcome is right
