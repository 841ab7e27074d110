"""Who is let in: every request passes here before a route sees it.

Host names, other sites' pages, the key and the size of a body are checked before the body is read; a body that comes
too slowly is given up. Every answer gets an id, a line in the log and the headers that keep browsers careful.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zeroov.serve.refusal import RequestError, about
from zeroov.serve.service import Service

log = logging.getLogger("zeroov")

PATIENCE = 30.0  # seconds without a byte after which a client is given up
SLOWEST = 1 << 16  # bytes a second: behind this rate by PATIENCE, a body is given up too
BASE64 = 4 / 3  # how much longer a picture is in a JSON document
ROOM = 1 << 16  # bytes of a JSON document, or of a form, beside the picture
MOST_DOCUMENT = 1 << 23  # bytes of a question, with the mask that it may hold
MOST_IN_HAND = 256
RETRY = {"Retry-After": "2"}
BODIES = ("POST", "PUT", "PATCH")
PICTURES = ("/v1/pictures", "/v1/ground", "/ground")  # whose bodies are pictures
OPEN = ("/", "/health")  # without a key: the page, which asks for it, and whether the server runs
GOOD_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
EXPOSED = "Location, Retry-After, X-Request-Id"
ALLOWED = "Authorization, Content-Type, Prefer, Last-Event-ID, X-Request-Id"
METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
CUT = "zeroov.cut"  # of a scope: the client ended its sending in the middle of the body


class Gate:
    """An ASGI program before another one."""

    def __init__(self, app: ASGIApp, service: Service, log_line: Callable[[str], None]) -> None:
        self.app, self.service, self.log_line = app, service, log_line
        self.in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            return
        request = _Request(self, scope, receive, send)
        self.in_hand += 1
        try:
            if request.is_preflight:
                await request.answer(204, None)
                return
            if self.in_hand > MOST_IN_HAND:
                raise RequestError(503, f"{MOST_IN_HAND} requests are in hand", "ask again soon", "busy", RETRY)
            self._require_own(request)
            self._require_key(request)
            request.require_body()
            await self.app(scope, request.receive, request.send)
        except RequestError as error:  # before the routes, which have their own handler
            await request.answer(error.status_code, about(error), error.headers or {})
        except ConnectionError:
            request.status = request.status or 499
        finally:
            self.in_hand -= 1
            request.note()

    def _require_own(self, request: _Request) -> None:
        """Refuse what a page of another site makes a browser send, directly or by a name it points to this machine."""
        access, host, origin = self.service.access, request.headers.get("host", ""), request.headers.get("origin")
        if origin is not None and origin.lower() in access.origins:
            return
        with contextlib.suppress(ValueError):
            name = urlsplit(f"//{host}").hostname or "localhost"
            is_ours = name in ("localhost", *access.names) or ip_address(name).is_loopback or not access.is_local
            if is_ours and (origin is None or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")):
                return
        raise RequestError(
            403,
            "the request comes from another site's page, or by a name that is not this server's",
            "ask by its IP address, or start it with --allow-host NAME or --allow-origin ORIGIN",
        )

    def _require_key(self, request: _Request) -> None:
        key, path = self.service.access.key, request.scope["path"]
        if not key or path in OPEN or path.startswith("/page/"):
            return
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), key.encode())
        if kind.lower() != "bearer" or not same:
            raise RequestError(
                401,
                "a key is needed" if not given else "the key is wrong",
                "send the header `Authorization: Bearer KEY` with the key that the server was started with",
                "key_wrong" if given else "key_needed",
                {"WWW-Authenticate": "Bearer"},
            )


class _Request:
    """One request on its way through the gate."""

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self.gate, self.service, self.scope = gate, gate.service, scope
        self._receive, self._send = receive, send
        self.headers = Headers(scope=scope)
        given = self.headers.get("x-request-id", "")
        self.id = given if GOOD_ID.fullmatch(given) else secrets.token_hex(8)
        self.begun, self.status = time.monotonic(), 0
        self.length = self.got = 0
        self.body_begun = 0.0
        scope["zeroov.request_id"] = self.id

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks what a page of an allowed origin may send."""
        origin = self.headers.get("origin", "").lower()
        return self.scope["method"] == "OPTIONS" and origin in self.service.access.origins

    def require_body(self) -> None:
        """Refuse a body that is too large, or of unknown length, before any of it is read."""
        if "transfer-encoding" in self.headers:
            raise RequestError(411, "send the body with its Content-Length, and not chunked")
        length = self.headers.get("content-length", "").strip()
        if self.scope["method"] in BODIES and not length:
            raise RequestError(411, "send the body with its Content-Length, and not chunked")
        if length and not (length.isascii() and length.isdigit()):
            raise RequestError(400, "Content-Length is one whole number of bytes")
        kind = self.headers.get("content-type", "").lower()
        factor = BASE64 if "json" in kind else 1
        is_picture = self.scope["path"] in PICTURES
        most = self.service.limits.bytes if is_picture else MOST_DOCUMENT
        room = ROOM if "json" in kind or "multipart" in kind else 0
        if len(length) > 18 or int(length or 0) > most * factor + room:
            raise RequestError(
                413,
                f"the body has {length[:18]} bytes, at most {most / 2**20:g} MiB are taken",
                "--max-mib allows more",
            )
        self.length = int(length or 0)

    async def receive(self) -> Message:
        """Return the next part of the body; give up one that is cut off or too slow, and all once the server stops."""
        if self.got >= self.length and self.body_begun:
            return await self._receive()  # only the end of the connection can come
        self.body_begun = self.body_begun or time.monotonic()
        message = await self._in_time()
        if message["type"] != "http.request":
            return message
        self.got += len(message.get("body", b""))
        if message.get("more_body") and self.scope.get(CUT):
            raise RequestError(
                400, f"the body was cut off: {self.length} bytes were announced, {self.length - self.got} are missing"
            )
        if time.monotonic() - self.body_begun > PATIENCE + self.got / SLOWEST:
            raise RequestError(408, f"the body comes too slowly: {self.got} of {self.length} bytes until now")
        if not message.get("more_body"):
            self.got = self.length = max(self.got, self.length)
        return message

    async def _in_time(self) -> Message:
        """Wait for a message as long as a client may be silent, and not at all once the server stops."""
        coming = asyncio.ensure_future(self._receive())
        until = time.monotonic() + PATIENCE
        while not coming.done():
            await asyncio.wait({coming}, timeout=min(0.1, max(0.01, until - time.monotonic())))
            if coming.done():
                break
            stops = self.service.stopping.is_set()
            if stops or time.monotonic() > until:
                coming.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await coming
                if stops:
                    raise RequestError(503, "the server is stopping", "ask again when it is back")
                raise RequestError(408, f"nothing came for {PATIENCE:g} s", "send the request again")
        return coming.result()

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            origin = self.headers.get("origin", "").lower()
            headers["X-Request-Id"] = self.id
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            headers.setdefault("Content-Security-Policy", POLICY)
            headers.setdefault("Cache-Control", "no-store")
            if origin in self.service.access.origins:
                headers["Access-Control-Allow-Origin"] = self.headers["origin"]
                headers["Access-Control-Expose-Headers"] = EXPOSED
                headers["Vary"] = "Origin"
            else:
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
        await self._send(message)

    async def answer(self, status: int, document: Any, headers: Any = None) -> None:
        """Send a whole answer."""
        if self.status:  # it has begun already
            return
        body = b"" if document is None else (json.dumps(document, ensure_ascii=False) + "\n").encode()
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        if document is None:
            fields = {"Access-Control-Allow-Methods": METHODS, "Access-Control-Allow-Headers": ALLOWED}
        raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body if self.scope["method"] != "HEAD" else b""})

    def note(self) -> None:
        """Count the request, and write its line; the query stays out of it."""
        seconds = time.monotonic() - self.begun
        client = (self.scope.get("client") or ("-",))[0][:48]  # a proxy may say anything
        route = getattr(self.scope.get("route"), "path", "other")
        self.service.metrics.add(self.scope["method"], route, self.status, seconds)
        path = self.scope["path"][:80]
        self.gate.log_line(f"{client} {self.scope['method'][:16]} {path} {self.status} {seconds:.3f} s {self.id}")
