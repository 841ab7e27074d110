"""`zeroov bench compare`: runs and other systems side by side, with what differs, how surely, and on which samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import options
from zeroov.cli.bench.score import Partial, ProtocolName, ReadingName, Seed
from zeroov.cli.options import Json
from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.bench.runs.records import Run
    from zeroov.bench.scoring.peer_files import Format


def compare(
    systems: Annotated[
        list[Path],
        typer.Argument(
            metavar="SYSTEM",
            help="A run, then runs or other systems' answers: boxes as .json, .jsonl, .csv; masks as RLE or a folder "
            "of PNGs named by sample id.",
        ),
    ],
    protocol: ProtocolName = "honest",
    reading: ReadingName = "final",
    boxes: Annotated[
        str | None,
        typer.Option("--boxes", help="How the others' files write boxes: xyxy, xywh or cxcywh.", show_default="xyxy"),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale",
            help="What their numbers count: pixels, unit (0 to 1), hundred or thousand.",
            show_default="pixels; hundred where a box is in the words of an answer",
        ),
    ] = None,
    partial: Partial = False,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="Draw the samples that differ most.")
    ] = None,
    worst: Annotated[int, typer.Option("--worst", min=1, help="How many of these samples.")] = 12,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="The data set, where the run does not know it.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Compare systems on the same samples under one protocol; every other one is tested against the first.

    The first is a run: it holds the truth. Answers name their sample by the `id` that `zeroov bench data NAME
    --questions` writes, or by image and expression, as COCO results and logs of language models do. A file may state
    its own format: `boxes` and `scale` beside its `predictions` in JSON, in a first line of JSON lines, or by the
    columns of a CSV (x0,y0,x1,y1 or x,y,w,h). Of an `answer` in words the first four numbers are the box, whole ones in
    hundredths where no scale is given.

    Example: zeroov bench compare runs/fast runs/paper lqvg.json --pictures out/
    """
    from zeroov.bench.runs import records
    from zeroov.bench.scoring import compare as comparing
    from zeroov.bench.scoring import protocols
    from zeroov.bench.scoring.peer_files import Format

    if len(systems) < 2:
        raise UsageError("two systems at least are compared; `zeroov bench score` reports one")
    chosen, read_as = protocols.named(protocol), records.reading_named(reading)
    runs = _read(systems, Format(boxes, scale), partial)
    found = comparing.compare(runs, chosen, read_as, worst=worst, seed=seed)
    for remark in found.remarks:
        _note(remark)
    drawn = []
    if pictures:
        from zeroov.bench.scoring.pictures import write_pictures

        recorded = runs[0].manifest.get("root")
        if root is None and not isinstance(recorded, str):
            raise UsageError("pictures need the data set's images; add --root with its folder")
        drawn = write_pictures(found, pictures, root or Path(str(recorded)), _note)
    if json:
        options.say_json(found.to_json() | {"pictures": [str(path) for path in drawn]})
        return
    for line in str(found).split("\n"):
        options.say(options.plain(line))
    if pictures:
        options.say(f"\n{len(drawn)} samples drawn in {pictures}")


def _note(text: str) -> None:
    options.note(f"note: {options.plain(text)}")


def _read(paths: list[Path], form: Format, partial: bool) -> list[Run]:
    """Read the first as a run, and the others as runs or as answers to the first one's samples."""
    from zeroov.bench.runs import records
    from zeroov.bench.scoring.peers import read_peer

    for path in paths:
        if not path.exists():
            raise UsageError(f"`{path}` does not exist; name a run's folder or a file of answers")
    first, *others = paths
    if not records.is_run(first):
        raise UsageError(f"`{first}` is no run; name one first, since the truth comes from its records")
    runs = [records.read_run(first, partial=partial)]
    for path in others:
        if records.is_run(path):
            runs.append(records.read_run(path, partial=partial))
            continue
        answers = read_peer(path, runs[0], form)
        for remark in answers.remarks:
            _note(remark)
        runs.append(answers.run)
    return runs
