"""Read the pickles in which REFER and TransVG keep their lists, without running anything that a pickle asks for.

Unpickling calls whatever a file names. Here a file may name nothing but plain containers and the makers of NumPy
numbers and arrays, and even those are not NumPy's own: stand-ins read the bytes as plain Python numbers.

Nor may a file end the process, or take all of its time or memory. The unpickler written in C hashes whatever a file
puts into a dict or a set, and a tuple of tuples can make that endless, or exhaust the stack. So the one written in
Python reads: keys are single values, and what is shared may not grow out of proportion.
"""

from __future__ import annotations

import io
import lzma
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zeroov.bench.data.files import read_bytes
from zeroov.errors import DatasetError, first_line

LEGACY_TORCH = 0x1950A86A20F9469CFC6C  # the first of four pickles in what torch wrote until 1.6
LARGEST = 2**28  # bytes of a pickle within a zip
LARGEST_KEY = 2**60  # of whole numbers: the hashes of larger ones could be made alike
LONGEST_NUMBER = 1024  # bytes; Python prints no longer ones
DEEPEST = 50  # containers within one another
GROWTH, ALLOWED = 20, 10**6  # how much may be made of a file: its bytes, so many times, and so many more
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
    RuntimeError,  # RecursionError is one, and zipfile's "encrypted" and NotImplementedError
    SystemError,
    OSError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
ATOMS = (str, bytes, int, float, bool, type(None))


class _Refused(Exception):
    """A pickle names something that is no plain container."""


class _Dtype:
    """Stands in for `numpy.dtype`: numbers and texts of fixed size only."""

    __slots__ = ("text",)

    def __init__(self, text: object, *_: object):
        self.text = text.decode("ascii") if isinstance(text, bytes) else text if isinstance(text, str) else ""
        if not re.fullmatch(r"[<>=|]?(b1|[iu][1248]|f[248]|[SU]\d{1,6})", self.text):
            raise _Refused(f"an array of `{self.text[:20]}`")

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        self.text = (order if order in ("<", ">") else "") + self.text.lstrip("<>=|")

    def values(self, raw: object) -> Any:
        """Return the plain numbers in an array's bytes."""
        return np.frombuffer(_encoded(raw) if isinstance(raw, str) else raw, dtype=self.text)  # type: ignore[call-overload]


