"""The work on questions: one thread for each pipeline takes jobs from the queue and answers them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from zeroov.errors import Cancelled, Failed, ZeroovError, attempt
from zeroov.ground import Pipeline
from zeroov.look import Look
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found
from zeroov.outputs.polygons import outline_or_none
from zeroov.raster.scene import Scene
from zeroov.serve.answer import without_folders, without_path
from zeroov.serve.clicks import drawn_at
from zeroov.serve.jobs import Job, Watch, answers_of
from zeroov.serve.queue import Queue
from zeroov.serve.refusal import RequestError, refusal_of
from zeroov.serve.store import Open, Pictures, Upload
from zeroov.types import Tile

log = logging.getLogger("zeroov")
Keep = Callable[[Answer, Job], str]
LOOK_STAGES = ("overview", "focus", "evolve", "select", "refine")


class Telling(Watch):
    """Tells jobs, beside how far the work is, each value as soon as it exists."""

    def made(self, what: str, value: Any) -> None:
        """Pass a value on to the jobs that it belongs to."""
        if what in LOOK_STAGES:
            self._looked(what, value)
        elif what in ("loading", "loaded"):
            stage, seconds = value
            self._tell_all(what, stage=stage, seconds=None if seconds is None else round(seconds, 3))
        elif what == "window":
            self._tell_all("tile", window_xyxy=list(value), status="now", reason="")
        elif what == "tile":
            tile: Tile = value
            self._tell_all("tile", window_xyxy=list(tile.window), status=tile.status, reason=tile.reason)
        elif what == "candidate":
            text, box, score = value
            self._tell_all("found", box_xyxy=list(box.xyxy), score=round(score, 6), polygons=None, expression=text)
        elif what == "found":
            found: Found = value
            about = {"box_xyxy": list(found.box.xyxy), "score": round(found.score, 6), "expression": found.expression}
            for job in self.jobs:
                if found.expression in job.wish.expressions:
                    job.emit("found", **about, polygons=outline_or_none(found))

    def _tell_all(self, name: str, **data: Any) -> None:
        for job in self.jobs:
            job.emit(name, **data)

    def _looked(self, stage: str, looks: Sequence[Look]) -> None:
        """Keep the looks of each job as far as they are, and say which map is there now."""
        left = iter(looks)
        if len(looks) != sum(len(job.wish.expressions) for job in self.jobs):
            return  # closer looks, or the others of a group
        for job in self.jobs:
            own = [next(left) for _ in job.wish.expressions]
            if all(look.question.near is None for look in own):
                job.looks = {stage: own}
                job.emit("map", stage=stage)


class Worker(threading.Thread):
    """Answers one batch of jobs after another with one pipeline, until the queue is closed."""

    def __init__(self, pipeline: Pipeline, queue: Queue, pictures: Pictures, keep: Keep) -> None:
        super().__init__(name=f"zeroov on {pipeline.device}", daemon=True)
        self.pipeline, self.queue, self.pictures, self.keep = pipeline, queue, pictures, keep
        self.open = Open(pictures.most_pixels)
        self.now: Watch | None = None
        self._finishes = False

    def run(self) -> None:
        """Work until nothing comes any more."""
        while jobs := self.queue.take():
            self._work(jobs)
        self.open.close()

    def _work(self, jobs: list[Job]) -> None:
        """Answer jobs together; where that fails, each by itself, so that one costs itself alone."""
        watch = Telling(jobs)
        self.now = watch
        if self._finishes:
            watch.finish()
        for job in jobs:
            job.begin(watch)
        answered = attempt(lambda: self._answers(jobs, watch), fatal=())
        self.now = None
        if isinstance(answered, Failed):
            is_final = len(jobs) == 1 or isinstance(answered.error, Cancelled)
            for job in jobs:
                if not watch.is_wanted(job):  # its client may have left while another one was asked again
                    self._fail(job, Cancelled("stopped"))
                elif is_final:
                    self._fail(job, answered.error)
                else:
                    self._work([job])
            return
        for job, answers in zip(jobs, answers_of(answered, jobs), strict=True):
            if not watch.is_wanted(job):
                self._fail(job, Cancelled("stopped"))
                continue
            if not job.searches:  # how long a search takes, its picture decides
                self.queue.took(job.seconds / len(jobs))
            self.pictures.release(job.picture)
            job.end([self.keep(answer, job) for answer in answers], stopped=watch.is_finishing and job.searches)

    def _fail(self, job: Job, error: Exception) -> None:
        self.pictures.release(job.picture)
        job.fail(self._refusal(error, job))

    def _answers(self, jobs: Sequence[Job], watch: Watch) -> list[Answer]:
        upload = self.pictures.get(jobs[0].picture)
        answers = self._asked(self.open.scene(upload, watch), jobs, watch)
        return [about_upload(answer, upload) for answer in answers]

    def _asked(self, scene: Scene, jobs: Sequence[Job], watch: Watch) -> list[Answer]:
        wish = jobs[0].wish
        texts = [text for job in jobs for text in job.wish.expressions]
        if wish.is_drawn:
            return [drawn_at(self.pipeline, scene, text, wish.box, wish.points) for text in texts]
        return self.pipeline.ground(
            scene,
            texts,
            every=wish.every,
            zoom=wish.zoom,
            search=wish.search,
            aoi=None if wish.area is None else (*wish.area, "px"),
            progress=watch,
        )

    def _refusal(self, error: Exception, job: Job) -> ZeroovError:
        """Return what a client is told of an error; one of ours is logged, and not shown."""
        if not isinstance(error, ZeroovError):
            log.error("a question failed", exc_info=error)
            return RequestError(500, "something went wrong inside zeroov", "the server's log says what", "internal")
        refusal = error if isinstance(error, Cancelled) else refusal_of(error)
        if isinstance(refusal, RequestError):
            if refusal.status_code >= 500:
                log.error("%s", error)
            if upload := self.pictures.find(job.picture):
                refusal.message = without_path(refusal.message, upload.path)
        return refusal

    def finish(self) -> None:
        """End a search in hand, and what would follow on it, with what is found by now; a look in hand goes on."""
        self._finishes = True
        if watch := self.now:
            watch.finish()


def about_upload(answer: Answer, upload: Upload) -> Answer:
    """Return an answer that names the picture as its client does, and no folder of this machine."""
    info = replace(answer.info, source=upload.name)
    tiles = tuple(replace(tile, reason=without_path(tile.reason, upload.path)) for tile in answer.tiles)
    return replace(answer, info=info, tiles=tiles, provenance=without_folders(answer.provenance))
