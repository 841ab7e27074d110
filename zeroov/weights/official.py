"""The official SAM checkpoints: where they come from, how long they are, and if a file is what its name says."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from zeroov.errors import ModelError
from zeroov.weights.places import cache_folder

SAM_URL = "https://dl.fbaipublicfiles.com/segment_anything"


@dataclass(frozen=True)
class OfficialFile:
    """What is known of a file before it is downloaded."""

    bytes: int
    md5: str


SAM_FILES = {
    "sam_vit_h_4b8939.pth": OfficialFile(2_564_550_879, "4b8939a88964f0f4ff5f5b2642c598a6"),
    "sam_vit_l_0b3195.pth": OfficialFile(1_249_524_607, "0b3195507c641ddb6910d2bb5adee89c"),
    "sam_vit_b_01ec64.pth": OfficialFile(375_042_383, "01ec64d29a2fca3f0661936605ae66f8"),
}


def check(path: Path) -> None:
    """Refuse a file that carries an official name and is not that file; others pass unread.

    Reading 2.5 GB takes seconds, so that the digest is remembered for as long as size and time of the file stay.
    """
    official = SAM_FILES.get(path.name)
    if official is None:
        return
    size = path.stat().st_size
    cure = "delete it and type `zeroov models get`, or give an own checkpoint a name of its own"
    if size != official.bytes:
        raise ModelError(f"{path} has {size} bytes and the official file of that name {official.bytes}; {cure}")
    found = _remembered_md5(path)
    if found != official.md5:
        raise ModelError(f"{path} has md5 {found} and the official file of that name {official.md5}; {cure}")


def md5_of(path: Path) -> str:
    """Return the md5 of a file of any length."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _remembered_md5(path: Path) -> str:
    state = path.stat()
    key = hashlib.sha256(f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}".encode()).hexdigest()[:32]
    note = cache_folder() / "md5" / key
    with contextlib.suppress(OSError):
        remembered = note.read_text(encoding="ascii")
        if len(remembered) == 32:  # not cut short by a full disk
            return remembered
    digest = md5_of(path)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs only time
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(digest, encoding="ascii")
    return digest
