"""Write files. Nothing is ever half-written: a temporary file is synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from zeroov.errors import OutputError
from zeroov.files.paths import expanded

SIDECARS = (".aux.xml", ".ovr", ".msk")  # of a raster: statistics, overviews, a mask
JOURNALS = ("-journal", "-wal", "-shm")  # of a GeoPackage: SQLite would play an old one back into a new file
Buffer = bytes | memoryview


def ensure_writable_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder with its parents and prove that a file can be made in it; return it."""
    folder = expanded(path)
    with _as_refusal(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder)
    return folder


def require_writable_folder(path: str | os.PathLike[str]) -> Path:
    """Prove that a folder can be written to, or made where it is not there; make none, and return its path.

    For checks before the work: a command that is refused leaves no folder behind.
    """
    folder = expanded(path)
    with _as_refusal(folder):
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if not there.is_dir():
            raise FileExistsError if there == folder else NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        _probe(there)
    return folder


def _probe(folder: Path) -> None:
    probe = _temporary(folder)
    probe.touch(exist_ok=False)
    probe.unlink()


@contextlib.contextmanager
def _as_refusal(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise OutputError(f"`{folder}` is a file, expected a folder to write to; name another") from error
    except OSError as error:
        raise OutputError(f"`{folder}` cannot be written to ({error.strerror}); name another folder") from error


def refuse_folder(path: str | os.PathLike[str]) -> None:
    """Refuse a folder where a file is to be written."""
    with contextlib.suppress(OSError):  # a name that is too long, say: writing the file will fail for the same reason
        if Path(path).is_dir():
            raise OutputError(
                f"`{path}` cannot be written: a folder of that name is in the way; move it or write elsewhere"
            )


def require_file(path: Path, *, may_be_empty: bool = False) -> None:
    """Refuse to call a file written that is not there, or is empty."""
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise cannot_write(path, error) from error
    if size is None or not (size or may_be_empty):
        reason = "it is not there" if size is None else "it is empty"
        raise OutputError(f"`{path}` was not written: {reason}; give the same command again, or write elsewhere")


def write_atomically(
    path: str | os.PathLike[str], data: Buffer, *, beside: Mapping[str, Buffer | None] = MappingProxyType({})
) -> None:
    """Write a whole file or none: to a temporary name beside it, synced, then renamed over it.

    `beside` holds what lies beside the file, by the ending after its name: what is written with it, or `None` for what
    belonged to the old file and goes with it.
    """
    target = Path(path)
    refuse_folder(target)
    contents = {target.with_name(target.name + ending): content for ending, content in beside.items()}
    temporaries: dict[Path, Path] = {}
    try:
        for place, content in {**contents, target: data}.items():
            if content is not None:
                temporaries[place] = _temporary(target.parent)
                with temporaries[place].open("xb") as file:  # unlike tempfile's, its permissions follow the umask
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        for place in contents:
            if os.path.lexists(place):  # false, unlike an error of `unlink`, where its longer name is too long
                place.unlink()
        for place, temporary in temporaries.items():  # the file itself last
            temporary.replace(place)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def written(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a file to write to, of any length; it takes its name, synced, when the block ends, and not where it raises.

    What the system says against the writing is an `OutputError`.
    """
    target = Path(path)
    refuse_folder(target)
    temporary = _temporary(target.parent)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def cannot_write(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Return the error that says why a file cannot be written, and what to do."""
    remedy = "give the image a shorter name" if error.errno == errno.ENAMETOOLONG else "free space"
    return OutputError(f"`{path}` cannot be written ({error.strerror or error}); {remedy} or write elsewhere")


def move(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> None:
    """Move a file that was written, with what lies beside it, in place of whatever file is there."""
    source, target = Path(old), Path(new)
    refuse_folder(target)
    try:
        for ending in (*SIDECARS, *JOURNALS):
            beside, there = source.with_name(source.name + ending), target.with_name(target.name + ending)
            if os.path.lexists(there):
                there.unlink()
            if os.path.lexists(beside):
                beside.replace(there)
        source.replace(target)
    except OSError as error:
        raise OutputError(f"`{source}` cannot be moved to `{target}` ({error.strerror}); write elsewhere") from error


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a file that was written, with what lies beside it."""
    target = Path(path)
    try:
        for ending in (*SIDECARS, *JOURNALS):
            beside = target.with_name(target.name + ending)
            if os.path.lexists(beside):
                beside.unlink()
        target.unlink()
    except OSError as error:
        raise OutputError(f"`{target}` cannot be removed ({error.strerror}); remove it, or write elsewhere") from error


def write_json(path: str | os.PathLike[str], value: Any, *, compact: bool = False) -> None:
    """Write plain values as UTF-8 JSON, keys in their own order; NaN and infinity, which JSON has not, are refused."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=None if compact else 2, allow_nan=False)
    except ValueError as error:
        raise OutputError(f"`{path}` cannot be written as JSON: {error}; use null for what is not a number") from error
    # A file name that is not UTF-8 holds lone surrogates; the backslash form is what JSON itself writes for them.
    write_atomically(path, (text + "\n").encode("utf-8", errors="backslashreplace"))


def _temporary(folder: Path) -> Path:
    return folder / f".zeroov-{uuid.uuid4().hex}.tmp"
