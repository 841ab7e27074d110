"""A real server on a free port: its answers, every refusal, and that nothing a client does ends it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zeroov.bench.mini.measure import Question
from zeroov.errors import ModelError, OutputError, ServerError, ServerRefusal, UsageError
from zeroov.ground import Pipeline
from zeroov.serve import handler
from zeroov.serve.answer import Reply
from zeroov.serve.server import Server

ORIGINAL = handler.answer
GROUND = "/ground?expression=the+ship"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # what the server finds out with whether a client is gone


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def refused(server: Server, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    status, told, text = ask(server, method, path, body, **headers)
    assert told["Content-Type"] == "application/json"
    return status, json.loads(text)["error"]


def raw(server: Server, request: bytes, *, hang_up: bool = False) -> bytes:
    """Send bytes as they are; return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as connection:
        connection.sendall(request)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(1 << 16):
                received += part
        return received


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_answer_over_the_network(server: Server, pipeline: Pipeline, asked: list[Question], photo: bytes) -> None:
    text = asked[0].expression.text
    expected = pipeline.ground(asked[0].scene.image, text)
    path = "/ground?expression=" + text.replace(" ", "+")
    status, headers, body = ask(server, "POST", path, photo)
    assert status == 200
    assert headers["X-Content-Type-Options"] == "nosniff"
    report = json.loads(body)
    assert tuple(report["box_xyxy"]) == expected.box.xyxy  # type: ignore[union-attr]
    assert report["recipe_digest"] == pipeline.recipe.digest
    closer = json.loads(ask(server, "POST", path + "&zoom=1", photo)[2])
    assert closer["recipe_digest"] == pipeline.recipe.with_values({"zoom.rounds": 1}).digest
    assert ask(server, "POST", path, photo, Accept="image/png")[2].startswith(b"\x89PNG")
    assert ask(server, "POST", "/preview", photo)[2].startswith(b"\x89PNG")


def test_health_tells_what_runs(server: Server, pipeline: Pipeline) -> None:
    told = json.loads(ask(server, "GET", "/health")[2])
    assert told["status"] == "ok"
    assert (told["recipe"], told["recipe_digest"]) == ("mini", pipeline.recipe.digest)
    assert (told["device"], told["max_bytes"]) == ("cpu", 2**20)
    status, headers, body = ask(server, "HEAD", "/health")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 100


