"""Name output files after the images they belong to."""

from __future__ import annotations

import hashlib
from pathlib import PurePath


class Names:
    """Gives every source a file name of its own, the stem of its path as long as no other source has taken it."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}
        self._files: dict[str, str] = {}

    def stem(self, source: str) -> str:
        """Return the name for a source, the same whenever it comes again."""
        plain = PurePath(source).stem or "picture"
        if self._sources.setdefault(plain, source) == source:
            return plain
        return f"{plain}-{hashlib.sha256(source.encode(errors='surrogateescape')).hexdigest()[:8]}"

    def file(self, source: str) -> str:
        """Return what an annotation calls an image: its file's name, or the path as given where two have one name."""
        name = PurePath(source).name
        return name if self._files.setdefault(name, source) == source else source
