"""Report how far some work is, and stop it: one object for both. The bars on a terminal are in `cli/options.py`."""

from __future__ import annotations

import threading

from zeroov.errors import Cancelled


class Progress:
    """Receives reports, and stops the work at the next one once `stop` was called, from any thread.

    A subclass shows the reports by overriding `show`. By itself nothing is shown.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def report(self, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` parts of `what` are finished; 0 as it begins."""
        if self._stopped.is_set():
            raise Cancelled(f"stopped at {what}, {done} of {total}")
        self.show(what, done, total)

    def stop(self) -> None:
        """End the work at its next report."""
        self._stopped.set()

    def show(self, what: str, done: int, total: int) -> None:
        """Show a report to somebody."""

    def inner(self) -> Progress:
        """Return a progress for work inside this work: it shows nothing, and is stopped with this one."""
        inside = Progress()
        inside._stopped = self._stopped
        return inside


SILENT = Progress()
