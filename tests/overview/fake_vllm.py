"""A small HTTP server that plays vLLM: it keeps what it was sent, and answers what a test says."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What was asked: the path, the headers by lower case names, and the body."""

    path: str
    headers: dict[str, str]
    body: Any


class Reply(NamedTuple):
    """What is answered; `body` is sent as it is, `claimed` is its length as the header says it."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    claimed: int | None = None
    before: Callable[[], Any] = lambda: None


def said(text: str | None, reason: str | None = "stop", tokens: Sequence[tuple[str, float]] = ()) -> Reply:
    """Return a chat completion as vLLM sends it; `tokens` with the logarithms of their probabilities."""
    content = [{"token": token, "logprob": number, "bytes": list(token.encode())} for token, number in tokens]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "reasoning_content": None, "tool_calls": []},
        "logprobs": {"content": content} if tokens else None,
        "finish_reason": reason,
    }
    return Reply(json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]}).encode())


class Fake:
    """A running server: its address up to /v1, and the requests so far."""

    def __init__(self, url: str):
        self.url = url
        self.requests: list[Request] = []


@contextlib.contextmanager
def serving(answer: Callable[[Request], Reply]) -> Iterator[Fake]:
    """Run a server that answers each request as `answer` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            fake.requests.append(request)
            reply = answer(request)
            reply.before()
            with contextlib.suppress(ConnectionError):  # who asks does not wait for ever
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) if reply.claimed is None else reply.claimed))
                self.end_headers()
                self.wfile.write(reply.body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = Fake(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
