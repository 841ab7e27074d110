"""One request: whether it is let in, its body, its turn at the models, and errors as JSON.

Whatever a client sends or does not send ends its own request only. Connections are closed after each answer.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zeroov.errors import OutputError, PictureError, ServerError, UsageError, ZeroovError
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
SLOWEST = 1 << 16  # bytes a second: behind this rate by PATIENCE, a body is given up too
LINGER, LINGER_BYTES = 2.0, 1 << 24  # how long, and how much of, a refused body is read so that its sender reads why
PROBED = 0.2  # seconds after which the machine of a client that is gone has said so
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


@contextlib.contextmanager
def own_disk() -> Iterator[None]:
    """Answer that there is no room where this machine's disk, and not the client, is at fault."""
    try:
        yield
    except OSError as error:
        log.error("an upload cannot be kept: %s", error)
        raise RequestError(507, f"the server cannot keep the image ({error.strerror}); try again later") from error


class Awaited(Progress):
    """Ends a search that nobody waits for; a picture in hand is answered all the same."""

    def __init__(self, require_waiting: Callable[[], None]) -> None:
        super().__init__()
        self._require_waiting = require_waiting

    def show(self, what: str, done: int, total: int) -> None:
        """Ask, while a large file is read, after each group of tiles and each closer look, whether anybody waits."""
        if what in ("reading", "tiles", "closer looks"):
            self._require_waiting()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "zeroov", ""
    timeout = PATIENCE
    unread = False  # whether a body may still be on its way
    is_half_closed = False  # the client sends no more, and takes its answer

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
            except ServerError as error:  # which may name an address that is nobody's business
                log.error("%s", error)
                self._send(502, reply_json({"error": "the language model's server gave no answer; the log says why"}))
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
        with own_disk():
            image = Path(held.enter_context(tempfile.TemporaryDirectory(dir=self.server.folder))) / "image"
        self._receive(image, length)
        with self.server.turn:
            self._require_waiting()
            most, progress = self.server.most_pixels, Awaited(self._require_waiting)
            try:
                if asked is None:
                    return preview(image, bands, most, progress)
                return answer(self.server.pipeline, image, asked, most, progress)
            except (UsageError, PictureError, OutputError) as error:
                is_own = isinstance(error, OutputError) and isinstance(error.__cause__, OSError)
                raise RequestError(507 if is_own else 400, without_path(str(error), image)) from error

    def _require_own(self) -> None:
        """Refuse what a page of another site makes a browser send, directly or by a name it points to this machine."""
        host = self.headers.get("Host", "")
        with contextlib.suppress(ValueError):
            name = urlsplit(f"//{host}").hostname or "localhost"
            if name in ("localhost", *self.server.names) or ip_address(name).is_loopback or not self.server.is_local:
                origin = self.headers.get("Origin")
                if origin is None or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}"):
                    return
        raise RequestError(
            403,
            "the request comes from another site's page, or by a name that is not this server's; ask by its IP "
            "address, or start it with --allow-host NAME",
        )

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
        left, begun = length, time.monotonic()
        with own_disk():
            file = image.open("xb", buffering=0)
        with file:
            while left:
                part = self.rfile.read1(min(CHUNK, left))
                if not part:
                    self._require_running()
                    raise RequestError(400, f"the body was cut off: {length} bytes were announced, {left} are missing")
                left -= len(part)
                with own_disk():
                    while part:  # unbuffered, a write may take a part of it
                        part = part[file.write(part) :]
                if time.monotonic() - begun > PATIENCE + (length - left) / SLOWEST:
                    raise RequestError(408, f"the body comes too slowly: {length - left} of {length} bytes until now")
        self.unread = False

    def handle_expect_100(self) -> bool:
        """Let a client that asks first wait until it is known whether its body is wanted."""
        return True

    def _require_running(self) -> None:
        """Stop work that the server has no time left for."""
        if self.server.stopping:
            raise RequestError(503, "the server is stopping")

    def _require_waiting(self) -> None:
        """Stop work that nobody waits for, or that the server has no time left for."""
        self._require_running()
        self.connection.settimeout(0)
        try:
            has_ended = not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:  # nothing to read, and nobody hung up
            return
        finally:
            self.connection.settimeout(PATIENCE)
        if has_ended and not self.is_half_closed:
            self._probe()
            self.is_half_closed = True

    def _probe(self) -> None:
        """Find out whether a client that sends no more is gone, or waits: the machine of one that is gone says so.

        What is sent is the interim answer that every client of HTTP/1.1 passes over.
        """
        if self.request_version == "HTTP/1.1":
            self.send_response_only(100)
            self.end_headers()
            until = time.monotonic() + PROBED
            while time.monotonic() < until:
                if self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise Gone
                time.sleep(PROBED / 20)

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
