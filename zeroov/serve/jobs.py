"""A job: one client's question about one picture, what became of it, and the events that tell of it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from zeroov.errors import Cancelled, ZeroovError
from zeroov.look import Look
from zeroov.outputs.answer import Answer
from zeroov.progress import Progress
from zeroov.serve.refusal import RequestError, about, refusal_of

Status = Literal["accepted", "running", "successful", "failed", "dismissed"]
MOST_EVENTS = 20_000  # of one job: a scene of so many tiles; the oldest go first
SHARES = {"reading": 5, "overview": 30, "focus": 50, "evolve": 55, "select": 80, "refine": 95, "tiles": 75}
"""How far a job is, in per cent, when a stage is done; closer looks bring a search to 95."""


@dataclass(frozen=True)
class Wish:
    """What a client wants to know of a picture. `search` and `zoom` of `None` leave it to the recipe.

    `box` and `points` (x, y, on the object or not) say where the object is; `area` is the window that is looked at.
    """

    expressions: tuple[str, ...]
    every: bool = False
    zoom: bool | None = None
    search: bool | None = None
    box: tuple[float, float, float, float] | None = None
    points: tuple[tuple[float, float, bool], ...] = ()
    area: tuple[float, float, float, float] | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether somebody says where the object is, so that it is drawn there and nothing is looked for."""
        return self.box is not None or bool(self.points)

    def goes_with(self, other: Wish) -> bool:
        """Whether two questions about one picture are answered in one go; searches are not: each may be stopped."""
        alone = self.is_drawn or other.is_drawn or self.search or other.search
        return not alone and (self.every, self.zoom, self.area) == (other.every, other.zoom, other.area)


@dataclass(frozen=True)
class Turn:
    """When a job that waits will be asked: 1 is the next one. The seconds are `None` where they are not known."""

    position: int
    wait_seconds: float | None


class Job:
    """One question on its way; whoever asks for its state, its events or its end may do so from any thread."""

    def __init__(self, picture: str, wish: Wish, client: str, searches: bool) -> None:
        self.id = secrets.token_hex(8)
        self.picture, self.wish, self.client, self.searches = picture, wish, client, searches
        self.status: Status = "accepted"
        self.progress, self.stage, self.done, self.total, self.message = 0.0, "", 0, 0, ""
        self.results: tuple[str, ...] = ()
        self.error: RequestError | None = None
        self.asked_at, self.begun_at, self.ended_at = time.monotonic(), 0.0, 0.0
        self.looks: Mapping[str, Sequence[Look]] = {}
        """The looks as far as they are, by the stage that ended last; none once it has ended: results hold them."""
        self.future: Future[tuple[str, ...]] = Future()
        self.future.set_running_or_notify_cancel()  # whoever waits for it cannot cancel it by giving up
        self.watch: Watch | None = None  # of the work in hand
        self.first_event = 1
        self._is_taken_back = False
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it; its last event is there by then."""
        return self.future.done()

    @property
    def seconds(self) -> float:
        """How long it has worked."""
        return (self.ended_at or time.monotonic()) - self.begun_at if self.begun_at else 0.0

    def emit(self, name: str, **data: Any) -> None:
        """Add an event."""
        with self._lock:
            self._events.append((name, data))
            if len(self._events) > MOST_EVENTS:
                del self._events[: MOST_EVENTS // 10]
                self.first_event += MOST_EVENTS // 10

    def events_after(self, last: int) -> list[tuple[int, str, dict[str, Any]]]:
        """Return the events behind the one numbered `last`, counted from 1."""
        with self._lock:
            start = max(0, last + 1 - self.first_event)
            return [(self.first_event + at, *each) for at, each in enumerate(self._events[start:], start)]

    def begin(self, watch: Watch) -> None:
        """Note that the work begins."""
        with self._lock:
            self.status, self.begun_at, self.watch = "running", time.monotonic(), watch
            if self._is_taken_back:
                watch.unwant(self)

    def take_back(self, *, keep: bool) -> None:
        """End the work on it; a search that is to `keep` what it found ends within a tile."""
        with self._lock:
            if self.watch is None:  # it is between the queue and its work, or has ended
                self._is_taken_back = True
            elif keep and self.searches:
                self.watch.finish()
            else:
                self.watch.unwant(self)

    def end(self, results: Sequence[str], *, stopped: bool = False) -> None:
        """Note what was found, by the whole work or up to where it was stopped."""
        self.results, self.progress = tuple(results), self.progress if stopped else 100.0
        self._end("dismissed" if stopped else "successful")
        self.emit("done", **self.to_json())
        self.future.set_result(self.results)

    def fail(self, error: ZeroovError) -> None:
        """Note that nothing comes of it, and why."""
        refusal = refusal_of(error)
        self.error, self.message = refusal, str(refusal)
        self._end("dismissed" if isinstance(error, Cancelled) else "failed")
        self.emit("done", **self.to_json()) if self.status == "dismissed" else self.emit("failed", **about(refusal))
        self.future.set_exception(refusal)

    def drop(self, error: RequestError) -> None:
        """Note that it will not be looked at: its client took it back, or the server stops."""
        self.error, self.message = error, error.message
        self._end("dismissed")
        self.emit("done", **self.to_json())
        self.future.set_exception(error)

    def _end(self, status: Status) -> None:
        self.status, self.ended_at, self.watch, self.looks = status, time.monotonic(), None, {}

    def to_json(self, turn: Turn | None = None) -> dict[str, Any]:
        """Return its state as plain values; `turn` is that of a job that waits."""
        return {
            "id": self.id,
            "picture": self.picture,
            "expressions": list(self.wish.expressions),
            "status": self.status,
            "progress": round(self.progress, 1),
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "position": turn.position if turn else None,
            "wait_seconds": turn.wait_seconds if turn else None,
            "message": self.message,
            "seconds": round(self.seconds, 3),
            "results": list(self.results),
        }


class Watch(Progress):
    """Tells the jobs that are answered together how far the work is, and ends it once none of them is wanted."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__()
        self.jobs = list(jobs)
        self._unwanted: set[str] = set()

    def show(self, what: str, done: int, total: int) -> None:
        """Note a stage's state."""
        share = done / total if total else 1.0
        before = max((value for value in SHARES.values() if value < SHARES.get(what, 95)), default=0)
        for job in self.jobs:
            job.stage, job.done, job.total = what, done, total
            job.progress = max(job.progress, before + share * (SHARES.get(what, 95) - before))
            job.emit("stage", stage=what, done=done, total=total)

    def unwant(self, job: Job) -> None:
        """Take note that a job's answer is not wanted: a search ends and keeps what it found, a look just ends."""
        self._unwanted.add(job.id)
        if all(each.id in self._unwanted for each in self.jobs):
            self.stop()

    def is_wanted(self, job: Job) -> bool:
        """Whether somebody waits for a job."""
        return job.id not in self._unwanted


def as_event(number: int, name: str, data: Mapping[str, Any], text: str) -> str:
    """Return a server-sent event; `text` is its data as JSON."""
    return f"id: {number}\nevent: {name}\ndata: {text}\n\n"


def answers_of(answers: Sequence[Answer], jobs: Sequence[Job]) -> list[list[Answer]]:
    """Return the answers to questions that were asked together, those of each job."""
    left = iter(answers)
    return [[next(left) for _ in job.wish.expressions] for job in jobs]
