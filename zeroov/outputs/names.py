"""Name output files and annotated images after the images' files, wherever a run is started and in whatever order."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath

from zeroov.errors import OutputError
from zeroov.raster import web

Parts = tuple[str, ...]


class Names:
    """Gives every image of a run a name of its own: its path from the folder that all images of the run lie in.

    What a name is depends on which images there are, not on their order: `version` says whether names that were given
    may have changed since. A name only ever gets longer.
    """

    def __init__(self, images: Iterable[str] = ()) -> None:
        self.version = 0
        self._common: Parts | None = None
        self._known: set[Parts] = set()
        self._stems: Counter[Parts] = Counter()
        for image in images:
            self.know(image)

    def know(self, source: str) -> str:
        """Count an image as one of the run; return its path from the root, the same however it is written."""
        parts = _parts(source)
        path = str(PurePath(*parts))
        if parts in self._known:
            return path
        stem = _without_ending(parts)
        common = parts[:-1] if self._common is None else _shared(self._common, parts)
        if common != self._common or stem in self._stems or stem in self._known or parts in self._stems:
            self.version += 1
        self._common = common
        self._known.add(parts)
        self._stems[stem] += 1
        return path

    def file(self, source: str) -> str:
        """Return what an annotation calls an image: its path from the common folder, with slashes."""
        self.know(source)
        return self._below(_parts(source))

    def stem(self, source: str) -> str:
        """Return the path that an image's own output file is named after: without its ending, unless two share that."""
        self.know(source)
        parts = _parts(source)
        return self._below(parts if self._is_shared(parts) else _without_ending(parts))

    def path(self, folder: Path, source: str, ending: str) -> Path:
        """Return the path of an image's own output file in a folder, never one outside of it."""
        path = folder / f"{self.stem(source)}{ending}"
        if not PurePath(os.path.abspath(path)).is_relative_to(os.path.abspath(folder)):  # noqa: PTH100 - as below
            raise OutputError(f"`{path}`, for `{source}`, would lie outside of `{folder}`; give the image's plain path")
        return path

    def _is_shared(self, parts: Parts) -> bool:
        """Return whether another image would get the same name without its ending, or has it with its ending."""
        stem = _without_ending(parts)
        return self._stems[stem] > 1 or (stem != parts and stem in self._known and self._is_shared(stem))

    def _below(self, parts: Parts) -> str:
        assert self._common is not None
        drive = [parts[0].strip(":\\/")] if not self._common else []  # of Windows, where images lie on two of them
        return "/".join([*drive, *parts[len(self._common) + len(drive) :]])


def _parts(source: str) -> Parts:
    """Return the parts of a path from the root."""
    named = web.shown(source) if PurePath(source).name else "picture"
    parts = PurePath(os.path.abspath(named)).parts  # noqa: PTH100 - a link keeps the name that it was given by
    root = "/" if parts[0] == "//" else parts[0]  # POSIX keeps two slashes, which mean one
    return tuple(map(sys.intern, (root, *parts[1:])))  # a million images lie in few folders


def _shared(folder: Parts, file: Parts) -> Parts:
    """Return the parts of the innermost folder that a folder and a file lie in."""
    return tuple(
        a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(folder, file[:-1], strict=False))
    )


def _without_ending(parts: Parts) -> Parts:
    return (*parts[:-1], PurePath(parts[-1]).stem)
