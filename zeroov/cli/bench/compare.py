"""`zeroov bench compare`: runs and other systems side by side, with what differs, how surely, and on which samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import options
from zeroov.cli.bench.score import Partial, ProtocolName, ReadingName, Seed
from zeroov.cli.bench.tables import Form, Intervals, Json, chosen_form, say_lines, say_table
from zeroov.errors import UsageError, count_of
from zeroov.files.paths import expanded

if TYPE_CHECKING:
    from zeroov.bench.runs.records import Run
    from zeroov.bench.scoring.peer_files import Format


def compare(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]PATH",
            help="A run, then runs or other systems' answers: boxes as .json, .jsonl, .csv; masks as RLE or a folder "
            "of PNGs named by sample id. A system without a name has its folder's or file's.",
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
    form: Form = "text",
    intervals: Intervals = False,
    json: Json = False,
) -> None:
    """Compare systems on the same samples under one protocol; every other one is tested against the first.

    The line of a run says what differs from the recipe that it names. In tables to paste the best figure of a column is
    bold (markdown, latex); the differences and their p are in the text and in JSON.

    The first is a run: it holds the truth. Answers name their sample by the `id` that `zeroov bench data NAME
    --questions` writes, or by image and expression, as COCO results and logs of language models do. A file may state
    its own format: `boxes` and `scale` beside its `predictions` in JSON, in a first line of JSON lines, or by the
    columns of a CSV (x0,y0,x1,y1 or x,y,w,h). Of an `answer` in words the first four numbers are the box, whole ones in
    hundredths where no scale is given. Where a file's boxes would lie far nearer the truth in another order or scale, a
    note says so.

    Example: zeroov bench compare ours=runs/fast runs/paper LQVG=lqvg.json --format latex --intervals
    """
    from zeroov.bench.runs import records
    from zeroov.bench.scoring import compare as comparing
    from zeroov.bench.scoring import protocols
    from zeroov.bench.scoring.peer_files import Format

    if len(systems) < 2:
        raise UsageError("two systems at least are compared; `zeroov bench score` reports one")
    chosen, read_as, asked = protocols.named(protocol), records.reading_named(reading), chosen_form(form, json)
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
    if asked == "json":
        options.say_json(found.to_json() | {"pictures": [str(path) for path in drawn]})
        return
    if asked == "text":
        say_lines(found.text(intervals))
    else:
        say_table(asked, found.table(intervals))
    if pictures:
        say = options.say if asked == "text" else options.note
        say(f"\n{count_of(len(drawn), 'sample')} drawn in {pictures}")


def _note(text: str) -> None:
    options.note(f"note: {options.plain(text)}")


def _read(systems: list[str], form: Format, partial: bool) -> list[Run]:
    """Read the first as a run, and the others as runs or as answers to the first one's samples."""
    from zeroov.bench.runs import records
    from zeroov.bench.scoring.peers import read_peer

    (name, first), *others = [_named(text) for text in systems]
    if not records.is_run(first):
        raise UsageError(f"`{first}` is no run; name one first, since the truth comes from its records")
    runs = [_called(name, records.read_run(first, partial=partial))]
    for name, path in others:
        if records.is_run(path):
            runs.append(_called(name, records.read_run(path, partial=partial)))
            continue
        answers = read_peer(path, runs[0], form)
        for remark in answers.remarks:
            _note(remark)
        runs.append(_called(name, answers.run))
    return runs


def _named(text: str) -> tuple[str, Path]:
    """Return the name, empty where none is given, and the path of `PATH` or `NAME=PATH`; a path may hold a `=`."""
    name, equals, rest = text.partition("=")
    if not equals or Path(text).exists():
        name, rest = "", text
    elif not name.strip():
        raise UsageError(f"a system is PATH or NAME=PATH, e.g. ours=runs/fast, got `{text}`")
    path = expanded(rest)
    if not rest or not path.exists():
        raise UsageError(f"`{rest or text}` does not exist; name a run's folder or a file of answers")
    return name.strip(), path


def _called(name: str, run: Run) -> Run:
    return replace(run, name=name) if name else run
