"""Faults to put into inputs: into bytes, into plain values, into lines of text."""

from __future__ import annotations

import math
from random import Random
from typing import Any

BYTES = (0, 1, 2, 0x20, 0x7F, 0x80, 0xFE, 0xFF)
NUMBERS = (0, 1, 2, 255, 256, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
DEEP: Any = []
for _ in range(100):
    DEEP = [DEEP]
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 255, 2**31, 2**63, -(2**63), 10**25, 10**400),
    *(0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, math.inf, -math.inf, math.nan),
    *("", " ", "0", "-1", "1e999", "nan", "true", "../../a", "/etc/passwd", "a\\b", "C:a", "é", "\u202e", "x" * 5000),
    *("\x00", "\n", "\ud800", "1,5", "٣", "[1, 2, 3, 4]", "{", "{expression}", "a/b", ".", ".."),
    *([], [[]], [None], [1, 2, 3, 4], [1.5, "2", None, True], {}, {"": None}, {"size": [2, 2], "counts": "04"}, DEEP),
)


def damaged_bytes(random: Random, data: bytes) -> bytes:
    """Return bytes with a few faults; half of these lie in the first bytes, where headers are."""
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        at = random.randrange(len(made) + 1)
        if random.random() < 0.5:
            at = min(at, random.randrange(256))
        length = random.choice((1, 2, 4, 16, 1 + len(made) // 4))
        fault = random.randrange(8)
        if fault == 0 and random.random() < 0.05:
            made[at:at] = random.choice((b"[" * 3000, b"9" * 5000, b"{" * 2000))
        elif fault == 0:
            made[at : at + 1] = bytes(byte ^ 1 << random.randrange(8) for byte in made[at : at + 1])
        elif fault == 1:
            made[at : at + 1] = bytes([random.choice(BYTES)])
        elif fault == 2:
            made[at : at + 1] = bytes([random.randrange(256)])
        elif fault == 3:
            made[at : at + 4] = random.choice(NUMBERS).to_bytes(4, random.choice(("little", "big")))
        elif fault == 4:
            del made[at : at + length]
        elif fault == 5:
            del made[at:]
        elif fault == 6:
            made[at:at] = random.randbytes(min(length, 64))
        else:
            start = random.randrange(len(made) + 1)
            made[at:at] = made[start : start + length]
    return bytes(made)


def odd_value(random: Random) -> Any:
    """Return a value that is seldom expected."""
    return random.choice(ODD)


def damaged_value(random: Random, value: Any) -> Any:
    """Return a copy of nested lists and dicts with a fault somewhere inside."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.1:
        return odd_value(random)
    copy: Any = value.copy()
    key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
    fault = random.randrange(10)
    if fault == 0:
        del copy[key]
    elif fault == 1 and isinstance(copy, dict):
        copy[random.choice((*value, "", "x"))] = copy.pop(key)
    elif fault == 1:
        copy.insert(key, random.choice(value))
    elif fault == 2:
        copy[key] = copy[random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))]
    else:
        copy[key] = damaged_value(random, copy[key])
    return copy


def damaged_lines(random: Random, data: bytes) -> bytes:
    """Return text with faults of whole lines and of fields: lost, doubled, exchanged, or with something odd in them."""
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(lines))
        fault = random.randrange(6)
        if fault == 0:
            lines.insert(at, random.choice(lines))
        elif fault == 1 and len(lines) > 1:
            del lines[at]
        elif fault == 2:
            lines[at] = str(odd_value(random)).encode("utf-8", "surrogatepass")
        elif fault == 3:
            lines[at] = damaged_bytes(random, lines[at])
        else:
            mark = random.choice((b",", b" ", b'"', b"\t", b":", b"<", b"="))
            fields = lines[at].split(mark)
            fields[random.randrange(len(fields))] = str(odd_value(random)).encode("utf-8", "surrogatepass")
            lines[at] = mark.join(fields)
    return b"\n".join(lines)