@pytest.mark.parametrize("folder", ["/srv/secret/my-model", "../secret/my-model"])
def test_replies_name_no_folder_of_the_server(
    server: Server, pipeline: Pipeline, photo: bytes, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    located = replace(pipeline.models.locate("overview"), reference=folder)
    locate = pipeline.models.locate
    monkeypatch.setattr(pipeline.models, "locate", lambda stage: located if stage == "overview" else locate(stage))
    for body in (ask(server, "GET", "/health")[2], ask(server, "POST", GROUND, photo)[2]):
        assert b"secret" not in body
        assert json.loads(body)["model"] == "my-model"


def test_the_page_is_whole_by_itself(server: Server) -> None:
    status, headers, body = ask(server, "GET", "/?whatever")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    page = body.decode()
    assert "://" not in page
    assert not re.search(r"[\"'`]//|@import|url\(|<script[^>]+src|innerHTML|localStorage", page)
    assert set(re.findall(r'(?:src|href)="([^"]+)"', page)) == {"data:,"}
    named = set(re.findall(r'\$\("(\w+)"\)', page))
    assert named
    assert named <= set(re.findall(r'id="(\w+)"', page))
    assert set(re.findall(r'(?:post|fetch)\("(/\w+)"', page)) == {"/ground", "/preview", "/health"}


def test_each_refusal_has_its_status(server: Server, photo: bytes) -> None:
    assert refused(server, "POST", "/ground", photo)[0] == 400
    assert "no image" in refused(server, "POST", GROUND, b"hello")[1]
    assert "empty" in refused(server, "POST", GROUND, b"")[1]
    status, text = refused(server, "POST", GROUND, photo[:3000])
    assert status == 400
    assert text.startswith("`upload` is truncated")
    assert str(server.folder) not in text
    assert refused(server, "GET", "/nope")[0] == 404
    assert refused(server, "GET", "/../../etc/passwd")[0] == 404
    for method, path, allowed in (("GET", GROUND, "POST"), ("DELETE", "/", "GET, HEAD"), ("BREW", "/", "GET, HEAD")):
        assert refused(server, method, path)[0] == 405
        assert ask(server, method, path)[1]["Allow"] == allowed
    assert refused(server, "POST", GROUND, photo, Transfer_Encoding="chunked")[0] == 411
    assert b" 411 " in raw(server, f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    status, text = refused(server, "POST", GROUND, bytes(2**21))
    assert status == 413
    assert "--max-mib" in text
    for told in ("99999999999", "9" * 5000):
        assert refused(server, "POST", GROUND, b"x", Content_Length=told)[0] == 413
    for told in ("-1", "1_0", "+5", "0x10", "5, 6", ""):
        assert refused(server, "POST", GROUND, b"x", Content_Length=told)[0] == 400
    two = "Content-Length: 1\r\nContent-Length: 2\r\n"
    assert b" 400 " in raw(server, f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\n{two}\r\n".encode())


def test_a_body_that_is_not_wanted_is_not_asked_for(server: Server) -> None:
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    assert raw(server, f"{head}Content-Length: 99999999\r\n\r\n".encode(), hang_up=True).startswith(b"HTTP/1.1 413")
    assert raw(server, f"{head}Content-Length: 5\r\n\r\nhello".encode()).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")


def test_other_sites_are_refused(server: Server, photo: bytes) -> None:
    own = f"127.0.0.1:{server.server_port}"
    for origin in ("http://evil.example", "null", f"http://evil.{own}", "http://127.0.0.1:1"):
        assert refused(server, "POST", GROUND, photo, Origin=origin)[0] == 403
    for host in ("evil.example", f"evil.example:{server.server_port}", "[", "127.0.0.1.evil.example"):
        assert refused(server, "GET", "/health", Host=host)[0] == 403
    for host in (own, "localhost:9000", "[::1]:9000"):
        assert ask(server, "GET", "/health", Host=host, Origin=f"http://{host}")[0] == 200


def test_a_server_for_every_address_takes_no_name_that_it_was_not_given(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns a name can point it to this machine's address, and is then the same origin."""
    monkeypatch.setattr(server, "is_local", False)
    for host in ("evil.example", f"evil.example:{server.server_port}", "10.0.0.1.evil.example"):
        status, text = refused(server, "GET", "/health", Host=host, Origin=f"http://{host}")
        assert (status, "--allow-host" in text) == (403, True)
    server.names = ("gpu.example",)
    for host in ("10.0.0.1:8000", "[fe80::1]:8000", "localhost", "GPU.example:8000"):
        assert ask(server, "GET", "/health", Host=host, Origin=f"http://{host}")[0] == 200


def test_a_server_for_every_address_knows_its_origin_only(pipeline: Pipeline) -> None:
    with Server(pipeline, "0.0.0.0", 0, handler=handler.Handler) as anywhere:
        assert not anywhere.is_local
        with pytest.raises(UsageError, match="--port 0"):
            Server(pipeline, "no such host", 0, handler=handler.Handler)
    assert not anywhere.folder.exists()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[::1/\xff%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /ground?expression=a%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /ground?expression=\xff\xfe&%zz=%% HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /ground?expression=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nhello",
    ],
)
def test_garbage_ends_its_own_request_only(server: Server, garbage: bytes) -> None:
    answer = raw(server, garbage, hang_up=True).removeprefix(CONTINUE)
    assert b"Traceback" not in answer
    assert b"X-Evil" not in answer
    assert not answer or re.match(rb"HTTP/1\.1 4\d\d ", answer) or answer.startswith(b"{"), answer[:100]
    assert ask(server, "GET", "/health")[0] == 200


def test_a_client_that_stalls_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler.Handler, "timeout", 1.0)
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    assert raw(server, head.encode()).startswith(b"HTTP/1.1 408")


def test_a_client_that_drips_is_given_up(server: Server, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler.Handler, "timeout", 5.0)  # between two bytes
    monkeypatch.setattr(handler, "PATIENCE", 0.2)
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                connection.sendall(b"x")
                time.sleep(0.02)
        assert b"the body comes too slowly" in connection.recv(1 << 16)


def test_two_at_once_are_both_answered_one_after_the_other(
    server: Server, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most, statuses = 0, 0, []

    def counting(*arguments: Any) -> Reply:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        reply = ORIGINAL(*arguments)
        inside -= 1
        return reply

    monkeypatch.setattr(handler, "answer", counting)
    asking = [threading.Thread(target=lambda: statuses.append(ask(server, "POST", GROUND, photo)[0])) for _ in range(3)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert statuses == [200, 200, 200]
    assert most == 1


def test_nothing_is_computed_for_a_client_that_has_gone(
    server: Server, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "answer", lambda *_: pytest.fail("nobody waits for this"))
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n"
    with server.turn:
        with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
            connection.sendall(head.encode() + photo)
            wait_until(lambda: [path.stat().st_size for path in server.folder.glob("*/image")] == [len(photo)])
        assert ask(server, "GET", "/health")[0] == 200  # while another request has its turn
    wait_until(lambda: any(line.endswith("499") for line in server.lines))  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_client_that_sends_no_more_gets_its_answer(server: Server, photo: bytes, version: str) -> None:
    head = f"POST {GROUND} {version}\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), 30) as connection:
        with server.turn:  # so that all of it is there when the server asks whether anybody waits
            connection.sendall(head.encode() + photo)
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
    assert answer.startswith(CONTINUE) == (version == "HTTP/1.1")
    assert answer.removeprefix(CONTINUE).startswith(b"HTTP/1.1 200 OK")


def test_a_search_ends_when_its_client_goes(server: Server, wide: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def searching(*arguments: Any) -> Reply:
        progress = arguments[-1]
        begun.set()
        try:
            while True:
                progress.report("tiles", 0, 1)
                time.sleep(0.01)
        finally:
            ended.set()

    monkeypatch.setattr(handler, "answer", searching)
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(wide)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(head.encode() + wide)
        assert begun.wait(20)
        assert not ended.is_set()
    assert ended.wait(20)


def test_reading_a_large_file_ends_when_its_client_goes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sparse = pytest.importorskip("tests.raster.scenes").write_sparse
    monkeypatch.setattr(server, "most_pixels", 10**13)
    body = write_sparse(tmp_path / "sparse.tif", 10**6).read_bytes()
    begun = threading.Event()
    show = handler.Awaited.show

    def showing(self: handler.Awaited, what: str, done: int, total: int) -> None:
        begun.set()
        show(self, what, done, total)

    monkeypatch.setattr(handler.Awaited, "show", showing)
    head = f"POST /preview HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(head.encode() + body)
        assert begun.wait(20)
    wait_until(lambda: any(line.endswith("499") for line in server.lines))  # type: ignore[attr-defined]


def test_too_many_are_told_to_come_again(server: Server, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(server, "room", threading.Semaphore(0))
        assert refused(server, "POST", GROUND, photo)[0] == 503
    assert ask(server, "POST", "/preview", photo)[0] == 200


def test_our_own_faults_are_logged_and_not_shown(
    server: Server, photo: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(error: Exception) -> Callable[..., Reply]:
        def fail(*_: Any) -> Reply:
            raise error

        return fail

    monkeypatch.setattr(handler.log, "propagate", True)  # as it is unless the command line has run
    monkeypatch.setattr(handler, "answer", failing(RuntimeError("secret")))
    status, text = refused(server, "POST", GROUND, photo)
    assert (status, "secret" in text) == (500, False)
    assert "secret" in caplog.text
    monkeypatch.setattr(handler, "answer", failing(ModelError("the model is damaged; fetch it again")))
    assert refused(server, "POST", GROUND, photo) == (500, "the model is damaged; fetch it again")
    for kind in (ServerError, ServerRefusal):
        monkeypatch.setattr(handler, "answer", failing(kind("http://inside:8000/v1 gave no answer")))
        status, text = refused(server, "POST", GROUND, photo)
        assert (status, "inside" in text) == (502, False)
        assert "http://inside:8000/v1 gave no answer" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_our_own_disk_that_is_full_is_no_fault_of_the_client(
    server: Server, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(server, "folder", server.folder / "none")
        assert refused(server, "POST", GROUND, photo)[0] == 507
    original = Path.open

    def on_a_full_disk(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        return original(Path("/dev/full"), "wb", 0) if mode == "xb" else original(path, mode, *rest, **more)

    with monkeypatch.context() as full:
        full.setattr(Path, "open", on_a_full_disk)
        status, text = refused(server, "POST", GROUND, photo)
    assert status == 507
    assert text == "the server cannot keep the image (No space left on device); try again later"

    def cannot_write(*_: Any) -> Reply:
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise OutputError("`upload` cannot be written") from error

    with monkeypatch.context() as full:
        full.setattr(handler, "answer", cannot_write)
        assert refused(server, "POST", GROUND, photo)[0] == 507
    assert ask(server, "POST", "/preview", photo)[0] == 200


def stopped(server: Server) -> threading.Thread:
    """Stop a server as the command does, in a thread."""
    server.shutdown()
    stopping = threading.Thread(target=server.finish)
    stopping.start()
    return stopping


def test_a_stop_waits_for_no_client_that_still_sends(server: Server) -> None:
    where = ("127.0.0.1", server.server_port)
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(where, 10) as slow, socket.create_connection(where, 10) as silent:
        slow.sendall(head.encode() + b"h")
        wait_until(lambda: any(server.folder.glob("*/image")))
        stopping = stopped(server)
        assert slow.recv(1 << 16).startswith(b"HTTP/1.1 503")
        assert silent.recv(1 << 16) == b""
        stopping.join(20)
        assert not stopping.is_alive()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where, 10)


def test_a_stop_waits_not_long_for_an_answer_that_nobody_takes(
    server: Server, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zeroov.serve.server.GRACE", 0.5)
    monkeypatch.setattr(handler, "answer", lambda *_: Reply(bytes(2**26), "image/png"))
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), 10) as idle:
        idle.sendall(head.encode() + photo)
        assert idle.recv(12) == b"HTTP/1.1 200"
        stopping = stopped(server)
        stopping.join(20)
        assert not stopping.is_alive()
        assert not any(thread.is_alive() for thread in server.handlers)


def test_a_command_that_is_stopped_while_it_loads_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from zeroov.cli.main import main; from zeroov.pipeline.models import LoadedModels\n"
        "LoadedModels.load_all = lambda self: (print('loading', flush=True), time.sleep(60))\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "serve", "--recipe", "mini", "--device", "cpu", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "loading\n"
        assert list(tmp_path.glob("zeroov-serve-*"))
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert not list(tmp_path.glob("zeroov-serve-*"))


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, photo: bytes) -> None:
    command = [sys.executable, "-m", "zeroov.cli.main", "serve", "--recipe", "mini", "--device", "cpu", "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    with process:
        assert process.stdout
        found = re.search(r"http://127.0.0.1:(\d+)/ \(recipe mini, cpu\)", process.stdout.readline())
        assert found
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", GROUND, photo)
            assert connection.getresponse().status == 200
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 0, told
    assert "127.0.0.1 POST /ground 200" in told
    assert "Traceback" not in told
    assert not list(tmp_path.glob("zeroov-serve-*"))
