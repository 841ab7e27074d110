"""Targets in which there is something to find, so that the script can be tried."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random

from tests.fuzz.cases import Target
from zeroov.errors import PictureError
from zeroov.overview.answer import parse_box


def wrong(random: Random, folder: Path) -> None:
    if random.random() < 0.5:
        raise PictureError("no picture")
    parse_box(None)  # type: ignore[arg-type]


def crash(random: Random, folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def endless(random: Random, folder: Path) -> None:
    while True:
        pass


def greedy(random: Random, folder: Path) -> None:
    bytearray(2**36)


def fine(random: Random, folder: Path) -> None:
    (folder / "a").write_text("")
    assert len(list(folder.iterdir())) == 1, "the folder was not emptied"


TARGETS = {case.__name__: Target(case, 1, 1) for case in (wrong, crash, endless, greedy, fine)}
