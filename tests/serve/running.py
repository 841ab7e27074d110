"""A real server in a thread of the test's own process, and how it is asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from zeroov.ground import Pipeline
from zeroov.serve.server import Server, bound
from zeroov.serve.service import Access, Limits, Service

Headers = http.client.HTTPMessage


@dataclass
class Running:
    """A server that listens, its service, and the lines of its log."""

    server: Server
    service: Service
    thread: threading.Thread
    lines: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def url(self) -> str:
        return self.server.url

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Headers, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def json(self, method: str, path: str, value: Any = None, **headers: str) -> tuple[int, Any]:
        body = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        if body is not None and not isinstance(value, bytes):
            headers.setdefault("Content_Type", "application/json")
        status, told, text = self.ask(method, path, body, **headers)
        assert not text or told["Content-Type"] == "application/json"
        return status, json.loads(text) if text else None

    def refused(self, method: str, path: str, value: Any = None, **headers: str) -> tuple[int, str]:
        """Return the status of a refusal and its word; it has a sentence, too."""
        status, document = self.json(method, path, value, **headers)
        assert document["error"]["message"]
        return status, document["error"]["code"]

    def upload(self, image: bytes) -> str:
        status, about = self.json("POST", "/v1/pictures", image)
        assert status == 201, about
        return str(about["id"])

    def raw(self, request: bytes, *, hang_up: bool = False) -> bytes:
        """Send bytes as they are; return all that comes back until the connection or the answer ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            with contextlib.suppress(OSError):  # it has heard enough
                connection.sendall(request)
                if hang_up:
                    connection.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionError):
                while not _is_whole(received) and (part := connection.recv(1 << 16)):
                    received += part
            return received

    def events(self, job: str, **headers: str) -> list[tuple[int, str, Any]]:
        """Return all events of a job, to its end."""
        _, _, text = self.ask("GET", f"/v1/jobs/{job}/events", **headers)
        found = []
        for block in text.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append((int(fields.get("id", 0)), fields["event"], json.loads(fields["data"])))
        return found

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive()


def _is_whole(received: bytes) -> bool:
    head, end, body = received.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
    return bool(end and lengths) and len(body) >= int(lengths[0].partition(b": ")[2])


@contextmanager
def running(pipeline: Pipeline, limits: Limits, access: Access | None = None, workers: int = 1) -> Iterator[Running]:
    """Let a server answer until the block ends; it leaves nothing behind."""
    service = Service([pipeline] * workers, access or Access(names=("127.0.0.1",)), limits)
    lines: list[str] = []
    with bound("127.0.0.1", 0) as listener:
        server = Server(service, listener, lines.append)
        thread = threading.Thread(target=server.serve_until_stopped)
        made = Running(server, service, thread, lines)
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield made
        finally:
            made.stop()
            left = list(service.incoming.iterdir())
            service.close()
        assert not left, "an upload was left behind"
        assert not service.folder.path.exists()


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
