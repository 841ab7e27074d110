"""Who is next: a bounded queue that serves clients in turn, each its own questions in order."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from zeroov.serve.jobs import Job
from zeroov.serve.refusal import RequestError

MOST_TOGETHER = 16  # expressions about one picture that are answered in one go


class Queue:
    """Jobs that wait. One client may hold half of the places, so that another one always finds some."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.seconds: float | None = None  # that a look takes, by the last ones; not known before the first one
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()  # by client, the next one first
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def put(self, job: Job) -> None:
        """Let a job wait, or refuse it where all places are taken."""
        with self._changed:
            if self._closed:
                raise RequestError(503, "the server is stopping", "ask again when it is back", headers=retry_after(5))
            own, all_waiting = len(self._waiting.get(job.client, ())), sum(map(len, self._waiting.values()))
            if all_waiting >= self.most or own >= max(1, self.most // 2):
                wait = min(60, max(1, round(all_waiting * (self.seconds or 1.0))))
                raise RequestError(
                    429,
                    f"{all_waiting} questions are waiting, {own} of them yours",
                    f"ask again in about {wait} s",
                    headers=retry_after(wait),
                )
            self._waiting.setdefault(job.client, deque()).append(job)
            self._changed.notify()

    def take(self) -> list[Job]:
        """Wait for the next job, and return it with others about its picture that can be answered with it.

        The list is empty once the queue is closed.
        """
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return []
            client, own = next(iter(self._waiting.items()))
            first = own.popleft()
            together, room = [first], MOST_TOGETHER - len(first.wish.expressions)
            for job in [job for line in self._waiting.values() for job in line]:
                fits = job.picture == first.picture and job.wish.goes_with(first.wish)
                if fits and len(job.wish.expressions) <= room:
                    together.append(job)
                    room -= len(job.wish.expressions)
                    self._waiting[job.client].remove(job)
            self._waiting.move_to_end(client)  # the others come first
            self._tidy()
            return together

    def remove(self, job: Job) -> bool:
        """Take a job out; return whether it was waiting."""
        with self._changed:
            line = self._waiting.get(job.client, ())
            if job not in line:
                return False
            self._waiting[job.client].remove(job)
            self._tidy()
            return True

    def ahead(self, job: Job) -> list[Job] | None:
        """Return the jobs that are asked before one; `None` for one that does not wait."""
        with self._changed:
            if job not in self._waiting.get(job.client, ()):
                return None
            own = self._waiting[job.client].index(job)
            clients = list(self._waiting)
            turns = [own + (at < clients.index(job.client)) for at in range(len(clients))]
            turns[clients.index(job.client)] = own
            return [
                each for line, most in zip(self._waiting.values(), turns, strict=True) for each in list(line)[:most]
            ]

    def took(self, seconds: float) -> None:
        """Take note of how long a look has taken."""
        with self._changed:
            self.seconds = seconds if self.seconds is None else self.seconds + (seconds - self.seconds) / 8

    def close(self) -> list[Job]:
        """Take no more, and return those that were waiting."""
        with self._changed:
            self._closed = True
            left = [job for line in self._waiting.values() for job in line]
            self._waiting.clear()
            self._changed.notify_all()
            return left

    def _tidy(self) -> None:
        for client in [client for client, line in self._waiting.items() if not line]:
            del self._waiting[client]


def retry_after(seconds: int) -> dict[str, str]:
    """Return the header that says when to ask again."""
    return {"Retry-After": str(seconds)}
