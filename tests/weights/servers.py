"""Local servers: one file with faults, and a hub of one repository in huggingface_hub's own protocol."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "5eed" + "0" * 36


class FileHandler(BaseHTTPRequestHandler):
    """Serves `content` at every path; may know no ranges, or cut the connection after some bytes."""

    content = b""
    knows_ranges = True
    cut_after: int | None = None
    asked: list[str | None]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.knows_ranges else 0
        body = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.end_headers()
        self.wfile.write(body[: self.cut_after])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class HubHandler(BaseHTTPRequestHandler):
    """Serves the files of `folder` as the repository someone/some-model; `asked` keeps the files that were fetched."""

    folder = Path()
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        files = {file.relative_to(self.folder).as_posix(): file for file in self.folder.rglob("*") if file.is_file()}
        if path.startswith("/api/models/someone/some-model/tree/"):
            listed = [
                {"type": "file", "path": name, "size": file.stat().st_size, "oid": digest(file)}
                for name, file in files.items()
            ]
            self.send(json.dumps(listed).encode(), body, {"Content-Type": "application/json"})
        elif path.startswith("/api/models/someone/some-model"):
            about = {"id": "someone/some-model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            self.send(json.dumps(about).encode(), body, {"Content-Type": "application/json"})
        elif path.startswith(f"/someone/some-model/resolve/{COMMIT}/"):
            name = path.partition(f"{COMMIT}/")[2]
            if body:
                self.asked.append(name)
            headers = {"ETag": f'"{digest(files[name])}"', "X-Repo-Commit": COMMIT}
            self.send(files[name].read_bytes(), body, headers)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def send(self, content: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def digest(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server on this machine and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
