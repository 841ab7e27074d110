"""Read the pickles in which REFER and TransVG keep their lists, without running anything that a pickle asks for.

Unpickling calls whatever a file names. Here a file may name nothing but plain containers and the makers of NumPy
numbers and arrays, and even those are not NumPy's own: stand-ins read the bytes as plain Python numbers.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zeroov.bench.data.files import read_bytes
from zeroov.errors import DatasetError, first_line

LEGACY_TORCH = 0x1950A86A20F9469CFC6C  # the first of four pickles in what torch wrote until 1.6
LARGEST = 2**31  # bytes of a pickle within a zip
# What a damaged stream of opcodes makes the unpickler raise.
DAMAGED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    MemoryError,
    OverflowError,
    RecursionError,
    struct.error,
)


class _Refused(Exception):
    """A pickle names something that is no plain container."""


class _Dtype:
    """Stands in for `numpy.dtype`: numbers and texts of fixed size only."""

    __slots__ = ("text",)

    def __init__(self, text: object, *_: object):
        self.text = text.decode("ascii") if isinstance(text, bytes) else str(text)
        if not re.fullmatch(r"[<>=|]?(b1|[iu][1248]|f[248]|[SU]\d{1,6})", self.text):
            raise _Refused(f"an array of `{self.text[:20]}`")

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        self.text = (order if order in ("<", ">") else "") + self.text.lstrip("<>=|")

    def values(self, raw: object) -> Any:
        """Return the plain numbers in an array's bytes."""
        return np.frombuffer(raw if isinstance(raw, bytes) else str(raw).encode("latin-1"), dtype=self.text)


class _Array(list[Any]):
    """Stands in for `numpy.ndarray`: a list, or a list of lists, of plain numbers."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, columns_first, raw = state
        if not isinstance(dtype, _Dtype):
            raise _Refused("an array of objects")
        self[:] = dtype.values(raw).reshape(shape, order="F" if columns_first else "C").tolist()


class _Maker:
    """Stands in for a function; a pickle cannot change it, as it could a function's attributes."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]):
        object.__setattr__(self, "_make", make)

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise _Refused(f"a change of {name}")


def _scalar(dtype: Any, raw: Any = b"") -> Any:
    if not isinstance(dtype, _Dtype):
        raise _Refused("a number of no known kind")
    return dtype.values(raw)[0].item()


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", bytes(raw)))
    return array


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise _Refused(f"text encoded as {encoding!r}")
    return text.encode("latin-1")


_NUMPY: dict[str, Any] = {"scalar": _Maker(_scalar), "_reconstruct": _Maker(lambda *_: _Array())}
_BUILTINS: dict[str, Any] = {"set": set, "frozenset": frozenset, "bytearray": bytearray}
_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _Maker(_encoded),
    ("numpy", "dtype"): _Maker(_Dtype),
    ("numpy", "ndarray"): "ndarray",
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _BUILTINS.items()},
    **{(f"numpy.{core}.multiarray", name): maker for core in ("core", "_core") for name, maker in _NUMPY.items()},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Maker(_from_buffer) for core in ("core", "_core")},
}


class _PlainUnpickler(pickle.Unpickler):
    """Admits what is in `_ADMITTED` and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for what a pickle names."""
        if (module, name) not in _ADMITTED:
            raise _Refused(f"`{module}.{name}`")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse what torch keeps beside the pickle: the numbers of tensors."""
        raise _Refused("a tensor")


def load_plain(path: Path) -> Any:
    """Return the lists, dicts, texts and numbers in a pickle, or in what `torch.save` wrote (zip or legacy)."""
    try:
        data = read_bytes(path)
        if data.startswith(b"PK\x03\x04"):
            return _load(io.BytesIO(_pickle_in_zip(data)))
        stream = io.BytesIO(data)
        value = _load(stream)
        if value == LEGACY_TORCH:
            _load(stream)  # version of the format
            _load(stream)  # the writer's byte order and sizes of numbers
            value = _load(stream)
        return value
    except _Refused as error:
        raise DatasetError(
            f"`{path}` asks for {error} when it is unpickled; refused, and nothing of it was run. Lists of plain "
            "values are expected: get the file again, from a place that you trust"
        ) from error
    except (*DAMAGED, zipfile.BadZipFile, NotImplementedError) as error:
        raise DatasetError(
            f"`{path}` is no pickle, or damaged or truncated ({first_line(error)}); download it again"
        ) from error


def _load(stream: io.BytesIO) -> Any:
    # Python 2 wrote its texts as bytes; what of them is not UTF-8 must not stop the reading.
    return _PlainUnpickler(stream, encoding="utf-8", errors="replace").load()


def _pickle_in_zip(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = next((e for e in archive.infolist() if e.filename.rpartition("/")[2] == "data.pkl"), None)
        if entry is None:
            raise zipfile.BadZipFile("a zip file without torch's data.pkl")
        if entry.file_size > LARGEST:
            raise zipfile.BadZipFile(f"its data.pkl claims {entry.file_size:,} bytes")
        return archive.read(entry)
