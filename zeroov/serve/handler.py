"""One request: whether it is let in, its body, its turn at the models, and errors as JSON.

Whatever a client sends or does not send ends its own request only. Connections are closed after each answer.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zeroov.errors import OutputError, PictureError, UsageError, ZeroovError
from zeroov.progress import Progress
from zeroov.serve.answer import (
    Reply,
    answer,
    parse_asked,
    parse_bands,
    parse_options,
    preview,
    reply_json,
    without_path,
)

if TYPE_CHECKING:
    from zeroov.serve.server import Server

log = logging.getLogger("zeroov")

PATIENCE = 30.0  # seconds without a byte after which a client is given up
LINGER, LINGER_BYTES = 2.0, 1 << 24  # how long, and how much of, a refused body is read so that its sender reads why
CHUNK = 1 << 16
METHODS = {"/": ("GET", "HEAD"), "/health": ("GET", "HEAD"), "/ground": ("POST",), "/preview": ("POST",)}
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RequestError(ZeroovError):
    """A request that is not let in, with the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gone(ConnectionError):
    """The client has closed its connection; nobody waits for the answer."""


class Awaited(Progress):
    """Ends a search that nobody waits for; a picture in hand is answered all the same."""

    def __init__(self, require_waiting: Callable[[], None]) -> None:
        super().__init__()
        self._require_waiting = require_waiting

    def show(self, what: str, done: int, total: int) -> None:
        """Ask, after each group of tiles and each closer look, whether anybody waits."""
        if what in ("tiles", "closer looks"):
            self._require_waiting()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "zeroov", ""
    timeout = PATIENCE
    unread = False  # whether a body may still be on its way

    def do_GET(self) -> None:
        """Answer with the page or the server's state."""
        self._guarded()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def _guarded(self) -> None:
        """Answer the request; whatever goes wrong becomes its status and a line of text, never a traceback."""
        self.close_connection = True
        path, _, query = self.path.partition("?")
        query = query.encode("latin-1", "replace").decode("utf-8", "replace")  # UTF-8 that nobody escaped
        self.unread = "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0") != "0"
        with contextlib.ExitStack() as held:
            try:
                self._require_own()
                self._send(200, self._routed(path, query, held))
            except RequestError as error:
                self._send(error.status, reply_json({"error": str(error)}))
            except (UsageError, PictureError, OutputError) as error:
                self._send(400, reply_json({"error": str(error)}))
            except ZeroovError as error:
                log.error("%s", error)
                self._send(500, reply_json({"error": str(error)}))
            except TimeoutError:
                self._send(408, reply_json({"error": f"nothing came for {PATIENCE:g} s; send the request again"}))
            except ConnectionError:
                self.log_request(499)
            except Exception:
                log.exception("a request failed")
                self._send(500, reply_json({"error": "something went wrong inside zeroov; the server's log says what"}))

    def _routed(self, path: str, query: str, held: contextlib.ExitStack) -> Reply:
        """Return the answer; what `held` gets is given back once it is sent."""
        if path not in METHODS:
            raise RequestError(404, f"there is nothing here; there are {', '.join(METHODS)}")
        if self.command not in METHODS[path]:
            raise RequestError(405, f"{path} takes {' and '.join(METHODS[path])}")
        if path == "/":
            return Reply(self.server.page, "text/html; charset=utf-8")
        if path == "/health":
            return reply_json(self.server.health())
        asked = parse_asked(query, self.headers.get("Accept", "")) if path == "/ground" else None
        bands = asked.bands if asked else parse_bands(parse_options(query, ("bands",)).get("bands"))
        length = self._length()
        if not self.server.room.acquire(blocking=False):
            raise RequestError(503, "too many requests are waiting; try again later")
        held.callback(self.server.room.release)
        image = Path(held.enter_context(tempfile.TemporaryDirectory(dir=self.server.folder))) / "image"
        self._receive(image, length)
        with self.server.turn:
            self._require_waiting()
            try:
                if asked is None:
                    return preview(image, bands)
                return answer(self.server.pipeline, image, asked, Awaited(self._require_waiting))
            except (UsageError, PictureError, OutputError) as error:
                raise RequestError(400, without_path(str(error), image)) from error

    def _require_own(self) -> None:
        """Refuse what a page of another site makes a browser send, directly or by a name it points to this machine."""
        host = self.headers.get("Host", "")
        with contextlib.suppress(ValueError):
            name = urlsplit(f"//{host}").hostname or "localhost"
            if not self.server.is_local or name == "localhost" or ip_address(name).is_loopback:
                origin = self.headers.get("Origin")
                if origin is None or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}"):
                    return
        raise RequestError(403, "the request comes from another site's page, or by a name that is not this server's")

    def _length(self) -> int:
        """Return the body's length in bytes, before any of it is read."""
        given = set(self.headers.get_all("Content-Length", []))
        if not given or "Transfer-Encoding" in self.headers:
            raise RequestError(411, "send the image's bytes as the body, with their Content-Length and not chunked")
        length = given.pop().strip()
        if given or not (length.isascii() and length.isdigit()):
            raise RequestError(400, "Content-Length is one whole number of bytes")
        if len(length) > 18 or int(length) > self.server.most_bytes:
            most = self.server.most_bytes / 2**20
            raise RequestError(
                413,
                f"the body has {length[:18]} bytes, at most {most:g} MiB are taken; --max-mib allows more",
            )
        if not int(length):
            raise RequestError(400, "the body is empty; send the image's bytes, e.g. curl --data-binary @photo.jpg")
        return int(length)

    def _receive(self, image: Path, length: int) -> None:
        """Write the body to a file."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        left = length
        with image.open("xb") as file:
            while left:
                part = self.rfile.read1(min(CHUNK, left))
                if not part:
                    raise RequestError(400, f"the body was cut off: {length} bytes were announced, {left} are missing")
                left -= len(part)
                file.write(part)
        self.unread = False

    def handle_expect_100(self) -> bool:
        """Let a client that asks first wait until it is known whether its body is wanted."""
        return True

    def _require_waiting(self) -> None:
        """Stop work that nobody waits for, or that the server has no time left for."""
        if self.server.stopping:
            raise RequestError(503, "the server is stopping")
        self.connection.settimeout(0)
        try:
            if not self.connection.recv(1, socket.MSG_PEEK):
                raise Gone
        except BlockingIOError:  # nothing to read, and nobody hung up
            pass
        finally:
            self.connection.settimeout(PATIENCE)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the standard library refuses: a malformed line, too many headers, a method nobody has."""
        self.close_connection = True
        text = "no address takes this method" if code == 501 else "the request cannot be understood"
        self._send(405 if code == 501 else code, reply_json({"error": text}))

    def _send(self, status: int, reply: Reply) -> None:
        """Send an answer; a client that has gone, or does not take it, costs nothing but this."""
        headers = {
            "Content-Type": reply.kind,
            "Content-Length": str(len(reply.body)),
            "Connection": "close",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": PAGE_POLICY,
        }
        if status == 405:
            headers["Allow"] = ", ".join(METHODS.get(self.path.partition("?")[0], ("GET", "HEAD", "POST")))
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for start in range(0, len(reply.body) if self.command != "HEAD" else 0, CHUNK):
                self.wfile.write(reply.body[start : start + CHUNK])
            if self.unread:
                self._linger()

    def _linger(self) -> None:
        """Read on for a moment, or the sender of a refused body would see a reset instead of the reason."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER)
        left, until = LINGER_BYTES, time.monotonic() + LINGER
        while left > 0 and time.monotonic() < until and (part := self.connection.recv(CHUNK)):
            left -= len(part)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log a line; the query stays out of it."""
        path = getattr(self, "path", "").partition("?")[0][:80]
        self.server.log_line(f"{self.client_address[0]} {self.command or '-'} {path} {code}")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing more."""
