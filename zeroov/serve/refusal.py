"""Why a request is refused: a status, one word for programs, and for people what is wrong and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from zeroov.errors import (
    Cancelled,
    HardwareError,
    ModelError,
    OutputError,
    PictureError,
    ServerError,
    UsageError,
    ZeroovError,
)

# The first class that fits names the status and the word.
KINDS: tuple[tuple[type[ZeroovError], int, str], ...] = (
    (UsageError, 422, "wrong_value"),
    (PictureError, 400, "unreadable"),
    (OutputError, 409, "not_possible"),
    (Cancelled, 409, "stopped"),
    (ModelError, 500, "model"),
    (HardwareError, 500, "hardware"),
)
WORDS = {
    400: "bad_request",
    401: "key_needed",
    403: "not_allowed",
    404: "not_found",
    405: "method",
    408: "too_slow",
    411: "length_needed",
    413: "too_large",
    415: "kind_of_body",
    422: "wrong_value",
    429: "queue_full",
    503: "stopping",
    507: "disk_full",
}


class RequestError(ZeroovError, HTTPException):
    """A request that is not answered, with the HTTP status that says so."""

    def __init__(
        self, status: int, message: str, hint: str = "", code: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        HTTPException.__init__(self, status, message, dict(headers or {}))
        self.args = (f"{message}; {hint}" if hint else message,)
        self.code, self.message, self.hint = code or WORDS.get(status, "error"), message, hint

    def __str__(self) -> str:
        return str(self.args[0])


def refusal_of(error: ZeroovError) -> RequestError:
    """Return an error of zeroov as the refusal of a request; what to do stands behind the last semicolon."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, ServerError):  # which may name an address that is nobody's business
        return RequestError(502, "the language model's server gave no answer", "the log says why", "model_server")
    if isinstance(error, OutputError) and isinstance(error.__cause__, OSError):
        return disk_full(error.__cause__)
    status, code = next(((status, code) for kind, status, code in KINDS if isinstance(error, kind)), (500, "failed"))
    message, _, hint = str(error).rpartition("; ")
    return RequestError(status, message or hint, hint if message else "", code)


def disk_full(error: OSError) -> RequestError:
    """Return the refusal where this machine's disk, and not the client, is at fault."""
    return RequestError(507, f"the server cannot keep the image ({error.strerror})", "try again later")


class Document(JSONResponse):
    """An answer of plain values; text that is not UTF-8 is written out."""

    def render(self, content: Any) -> bytes:
        """Return the values as JSON of one line."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
        return text.encode("utf-8", "backslashreplace")


def about(error: RequestError) -> dict[str, Any]:
    """Return the body of a refusal."""
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
