"""Tell files apart by what they hold; of large files each digest is computed once for as long as they stay."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Literal

Kind = Literal["md5", "sha256"]


def cache_folder() -> Path:
    """Return $ZEROOV_CACHE, or `zeroov` in the user's cache folder."""
    if own := os.environ.get("ZEROOV_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "zeroov"


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
