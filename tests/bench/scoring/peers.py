"""For tests: what a peer's file answers to a small run, and the box of its first sample."""

from __future__ import annotations

from pathlib import Path

from tests.bench.scoring.runs import record
from zeroov.bench.runs.records import Corners, Run
from zeroov.bench.scoring.peer_files import Format
from zeroov.bench.scoring.peers import Predictions, read_peer

RUN = Run("mine", tuple(record(number) for number in range(3)))
BOX = (10.0, 20.0, 30.0, 60.0)  # of an image of 60 x 80


def answers(path: Path, form: Format | None = None) -> Predictions:
    return read_peer(path, RUN, form)


def first_box(path: Path, form: Format | None = None) -> Corners | None:
    return answers(path, form).run.records[0].box
