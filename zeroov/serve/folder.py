"""The temporary folder of a server, which holds clients' pictures; what a killed server left is removed."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from zeroov.errors import OutputError
from zeroov.files.lock import Lock

PREFIX, LOCK = "zeroov-serve-", "lock"
JUST_MADE = 60.0  # seconds in which the server that made a folder takes its lock


class Folder:
    """A folder of this server alone. What servers that were killed have left behind is removed when it is made."""

    def __init__(self) -> None:
        root = Path(tempfile.gettempdir())
        if sys.platform != "win32":  # where nothing is locked nobody knows which servers live
            for left in root.glob(f"{PREFIX}*"):
                remove_if_left(left)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = Lock(self.path / LOCK, self.path)

    def close(self) -> None:
        """Remove it."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def remove_if_left(folder: Path) -> None:
    """Remove a server's folder whose lock nobody holds."""
    try:
        lock = folder / LOCK
        if time.time() - lock.stat().st_mtime < JUST_MADE:
            return
        with Lock(lock, folder):
            shutil.rmtree(folder, ignore_errors=True)
    except (OSError, OutputError):  # no server's folder, another user's, or of a server that lives
        return
