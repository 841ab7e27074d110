"""A pipeline of the miniature models, drawn scenes as files, and a real server in a thread."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

import zeroov
from tests.serve.running import running
from zeroov.bench.mini.measure import Question, questions
from zeroov.ground import Pipeline
from zeroov.serve.handler import Handler
from zeroov.serve.server import Server


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu")


@pytest.fixture(scope="session")
def asked() -> list[Question]:
    return [question for question in questions(3) if question.truth]


def png(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def photo(asked: list[Question]) -> bytes:
    """The first scene as a PNG."""
    return png(asked[0].scene.image)


@pytest.fixture(scope="session")
def wide(asked: list[Question]) -> bytes:
    """Three scenes side by side, which take a search."""
    return png(np.concatenate([question.scene.image for question in asked], axis=1))


@pytest.fixture
def server(pipeline: Pipeline) -> Iterator[Server]:
    lines: list[str] = []
    made = Server(pipeline, port=0, most_bytes=2**20, log_line=lines.append, handler=Handler)
    made.lines = lines  # type: ignore[attr-defined]
    with running(made):
        yield made
