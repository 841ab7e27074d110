"""Cached attention maps on disk: the only array file I/O. One safetensors file per stage and key.

The header's metadata holds one JSON text with everything else. Large arrays are compressed where that saves room. A
file is written to a temporary name, synced and renamed; what is stored and the header carry a checksum, so that a
truncated or damaged file, or one of another program, is never taken for a map.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from zeroov.dumps.about import STAGES, About, read_header
from zeroov.dumps.compress import pack, unpack
from zeroov.dumps.key import FORMAT
from zeroov.errors import DumpError, OutputError, did_you_mean
from zeroov.files.atomic import ensure_writable_folder, write_atomically
from zeroov.files.paths import expanded
from zeroov.spans import span

log = logging.getLogger("zeroov")
SUFFIX = ".safetensors"


@dataclass(frozen=True, eq=False)
class Dump:
    """One file: its stage and key, its arrays by name, and what its header says beside them."""

    stage: str
    key: str
    arrays: Mapping[str, NDArray[Any]]
    about: About
    path: Path


class DumpStore:
    """A folder of dumps."""

    def __init__(self, folder: str | Path):
        self.folder = expanded(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError(f"`{self.folder}` is a file, expected a folder of dumps")

    def path(self, stage: str, key: str) -> Path:
        """Return where a dump is or would be."""
        return self.folder / f"{key}.{stage}{SUFFIX}"

    @span("writing")
    def write(self, stage: str, key: str, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> Path:
        """Write a dump, whole or not at all."""
        ensure_writable_folder(self.folder)
        solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        stored, packed = pack(solid)
        ours = {"format": FORMAT, "stage": stage, "key": key, "packed": packed}
        # A file name that is not UTF-8 holds lone surrogates; the backslash form is what JSON itself writes for them.
        header = json.dumps({**ours, **about}, ensure_ascii=False).encode(errors="backslashreplace").decode()
        data = save(stored, metadata={"zeroov": header, "crc32": str(_checksum(stored, header))})
        path = self.path(stage, key)
        write_atomically(path, data)
        return path

    @span("reading")
    def read(self, stage: str, key: str) -> Dump | None:
        """Return a dump, or `None` when there is none; an unusable file is reported and counts as none."""
        path = self.path(stage, key)
        if not path.exists():
            return None
        try:
            return read_dump(path)
        except DumpError as error:
            log.warning("%s; it is made again", error)
            return None

    def all(self, stage: str, *, headers_only: bool = False) -> Iterator[Dump]:
        """Yield the folder's dumps of a stage in the order of their names; unusable files are reported and left out.

        `headers_only` leaves the arrays on the disk, and unchecked.
        """
        if stage not in STAGES:
            raise DumpError(f"stage `{stage}` has no dumps{did_you_mean(stage, STAGES)}")
        for path in sorted(self.folder.glob(f"*.{stage}{SUFFIX}")):
            try:
                yield read_dump(path, headers_only=headers_only)
            except DumpError as error:
                log.warning("%s; it is left out", error)


def read_dump(path: Path, *, headers_only: bool = False) -> Dump:
    """Read one file; `DumpError` when it is truncated, damaged, or not zeroov's."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in ([] if headers_only else file.keys())}
    except (SafetensorError, OSError, ValueError, AttributeError, TypeError) as error:  # the last two: an odd dtype
        raise DumpError(f"`{path}` is truncated or no attention dump ({error})") from error
    try:
        text, checksum = metadata["zeroov"], metadata["crc32"]
    except KeyError as error:
        raise DumpError(f"`{path}` was not written by zeroov") from error
    try:
        if not headers_only and checksum != str(_checksum(stored, text)):
            raise ValueError("its checksum does not fit")
        header, about = read_header(text, path)
        if path.name != f"{header['key']}.{header['stage']}{SUFFIX}":
            raise DumpError(f"`{path}` holds {header['stage']} {header['key']}, not what its name says")
        arrays = unpack(stored, {} if headers_only else header["packed"])
        return Dump(header["stage"], header["key"], arrays, about, path)
    except ValueError as error:
        raise DumpError(f"`{path}` is damaged: {error}") from error


def _checksum(arrays: Mapping[str, NDArray[Any]], header: str) -> int:
    value = zlib.crc32(header.encode())
    for name in sorted(arrays):
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).view(np.uint8).data, zlib.crc32(name.encode(), value))
    return value
