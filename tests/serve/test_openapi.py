"""The schema: it describes what is answered, and a client that is generated from it works."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serve.running import Running
from zeroov.bench.mini.measure import Question
from zeroov.ground import Pipeline

SCHEMA = "/v1/openapi.json"
# The generator knows no image/png by itself, and would call ruff afterwards.
GENERATOR = {"content_type_overrides": {"image/png": "application/octet-stream"}, "post_hooks": []}


def test_every_route_of_v1_is_described(server: Running) -> None:
    schema = server.json("GET", SCHEMA)[1]
    routes = {(method, path) for path, methods in schema["paths"].items() for method in methods}
    assert {
        ("post", "/v1/pictures"),
        ("post", "/v1/pictures/{id}/ground"),
        ("post", "/v1/pictures/{id}/refine"),
        ("get", "/v1/jobs/{id}/events"),
        ("delete", "/v1/jobs/{id}"),
        ("get", "/v1/results/{id}/explain"),
    } <= routes
    names = [each["operationId"] for methods in schema["paths"].values() for each in methods.values()]
    assert len(names) == len(set(names))


texts = st.text(max_size=12)
numbers = st.one_of(st.integers(-10, 300), st.floats(), st.none(), texts)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)
FIELDS = ("expressions", "all", "zoom", "box", "points", "area", "search", "format", "pictures", "mask_rle", "result")
bodies = st.one_of(
    st.binary(max_size=40),
    st.dictionaries(st.one_of(st.sampled_from(FIELDS), texts), values, max_size=4),
    st.fixed_dictionaries(
        {"expressions": st.lists(texts, max_size=2)},
        optional={
            "box": st.lists(numbers, max_size=5),
            "points": st.lists(st.lists(numbers, max_size=4), max_size=3),
            "mask_rle": st.dictionaries(st.sampled_from(["size", "counts", "x"]), values, max_size=3),
            "area": st.lists(numbers, max_size=4),
            "object": numbers,
            "ref": texts,
        },
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies, path=st.sampled_from(["ground", "refine", ""]), query=texts)
def test_no_body_and_no_query_is_an_error_of_ours(
    server: Running, photo: bytes, monkeypatch: pytest.MonkeyPatch, body: Any, path: str, query: str
) -> None:
    """Whatever is sent is answered, or refused with a reason; what is drawn is not looked at here, it takes long."""
    monkeypatch.setattr("zeroov.serve.work.Worker._answers", _nothing)
    monkeypatch.setattr("zeroov.serve.routes.asking.drawn_at", _refuse)
    id = _id(server, photo)
    target = f"/v1/pictures/{id}/{path}" if path else f"/v1/pictures?{json.dumps(query)[1:-1].encode('ascii').hex()}"
    sent = body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
    status, headers, text = server.ask("POST", target, sent, Content_Type="application/json")
    assert status in (201, 202, 400, 403, 404, 409, 411, 413, 422, 429), (status, text)
    assert b"Traceback" not in text
    assert headers["Content-Type"] == "application/json"
    if status >= 400:
        assert json.loads(text)["error"]["code"]


def _id(server: Running, photo: bytes, known: dict[int, str] = {}) -> str:  # noqa: B006
    if server.port not in known:
        known[server.port] = server.upload(photo)
    return known[server.port]


def _nothing(*_: Any) -> Any:
    from zeroov.errors import PictureError

    raise PictureError("nobody looks; ask again")


def _refuse(*_: Any) -> Any:
    from zeroov.errors import UsageError

    raise UsageError("nobody draws; ask again")


@pytest.mark.far
def test_a_generated_client_uploads_asks_and_waits(
    server: Running,
    pipeline: Pipeline,
    asked: list[Question],
    photo: bytes,
    wide: bytes,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    pytest.importorskip("openapi_python_client")
    (tmp_path / "openapi.json").write_bytes(server.ask("GET", SCHEMA)[2])
    (tmp_path / "made.json").write_text(json.dumps(GENERATOR))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none"]
    made = subprocess.run(
        [*command, "--output-path", "zeroov_made", "--config", "made.json", "--fail-on-warning"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(tmp_path))
    try:
        _visit(server, pipeline, asked, photo, wide, request)
    finally:
        sys.path.remove(str(tmp_path))
        for name in [name for name in sys.modules if name.partition(".")[0] == "zeroov_made"]:
            del sys.modules[name]


def _visit(server: Running, pipeline: Pipeline, asked: list[Question], photo: bytes, wide: bytes, request: Any) -> None:
    made = importlib.import_module("zeroov_made")
    models, types = importlib.import_module("zeroov_made.models"), importlib.import_module("zeroov_made.types")

    def call(name: str, **arguments: Any) -> Any:
        room = next(
            f"zeroov_made.api.{tag.name}.{name}"
            for tag in (Path(made.__file__).parent / "api").iterdir()
            if (tag / f"{name}.py").is_file()
        )
        return importlib.import_module(room).sync(client=client, **arguments)

    client = made.Client(base_url=server.url.rstrip("/"), timeout=120)
    request.addfinalizer(client.get_httpx_client().close)
    text = asked[0].expression.text
    expected = pipeline.ground(asked[0].scene.image, text)
    assert expected.box
    picture = call("upload", body=types.File(io.BytesIO(photo), "photo.png", "image/png"))
    assert isinstance(picture, models.Picture)
    assert picture.hw == [224, 224]
    answered = call("ground", id=picture.id, body=models.GroundAsked(expressions=[text]))
    assert isinstance(answered, models.Results)
    (result,) = answered.results
    assert isinstance(result, models.Result)
    assert tuple(result.box_xyxy) == expected.box.xyxy
    assert isinstance(result.found[0].mask, models.RunLengths)
    told = call("explain_result", id=result.id)
    assert isinstance(told, models.Explained)
    large = call("upload", body=types.File(io.BytesIO(wide), "wide.png", "image/png"))
    job = call("ground", id=large.id, body=models.GroundAsked(expressions=["the ship"]))
    assert isinstance(job, models.Job)
    for _ in range(600):
        if (now := call("job", id=job.id)).status == "successful":
            break
        time.sleep(0.05)
    assert now.progress == 100
    (found,) = call("job_results", id=job.id).results
    assert found.searched
    refused = call("picture", id="none")
    assert isinstance(refused, models.ErrorBody)
    assert refused.error.code == "picture_gone"
