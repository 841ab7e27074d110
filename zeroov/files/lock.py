"""Let one process at a time work on a file or folder. A process that is killed holds nothing."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import sys
from pathlib import Path

from zeroov.errors import OutputError

if sys.platform != "win32":
    import fcntl

log = logging.getLogger("zeroov")
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)  # what a file system says that has none


class Lock:
    """A lock that this process holds from here to `release`; with `wait`, another's is waited for, else refused.

    `path` is the lock's own file, which holds the number of the process and is removed in the end. `what` names in the
    error what is locked. On Windows and on a file system without locks nothing is locked.
    """

    def __init__(self, path: Path, what: Path, *, wait: bool = False) -> None:
        self.path = path
        while True:
            descriptor = self._opened()
            try:
                if not _take(descriptor, wait):
                    holder = os.read(descriptor, 200).decode(errors="replace").strip()
                    raise OutputError(
                        f"another process works on `{what}`{f' ({holder})' if holder else ''}; "
                        "wait until it ends, or stop it"
                    )
                if _is_same_file(descriptor, path):
                    break
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # the process that held it has removed the file: take the lock of the new one
        self._descriptor: int | None = descriptor
        with contextlib.suppress(OSError):  # on a full disk the lock holds without its number
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"`{self.path}` cannot be written ({error.strerror}); name another folder") from error


def _take(descriptor: int, wait: bool) -> bool:
    """Take the lock of an open file; return `False` where another process has it."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        log.warning("this file system has no locks (%s); run nothing else on the same folder", error.strerror)
    return True


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
