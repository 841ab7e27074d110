"""Digests of large files, each computed once for as long as its size and time stay."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Literal

from zeroov.weights.places import cache_folder

Kind = Literal["md5", "sha256"]


def digest_of(path: Path, kind: Kind) -> str:
    """Return the hexadecimal digest of a file of any length."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def remembered_digest(path: Path, kind: Kind) -> str:
    """Return a file's digest, from a note in the cache folder where the file has not changed since."""
    state = path.stat()
    key = hashlib.sha256(f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}".encode()).hexdigest()[:32]
    note = cache_folder() / kind / key
    with contextlib.suppress(OSError):
        remembered = note.read_text(encoding="ascii")
        if len(remembered) == 2 * hashlib.new(kind, usedforsecurity=False).digest_size:  # not cut by a full disk
            return remembered
    digest = digest_of(path, kind)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs only time
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(digest, encoding="ascii")
    return digest
