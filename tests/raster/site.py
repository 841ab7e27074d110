"""A web server of the files in a folder, with ranges: `python -m tests.raster.site FOLDER`, which prints its port.

Some calls of GDAL keep Python's lock while they wait for an answer, so it has a process of its own. `/sent` says how
many bytes it sent; below `/bucket/` it is an object store, which answers who signs; a name in `--busy` gets 503.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def begin_range(handler: BaseHTTPRequestHandler, content: bytes) -> bytes:
    """Send the headers of the part of a file that was asked for, or of all of it, and return that part."""
    asked = handler.headers.get("Range")
    first, last = 0, len(content) - 1
    if asked:
        start, _, end = asked.removeprefix("bytes=").partition("-")
        first, last = int(start), min(int(end or last), last)
    part = content[first : last + 1]
    handler.send_response(206 if asked else 200)
    handler.send_header("Accept-Ranges", "bytes")
    handler.send_header("Content-Length", str(len(part)))
    if asked:
        handler.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
    handler.end_headers()
    return part


class Handler(BaseHTTPRequestHandler):
    """Serves the files of a folder, whole or in ranges, and counts the bytes that it sent."""

    folder = Path()
    sent = 0
    busy: tuple[str, ...] = ()

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        name = self.path.partition("?")[0]
        path = self.folder / name.removeprefix("/bucket").lstrip("/")
        if name == "/sent":
            content = str(Handler.sent).encode()
        elif path.name in self.busy:
            return self.send_error(503)
        elif name.startswith("/bucket/") and not self.headers.get("Authorization"):
            return self.send_error(403)
        elif not path.is_file():
            return self.send_error(404)
        else:
            content = path.read_bytes()
        part = begin_range(self, content)
        if body:
            Handler.sent += len(part)  # before the client has it, who may ask at once
            self.wfile.write(part)
        return None

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def serving(folder: Path, *busy: str) -> Iterator[str]:
    """Serve a folder's files from a process of its own; yield the address."""
    command = [sys.executable, "-m", "tests.raster.site", str(folder), *busy]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def sent(site: str) -> int:
    """Return how many bytes a site sent."""
    with urllib.request.urlopen(f"{site}/sent") as answer:
        return int(answer.read())


if __name__ == "__main__":
    Handler.folder, Handler.busy = Path(sys.argv[1]), tuple(sys.argv[2:])
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
