"""Report how far some work is, and stop it: one object for both. The bars on a terminal are in `cli/options.py`."""

from __future__ import annotations

import threading

from zeroov.errors import Cancelled


class Progress:
    """Receives reports, and stops the work at the next one once `stop` was called, from any thread.

    A subclass shows the reports by overriding `show`, and takes values as soon as they exist by overriding `made`. By
    itself nothing is shown.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._finishing = threading.Event()

    def report(self, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` parts of `what` are finished; 0 as it begins."""
        if self._stopped.is_set():
            raise Cancelled(f"stopped at {what}, {done} of {total}")
        self.show(what, done, total)

    def stop(self) -> None:
        """End the work at its next report."""
        self._stopped.set()

    def finish(self) -> None:
        """End a search after the tile in hand, or the closer look; what it found until then is its answer."""
        self._finishing.set()

    @property
    def is_finishing(self) -> bool:
        """Whether a search is to end with what it has found."""
        return self._finishing.is_set()

    def show(self, what: str, done: int, total: int) -> None:
        """Show a report to somebody."""

    def made(self, what: str, value: object) -> None:
        """Take a value as soon as it exists.

        A look gives the list of its `Look`s under the name of the stage that made them what they are: "overview",
        "focus", "evolve", "select", "refine". A model that is "loading" gives its stage and the seconds of its last
        load, `None` before the first; one that is "loaded" those of this one. A search gives a "window" that it turns
        to, each "tile" (a `Tile`) that it is done with, each "candidate" (the expression, a `Box` in pixels of the
        scene and its score) and each "found" object (a `Found`).
        """

    def inner(self) -> Progress:
        """Return a progress for work inside this work: it shows nothing, and is stopped with this one."""
        inside = Progress()
        inside._stopped, inside._finishing = self._stopped, self._finishing
        return inside


SILENT = Progress()
