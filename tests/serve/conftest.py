"""A pipeline of the miniature models, drawn scenes as files, and a real server in a thread."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

import zeroov
from tests.serve.running import Running, running
from zeroov.bench.mini.measure import Question, questions
from zeroov.ground import Pipeline
from zeroov.serve.service import Access, Limits

LIMITS = Limits(bytes=2**20, pixels=10**6, store_bytes=2**23, queue=8)


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


@pytest.fixture(scope="module")
def server(pipeline: Pipeline) -> Iterator[Running]:
    """A server that a module's tests share."""
    with running(pipeline, LIMITS) as made:
        yield made


@pytest.fixture
def own(pipeline: Pipeline) -> Iterator[Running]:
    """A server of a test's own."""
    with running(pipeline, LIMITS, Access(names=("127.0.0.1",))) as made:
        yield made
