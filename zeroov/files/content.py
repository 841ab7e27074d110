"""Identify files by what they hold; a large file's digest is computed once for as long as the file is unchanged."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from zeroov.files.paths import expanded

Kind = Literal["md5", "sha256"]
REMEMBERED_BYTES = 2**20  # smaller files are read again: that is as quick as looking for a note
SETTLED_SECONDS = 2.0  # a file younger than this may change again without its time changing


def cache_folder() -> Path:
    """Return $ZEROOV_CACHE, or `zeroov` in the user's cache folder."""
    if own := os.environ.get("ZEROOV_CACHE"):
        return expanded(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (expanded(shared) if shared else Path.home() / ".cache") / "zeroov"


def content_of(files: Iterable[Path], *facts: object) -> str:
    """Return a digest of the bytes of some files, in their order, and of facts beside them; names do not count."""
    digest = hashlib.sha256(repr(facts).encode(errors="surrogatepass"))
    for path in files:
        digest.update(remembered_digest(path, "sha256").encode())
    return digest.hexdigest()[:40]


def digest_of(path: Path, kind: Kind) -> str:
    """Return the hexadecimal digest of a file of any length."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def remembered_digest(path: Path, kind: Kind) -> str:
    """Return a file's digest, for a large one from a note in the cache folder where the file has not changed since."""
    state = path.stat()
    if state.st_size < REMEMBERED_BYTES:
        return digest_of(path, kind)
    facts = f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}\0{state.st_ino}"
    key = hashlib.sha256(facts.encode(errors="surrogatepass")).hexdigest()[:32]
    note = cache_folder() / kind / key
    with contextlib.suppress(OSError):
        remembered = note.read_text(encoding="ascii")
        if len(remembered) == 2 * hashlib.new(kind, usedforsecurity=False).digest_size:  # not cut by a full disk
            return remembered
    digest = digest_of(path, kind)
    if time.time() - state.st_ctime > SETTLED_SECONDS:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs only time
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(digest, encoding="ascii")
    return digest
