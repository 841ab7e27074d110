"""Write a file for every image, named after it, as soon as what was found in it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from zeroov.files import atomic as files
from zeroov.outputs.attributes import Provenance
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.names import Names


class OneEach:
    """A format with a file of its own for every image, written as soon as it is added.

    In a folder it is named after the image's path from the folder that all of the run's images lie in. Where an image
    that was not among `images` changes that, the files written before it are moved.
    """

    def __init__(
        self, path: Path, write_one: Callable[..., None], ending: str, in_folder: bool, images: Sequence[str] = ()
    ) -> None:
        self._path, self._write_one, self._ending, self._in_folder = path, write_one, ending, in_folder
        self._names = Names(images)
        self._written: dict[Path, str] = {}
        self._version = self._names.version
        for image in images:
            files.refuse_folder(self._place(image))

    def add(self, info: SceneInfo, founds: Sequence[Found], provenance: Provenance) -> None:
        """Write the image's file, in place of what was written of it before."""
        path = self._place(info.source)
        if self._version != self._names.version:
            self._version = self._names.version
            self._move()
        if path.parent != self._path and self._in_folder:
            files.ensure_writable_folder(path.parent)
        self._write_one(path, info, founds, provenance)
        files.require_file(path)
        self._written[path] = info.source

    def finish(self) -> tuple[Path, ...]:
        """Return the files."""
        return tuple(self._written)

    @property
    def sources(self) -> Mapping[Path, str]:
        """The image of each file."""
        return self._written

    def _place(self, source: str) -> Path:
        return self._names.path(self._path, source, self._ending) if self._in_folder else self._path

    def _move(self) -> None:
        """Rename what was written to the names that are valid now; they are longer, so the longest is renamed first."""
        now = {path: self._place(source) for path, source in self._written.items()}
        for old, new in sorted(now.items(), key=lambda each: len(str(each[0])), reverse=True):
            if new != old:
                files.ensure_writable_folder(new.parent)
                files.move(old, new)
        self._written = {now[path]: source for path, source in self._written.items()}
