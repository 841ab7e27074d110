"""The program behind the address: routes, and what becomes of errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from zeroov.errors import ZeroovError
from zeroov.serve.gate import Gate
from zeroov.serve.models import ErrorBody
from zeroov.serve.refusal import Document, RequestError, about, disk_full, refusal_of
from zeroov.serve.routes import asking, facts, jobs, pictures, results
from zeroov.serve.service import Service
from zeroov.version import __version__

log = logging.getLogger("zeroov")
NO_OBJECT = 'send one, such as {"expressions": ["the ship"]}, with `Content-Type: application/json`'
LEFT = 499  # in the log: the client has gone
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 404, 409, 413, 422, 429, 503, 507)
}


def make_app(service: Service, log_line: Callable[[str], None] = lambda line: None) -> ASGIApp:
    """Return the ASGI program of a service; `log_line` gets a line for every request."""
    app = FastAPI(
        title="zeroov",
        version=__version__,
        description="Find the one object that a sentence describes in a remote sensing image.",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # both load their scripts from another host
        redoc_url=None,
        responses=REFUSALS,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,  # what a generated client calls it
        redirect_slashes=False,
    )
    app.state.service = service
    for room in (facts, pictures, asking, results, jobs):
        app.include_router(room.router)
    app.openapi()  # FastAPI would make routes and models ready at the first request, in whatever thread that comes
    app.add_exception_handler(ZeroovError, _refused)
    app.add_exception_handler(RequestValidationError, _wrong_fields)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(OSError, _disk)
    app.add_exception_handler(ConnectionError, _left)
    app.add_exception_handler(Exception, _failed)
    return Gate(app, service, log_line)


def _reply(error: RequestError) -> Document:
    return Document(about(error), error.status_code, error.headers)


def _refused(_: Request, error: Exception) -> Document:
    assert isinstance(error, ZeroovError)
    refusal = refusal_of(error)
    if refusal.status_code >= 500 and refusal.status_code != 503:
        log.error("%s", error)
    return _reply(refusal)


def _wrong_fields(_: Request, error: Exception) -> Document:
    """Say which field of a document is wrong, and how."""
    assert isinstance(error, RequestValidationError)
    wrong = []
    for each in error.errors()[:3]:
        place = ".".join(str(part) for part in each["loc"] if part != "body")
        if each["type"] == "json_invalid" or not place:
            return _reply(RequestError(422, "the body is no JSON object", NO_OBJECT))
        wrong.append(f"{place[:80]}: {each['msg']}")
    return _reply(RequestError(422, "; ".join(wrong), "GET /v1/openapi.json describes every field"))


def _not_routed(_: Request, error: Exception) -> Document:
    assert isinstance(error, HTTPException)
    status = error.status_code
    messages = {404: "there is nothing at this address", 405: "this address takes another method"}
    return _reply(
        RequestError(status, messages.get(status, str(error.detail)), "GET /v1 lists them", "", error.headers)
    )


def _disk(_: Request, error: Exception) -> Document:
    assert isinstance(error, OSError)
    log.error("an upload cannot be kept: %s", error)
    return _reply(disk_full(error))


def _left(_: Request, error: Exception) -> Response:
    """Note that nobody waits for the answer."""
    return Response(status_code=LEFT)


def _failed(_: Request, error: Exception) -> Document:
    """Log what nobody foresaw, and do not show it."""
    log.error("a request failed", exc_info=error)
    return _reply(RequestError(500, "something went wrong inside zeroov", "the server's log says what", "internal"))
