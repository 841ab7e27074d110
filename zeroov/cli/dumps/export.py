"""`zeroov dumps export` and `zeroov dumps quantise`: dumps for others, and dumps in less room."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Json, Maps
from zeroov.cli.report import size
from zeroov.errors import DumpError

To = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to; made when absent.")]


def export(folder: Maps, out: To, json: Json = False) -> None:
    """Write one npz a sample, for NumPy and everything that reads it: all its arrays by name; see docs/dumps.md.

    Example: zeroov dumps export maps/ --out npz/
    """
    from zeroov.dumps import DumpStore
    from zeroov.dumps import export as dumped

    _require(folder)
    written = []
    for path in dumped.export(DumpStore(folder), out):
        written.append(str(path))
        if not json:
            options.say(f"wrote     {path}")
    if not written:
        raise DumpError(f"`{folder}` holds no overview or focus dumps; `zeroov dumps ls {folder}` says what is there")
    if json:
        options.say_json({"files": written})


def quantise(folder: Maps, out: To, json: Json = False) -> None:
    """Copy a folder with every affinity in one byte a cell, for keeping and analysing; the error is stated.

    A pipeline does not use the copy's affinities, whose answers could differ slightly; `zeroov evolve` and
    `zeroov bench ablate` do, and say so.

    Example: zeroov dumps quantise maps/ --out small/
    """
    from zeroov.dumps import DumpStore
    from zeroov.dumps import export as dumped

    _require(folder)
    store = DumpStore(folder)
    rows: list[dict[str, Any]] = [
        {
            "file": dump.path.name,
            "levels": dump.about["quantised"]["levels"],
            "error": dump.about["quantised"]["error"],
            "bytes": dump.path.stat().st_size,
            "bytes_before": store.path("focus", dump.about["quantised"]["made_from"]).stat().st_size,
        }
        for dump in dumped.quantise_all(store, DumpStore(out))
    ]
    if not rows:
        raise DumpError(f"`{folder}` holds no focus dumps to quantise; `zeroov dumps ls {folder}` says what is there")
    if json:
        options.say_json({"folder": str(out), "focus": rows})
        return
    before, after = (sum(row[name] for row in rows) for name in ("bytes_before", "bytes"))
    worst, fewest = max(row["error"] for row in rows), min(row["levels"] for row in rows)
    options.say(
        f"{len(rows)} affinities: {size(before)} -> {size(after)}, at most {max(row['bytes'] for row in rows):,} bytes "
        f"each; no cell is off by more than {worst:.2%} of its row's maximum (fewest levels: {fewest})"
    )


def _require(folder: Path) -> None:
    if not folder.is_dir():
        raise DumpError(f"`{folder}` is no folder of dumps; make some with `zeroov ground IMAGE TEXT --dumps DIR`")
