"""Where the time of some work goes: each part of it a span, added up, and if asked kept for a trace."""

from __future__ import annotations

import contextlib
import contextvars
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FIRST = ("overview", "focus", "evolve", "select", "refine", "reading", "writing", "loading")  # in a line of shares
REST = "rest"


@dataclass(frozen=True)
class Shares:
    """How long some work took, and of that each part, in seconds; what is in no span is the `rest`."""

    seconds: float
    parts: dict[str, float]

    def __str__(self) -> str:
        order = [*FIRST, *(name for name in self.parts if name not in (*FIRST, REST)), REST]
        names = [name for name in order if name in self.parts]
        whole = self.seconds or 1.0
        listed = ", ".join(f"{name} {self.parts[name] / whole:.0%}" for name in names)
        return f"{self.seconds:.1f} s: {listed}"

    def to_json(self) -> dict[str, float]:
        """Return the seconds of the whole, of each part and of the rest."""
        return {name: round(seconds, 3) for name, seconds in {"all": self.seconds, **self.parts}.items()}


class Recorder:
    """Adds up the spans of the thread that made it; what other threads do beside it is in the trace alone.

    A span inside another one counts for itself, and not for the outer one.
    """

    def __init__(self, *, trace: bool = False, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._began = clock, clock()
        self._ended: float | None = None
        self._thread = threading.get_ident()
        self._parts: dict[str, float] = {}
        self._inside = [0.0]  # seconds of the spans inside each open span
        self._trace: list[tuple[str, int, float, float]] | None = [] if trace else None
        self._threads: dict[int, int] = {}  # their numbers, from 1
        self._names: list[str] = []

    @contextlib.contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Count the time of a block for the part `name`."""
        thread, began = threading.get_ident(), self._clock()
        own = thread == self._thread
        if own:
            self._inside.append(0.0)
        try:
            yield
        finally:
            seconds = self._clock() - began
            if own:
                self._parts[name] = self._parts.get(name, 0.0) + seconds - self._inside.pop()
                self._inside[-1] += seconds
            if self._trace is not None:
                if thread not in self._threads:
                    self._names.append(threading.current_thread().name)
                    self._threads[thread] = len(self._names)
                self._trace.append((name, self._threads[thread], began, seconds))

    def end(self) -> None:
        """Say that the work is done."""
        self._ended = self._clock()

    @property
    def shares(self) -> Shares:
        """How long the work took so far, or until it was done, and each part of it."""
        seconds = (self._clock() if self._ended is None else self._ended) - self._began
        return Shares(seconds, {**self._parts, REST: max(0.0, seconds - sum(self._parts.values()))})

    def to_json(self) -> str:
        """Return the spans in Chrome's trace format, which Perfetto and chrome://tracing open."""
        threads = [
            {"ph": "M", "name": "thread_name", "pid": 1, "tid": thread, "args": {"name": name}}
            for thread, name in enumerate(self._names, start=1)
        ]
        spans = [
            {
                "ph": "X",
                "name": name,
                "pid": 1,
                "tid": thread,
                "ts": round((began - self._began) * 1e6, 1),
                "dur": round(seconds * 1e6, 1),
            }
            for name, thread, began, seconds in self._trace or ()
        ]
        return json.dumps({"traceEvents": [*threads, *spans], "displayTimeUnit": "ms"}, separators=(",", ":"))


_recorder: contextvars.ContextVar[Recorder | None] = contextvars.ContextVar("recorder", default=None)


@contextlib.contextmanager
def recorded(*, trace: bool = False, clock: Callable[[], float] = time.perf_counter) -> Iterator[Recorder]:
    """Record the spans of a block, and of threads that work for it in a copy of its context; `clock` has seconds."""
    recorder = Recorder(trace=trace, clock=clock)
    before = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        recorder.end()
        _recorder.reset(before)


@contextlib.contextmanager
def span(name: str) -> Iterator[None]:
    """Count the time of a block for the part `name` of the work that is recorded; where none is, do nothing."""
    recorder = _recorder.get()
    with recorder.span(name) if recorder else contextlib.nullcontext():
        yield
