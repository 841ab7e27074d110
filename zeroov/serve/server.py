"""The server: a service behind an address, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from ipaddress import ip_address
from types import FrameType
from typing import Any

import uvicorn

from zeroov.errors import UsageError
from zeroov.serve.app import make_app
from zeroov.serve.protocol import Protocol
from zeroov.serve.service import Service

GRACE = 3.0  # seconds in which a stopped server's answers must be taken
BACKLOG = 64
MOST_PORT = 65_535


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that holds a port and does not listen yet; a name server is asked for `host` alone."""
    listener = None
    try:
        if not 0 <= port <= MOST_PORT:
            raise OverflowError(f"ports are numbers from 0 to {MOST_PORT}")
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        if listener:
            listener.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"port {port} of `{host}` cannot be listened on ({reason}); --port 0 takes any that is free"
        ) from error
    return listener


def address_of(listener: socket.socket) -> tuple[str, int]:
    """Return the IP address and the port that a socket holds."""
    host, port = listener.getsockname()[:2]
    return str(host), int(port)


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine reaches a socket."""
    return ip_address(address_of(listener)[0].partition("%")[0]).is_loopback


class Server(uvicorn.Server):
    """A service behind a socket."""

    def __init__(self, service: Service, listener: socket.socket, log_line: Callable[[str], None] = lambda _: None):
        self.service, self.listener = service, listener
        self.host, self.port = address_of(listener)
        config = uvicorn.Config(
            make_app(service, log_line),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=15,
        )
        super().__init__(config)

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"

    def listen(self) -> None:
        """Let clients connect; they wait until `serve_until_stopped`."""
        self.listener.listen(BACKLOG)

    def serve_until_stopped(self) -> None:
        """Answer until a signal comes; then the picture in hand is answered, and nothing waits for a client."""
        self.service.start()
        self.run(sockets=[self.listener])
        self.service.stop()
        if not self.force_exit:
            self.service.join()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal, at once at the second one."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: Any = None) -> None:
        """End: no more connections, the answer in hand, and a moment for clients to take theirs."""
        self.service.stop()
        if self.force_exit:
            self._cut_off()
        watching = asyncio.ensure_future(self._cut_off_late())
        await super().shutdown(sockets)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    async def _cut_off_late(self) -> None:
        """Cut off clients that do not take what is ready for them."""
        while any(worker.is_alive() for worker in self.service.workers) and not self.force_exit:
            await asyncio.sleep(0.05)
        if not self.force_exit:
            await asyncio.sleep(GRACE)
        self._cut_off()

    def _cut_off(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
