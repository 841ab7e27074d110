"""Threads that share a pipeline take turns, and get the answers that one thread gets."""

from __future__ import annotations

import itertools
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.utils import logging as transformers_logging

import zeroov
from zeroov.bench.mini.measure import questions
from zeroov.cli.serve import serve
from zeroov.ground import Pipeline
from zeroov.outputs.answer import Answer
from zeroov.progress import Progress
from zeroov.serve.server import Server
from zeroov.types import Uint8

QUICK: dict[str, Any] = {"overview__max_new_tokens": 3, "focus__resize_to": 64, "focus__grids": [8]}
QUICK |= {"focus__working_grid": 8}
SCENES = [question.scene.image for question in itertools.islice(questions(4), 0, None, 2)]
EXPRESSIONS = [question.expression.text for question in questions(2)]


@pytest.fixture(autouse=True)
def _frequent_switches() -> Iterator[None]:
    """Let threads interrupt each other a hundred times as often: without turns, answers then mix in every run."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    yield
    sys.setswitchinterval(before)


def assert_same(answer: Answer, expected: Answer) -> None:
    assert (answer.words, answer.score, len(answer.found)) == (expected.words, expected.score, len(expected.found))
    for found, wanted in zip(answer.found, expected.found, strict=True):
        np.testing.assert_array_equal(found.mask, wanted.mask)
        assert (found.box, found.score, found.origin_xy) == (wanted.box, wanted.score, wanted.origin_xy)


def test_four_threads_get_the_answers_of_one() -> None:
    asked: list[tuple[Uint8, str]] = list(itertools.product(SCENES, EXPRESSIONS))
    assert len(asked) == 16
    with zeroov.load("mini", device="cpu") as pipeline:
        expected = [pipeline.ground(*question) for question in asked]
        assert {answer.status for answer in expected} == {"found", "empty"}
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda question: pipeline.ground(*question), asked))
    for answer, one_by_one in zip(answers, expected, strict=True):
        assert_same(answer, one_by_one)


# Python swaps its warning filters for all threads at once: one may see another's. Users see a warning, no error.
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_ground_and_search_agree_with_one_thread(tmp_path: Path) -> None:
    Image.fromarray(SCENES[0]).save(tmp_path / "scene.png")

    def ground(pipeline: Pipeline) -> Answer:
        return pipeline.ground(SCENES[1], EXPRESSIONS[0])

    def search(pipeline: Pipeline) -> Answer:
        return pipeline.ground(tmp_path / "scene.png", EXPRESSIONS[0], search=True)

    pipeline = zeroov.load("mini", device="cpu")
    expected = {ground: ground(pipeline), search: search(pipeline)}
    assert expected[search].found
    tasks = (ground, search, search, ground)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda task: task(pipeline), tasks))
    for task, answer in zip(tasks, answers, strict=True):
        assert_same(answer, expected[task])


def test_close_waits_for_the_question_in_hand(tiny: Path) -> None:
    closers: list[threading.Thread] = []

    class Closing(Progress):
        def show(self, what: str, done: int, total: int) -> None:
            if what == "refine" and not closers:
                closers.append(threading.Thread(target=pipeline.close))
                closers[0].start()
                closers[0].join(0.3)
                assert pipeline.models.holds("overview"), "a model was taken away in the middle of a question"

    pipeline = zeroov.load("tiny", device="cpu", **QUICK)
    answer = pipeline.ground(SCENES[0], "the plane", progress=Closing())
    closers[0].join(10)
    assert not pipeline.models.holds("overview")
    assert_same(pipeline.ground(SCENES[0], "the plane"), answer)


def test_several_pipelines_load_one_after_another(tiny: Path) -> None:
    """The models' libraries change torch's default dtype, and their own loggers, while they load."""
    before = torch.get_default_dtype(), transformers_logging.get_verbosity()
    dtypes = ("bfloat16", "float32", "float16", "float32")
    pipelines = [zeroov.load("tiny", device="cpu", overview__dtype=dtype, focus__dtype=dtype) for dtype in dtypes]

    def load(pipeline: Pipeline) -> tuple[str, str]:
        return str(pipeline.models.overview().model.dtype), str(pipeline.models.focus().unet.dtype)

    with ThreadPoolExecutor(4) as threads:
        loaded = list(threads.map(load, pipelines))
    assert loaded == [(f"torch.{dtype}", f"torch.{dtype}") for dtype in dtypes]
    assert (torch.get_default_dtype(), transformers_logging.get_verbosity()) == before


def test_a_second_ctrl_c_does_not_wait_for_the_question_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, enough = threading.Event(), threading.Event()
    questioners: list[threading.Thread] = []

    def answer(pipeline: Pipeline) -> None:
        with pipeline.turn:
            at_work.set()
            enough.wait(10)

    def interrupt_twice(server: Server) -> None:
        """Stand in for serving: a question is in hand, and Ctrl-C comes, and comes again."""
        questioners.append(threading.Thread(target=answer, args=(server.service.pipeline,)))
        questioners[0].start()
        at_work.wait(10)
        server.force_exit = True

    monkeypatch.setattr(Server, "serve_until_stopped", interrupt_twice)
    monkeypatch.setattr(Server, "listen", lambda server: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    serve(port=0, recipe="mini", set_=["runtime.keep_loaded=false"], device="cpu")
    assert questioners[0].is_alive(), "the server waited"
    enough.set()
    questioners[0].join()