class _Array(list[Any]):
    """Stands in for `numpy.ndarray`: a list, or a list of lists, of plain numbers."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, columns_first, raw = state
        if not isinstance(dtype, _Dtype):
            raise _Refused("an array of objects")
        values = dtype.values(raw)  # of none, whatever the shape pretends: [[], [], ...] of any length
        self[:] = values.reshape(shape, order="F" if columns_first else "C").tolist() if values.size else []


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
    array.__setstate__((1, shape, dtype, order == "F", raw))
    return array


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise _Refused("text in another encoding than Latin-1")
    return text.encode("latin-1")


def _keys(items: Iterable[Any]) -> Iterable[Any]:
    """Return what is to be hashed: single values, or a few of them in a tuple."""
    for item in items:
        for value in item if isinstance(item, tuple) and len(item) <= 8 else (item,):
            if not isinstance(value, ATOMS) or (isinstance(value, int) and abs(value) > LARGEST_KEY):
                raise _Refused("a key or a member of a set that is no single value")
    return items


def _set(items: Any = ()) -> set[Any]:
    return set(_keys(items))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(_keys(items))


def _dict(pairs: Any = ()) -> dict[Any, Any]:
    result = {}
    for key, value in pairs:
        _keys([key])
        result[key] = value
    return result


_NUMPY: dict[str, Any] = {"scalar": _Maker(_scalar), "_reconstruct": _Maker(lambda *_: _Array())}
_BUILTINS: dict[str, Any] = {"set": _Maker(_set), "frozenset": _Maker(_frozenset)}
_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Maker(_dict),
    ("_codecs", "encode"): _Maker(_encoded),
    ("numpy", "dtype"): _Maker(_Dtype),
    ("numpy", "ndarray"): "ndarray",
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _BUILTINS.items()},
    **{(f"numpy.{core}.multiarray", name): maker for core in ("core", "_core") for name, maker in _NUMPY.items()},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Maker(_from_buffer) for core in ("core", "_core")},
}


class _PlainUnpickler(pickle._Unpickler):
    """Admits what is in `_ADMITTED` and nothing else; hashes single values only; copies no more than a file holds."""

    stack: list[Any]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, stream: io.BytesIO):
        # Python 2 wrote its texts as bytes; what of them is not UTF-8 must not stop the reading.
        super().__init__(stream, encoding="utf-8", errors="replace")
        self._left = GROWTH * stream.getbuffer().nbytes + ALLOWED

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for what a pickle names."""
        if (module, name) not in _ADMITTED:
            raise _Refused(f"`{module[:60]}.{name[:60]}`")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse what torch keeps beside the pickle: the numbers of tensors."""
        raise _Refused("a tensor")

    def spend(self, count: int) -> None:
        """Count what a file makes: to make a value once more takes it two bytes."""
        self._left -= count
        if self._left < 0:
            raise pickle.UnpicklingError("it grows out of proportion")

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        self.spend(_lengths(arguments))
        self.stack[-1] = self.stack[-1](*arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Dtype | _Array):
            raise pickle.UnpicklingError("a change of what is no array")
        self.spend(_lengths(state))
        self.stack[-1].__setstate__(state)

    def _fill(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise pickle.UnpicklingError("a change of what is no dict")
        self.stack[-1].update(zip(_keys(items[::2]), items[1::2], strict=True))

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _set_items(self) -> None:
        self._fill(self.pop_mark())

    def _dict(self) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self._fill(items)

    def _add_items(self) -> None:
        items = self.pop_mark()
        if not isinstance(self.stack[-1], set):
            raise pickle.UnpicklingError("a change of what is no set")
        self.stack[-1].update(_keys(items))

    def _frozenset(self) -> None:
        items = self.pop_mark()  # which changes `self.stack`
        self.stack.append(frozenset(_keys(items)))

    def _bytearray(self) -> None:
        self.stack.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def _long(self) -> None:
        size = int.from_bytes(self.read(4), "little")
        if size > LONGEST_NUMBER:
            raise pickle.UnpicklingError(f"a number of {size} bytes")
        self.stack.append(pickle.decode_long(self.read(size)))

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = pickle._Unpickler.dispatch | {
        pickle.REDUCE[0]: _reduce,
        pickle.BUILD[0]: _build,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.DICT[0]: _dict,
        pickle.ADDITEMS[0]: _add_items,
        pickle.FROZENSET[0]: _frozenset,
        pickle.BYTEARRAY8[0]: _bytearray,
        pickle.LONG4[0]: _long,
    }
    for _code in b"io\x81\x92\x82\x83\x84\x97\x98":  # objects of classes, extensions, buffers beside the file
        dispatch.pop(_code, None)


def _lengths(values: Any) -> int:
    sized = (each for each in values if isinstance(each, bytes | bytearray | str | list | tuple))
    return 1 + sum(map(len, sized))


def _measure(value: Any, known: dict[int, int], depth: int = 0) -> int:
    """Return how large a value is when everything that is shared in it is written out."""
    if isinstance(value, str | bytes):
        return 1 + len(value)
    if not isinstance(value, list | tuple | dict | set | frozenset):
        return 1
    if depth > DEEPEST:
        raise pickle.UnpicklingError(f"lists within lists, more than {DEEPEST} deep")
    if id(value) not in known:
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_measure(item, known, depth + 1) for item in inner)
    return known[id(value)]


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
    except DAMAGED as error:
        raise DatasetError(
            f"`{path}` is no pickle, or damaged or truncated ({first_line(error)}); download it again"
        ) from error


def _load(stream: io.BytesIO) -> Any:
    unpickler = _PlainUnpickler(stream)
    value = unpickler.load()
    unpickler.spend(_measure(value, {}))
    return value


def _pickle_in_zip(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = next((e for e in archive.infolist() if e.filename.rpartition("/")[2] == "data.pkl"), None)
        if entry is None:
            raise zipfile.BadZipFile("a zip file without torch's data.pkl")
        if entry.file_size > LARGEST:
            raise zipfile.BadZipFile(f"its data.pkl claims {entry.file_size:,} bytes")
        return archive.read(entry)
