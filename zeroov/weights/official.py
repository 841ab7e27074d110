"""The official SAM checkpoints: where they come from, how long they are, and whether a file is what its name says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zeroov.errors import ModelError
from zeroov.files.content import remembered_digest

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
    found = remembered_digest(path, "md5")
    if found != official.md5:
        raise ModelError(f"{path} has md5 {found} and the official file of that name {official.md5}; {cure}")
