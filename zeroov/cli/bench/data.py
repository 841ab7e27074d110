"""`zeroov bench data`: which benchmarks there are, and whether one lies in a folder as it should."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroov.cli import options
from zeroov.cli.options import Json
from zeroov.errors import UsageError, count_of
from zeroov.files.paths import expanded

if TYPE_CHECKING:
    from zeroov.bench.data import Benchmark
    from zeroov.bench.data.check import Look, SplitReport

SHOWN = 10  # remarks and missing files, unless all are asked for
TILES = 12  # of the contact sheet, over all splits

Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Where the data set is.")]


def data(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A benchmark; none lists them all.")] = None,
    root: Root = None,
    split: Annotated[str | None, typer.Option("--split", help="One split; all where none is named.")] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE", help="Draw samples with their truth, as .png, .pdf or .svg."),
    ] = None,
    export_patches: Annotated[
        Path | None,
        typer.Option("--export-patches", metavar="DIR", help="Write a copy and a crop per object, as ZoomVG wants."),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option("--questions", metavar="FILE.jsonl", help="Write what another system has to answer, of a split."),
    ] = None,
    all_remarks: Annotated[bool, typer.Option("--all-remarks", help="Print every remark and missing file.")] = False,
    json: Json = False,
) -> None:
    """List the benchmarks, or verify one: files, counts against the published ones, odd lines, a few samples opened.

    Exit code 1 when files are missing or what was opened cannot be right; a count that differs is a warning.

    Example: zeroov bench data rrsisd --root /data/rrsisd --sheet rrsisd.png
    """
    from zeroov.bench.data import find

    if name is None:
        say_list(json)
        return
    benchmark = find(name)
    if root is None:
        raise UsageError(f"where is {benchmark.title}? Name its folder: `zeroov bench data {name} --root DIR`")
    for option, what in ((export_patches, "patches are exported"), (questions, "questions are written")):
        if option and split is None:
            raise UsageError(f"{what} of one split; name it with --split")
    if sheet:
        from zeroov.show.page import form_of

        form_of(sheet)  # an error for a wrong name, before the work
    from zeroov.bench.data.check import check

    reports = check(benchmark, expanded(root), split, TILES)
    most = None if all_remarks else SHOWN
    drawn = sheet is not None and _write_sheet(sheet, benchmark, reports)
    problems = _export(export_patches, reports) if export_patches else []
    unopened = _write_questions(questions, reports) if questions else []
    if json:
        options.say_json(as_json(benchmark, root, reports, most) | {"sheet": str(sheet) if drawn else None})
    else:
        say_reports(benchmark, root, reports, most)
        if sheet:
            options.say(f"look at   {sheet}" if drawn else "no sample has a picture to draw, so there is no sheet")
        if questions:
            options.say(f"questions {questions}")
    for report in reports:
        found = len(report.split.samples) if report.split else None
        if found is not None and report.published not in (None, found):
            options.note(f"warning: {report.name} has {count_of(found, 'sample')}, {report.published:,} are published")
    for problem in problems:
        options.note(f"warning: not exported: {problem}")
    if unopened:
        options.note(f"warning: no size in {questions} for {count_of(len(unopened), 'image')} that cannot be opened")
    if problems or unopened or not all(report.complete for report in reports):
        raise typer.Exit(1)


def _write_sheet(path: Path, benchmark: Benchmark, reports: Sequence[SplitReport]) -> bool:
    """Write the contact sheet, unless there is nothing to draw; return whether it was written."""
    from zeroov.files.atomic import ensure_writable_folder, write_atomically
    from zeroov.show.contact import ContactTile, draw_contact_sheet
    from zeroov.show.page import form_of

    tiles = []
    for report in reports:
        for look in report.looks:
            rgb = look.picture.rgb if look.picture else None
            title = f"{report.name} {look.sample.id}"
            tiles.append(ContactTile(title, look.sample.expression, rgb, look.mask, look.box, look.problem))
    if not tiles:
        return False
    ensure_writable_folder(path.parent)
    write_atomically(path, draw_contact_sheet(f"{benchmark.title}: what is true", tiles, form_of(path)))
    return True


def _export(out: Path, reports: Sequence[SplitReport]) -> list[str]:
    from zeroov.bench.data.patches import export_patches
    from zeroov.cli.report import counting

    problems = []
    for report in reports:
        if report.split:
            with counting("patches") as count:
                problems += export_patches(report.split, out, count)
    return problems


def _write_questions(path: Path, reports: Sequence[SplitReport]) -> list[str]:
    from zeroov.bench.data.questions import write_questions
    from zeroov.cli.report import counting
    from zeroov.files.atomic import ensure_writable_folder

    ensure_writable_folder(path.parent)
    (split,) = [report.split for report in reports if report.split]
    with counting("questions") as count:
        return write_questions(split, path, count)


def say_list(json: bool) -> None:
    """Print every benchmark: its splits, what it looks like on disk, where to get it."""
    from zeroov.bench.data import find, names

    benchmarks = [find(name) for name in names()]
    if json:
        options.say_json([_about(benchmark) for benchmark in benchmarks])
        return
    for benchmark in benchmarks:
        counts = ", ".join(f"{name} {count:,}" if count else name for name, count in benchmark.splits.items())
        options.say(f"{benchmark.name:16} {benchmark.title}: {'masks' if benchmark.has_masks else 'boxes'}; {counts}")
        for text in benchmark.layout:
            options.say(f"{'':16} {text}")
        options.say(f"{'':16} get it: {benchmark.source}")
        options.say(f"{'':16} also called {', '.join(benchmark.aliases)}")


def _about(benchmark: Benchmark) -> dict[str, Any]:
    shown = ("name", "title", "aliases", "splits", "has_masks", "layout", "source")
    return {name: getattr(benchmark, name) for name in shown}


def say_reports(benchmark: Benchmark, root: Path, reports: Sequence[SplitReport], most: int | None) -> None:
    """Print each split: its count, what is missing, wrong or odd, `most` lines of each kind (`None`: all)."""
    options.say(f"{benchmark.title} in {root}")
    for report in reports:
        if report.split is None:
            options.say(f"{report.name:9} NOT READ: {report.problem}")
            continue
        published = f", {report.published:,} published" if report.published else ""
        state = "every file is there" if not report.missing else f"FILES MISSING: {len(report.missing):,}"
        bad = [look for look in report.looks if look.problem]
        opened = f"{len(report.looks)} opened" + (f", {len(bad)} WRONG" if bad else "")
        options.say(f"{report.name:9} {count_of(len(report.split.samples), 'sample')}{published}; {state}; {opened}")
        _say_some("missing", report.missing, most)
        _say_some("wrong", [f"{look.sample.id}: {look.problem}" for look in bad], most)
        missing = set(report.missing)  # printed above
        _say_some("remark", [remark for remark in report.split.remarks if remark.file not in missing], most)


def _say_some(kind: str, items: Sequence[object], most: int | None) -> None:
    for item in items[:most]:
        options.say(options.plain(f"  {kind}: {item}"))
    if most is not None and len(items) > most:
        options.say(f"  {kind}: and {len(items) - most:,} more; --all-remarks prints them")


def as_json(benchmark: Benchmark, root: Path, reports: Sequence[SplitReport], most: int | None) -> dict[str, Any]:
    """Return all that was found as plain values."""
    splits = []
    for report in reports:
        remarks = report.split.remarks if report.split else ()
        splits.append(
            {
                "name": report.name,
                "complete": report.complete,
                "problem": report.problem,
                "samples": len(report.split.samples) if report.split else None,
                "published": report.published,
                "missing_count": len(report.missing),
                "missing": list(report.missing[:most]),
                "remark_count": len(remarks),
                "remarks": [vars(remark) for remark in remarks[:most]],
                "opened": [_opened(look) for look in report.looks],
            }
        )
    complete = all(report.complete for report in reports)
    return _about(benchmark) | {"root": str(root), "complete": complete, "splits": splits}


def _opened(look: Look) -> dict[str, Any]:
    box = list(look.box.xyxy) if look.box else None
    pixels = None if look.mask is None else int(look.mask.sum())
    sample = {"id": look.sample.id, "image": look.sample.image, "expression": look.sample.expression}
    return sample | {"box_xyxy": box, "mask_pixels": pixels, "problem": look.problem}
