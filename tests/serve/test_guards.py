"""Who is let in, every refusal, and that nothing a client does ends the server."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.raster.scenes import write_sparse
from tests.serve.conftest import LIMITS
from tests.serve.running import Running, running, wait_until
from zeroov.errors import ModelError, OutputError, ServerError, UsageError
from zeroov.ground import Pipeline
from zeroov.serve import gate, protocol
from zeroov.serve.routes import facts
from zeroov.serve.server import bound, is_loopback
from zeroov.serve.service import Access
from zeroov.serve.work import Worker

GROUND = "/ground?expression=the+ship"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # what the server finds out with whether a client is gone


def test_health_and_v1_tell_what_runs(server: Running, pipeline: Pipeline) -> None:
    status, told = server.json("GET", "/health")
    assert (status, told["status"], told["recipe"], told["device"]) == (200, "ok", "mini", "cpu")
    assert set(told["loaded"]) == {"overview", "focus", "refine"}
    about = server.json("GET", "/v1")[1]
    assert about["recipe_digest"] == pipeline.recipe.digest
    assert about["limits"]["bytes"] == LIMITS.bytes
    assert about["drawn_only"]
    status, headers, body = server.ask("HEAD", "/health")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 50


@pytest.mark.parametrize("folder", ["/srv/secret/my-model", "../secret/my-model"])
def test_replies_name_no_folder_of_the_server(
    server: Running, pipeline: Pipeline, photo: bytes, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    located = replace(pipeline.models.locate("overview"), reference=folder)
    locate = pipeline.models.locate
    monkeypatch.setattr(pipeline.models, "locate", lambda stage: located if stage == "overview" else locate(stage))
    for body in (server.ask("GET", "/v1")[2], server.ask("POST", GROUND, photo)[2]):
        assert b"secret" not in body
        assert json.loads(body)["model"] == "my-model"


def test_the_page_and_its_files_come_from_here(server: Running) -> None:
    status, headers, body = server.ask("GET", "/?whatever")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert b"<html" in body
    assert headers["Cache-Control"] == "no-cache"
    files = re.findall(r'(?:href|src)="(/page/[^"]*)"', body.decode())
    assert {name.rpartition("/")[2] for name in files} == {"brand.svg", "style.css", "main.js"}
    for name in files:
        status, headers, inside = server.ask("GET", name)
        assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable"), name
        plain = "/page/" + name.rpartition("/")[2]  # the same file by a name that says nothing of what it holds
        status, headers, same = server.ask("GET", plain)
        assert (status, headers["Cache-Control"], same) == (200, "no-cache", inside)
        assert server.refused("GET", plain.replace("/page/", "/page/0123456789ab/"))[0] == 404
    for name in ("../app.py", "..%2fapp.py", "nope.js", "%2e%2e/app.py", "", "./index.html", "a%00b"):
        assert server.refused("GET", f"/page/{name}")[0] == 404, name


def test_each_refusal_has_its_status(server: Running, photo: bytes) -> None:
    assert server.refused("POST", "/ground", photo) == (422, "wrong_value")
    assert server.refused("POST", "/v1/pictures", b"hello") == (400, "unreadable")
    assert server.refused("POST", "/v1/pictures", b"") == (400, "unreadable")
    status, document = server.json("POST", GROUND, photo[:3000])
    assert (status, document["error"]["code"]) == (400, "unreadable")
    assert document["error"]["message"].startswith("`upload` is truncated")
    assert str(server.service.folder.path) not in str(document)
    for path in ("/nope", "/../../etc/passwd", "/v1/pictures/x", "/v1/results/x", "/v1/jobs/x", "/v1/folders/x"):
        assert server.refused("GET", path)[0] == 404
    for method, path, allowed in (("GET", GROUND, "POST"), ("DELETE", "/health", "GET"), ("BREW", "/v1", "GET")):
        assert server.refused(method, path) == (405, "method")
        assert allowed in server.ask(method, path)[1]["Allow"]
    chunked = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert b" 411 " in server.raw(chunked.encode())
    assert b" 411 " in server.raw(f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    status, document = server.json("POST", GROUND, bytes(2**21))
    assert (status, document["error"]["hint"]) == (413, "--max-mib allows more")
    assert server.refused("POST", "/v1/pictures/x/ground", bytes(gate.MOST_DOCUMENT + 2**17)) == (413, "too_large")
    assert server.refused("POST", GROUND, b"x", Content_Length="99999999999")[0] == 413
    for told in ("-1", "1_0", "+5", "0x10", "5, 6", "", "9" * 5000):
        assert server.refused("POST", GROUND, b"x", Content_Length=told)[0] == 400
    two = "Content-Length: 1\r\nContent-Length: 2\r\n"
    assert b" 400 " in server.raw(f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\n{two}\r\n".encode())


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"expressions": []},
        {"expressions": [""]},
        {"expressions": "the ship"},
        {"expressions": ["a"], "alll": True},
        {"expressions": ["a"], "box": [1, 2, 3]},
        {"expressions": ["a"], "box": [1, 2, 3, float("nan")]},
        {"expressions": ["a"], "area": [300, 0, 400, 9]},
        {"expressions": ["a"], "all": True, "search": False},
        {"expressions": ["a"], "all": True, "points": [[1, 1, 1]]},
        {"expressions": ["a"] * 17},
        {"expressions": ["ship " * 301]},
        {"expressions": ["a"], "format": "gpkg"},
        {"\udcff": 1},
        [],
        b"{",
        b"[" * 100_000,
    ],
)
def test_a_wrong_question_is_refused_with_its_field(server: Running, photo: bytes, wrong: Any) -> None:
    id = server.upload(photo)
    status, _ = server.refused("POST", f"/v1/pictures/{id}/ground", wrong, Content_Type="application/json")
    assert status in (400, 422)


def test_a_body_that_is_not_wanted_is_not_asked_for(server: Running) -> None:
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    assert server.raw(f"{head}Content-Length: 99999999\r\n\r\n".encode()).startswith(b"HTTP/1.1 413")
    asked = server.raw(f"{head}Content-Length: 5\r\n\r\nhello".encode())
    assert re.match(rb"HTTP/1\.1 100[^\r]*\r\n\r\nHTTP/1\.1 400", asked)


def test_other_sites_are_refused(server: Running, photo: bytes) -> None:
    own = f"127.0.0.1:{server.port}"
    for origin in ("http://evil.example", "null", f"http://evil.{own}", "http://127.0.0.1:1"):
        assert server.refused("POST", GROUND, photo, Origin=origin) == (403, "not_allowed")
        assert server.ask("OPTIONS", "/v1", Origin=origin)[0] == 403
    for host in ("evil.example", f"evil.example:{server.port}", "[", "127.0.0.1.evil.example"):
        assert server.refused("GET", "/health", Host=host)[0] == 403
    for host in (own, "localhost:9000", "[::1]:9000"):
        assert server.ask("GET", "/health", Host=host, Origin=f"http://{host}")[0] == 200


def test_a_key_a_list_of_origins_and_folders(pipeline: Pipeline, photo: bytes, tmp_path: Path) -> None:
    (tmp_path / "lent" / "sub").mkdir(parents=True)
    (tmp_path / "lent" / "sub" / "a.png").write_bytes(photo)
    (tmp_path / "secret.png").write_bytes(photo)
    (tmp_path / "lent" / "link.png").symlink_to(tmp_path / "secret.png")
    page = "https://maps.example"
    access = Access(key="s3cret", origins=(page,), folders={"lent": tmp_path / "lent"})
    with running(pipeline, LIMITS, access) as server:
        for path in ("/", "/page/index.html", "/health"):
            assert server.ask("GET", path)[0] == 200
        for path in ("/v1", "/metrics", "/v1/openapi.json", "/v1/folders/lent"):
            assert server.refused("GET", path) == (401, "key_needed")
        for wrong in ("Bearer s3cre", "Bearer ", "Basic s3cret", "s3cret", "Bearer s3cret\xe9"):
            assert server.refused("GET", "/v1", Authorization=wrong)[0] == 401
        assert server.refused("POST", "/v1/pictures", photo, Authorization="Bearer no") == (401, "key_wrong")
        key = {"Authorization": "Bearer s3cret"}
        assert server.json("GET", "/v1", **key)[1]["folders"] == ["lent"]
        status, headers, _ = server.ask("OPTIONS", "/v1/pictures", Origin=page)
        assert (status, headers["Access-Control-Allow-Origin"]) == (204, page)
        assert "Authorization" in headers["Access-Control-Allow-Headers"]
        assert server.ask("GET", "/v1", Origin=page, **key)[1]["Access-Control-Allow-Origin"] == page
        assert server.refused("GET", "/v1", Origin=page)[0] == 401
        listed = server.json("GET", "/v1/folders/lent", **key)[1]
        assert (listed["folders"], listed["files"]) == (["sub"], [])
        (file,) = server.json("GET", "/v1/folders/lent?under=sub", **key)[1]["files"]
        status, about = server.json("POST", "/v1/pictures", {"ref": file["ref"]}, **key)
        assert (status, about["name"]) == (201, "a.png")
        for outside in ("lent:../secret.png", "lent:link.png", "lent:/etc/passwd", "lent:a\0b"):
            assert server.refused("POST", "/v1/pictures", {"ref": outside}, **key)[0] in (403, 404, 422), outside
        assert server.refused("GET", "/v1/folders/lent?under=..", **key) == (403, "outside")
        assert server.ask("DELETE", f"/v1/pictures/{about['id']}", **key)[0] == 204
        assert (tmp_path / "lent" / "sub" / "a.png").is_file()


def test_a_lent_file_that_changes_is_another_picture(
    pipeline: Pipeline, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(photo)
    (tmp_path / "b.png").write_bytes(photo)
    with running(pipeline, LIMITS, Access(folders={"lent": tmp_path})) as server:
        assert not server.json("GET", "/v1/folders/lent")[1]["more"]
        id = server.json("POST", "/v1/pictures", {"ref": "lent:a.png"})[1]["id"]
        assert server.json("POST", "/v1/pictures", {"ref": "lent:a.png"})[1]["id"] == id
        file.write_bytes(photo + b"changed")
        status, document = server.json("GET", f"/v1/pictures/{id}/preview")
        assert (status, document["error"]["code"]) == (404, "picture_gone")
        assert "its file has changed" in document["error"]["message"]
        assert server.json("POST", "/v1/pictures", {"ref": "lent:a.png"})[1]["id"] != id
        monkeypatch.setattr(facts, "MOST_LISTED", 1)
        listed = server.json("GET", "/v1/folders/lent")[1]
        assert ([each["name"] for each in listed["files"]], listed["more"]) == (["a.png"], True)


def test_a_server_for_every_address_takes_no_name_that_it_was_not_given(
    own: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns a name can point it to this machine's address, and is then the same origin."""
    monkeypatch.setattr(own.service, "access", Access(is_local=False))
    for host in ("evil.example", f"evil.example:{own.port}", "10.0.0.1.evil.example"):
        status, document = own.json("GET", "/health", Host=host, Origin=f"http://{host}")
        assert (status, "--allow-host" in document["error"]["hint"]) == (403, True)
    monkeypatch.setattr(own.service, "access", Access(is_local=False, names=("gpu.example",)))
    for host in ("10.0.0.1:8000", "[fe80::1]:8000", "localhost", "GPU.example:8000"):
        assert own.ask("GET", "/health", Host=host, Origin=f"http://{host}")[0] == 200


