"""Requests to a server: each is answered with a right status and one document, whatever it holds, and none with 500."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock
from urllib.parse import quote

from PIL import Image

from tests.fuzz.damage import damaged_bytes, odd_value
from tests.fuzz.images import sample_files
from tests.fuzz.masks import drawn
from zeroov import frames
from zeroov import recipe as recipes
from zeroov.outputs.answer import Answer
from zeroov.outputs.found import Found, SceneInfo
from zeroov.raster.scene import Scene
from zeroov.recipe import Recipe
from zeroov.serve import app, protocol
from zeroov.serve.server import Server, bound
from zeroov.serve.service import Access, Limits, Service

MOST_BYTES = 2**18
PATHS = ("/v1/pictures", "/v1/pictures", "/v1/ground", "/health", "/", "/nope", "//", "*", "/../etc/passwd", "/v1", "")
METHODS = ("GET", "HEAD", "PUT", "OPTIONS", "BREW", "post", "")
VERSIONS = ("HTTP/1.0", "HTTP/9.9", "HTTP/1.1 ", "")
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "expression": ("the ship", "", " ", "飞机", "a\r\nX-Evil: 1", "x" * 30_000, "\udcff", "{}"),
    "all": ("1", "0", "", "yes", "2"),
    "zoom": ("1", "0", "true", "no", "-1"),
    "bands": ("1", "3,2,1", "4,3,2", "0", "1,2", "a", "9" * 5000, "-1,-2,-3", "1,1,1"),
    "format": ("json", "mask", "overlay", "geojson", "gpkg", ""),
    "pictures": ("1", "0"),
    "nope": ("1",),
}
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Accept": ("image/png", "application/geo+json", "*/*", "text/html;q=0.9", "\xff"),
    "Host": ("evil.example", "127.0.0.1:1", "[", "[::1]", "localhost:x", "", "a b"),
    "Origin": ("http://localhost", "null", "http://evil.example", "HTTP://LOCALHOST"),
    "Expect": ("100-continue", "200-ok"),
    "Transfer-Encoding": ("chunked", "identity"),
    "Content-Length": ("0", "-1", "5", "9" * 30, "", "1_0", "٣", "99999"),
    "Content-Type": ("image/png", "multipart/form-data; boundary=x"),
    "X-Odd": ("\x00", "a" * 70_000, "\x85", "a\r\n b"),
}


def requests(random: Random, folder: Path) -> None:
    """Send a request, and require an answer to it."""
    request = _request(random)
    server = _server()
    server.drawing.random = Random(random.getrandbits(32))  # it draws in another thread
    server.failed.clear()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as ours:
        received = b""
        with contextlib.suppress(ConnectionError):
            ours.sendall(request)
            ours.shutdown(socket.SHUT_WR)
            while part := ours.recv(1 << 16):
                received += part
    if server.failed and server.failed[0]:
        raise server.failed[0]
    _check(request, received)


def _check(request: bytes, received: bytes) -> None:
    received = re.sub(rb"^(HTTP/1\.1 100 Continue\r\n\r\n)+", b"", received)
    assert received or b"\r\n\r\n" not in request, f"no answer to {request[:80]!r}"
    if not received:  # a head without an end
        return
    head, _, body = received.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    assert found, f"no status: {head[:80]!r}"
    status = int(found[1])
    assert status < 500, f"{status} to {request[:80]!r}: {body[:200]!r}"
    assert b"X-Evil" not in head, "a header that the client made"
    assert str(_server().folder).encode() not in received, "where the server keeps uploads"
    fields = {name.lower(): value for name, value in (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])}
    if request.startswith(b"HEAD"):
        return
    assert len(body) >= int(fields[b"content-length"]), f"{len(body)} bytes of {fields[b'content-length']!r}"
    kind, body = fields[b"content-type"], body[: int(fields[b"content-length"])]  # a second answer may follow
    if kind == b"image/png":
        with Image.open(io.BytesIO(body)) as image:
            image.load()
    elif b"json" in kind:
        document = json.loads(body, parse_constant=_refuse)
        assert status < 400 or document["error"]["message"], f"{status} without a reason"


def _request(random: Random) -> bytes:
    """Return a request."""
    chosen = random.sample(list(OPTIONS), random.choice((0, 0, 1, 1, 2)))
    if random.random() < 0.8 and "expression" not in chosen:
        chosen.append("expression")
    pairs = [f"{name}={quote(random.choice(OPTIONS[name]), errors='surrogateescape')}" for name in chosen]
    if random.random() < 0.1:
        pairs.append(quote(str(odd_value(random)), safe="=&%+", errors="replace"))
    path = "/ground" if random.random() < 0.7 else random.choice(PATHS)
    target = path + ("?" if random.random() < 0.95 else random.choice(("", "??"))) + "&".join(pairs)
    body = _body(random)
    headers = {"Host": "localhost", "Content-Length": str(len(body))}
    for name in random.sample(list(HEADERS), random.choice((0, 0, 0, 1, 2))):
        headers[name] = random.choice(HEADERS[name])
    method = "POST" if random.random() < 0.85 else random.choice(METHODS)
    first = f"{method} {target} {'HTTP/1.1' if random.random() < 0.95 else random.choice(VERSIONS)}"
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    request = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
    if random.random() < 0.15:
        at = random.randrange(len(request) + 1)
        return damaged_bytes(random, request[:200]) + request[200:] if random.random() < 0.5 else request[:at]
    return request


def _body(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.1:
        return random.choice((b"", b"hello", b"GIF89a", b"\x00" * 300, bytes(MOST_BYTES + 1), b"<VRTDataset/>"))
    data = random.choice(sample_files())
    return damaged_bytes(random, data) if kind < 0.4 else data


class _Models:
    """Stands in for models: none is loaded."""

    stages = ()

    def holds(self, stage: str) -> bool:
        """Say that it is not loaded."""
        return False


@dataclass
class _Drawing:
    """Stands in for a pipeline: it looks at the picture, and answers with some drawn objects."""

    recipe: Recipe
    random: Random
    device: str = "cpu"
    models: _Models = field(default_factory=_Models)

    @property
    def provenance(self) -> dict[str, str]:
        """What answers say of their making."""
        return {"model": "m", "recipe": self.recipe.name, "recipe_digest": self.recipe.digest}

    def ground(self, scene: Scene, expressions: list[str], *, every: bool, **_: Any) -> list[Answer]:
        """Answer with no, one or two objects each."""
        return [self._answer(scene, expression, every) for expression in expressions]

    def _answer(self, scene: Scene, expression: str, every: bool) -> Answer:
        picture = scene.read()
        founds = []
        for _ in range(self.random.choice((0, 1, 1, 2 if every else 1))):
            mask = drawn(self.random, scene.hw)
            if box := frames.mask_to_box(mask):
                founds.append(Found(mask, (0, 0), box, self.random.random(), expression))
        return Answer(
            expression, tuple(founds), 0.5, "[1, 2, 3, 4]", SceneInfo.of(scene), picture, provenance=self.provenance
        )


@dataclass
class _Served:
    """A server that listens to this machine in a thread, what it would log, and answer with 500."""

    drawing: _Drawing
    port: int
    folder: Path
    failed: list[BaseException | None] = field(default_factory=list)


@functools.cache
def _server() -> _Served:
    drawing = _Drawing(recipes.load("tiny"), Random(0))
    pipeline: Any = drawing
    service = Service([pipeline], Access(names=("127.0.0.1",)), Limits(bytes=MOST_BYTES, store_bytes=2**22))
    atexit.register(shutil.rmtree, service.folder, ignore_errors=True)
    listener = bound("127.0.0.1", 0)
    server = Server(service, listener)
    served = _Served(drawing, server.port, service.folder)

    def log(*_: object, exc_info: BaseException | None = None, **__: object) -> None:
        if exc_info:
            served.failed.append(exc_info)

    mock.patch.object(app.log, "error", log).start()
    mock.patch.object(protocol, "PROBED", 0.01).start()
    threading.Thread(target=server.serve_until_stopped, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return served


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} in JSON")
