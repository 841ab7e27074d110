"""Ignore or catch what decoders warn about, in several threads at once.

The warnings of a process are one list. Two threads that each keep and bring back their own would leave it changed.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator


class _Quiet:
    """Ignores warnings in blocks of several threads, which may overlap: the last one to end brings them back."""

    def __init__(self) -> None:
        self._lock, self._blocks = threading.Lock(), 0
        self._ignoring = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._blocks:
                self._ignoring.enter_context(warnings.catch_warnings(action="ignore"))
            self._blocks += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self._ignoring.close()

    @contextlib.contextmanager
    def catching(self, category: type[Warning]) -> Iterator[list[warnings.WarningMessage]]:
        """Catch the warnings of a category in a short block, during which no other block begins or ends."""
        with self._lock, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", category)
            yield caught


quiet = _Quiet()