def test_a_port_is_held_or_refused_in_one_line() -> None:
    with bound("0.0.0.0", 0) as anywhere, bound("127.0.0.1", 0) as here:
        assert not is_loopback(anywhere)
        assert is_loopback(here)
    for host, port in (("no such host", 0), ("127.0.0.1", 70_000)):
        with pytest.raises(UsageError, match="--port 0"):
            bound(host, port)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[::1/\xff%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /ground?expression=a%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /ground?expression=\xff\xfe&%zz=%% HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /ground?expression=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nhello",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\x85b\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_garbage_ends_its_own_request_only(server: Running, garbage: bytes) -> None:
    answer = server.raw(garbage, hang_up=True).removeprefix(CONTINUE)
    assert b"Traceback" not in answer
    assert b"X-Evil" not in answer
    assert not answer or re.match(rb"HTTP/1\.1 (4\d\d|200) ", answer), answer[:100]
    assert server.ask("GET", "/health")[0] == 200


def test_half_a_body_is_told_at_once(server: Running) -> None:
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n"
    answer = server.raw(head.encode() + b"hello", hang_up=True)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"500 bytes were announced, 495 are missing" in answer


def test_a_client_that_stalls_or_drips_is_given_up(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE", 0.3)
    head = f"POST {GROUND} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode()
    assert server.raw(head).startswith(b"HTTP/1.1 408")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                connection.sendall(b"x")
                time.sleep(0.02)
        assert b"the body comes too slowly" in connection.recv(1 << 16)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_client_that_sends_no_more_gets_its_answer(server: Running, photo: bytes, version: str) -> None:
    head = f"POST {GROUND} {version}\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n"
    answer = server.raw(head.encode() + photo, hang_up=True)
    assert answer.replace(CONTINUE, b"").startswith(b"HTTP/1.1 200 OK")


def test_few_bytes_of_many_pixels_are_refused_unread(server: Running, tmp_path: Path) -> None:
    body = write_sparse(tmp_path / "image", 10**6).read_bytes()
    assert len(body) < 2**20
    status, document = server.json("POST", "/v1/pictures", body)
    assert (status, document["error"]["code"]) == (400, "unreadable")
    assert "1,000,000,000,000 pixels, at most 1,000,000 are taken" in document["error"]["message"]
    assert not len(server.service.pictures._kept.keys() & {"upload"})


@pytest.mark.parametrize(
    "body",
    [
        b"<VRTDataset rasterXSize='1' rasterYSize='1'><SourceFilename>/etc/passwd</SourceFilename></VRTDataset>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"II*\x00" + b"\x00" * 60,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 60,
        b"BM PDS_VERSION_ID = PDS3\r\n^IMAGE = 'x'\r\n",
        b"RIFF\x00\x00\x00\x00WAVE",
    ],
)
def test_what_is_no_image_is_refused(server: Running, body: bytes) -> None:
    assert server.refused("POST", "/v1/pictures", body) == (400, "unreadable")


def test_gdal_does_not_touch_what_pil_decodes(server: Running, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.setattr(rasterio, "open", lambda *_, **__: pytest.fail("GDAL opens the upload"))
    id = server.upload(photo + b"x")
    assert server.ask("GET", f"/v1/pictures/{id}/preview")[0] == 200


def test_our_own_faults_are_logged_and_not_shown(
    server: Running, photo: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(error: Exception) -> Callable[..., Any]:
        def fail(*_: Any) -> Any:
            raise error

        return fail

    monkeypatch.setattr(Worker, "_answers", failing(RuntimeError("secret")))
    status, document = server.json("POST", GROUND, photo)
    assert (status, "secret" in str(document)) == (500, False)
    assert "secret" in caplog.text
    monkeypatch.setattr(Worker, "_answers", failing(ModelError("the model is damaged; fetch it again")))
    status, document = server.json("POST", GROUND, photo)
    assert (status, document["error"]) == (
        500,
        {"code": "model", "message": "the model is damaged", "hint": "fetch it again"},
    )
    monkeypatch.setattr(Worker, "_answers", failing(ServerError("http://10.0.0.9/secret is down; start it")))
    status, document = server.json("POST", GROUND, photo)
    assert (status, document["error"]["code"]) == (502, "model_server")
    assert "10.0.0.9" not in str(document)
    assert "10.0.0.9" in caplog.text
    monkeypatch.undo()
    assert server.ask("POST", GROUND, photo)[0] == 200


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_our_own_disk_that_is_full_is_no_fault_of_the_client(
    server: Running, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = photo + b"another picture"
    with monkeypatch.context() as full:
        full.setattr(server.service, "incoming", server.service.incoming / "none")
        assert server.refused("POST", "/v1/pictures", body) == (507, "disk_full")
    original = Path.open

    def on_a_full_disk(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        return original(Path("/dev/full"), "wb", 0) if mode == "xb" else original(path, mode, *rest, **more)

    with monkeypatch.context() as full:
        full.setattr(Path, "open", on_a_full_disk)
        status, document = server.json("POST", "/v1/pictures", body)
    assert status == 507
    assert document["error"]["message"] == "the server cannot keep the image (No space left on device)"

    def cannot_write(*_: Any) -> Any:
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise OutputError("`upload` cannot be written") from error

    with monkeypatch.context() as full:
        full.setattr(Worker, "_answers", cannot_write)
        assert server.refused("POST", GROUND, photo)[0] == 507
    assert server.upload(body)


def test_what_is_in_hand_is_bounded(own: Running, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    id = own.upload(photo)
    none = threading.BoundedSemaphore(1)
    assert none.acquire()
    with monkeypatch.context() as full:
        full.setattr(own.service, "uploads", none)
        full.setattr(own.service, "clicks", none)
        assert own.refused("POST", "/v1/pictures", photo) == (429, "queue_full")
        assert own.ask("POST", "/v1/pictures", photo)[1]["Retry-After"] == "2"
        assert own.refused("POST", f"/v1/pictures/{id}/refine", {"points": [[5, 5, 1]]})[0] == 429
    with monkeypatch.context() as full:
        full.setattr(gate, "MOST_IN_HAND", 0)
        assert own.refused("GET", "/health") == (503, "busy")
    assert own.ask("GET", "/health")[0] == 200


def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(own: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PATIENCE", 0.2)
    schema = f"GET /v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1:{own.port}\r\n\r\n".encode()
    connections = own.server.server_state.connections
    with socket.create_connection(("127.0.0.1", own.port), timeout=60) as idle:
        idle.sendall(schema * 400)
        wait_until(lambda: len(connections) == 1)
        wait_until(lambda: not connections)
    with socket.create_connection(("127.0.0.1", own.port), timeout=60) as slow:
        slow.sendall(schema * 40)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 40:
            part = slow.recv(1 << 15)
            assert part, "it was cut off"
            answers += part
            time.sleep(0.005)


def test_a_proxy_on_this_machine_says_who_its_clients_are(server: Running) -> None:
    server.ask("GET", "/health", X_Request_Id="of-a-proxy", X_Forwarded_For="203.0.113.7")
    wait_until(lambda: any(line.endswith("of-a-proxy") for line in server.lines))
    assert [line.split()[0] for line in server.lines if line.endswith("of-a-proxy")] == ["203.0.113.7"]


def test_every_answer_has_an_id_that_the_log_knows(server: Running) -> None:
    assert server.ask("GET", "/health", X_Request_Id="mine-1")[1]["X-Request-Id"] == "mine-1"
    wait_until(lambda: any(line.endswith("mine-1") for line in server.lines))
    (line,) = [line for line in server.lines if line.endswith("mine-1")]
    assert line.startswith("127.0.0.1 GET /health 200 ")
    for wrong in ("a b", "x" * 65, "é"):
        assert re.fullmatch("[0-9a-f]{16}", server.ask("GET", "/health", X_Request_Id=wrong)[1]["X-Request-Id"])
    assert server.ask("GET", "/nope?secret=1", X_Request_Id="mine-2")[0] == 404
    wait_until(lambda: any(line.endswith("mine-2") for line in server.lines))
    assert not any("secret" in line for line in server.lines)


def test_metrics_are_prometheus_own_text(server: Running) -> None:
    server.ask("GET", "/v1/pictures/x")
    status, headers, body = server.ask("GET", "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    line = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? [0-9.e+-]+)')
    assert all(line.fullmatch(each) for each in body.decode().splitlines())
    assert 'zeroov_requests_total{method="GET",route="/v1/pictures/{id}",status="404"}' in body.decode()
    server.ask("NOPE", "/health")  # whoever makes up methods must not fill the memory
    body = server.ask("GET", "/metrics")[2]
    assert (b'method="other"' in body, b"NOPE" in body) == (True, False)
