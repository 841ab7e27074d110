"""Rows that wait to be written: a few in memory, many on the disk, so that a file of any length costs little memory."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from zeroov.files.atomic import cannot_write

IN_MEMORY = 16 * 2**20


class Spool:
    """Plain values that are added one by one and read in their order. Beyond `IN_MEMORY` bytes they lie in `folder`.

    Their file has no name, and is gone with the process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._count

    def add(self, row: Any) -> None:
        """Add a row."""
        try:
            if self._file is None:
                self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder))  # noqa: SIM115 - see `close`
            pickle.dump(row, self._file, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        self._count += 1

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows; add none meanwhile."""
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._count):
                yield pickle.load(self._file)

    def close(self) -> None:
        """Forget the rows."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # of a full disk: nothing of it is wanted any more
                self._file.close()
        self._file, self._count = None, 0

    def __del__(self) -> None:
        self.close()
