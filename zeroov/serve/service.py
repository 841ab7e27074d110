"""All that a server holds: pipelines and their threads, pictures, questions, answers, and what it allows."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from zeroov.errors import UsageError
from zeroov.ground import Pipeline, is_large
from zeroov.outputs.answer import Answer
from zeroov.pipeline.kept import Kept
from zeroov.serve.folder import Folder
from zeroov.serve.jobs import Job, Turn, Wish
from zeroov.serve.metrics import Metrics
from zeroov.serve.queue import Queue, retry_after
from zeroov.serve.refusal import RequestError
from zeroov.serve.store import Pictures, Reader, Upload
from zeroov.serve.work import Worker
from zeroov.types import Affinity
from zeroov.version import __version__

MIB = 2**20
MPIXELS = 10**6
RESULT_BYTES = 256 * MIB  # of memory for answers and the maps behind them
LEAST_RESULT = MIB  # that an answer counts at least: at most 256 are kept
AFFINITY_BYTES = 64 * MIB
MOST_AT_ONCE = 16  # uploads that come in together, and clicks that are drawn
MOST_JOBS = 200  # that are remembered
WORDS = 300  # of an expression
EXPRESSIONS = 16  # of a call


@dataclass(frozen=True)
class Limits:
    """What a server takes: bytes and pixels of a picture, bytes of all pictures on disk, questions that wait."""

    bytes: int = 256 * MIB
    pixels: int = 1000 * MPIXELS
    store_bytes: int = 4096 * MIB
    queue: int = 64


@dataclass(frozen=True, eq=False)
class Result:
    """An answer that clients may come back to."""

    id: str
    picture: str
    answer: Answer
    derived_from: str | None = None


@dataclass(frozen=True, eq=False)
class Access:
    """Who may ask: host names, a key, other origins whose pages may ask, and folders that are lent out by name."""

    host: str = "127.0.0.1"
    is_local: bool = True
    names: tuple[str, ...] = ()
    key: str = ""
    origins: tuple[str, ...] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)


class Service:
    """Everything behind the routes; knows neither sockets nor HTTP."""

    def __init__(self, pipelines: Sequence[Pipeline], access: Access, limits: Limits) -> None:
        self.pipelines, self.access, self.limits = tuple(pipelines), access, limits
        self.folder = Folder()
        self.incoming = self.folder.path / "incoming"
        self.incoming.mkdir()
        kept = self.folder.path / "pictures"
        kept.mkdir()
        self.pictures = Pictures(kept, limits.store_bytes, limits.pixels)
        self.shown, self.clicked = Reader(limits.pixels), Reader(limits.pixels)  # for tiles, and for clicks
        self.uploads, self.clicks = (threading.BoundedSemaphore(MOST_AT_ONCE) for _ in range(2))
        self.examples: dict[int, dict[str, Any]] = {}  # by their places
        self.queue = Queue(limits.queue)
        self.metrics = Metrics()
        self.stopping = threading.Event()
        self.workers = [Worker(each, self.queue, self.pictures, self.keep) for each in self.pipelines]
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._results, self._affinities = Kept(RESULT_BYTES), Kept(AFFINITY_BYTES)
        self._lock = threading.RLock()

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that says what all of them are: they have one recipe."""
        return self.pipelines[0]

    @property
    def drawn_only(self) -> bool:
        """Whether the models know the miniature world alone."""
        return self.pipeline.recipe.overview.model.startswith("builtin:")

    def start(self) -> None:
        """Let the workers begin."""
        for worker in self.workers:
            worker.start()

    def stop(self) -> None:
        """Take no more; pictures in hand are answered, searches in hand end with what they found."""
        self.stopping.set()
        for job in self.queue.close():
            self._drop(job, RequestError(503, "the server is stopping", "ask again when it is back"))
        for worker in self.workers:
            worker.finish()

    def join(self, seconds: float | None = None) -> None:
        """Wait until the workers are done."""
        for worker in self.workers:
            if worker.is_alive():
                worker.join(seconds)

    def close(self) -> None:
        """Remove what is left of pictures."""
        self.shown.close()
        self.clicked.close()
        self.pictures.close()
        self.folder.close()

    @contextlib.contextmanager
    def room(self, places: threading.BoundedSemaphore, what: str) -> Iterator[None]:
        """Take one of a few places for the length of a block, or refuse."""
        if not places.acquire(blocking=False):
            raise RequestError(429, f"{MOST_AT_ONCE} {what} are in hand", "ask again soon", headers=retry_after(2))
        try:
            yield
        finally:
            places.release()

    def wish(self, wish: Wish, upload: Upload) -> Wish:
        """Return a wish as it is asked: its limits are kept, and the recipe says whether it is a search."""
        if len(wish.expressions) > EXPRESSIONS:
            raise UsageError(
                f"{len(wish.expressions)} expressions are given, at most {EXPRESSIONS} are taken in one call; ask "
                "again with the others"
            )
        for text in wish.expressions:
            if (words := len(text.split())) > WORDS:
                raise UsageError(f"the expression has {words} words, at most {WORDS} are taken; describe one object")
        if wish.every and (wish.is_drawn or wish.search is False):
            raise UsageError("every object of a kind is found by a search; leave out box, points and search=false")
        if wish.search is None and not wish.is_drawn:
            return replace(wish, search=wish.every or self._is_large(wish, upload))
        return wish

    def _is_large(self, wish: Wish, upload: Upload) -> bool:
        if wish.area is None:
            return upload.large
        x0, y0, x1, y1 = wish.area
        return is_large((round(y1 - y0), round(x1 - x0)), self.pipeline.recipe.search)

    def ask(self, upload: Upload, wish: Wish, client: str) -> Job:
        """Let a question wait for its turn."""
        wish = self.wish(wish, upload)
        job = Job(upload.id, wish, client, searches=bool(wish.search))
        self.pictures.hold(upload.id)
        try:
            self.queue.put(job)
        except RequestError:
            self.pictures.release(upload.id)
            raise
        with self._lock:
            self._jobs[job.id] = job
            for old in [id for id, each in self._jobs.items() if each.has_ended][: max(0, len(self._jobs) - MOST_JOBS)]:
                del self._jobs[old]
        if turn := self.turn(job):
            job.emit("queued", **asdict(turn))
        return job

    def turn(self, job: Job) -> Turn | None:
        """Return when a job will be asked, and `None` where it does not wait.

        The seconds are known once a look has ended, and where no search, of which nobody knows how long it takes, comes
        before it.
        """
        ahead = self.queue.ahead(job)
        if ahead is None:
            return None
        in_hand = [each for worker in self.workers if (now := worker.now) for each in now.jobs]
        before, look = [*in_hand, *ahead], self.queue.seconds
        known = look is not None and not any(each.searches for each in before)
        return Turn(len(ahead) + 1, round(len(before) * look / len(self.workers), 1) if known and look else None)

    def same_job(self, picture: str, wish: Wish, client: str) -> Job | None:
        """Return a client's job that waits or works on the very same question."""
        with self._lock:
            for job in reversed(self._jobs.values()):
                if not job.has_ended and (job.picture, job.wish, job.client) == (picture, wish, client):
                    return job
        return None

    def job(self, id: str) -> Job:
        """Return a job; one that is not remembered is refused."""
        with self._lock:
            if id in self._jobs:
                return self._jobs[id]
        raise RequestError(
            404,
            f"there is no job `{id[:40]}`: it was forgotten, or the server was started again",
            "ask again (POST /v1/pictures/{id}/ground)",
            "job_gone",
        )

    def dismiss(self, job: Job, *, keep: bool = True) -> None:
        """Stop a job: one that waits goes; a search ends within a tile and, if it is to, keeps what it found."""
        if self.queue.remove(job):
            self._drop(job, RequestError(409, "the question was taken back", "", "stopped"))
        else:
            job.take_back(keep=keep)

    def _drop(self, job: Job, error: RequestError) -> None:
        self.pictures.release(job.picture)
        job.drop(error)

    def keep(self, answer: Answer, job: Job) -> str:
        """Keep an answer of a job, and return its id."""
        return self.keep_result(answer, job.picture).id

    def keep_result(self, answer: Answer, picture: str, derived_from: str | None = None) -> Result:
        """Keep an answer; the affinities of its looks, which are large, go apart."""
        with self._lock:
            for look in answer.looks[:1]:
                if look.affinity and (key := look.keys.get("focus")):
                    self._affinities.keep(key, look.affinity, look.affinity.matrix.nbytes)
            slim = tuple(replace(look, affinity=None) for look in answer.looks)
            closer = tuple(replace(each, look=replace(each.look, affinity=None)) for each in answer.closer)
            answer = replace(answer, looks=slim, closer=closer)
            result = Result(secrets.token_hex(8), picture, answer, derived_from)
            self._results.keep(result.id, result, max(LEAST_RESULT, _bytes_of(answer)))
            return result

    def result(self, id: str) -> Result:
        """Return an answer; one that is not kept is refused."""
        with self._lock:
            if found := self._results.find(id):
                result: Result = found
                return result
        raise RequestError(
            404,
            f"there is no result `{id[:40]}`: it was forgotten, or the server was started again",
            "ask again (POST /v1/pictures/{id}/ground)",
            "result_gone",
        )

    def affinity(self, key: str) -> Affinity | None:
        """Return the affinity of a look, by its key, as long as it is kept."""
        with self._lock:
            found: Affinity | None = self._affinities.find(key)
            return found

    def folder_file(self, reference: str) -> Path:
        """Return the file that `name:sub/file` means; nothing outside of a folder that was named."""
        name, _, inside = reference.partition(":")
        if name not in self.access.folders:
            raise RequestError(404, f"no folder is called `{name[:40]}`", "GET /v1 lists them", "no_folder")
        root = self.access.folders[name].resolve()
        try:
            path = (root / inside).resolve()
        except (OSError, ValueError) as error:
            raise RequestError(404, f"`{inside[:80]!r}` is no file's name") from error
        if not path.is_relative_to(root):
            raise RequestError(403, f"`{inside[:80]}` does not lie in the folder `{name}`", "", "outside")
        return path

    def health(self) -> dict[str, Any]:
        """Return whether it runs; never waits for a model."""
        models = self.pipeline.models
        return {
            "status": "stopping" if self.stopping.is_set() else "ok",
            "queue": len(self.queue),
            "device": ", ".join(str(each.device) for each in self.pipelines),
            "loaded": {stage: models.holds(stage) for stage in models.stages},
            "version": __version__,
            "recipe": self.pipeline.recipe.name,
        }


def _bytes_of(answer: Answer) -> int:
    """Return about how much memory an answer holds; a picture that answers share is counted with each."""
    masks = sum(found.mask.nbytes for found in answer.found)
    looks = [*answer.looks, *(each.look for each in answer.closer)]
    pictures = {look.picture.digest: look.picture.rgb.nbytes for look in looks}
    maps = sum(look.overview.layers.nbytes + look.picture.rgb.nbytes for look in looks)  # three masks are one picture
    return answer.shown.rgb.nbytes + masks + maps + sum(pictures.values())
