"""Jobs: how far a question is, its answers, its events, and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from zeroov.look import Look
from zeroov.serve.explain import explained
from zeroov.serve.jobs import Job, as_event
from zeroov.serve.models import Explained, FloatMap, Results
from zeroov.serve.models import Job as JobModel
from zeroov.serve.refusal import Document, RequestError
from zeroov.serve.results import result_json
from zeroov.serve.routes.given import Served
from zeroov.serve.routes.results import explain_result, focus_row, row_of
from zeroov.serve.service import Service

router = APIRouter(prefix="/v1/jobs")
PAUSE = 0.05  # seconds between two looks for new events
ALIVE = 15.0  # seconds without an event after which a comment keeps the connection open
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get("/{id}", response_model=JobModel)
async def job(service: Served, id: str) -> Response:
    """Return how far a question is."""
    found = service.job(id)
    return Document(found.to_json(service.turn(found)))


@router.delete("/{id}", response_model=JobModel)
async def stop_job(service: Served, id: str) -> Response:
    """Stop a question; a search ends within a tile and keeps what it found. A second time changes nothing."""
    found = service.job(id)
    service.dismiss(found)
    return Document(found.to_json(service.turn(found)))


@router.get("/{id}/results", response_model=Results)
def job_results(service: Served, id: str) -> Response:
    """Return the answers of a question, also of a search that was stopped: what it kept."""
    found = service.job(id)
    if found.error is not None:
        raise found.error
    if not found.has_ended:
        raise RequestError(409, f"the job is {found.status}, there is no answer yet", "follow its events", "not_ready")
    return Document({"results": [result_json(service, service.result(each)) for each in found.results]})


@router.get("/{id}/explain", response_model=Explained)
def explain_job(service: Served, id: str, expression: int = 0) -> Response:
    """Return what the stages have made until now of one of the job's expressions, by its place."""
    found = service.job(id)
    if found.has_ended and 0 <= expression < len(found.results):
        return explain_result(service, found.results[expression])
    return Document(explained(_look_of(found, expression), service.pipeline.recipe))


@router.get("/{id}/focus", response_model=FloatMap)
def focus_row_of_job(service: Served, id: str, row: int, col: int, expression: int = 0) -> Response:
    """Return what is tied to a cell of the grid, as soon as Focus has looked at one of the job's expressions."""
    found = service.job(id)
    if found.has_ended and 0 <= expression < len(found.results):
        return focus_row(service, found.results[expression], row, col)
    return row_of(_look_of(found, expression).affinity, row, col)


def _look_of(job: Job, expression: int) -> Look:
    """Return what the stages have made until now of one of a job's expressions."""
    looks = next(iter(job.looks.values()), ())
    if not 0 <= expression < len(looks):
        raise RequestError(404, "no stage of this job has a map yet", "wait for its event `map`", "no_look")
    return looks[expression]


@router.get("/{id}/events", response_class=StreamingResponse, responses=EVENTS)
async def job_events(service: Served, id: str, last_event_id: str = Header("", alias="Last-Event-ID")) -> Response:
    """Return the job's events as they come; a client that comes back says which one it saw last."""
    found = service.job(id)
    last = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 10 else 0
    return StreamingResponse(_told(service, found, last), media_type="text/event-stream")


async def _told(service: Service, job: Job, last: int) -> AsyncIterator[str]:
    quiet, position = 0.0, None
    while True:
        ended = job.has_ended  # before the events, or the last one might be missed
        for number, name, data in job.events_after(last):
            yield as_event(number, name, data, json.dumps(data, ensure_ascii=False))
            last, quiet = number, 0.0
        if ended:
            return
        turn = await run_in_threadpool(service.turn, job)
        if turn and turn.position != position:
            position = turn.position
            yield f"event: queued\ndata: {json.dumps(asdict(turn))}\n\n"
        if quiet >= ALIVE:
            yield ": still here\n\n"
            quiet = 0.0
        await asyncio.sleep(PAUSE)
        quiet += PAUSE
