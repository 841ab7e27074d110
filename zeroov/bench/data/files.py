"""Find a data set's files in whichever layout it came, and keep every name that it gives below its root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from zeroov.errors import DatasetError

PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")


def contained(name: str) -> str:
    """Return a name from an annotation as a path below the root, with forward slashes; refuse one that could leave it.

    The name alone is looked at: links that lie inside the root are the user's own and are followed. `ValueError` says
    why a name is refused.
    """
    if not name.strip():
        raise ValueError("is empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise ValueError("holds a control character")
    if "\\" in name:
        raise ValueError("holds a backslash")
    path = PurePosixPath(name)
    if path.is_absolute() or re.match(r"[A-Za-z]:", name):
        raise ValueError("is an absolute path")
    if ".." in path.parts:
        raise ValueError("holds `..`")
    if not path.parts:
        raise ValueError("names no file")
    return path.as_posix()


def first_of(root: Path, candidates: Iterable[str]) -> str | None:
    """Return the first of several paths below `root` that is there."""
    return next((path for path in candidates if (root / path).exists()), None)


def below(prefixes: Iterable[str], *paths: str) -> tuple[str, ...]:
    """Return every path below every prefix; the prefix `""` is the root itself."""
    return tuple(f"{prefix}/{path}" if prefix else path for prefix in prefixes for path in paths)


def require(root: Path, title: str, wanted: Mapping[str, Sequence[str]], source: str) -> tuple[str, ...]:
    """Return, for each thing wanted, the first of its candidates that is there; one error names all that is missing."""
    found = {what: first_of(root, candidates) for what, candidates in wanted.items()}
    missing = [
        f"no {what} (looked for {', '.join(f'`{path}`' for path in wanted[what])})"
        for what, path in found.items()
        if path is None
    ]
    if missing:
        there = f"below `{root}`" if root.is_dir() else f"because `{root}` is no folder"
        raise DatasetError(f"{title} was not found {there}: {'; '.join(missing)}. Get it: {source}")
    return tuple(path for path in found.values() if path is not None)


def names_in(folder: Path) -> frozenset[str] | None:
    """Return the names in a folder, by one listing; `None` where there is no such folder."""
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 -- 52,000 Path objects are not needed
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatasetError(f"`{folder}` cannot be listed ({error.strerror}); check its permissions") from error


def pictures_by_stem(folder: Path) -> dict[str, str]:
    """Return the pictures of a folder by their names without extension; of several, the first of `PICTURES`."""
    found: dict[str, str] = {}
    rank = {extension: number for number, extension in enumerate(PICTURES)}
    known = [name for name in names_in(folder) or () if Path(name).suffix.lower() in rank]
    for name in sorted(known, key=lambda name: (-rank[Path(name).suffix.lower()], name)):
        found[Path(name).stem] = name
    return found


def read_bytes(path: Path) -> bytes:
    """Return what is in a file of the data set."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"`{path}` cannot be read ({error.strerror}); check it or download it again") from error


def missing_files(root: Path, files: Iterable[str]) -> list[str]:
    """Return which of many files below `root` are not there, sorted; each folder is listed once."""
    wanted: dict[str, set[str]] = {}
    for file in files:
        folder, _, name = file.rpartition("/")
        wanted.setdefault(folder, set()).add(name)
    missing = []
    for folder, names in wanted.items():
        absent = names - (names_in(root / folder) or frozenset())
        missing += [f"{folder}/{name}" if folder else name for name in absent]
    return sorted(missing)
