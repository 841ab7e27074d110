"""Read annotation text as it is found: any line end, a byte-order mark, a line of another encoding."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from zeroov.bench.data.draft import Draft, Place
from zeroov.bench.data.files import read_bytes
from zeroov.errors import DatasetError

WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_lines(draft: Draft, file: str) -> list[str]:
    """Return a text file's lines without their ends; a line that is not UTF-8 is read as Windows-1252, with a remark.

    Lines end in LF, CRLF or CR, and in nothing else: other characters that Unicode counts as line ends stay in the
    expressions that hold them.
    """
    data = read_bytes(draft.root / file)
    for mark, encoding in WIDE.items():
        if data.startswith(mark):
            try:
                return _split(data.decode(encoding))
            except UnicodeDecodeError as error:
                raise DatasetError(f"`{file}` starts as UTF-16 and is damaged; download it again") from error
    data = data.removeprefix(codecs.BOM_UTF8)
    if is_utf8(data):
        return _split(data.decode())
    lines = []
    for number, raw in enumerate(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")):
        try:
            lines.append(raw.decode())
        except UnicodeDecodeError:
            # Five bytes mean nothing in Windows-1252; Latin-1 gives every byte a character.
            lines.append(raw.decode("cp1252") if _is_cp1252(raw) else raw.decode("latin-1"))
            draft.remark(Place(file, number + 1), "not UTF-8", "read as Windows-1252")
    return lines


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8 text."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    try:
        return json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"`{path}` is no JSON, or truncated ({error}); download it again") from error


def _split(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _is_cp1252(raw: bytes) -> bool:
    return not any(byte in raw for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
