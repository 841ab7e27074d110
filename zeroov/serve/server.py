"""The server: one pipeline behind an address, asked by one request at a time."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import socketserver
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from zeroov.errors import UsageError
from zeroov.ground import Pipeline
from zeroov.serve.answer import without_folders
from zeroov.version import __version__

log = logging.getLogger("zeroov")

MIB = 2**20
MPIXELS = 10**6
GRACE = 3.0  # seconds in which a stopped server's answers must be taken
MOST_AT_ONCE = 16  # uploads received, waiting and computed together; later ones are asked to come again


class Server(ThreadingHTTPServer):
    """One pipeline behind an address. Made, it holds the port; it listens from `server_activate` on."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        pipeline: Pipeline,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        handler: type[BaseHTTPRequestHandler],
        names: Sequence[str] = (),
        most_bytes: int = 256 * MIB,
        most_pixels: int = 1000 * MPIXELS,
        log_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`log_line` gets a line for every request to `handler`. `names` are host names by which it may be asked."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), handler, bind_and_activate=False)
            self.server_bind()
        except (OSError, OverflowError) as error:
            self.server_close()
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"port {port} of `{host}` cannot be listened on ({reason}); --port 0 takes any that is free"
            ) from error
        self.pipeline, self.log_line = pipeline, log_line
        self.names = tuple(name.lower() for name in (host, *names))
        self.most_bytes, self.most_pixels = most_bytes, most_pixels
        self.folder = Path(tempfile.mkdtemp(prefix="zeroov-serve-"))
        self.page = resources.files("zeroov.serve").joinpath("page.html").read_bytes()
        self.is_local = ip_address(self.server_name).is_loopback
        self.turn = threading.Lock()
        self.room = threading.Semaphore(MOST_AT_ONCE)
        self.handlers: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self.connections: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.stopping = False

    def server_bind(self) -> None:
        """Bind without asking name servers who we are."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return f"http://{f'[{self.server_name}]' if ':' in self.server_name else self.server_name}:{self.server_port}/"

    def finish(self) -> None:
        """Wait for the picture in hand; a search in hand, and all that wait for their turn, get no answer.

        Nothing waits for a client: not for a body that still comes, nor long for an answer that is not taken.
        """
        self.stopping = True
        self.socket.close()  # who connects now is refused, and not left waiting
        self._shut(socket.SHUT_RD)
        with self.turn:  # who gets it later is refused
            pass
        self._join(GRACE)
        self._shut(socket.SHUT_RDWR)
        self._join(GRACE)  # a thread that ends while the process ends may abort it

    def _shut(self, how: int) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # it is closed already
                connection.shutdown(how)

    def _join(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        for thread in list(self.handlers):
            thread.join(max(0.0, end - time.monotonic()))

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle a request in a thread of its own."""
        self.handlers.add(threading.current_thread())
        self.connections.add(request)
        super().process_request_thread(request, client_address)

    def server_close(self) -> None:
        """Give the port back and remove what is left of uploads."""
        super().server_close()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what no handler caught; nearly always a client that went away."""
        log.debug("%s: the connection broke", client_address, exc_info=True)

    def health(self) -> dict[str, Any]:
        """Return what `/health` answers."""
        recipe = self.pipeline.recipe
        about = {"status": "ok", "version": __version__, "recipe": recipe.name, "description": recipe.description}
        about |= without_folders(self.pipeline.provenance)
        limits = {"max_bytes": self.most_bytes, "max_pixels": self.most_pixels}
        return about | {"device": str(self.pipeline.device), **limits}
