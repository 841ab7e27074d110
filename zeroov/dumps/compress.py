"""Arrays as a dump's file keeps them: losslessly compressed where that saves room.

One zlib stream, at its fastest level, over the bytes sorted by their place in the number: all low bytes, then all high
bytes. The high bytes (sign, exponent) of neighbouring numbers are alike and shrink; the low ones hardly do, at any
level. Bytes that hardly shrink stand in the stream as they are: shrinking them would take most of the time.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 4096  # bytes; below it nothing is worth the time
WORTH = 0.9  # of the size, at most
SAMPLE = 65_536  # bytes of a place in the number, from its middle, that say whether the others shrink
SHRINKS = 0.7  # of the sample's size, at most
DTYPES = ("bool", "uint8", "uint16", "uint32", "int32", "int64", "float16", "float32", "float64")
MOST_BYTES = 2**30  # of one array; the largest affinity that a recipe asks for takes half of it

Arrays = Mapping[str, NDArray[Any]]
Packed = dict[str, dict[str, Any]]


def pack(arrays: Arrays) -> tuple[dict[str, NDArray[Any]], Packed]:
    """Return the arrays to store, and of each compressed one what `unpack` needs: its dtype and shape."""
    stored: dict[str, NDArray[Any]] = {}
    packed: Packed = {}
    for name, array in arrays.items():
        stored[name] = array
        if array.nbytes >= SMALLEST and len(data := compress(array)) <= WORTH * array.nbytes:
            stored[name] = np.frombuffer(data, dtype=np.uint8)
            packed[name] = {"dtype": array.dtype.name, "shape": list(array.shape)}
    return stored, packed


def unpack(stored: Arrays, packed: Packed) -> dict[str, NDArray[Any]]:
    """Return the arrays that `pack` was given; `ValueError` when they are not what it made."""
    arrays = dict(stored)
    for name, form in packed.items():
        try:
            if form["dtype"] not in DTYPES:
                raise ValueError("a dump holds numbers, no objects")
            arrays[name] = decompress(stored[name].tobytes(), np.dtype(form["dtype"]), tuple(form["shape"]))
        except (KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"array `{name}` cannot be unpacked ({error})") from error
    return arrays


def compress(array: NDArray[Any]) -> bytes:
    """Return the compressed bytes of an array, sorted by their place in the number; `zlib.decompress` reads them."""
    bytes_of = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
    places = np.ascontiguousarray(bytes_of.T)
    parts = [b"\x78\x01"]  # what follows is zlib's, at its fastest level
    levels = [1 if array.itemsize == 1 or _shrinks(place) else 0 for place in places]
    done = 0
    for level, alike in itertools.groupby(levels):
        run = places[done : done + len(list(alike))]
        done += len(run)
        deflating = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
        parts += [
            deflating.compress(run.data),
            deflating.flush(zlib.Z_FINISH if done == len(places) else zlib.Z_FULL_FLUSH),
        ]
    return b"".join([*parts, zlib.adler32(places.data).to_bytes(4, "big")])


def _shrinks(place: NDArray[np.uint8]) -> bool:
    """Return whether bytes shrink so far that it is worth the time; few are worth it."""
    if len(place) <= SAMPLE:
        return True
    middle = (len(place) - SAMPLE) // 2
    return len(zlib.compress(place[middle : middle + SAMPLE].data, level=1)) <= SHRINKS * SAMPLE


def decompress(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the array of a dtype and shape that `compress` made bytes of; `ValueError` when it is another."""
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > MOST_BYTES:
        raise ValueError(f"{wanted} bytes are claimed, at most {MOST_BYTES} are read")
    plain = zlib.decompressobj().decompress(data, max(wanted, 1) + 1)  # never more, whatever the bytes pretend
    if len(plain) != wanted:
        raise ValueError(f"{wanted} bytes are expected, got {len(plain)}")
    sorted_places = np.frombuffer(plain, dtype=np.uint8).reshape(dtype.itemsize, -1)
    places = np.empty(sorted_places.shape[::-1], dtype=np.uint8)
    for place, values in enumerate(sorted_places):  # a strided copy each: six times as fast as one transposed copy
        places[:, place] = values
    return places.reshape(-1).view(dtype).reshape(shape)
