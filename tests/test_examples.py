"""The example of a pipeline in a program of one's own, under load: with FastAPI, and its pattern without."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import zeroov
from zeroov.bench.mini.measure import questions
from zeroov.errors import ModelError

EXAMPLE = Path(__file__).parents[1] / "examples" / "fastapi_app.py"
ASKED = [(question.scene.image, question.expression.text) for question in itertools.islice(questions(3), 6)]


def png(rgb: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


BODIES = [(png(rgb), text) for rgb, text in ASKED]


def told(answer: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(answer[name] for name in ("status", "box_xyxy", "score", "mask_pixels", "answer"))


@pytest.fixture(scope="module")
def expected() -> list[tuple[Any, ...]]:
    with zeroov.load("mini", device="cpu") as pipeline:
        return [told(pipeline.ground(Image.open(io.BytesIO(body)), text).to_json()) for body, text in BODIES]


def test_threads_that_warm_up_and_ask_at_once_get_the_answers_of_one(expected: list[tuple[Any, ...]]) -> None:
    with zeroov.load("mini", device="cpu") as pipeline, ThreadPoolExecutor(8) as threads:
        loaded = [threads.submit(pipeline.warm_up) for _ in range(3)]

        def asked(body: bytes, text: str) -> tuple[Any, ...]:
            return told(pipeline.ground(Image.open(io.BytesIO(body)), text).to_json())

        answers = [threads.submit(asked, *question) for question in BODIES]
        assert [each.result() for each in loaded] == [None] * 3
        assert [each.result() for each in answers] == expected


def test_warming_up_loads_every_model_and_nothing_twice() -> None:
    with zeroov.load("mini", device="cpu") as pipeline:
        assert not pipeline.models.holds("overview")
        pipeline.warm_up()
        assert all(pipeline.models.holds(stage) for stage in pipeline.models.stages)
        before = pipeline.models.overview()
        pipeline.warm_up()
        assert pipeline.models.overview() is before
        assert pipeline.models.load("refine") == 0


def test_a_model_that_is_missing_shows_when_warming_up(tmp_path: Path) -> None:
    pipeline = zeroov.load("mini", device="cpu", refine__checkpoint=str(tmp_path / "none.pth"))
    with pytest.raises(ModelError, match=r"none\.pth"):
        pipeline.warm_up()
    assert not pipeline.models.holds("overview"), "loaded before all were located"


async def post(app: Any, query: str, body: bytes) -> tuple[int, Any]:
    """Send a request as an ASGI server does; return the status and the JSON of the answer."""
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {"path": "/ground", "raw_path": b"/ground", "query_string": query.encode(), "root_path": ""}
    scope |= {"headers": [(b"content-type", b"image/png")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    parts: list[dict[str, Any]] = []
    waiting = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in waiting:
            return message
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        parts.append(message)

    await app(scope, receive, send)
    return parts[0]["status"], json.loads(b"".join(part.get("body", b"") for part in parts[1:]))


def test_the_fastapi_example_answers_under_load(
    expected: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi")
    monkeypatch.setenv("ZEROOV_RECIPE", "mini")
    spec = importlib.util.spec_from_file_location("fastapi_app", EXAMPLE)
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "fastapi_app", example)
    spec.loader.exec_module(example)

    async def load() -> list[tuple[int, Any]]:
        async with example.app.router.lifespan_context(example.app):
            asked = [post(example.app, f"expression={text.replace(' ', '+')}", body) for body, text in BODIES * 2]
            refused = [post(example.app, "expression=x", b"no image"), post(example.app, "expression=+", BODIES[0][0])]
            return await asyncio.gather(*asked, *refused)

    replies = asyncio.run(load())
    assert [status for status, _ in replies] == [200] * (2 * len(BODIES)) + [400, 400]
    assert [told(answer) for _, answer in replies[:-2]] == expected * 2
    assert "no PNG" in replies[-2][1]["detail"]
    assert "expression" in replies[-1][1]["detail"]
