"""`zeroov.client`: what it sends, what it returns, and that it needs nothing but the standard library."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.serve.conftest import LIMITS
from tests.serve.running import Running, running
from zeroov.bench.mini.measure import Question
from zeroov.client import Client, ServerError
from zeroov.ground import Pipeline
from zeroov.serve.service import Access


def test_it_needs_the_standard_library_alone() -> None:
    code = "import sys, zeroov.client; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "zeroov" in loaded
    assert not loaded & {"torch", "numpy", "PIL", "fastapi", "pydantic", "httpx", "requests", "rasterio"}


def test_a_whole_visit(pipeline: Pipeline, asked: list[Question], photo: bytes, tmp_path: Path) -> None:
    with running(pipeline, LIMITS, Access(key="k")) as server:
        client = Client(server.url, "k")
        (tmp_path / "photo.png").write_bytes(photo)
        picture = client.upload(tmp_path / "photo.png")
        assert (picture.hw, picture.about["name"]) == ((224, 224), "photo.png")
        assert client.upload(photo).id == picture.id
        texts = [question.expression.text for question in asked[:1]] + ["the ship"]
        answers = client.ask_many(picture, texts)
        assert [answer.expression for answer in answers] == texts
        expected = pipeline.ground(asked[0].scene.image, texts[0])
        assert expected.box
        assert answers[0].box == expected.box.xyxy
        assert client.ask(picture, texts[0]).box == answers[0].box
        x0, y0, x1, y1 = expected.box.xyxy
        refined = client.refine(picture, points=[((x0 + x1) / 2, (y0 + y1) / 2, True)], answer=answers[0])
        assert refined.about["derived_from"] == answers[0].id
        assert client.refine(picture, box=expected.box.xyxy).found
        job, seen = client.start(picture, texts), []
        assert [each.box for each in client.wait(job, seen.append)] == [each.box for each in answers]
        assert seen[-1].has_ended
        assert client.cancel(job).status == "successful"  # it has ended
        assert client.download(answers[0], "mask.png", tmp_path / "mask.png").startswith(b"\x89PNG")
        assert (tmp_path / "mask.png").stat().st_size > 50
        assert client.about()["recipe"] == "mini"
        client.forget(picture)
        with pytest.raises(ServerError, match=r"send the picture again") as gone:
            client.ask(picture, "the ship")
        assert (gone.value.status, gone.value.code) == (404, "picture_gone")
        with pytest.raises(ServerError) as wrong:
            Client(server.url, "no").about()
        assert (wrong.value.status, wrong.value.code) == (401, "key_wrong")


def test_a_search_is_stopped_and_keeps_what_it_found(server: Running, wide: bytes) -> None:
    client = Client(server.url)
    job = client.start(client.upload(wide), ["the ship"], all=True)
    client.cancel(job)
    kept = []
    with contextlib.suppress(ServerError):  # it had not begun
        kept = client.wait(job)
    assert client.job(job).status == "dismissed"
    assert all(answer.about["tiles"]["stopped"] for answer in kept)


class _Busy(BaseHTTPRequestHandler):
    """Refuses twice, then answers what is no document of zeroov's."""

    replies: list[tuple[int, bytes]]

    def do_GET(self) -> None:
        status, body = self.replies.pop(0)
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def busy() -> Iterator[tuple[str, type[_Busy]]]:
    handler = type("Handler", (_Busy,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_a_full_server_is_asked_again_and_others_are_told(busy: tuple[str, type[_Busy]]) -> None:
    url, handler = busy
    full = b'{"error": {"code": "queue_full", "message": "8 questions are waiting", "hint": "ask again"}}'
    handler.replies = [(429, full), (429, full), (200, b'{"recipe": "x"}')]
    assert Client(url).about() == {"recipe": "x"}
    handler.replies = [(429, full)] * 2
    with pytest.raises(ServerError, match="8 questions are waiting; ask again") as told:
        Client(url, tries=2).about()
    assert (told.value.code, handler.replies) == ("queue_full", [])
    handler.replies = [(502, b"<html>")]
    with pytest.raises(ServerError) as told:
        Client(url).about()
    assert told.value.code == "no_zeroov"


def test_nobody_there_is_one_line() -> None:
    with pytest.raises(ServerError, match="does not answer") as told:
        Client("http://127.0.0.1:1", timeout=2).about()
    assert (told.value.status, told.value.code) == (0, "unreachable")
