"""What routes are given: the service, the client, and a wait that ends when the client leaves."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any

from fastapi import Depends, Request

from zeroov.serve.jobs import Job
from zeroov.serve.refusal import RequestError
from zeroov.serve.service import Service


def service_of(request: Request) -> Service:
    """Return what the server holds."""
    service: Service = request.app.state.service
    return service


def client_of(request: Request) -> str:
    """Return who asks, by address: so that one client's questions do not hold up another's."""
    return request.client.host if request.client else "-"


Served = Annotated[Service, Depends(service_of)]
Client = Annotated[str, Depends(client_of)]


async def ended(job: Job, request: Request, service: Service) -> tuple[str, ...]:
    """Wait for a job; one whose client leaves meanwhile is dropped, or stopped."""
    done: asyncio.Future[tuple[str, ...]] = asyncio.wrap_future(job.future)
    leaving: asyncio.Future[None] = asyncio.ensure_future(_left(request))
    try:
        either: set[asyncio.Future[Any]] = {done, leaving}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            service.dismiss(job, keep=False)
            done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody asks any more
            raise ConnectionResetError("the client has gone")
        return done.result()
    finally:
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving


async def _left(request: Request) -> None:
    """Wait until a client closes its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def require_work(service: Service) -> None:
    """Refuse a body that nobody would work on."""
    if service.stopping.is_set():
        raise RequestError(503, "the server is stopping", "ask again when it is back")
