"""Pickles: whatever a stream of opcodes holds, nothing of it runs, and it ends."""

from __future__ import annotations

import functools
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.damage import damaged_bytes, damaged_value
from tests.layouts.lists import torch_zip
from zeroov.bench.data.forms.pickles import load_plain

PLAIN: list[Any] = [
    {"ref_id": 3, "split": "test", "sentences": [{"raw": "the ship é", "sent_id": 9}], "more": (1.5, None, True, b"x")},
    [("a.jpg", "a_1.pth", [1, 2, 3, 4], "the ship", [("r1", ["none"])])] * 2,
    [OrderedDict(a=frozenset([1]), b=2**70), {1, 2}, bytearray(b"abc")],
    [
        np.float32(1.5),
        np.int64(-7),
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.asfortranarray(np.eye(3)),
        np.str_("a"),
    ],
]
NAMES = (
    *("os system", "builtins eval", "builtins getattr", "tests.fuzz.pickles trap", "subprocess Popen", "posix system"),
    *("builtins set", "builtins bytearray", "builtins frozenset", "collections OrderedDict", "_codecs encode"),
    *("numpy dtype", "numpy ndarray", "numpy.core.multiarray scalar", "numpy._core.multiarray _reconstruct"),
    *("numpy._core.numeric _frombuffer", "collections OrderedDict.get", "numpy dtype.values", "copyreg _reconstructor"),
)
run: list[object] = []


def trap(*arguments: object) -> None:
    """Notice that a pickle has run something."""
    run.append(arguments)


def streams(random: Random, folder: Path) -> None:
    """Load a damaged pickle, one of random opcodes, or one that asks to run something."""
    kind = random.random()
    if kind < 0.03:
        data = _greedy(random)
    elif kind < 0.5:
        data = damaged_bytes(random, random.choice(_whole()))
    elif kind < 0.6:
        value = damaged_value(random, random.choice(PLAIN[:3]))
        data = pickle.dumps(value, protocol=random.randrange(6))
    else:
        data = (
            b"\x80\x04" * random.randrange(2)
            + b"".join(_opcode(random) for _ in range(random.choice((4, 12, 40))))
            + b"."
        )
    path = folder / "refs(unc).p"
    path.write_bytes(data)
    try:
        load_plain(path)
    finally:
        assert not run, f"a pickle ran {run.pop()}"
        assert [each.name for each in folder.iterdir()] == [path.name], "a pickle wrote a file"


@functools.cache
def _whole() -> list[bytes]:
    streams = [pickle.dumps(value, protocol) for value in PLAIN for protocol in range(6)]
    return [*streams, torch_zip(PLAIN[1]), *map(pickle.dumps, (_Running(), [_Running()]))]


def _greedy(random: Random) -> bytes:
    """Return a small pickle of what is deep, or large, or shared so often that it takes for ever to look through."""
    start, number = random.choice((b"}", b"c__builtin__\nset\n(", b"(", b"]")), random.choice((60, 3_000, 200_000))
    end = random.choice((b"K\x01s.", b"l\x85R.", b"t.", b"a."))
    size = struct.pack("<i", random.choice((2**31 - 1, 2**28, -1)))
    return b"\x80\x04" + random.choice(
        (
            start + b")" + b"\x85" * number + end,
            start + b"K\x01" + b"2\x86" * min(number, 3_000) + end,
            start + b"K\x01" + b"2\x86\x94" * min(number, 3_000) + b"h\x01" + end,
            b"]" * number + b"a" * number + b".",
            b"(" * number + b"t" * number + b".",
            b"c__builtin__\nbytearray\nJ" + size + b"\x85R.",
            b"c__builtin__\nset\n" + b"]" + b"(" + b"N" * number + b"e\x85R.",
            b"\x8b" + struct.pack("<i", number) + b"\x7f" * number + b".",
            b"I" + b"9" * number + b"\n.",
            b"X\xff\xff\xff\x7fabc.",
            b"cnumpy._core.numeric\n_frombuffer\n(C\x08" + b"\0" * 8 + _dtype(b"i8") + b"J" + size + b"\x85U\x01CtR.",
        )
    )


def _dtype(kind: bytes) -> bytes:
    return b"cnumpy\ndtype\n(X" + struct.pack("<I", len(kind)) + kind + b"\x89\x88tR"


class _Running:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> Any:
        return trap, ("reduced",)


def _opcode(random: Random) -> bytes:
    """Return an opcode with an argument; those that build containers and call come most often."""
    if random.random() < 0.25:
        module, name = random.choice(NAMES).split()
        if random.random() < 0.5:
            return f"c{module}\n{name}\n".encode()
        return _text(module) + _text(name) + b"\x93"
    if random.random() < 0.5:
        return random.choice(
            (
                b"(",
                b")",
                b"]",
                b"}",
                b"R",
                b"b",
                b"o",
                b"\x81",
                b"\x92",
                b"\x85",
                b"\x86",
                b"t",
                b"s",
                b"u",
                b"a",
                b"e",
                b"0",
                b"2",
                b"\x8f",
                b"\x90",
                b"\x91",
                b"l",
                b"d",
                b"1",
            )
        )
    if random.random() < 0.6:
        return random.choice(
            (
                b"N",
                b"\x88",
                b"K" + bytes([random.randrange(256)]),
                _text(random.choice(("", "a", "i4", "S9", "latin1", "__setstate__", "get", "touch ran"))),
                b"C\x02ab",
                b"h" + bytes([random.randrange(9)]),
                b"q" + bytes([random.randrange(9)]),
                b"\x94",
                b"J" + struct.pack("<i", random.choice((0, 1, 5, -1, 2**20))),
            )
        )
    opcode = random.choice(pickletools.opcodes)
    return opcode.code.encode("latin-1") + random.choice(
        (b"", b"1\n", b"\x01", b"\x01\x00\x00\x00", b"os\nsystem\n", b"\xff" * 8)
    )


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()
