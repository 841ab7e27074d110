"""What a fuzz target is, and how one of its cases is run.

A case takes a source of chance and an empty folder. It makes an input, hands it to zeroov, and raises what is a
finding: any exception but a `ZeroovError`, which is a refusal. Beside the folder it may keep files for later cases.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from zeroov.errors import ZeroovError

Case = Callable[[Random, Path], None]


class Target(NamedTuple):
    """A kind of case; `share` is its part of many inputs, `examples` how many the tests try."""

    case: Case
    share: float
    examples: int


def attempt(case: Case, random: Random, folder: Path) -> bool:
    """Run a case in a folder, emptied first; return whether the input was refused."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    try:
        case(random, folder)
    except ZeroovError as error:
        message = str(error)
    else:
        return False
    assert message, "a refusal without a message"
    return True
