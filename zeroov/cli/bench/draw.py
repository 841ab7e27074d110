"""`zeroov bench draw`: the hard split of the miniature world, drawn into a folder as a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.errors import UsageError, did_you_mean


def draw(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; other splits in it stay.")],
    split: Annotated[
        list[str] | None, typer.Option("--split", help="Only this split: test, val or plain. Repeatable.")
    ] = None,
) -> None:
    """Draw the hard split of the miniature world: a scene for each expression, near misses in it.

    The same scenes on every machine. They are then a benchmark like the others, `mini-hard`: 560 questions to test on,
    240 to choose on (val), and 112 (plain) about scenes with as few objects of the asked kind as real data sets have.

    Example: zeroov bench draw data/mini-hard && zeroov bench run mini-hard --root data/mini-hard --recipe mini --out
    runs/hard
    """
    from zeroov.bench.data.sets import mini_hard
    from zeroov.cli.report import counting
    from zeroov.files.paths import expanded

    for name in split or []:
        if name not in mini_hard.SPLITS:
            raise UsageError(f"the hard split has no `{name}`{did_you_mean(name, mini_hard.SPLITS)}")
    for name in split or mini_hard.SPLITS:
        with counting(f"scenes of {name}") as count:
            drawn = mini_hard.draw(expanded(root), name, count)
        options.say(f"{name:5} {drawn} questions in {root / f'{name}.jsonl'}")
