"""What every `zeroov analyse` does: match truths with dumps, analyse, print, draw."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroov.cli import analyse_numbers, options
from zeroov.cli.dumps_text import counting
from zeroov.errors import DumpError

if TYPE_CHECKING:
    from zeroov.bench.sweeps.analyse import Row
    from zeroov.bench.sweeps.cases import Case, Tell
    from zeroov.recipe import Recipe


def run(
    name: str,
    maps: Path,
    truth: Path,
    recipe: Recipe,
    analyse: Callable[[tuple[Case, ...], Tell], list[Row]],
    plot: Path | None,
    json: bool,
    shown: int | None = None,
) -> None:
    """Match truths with dumps, analyse, print and draw.

    Of more than `shown` rows only the first and the recipe's own are printed and given intervals.
    """
    from zeroov.bench.scoring.tables import aligned
    from zeroov.bench.sweeps.cases import match
    from zeroov.bench.sweeps.truths import read_truths
    from zeroov.dumps import DumpStore

    if not maps.is_dir():
        raise DumpError(f"`{maps}` is no folder of dumps; make some with `zeroov ground IMAGE TEXT --dumps DIR`")
    matched = match(read_truths(truth), DumpStore(maps), recipe)
    start = time.perf_counter()
    with counting(name) as tell:
        rows = analyse(matched.cases, tell)
    seconds = time.perf_counter() - start
    if rows[0].mean("box_iou") is None:
        raise DumpError(f"no sample's dumps could be read; `zeroov dumps verify {maps}` names the damaged ones")
    printed = [place for place, row in enumerate(rows) if shown is None or place < shown or "(recipe" in row.name]
    told = [row.to_json(intervals=place in printed) for place, row in enumerate(rows)]
    document: dict[str, Any] = {
        "analysis": name,
        "recipe": recipe.name,
        "samples": told[0]["box_iou"]["samples"],
        "without_dumps": matched.without_dumps,
        "absent": matched.absent,
        "seconds": round(seconds, 3),
        "rows": told,
    }
    if plot:
        from zeroov.show.sweeps import write_sweep

        write_sweep(plot, document)
    if json:
        options.say_json(document)
        return
    options.say(aligned([analyse_numbers.HEADING, *(analyse_numbers.cells(told[place]) for place in printed)]))
    options.say(analyse_numbers.summary(document))
    if plot:
        options.say(f"wrote     {plot}")
