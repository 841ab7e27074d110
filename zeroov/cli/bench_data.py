"""`zeroov bench data`: which benchmarks there are, and whether one lies in a folder as it should."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroov.cli import options
from zeroov.cli.bench_data_text import as_json, say_list, say_reports
from zeroov.cli.options import Json
from zeroov.errors import UsageError

if TYPE_CHECKING:
    from zeroov.bench.data import Benchmark
    from zeroov.bench.data.check import SplitReport

SHOWN = 10  # remarks and missing files, unless all are asked for
TILES = 12  # of the contact sheet, over all splits

Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Where the data set is.")]


def data(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A benchmark; none lists them all.")] = None,
    root: Root = None,
    split: Annotated[str | None, typer.Option("--split", help="One split; all where none is named.")] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE.png", help="Write samples with their truth drawn.")
    ] = None,
    export_patches: Annotated[
        Path | None,
        typer.Option("--export-patches", metavar="DIR", help="Write a copy and a crop per object, as ZoomVG wants."),
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
    if export_patches and split is None:
        raise UsageError("patches are exported of one split; name it with --split")
    from zeroov.bench.data.check import check

    reports = check(benchmark, root.expanduser(), split, TILES)
    most = None if all_remarks else SHOWN
    drawn = sheet is not None and _write_sheet(sheet, benchmark, reports)
    problems = _export(export_patches, reports) if export_patches else []
    if json:
        options.say_json(as_json(benchmark, root, reports, most) | {"sheet": str(sheet) if drawn else None})
    else:
        say_reports(benchmark, root, reports, most)
        if sheet:
            options.say(f"look at   {sheet}" if drawn else "no sample has a picture to draw, so there is no sheet")
    for report in reports:
        found = len(report.split.samples) if report.split else None
        if found is not None and report.published not in (None, found):
            typer.echo(f"warning: {report.name} has {found:,} samples, {report.published:,} are published", err=True)
    for problem in problems:
        typer.echo(f"warning: not exported: {problem}", err=True)
    if problems or not all(report.complete for report in reports):
        raise typer.Exit(1)


def _write_sheet(path: Path, benchmark: Benchmark, reports: Sequence[SplitReport]) -> bool:
    """Write the contact sheet, unless there is nothing to draw; return whether it was written."""
    from zeroov.files.atomic import ensure_writable_folder, write_atomically
    from zeroov.show.contact import ContactTile, draw_contact_sheet

    tiles = []
    for report in reports:
        for look in report.looks:
            rgb = look.picture.rgb if look.picture else None
            title = f"{report.name} {look.sample.id}"
            tiles.append(ContactTile(title, look.sample.expression, rgb, look.mask, look.box, look.problem))
    if not tiles:
        return False
    ensure_writable_folder(path.parent)
    write_atomically(path, draw_contact_sheet(f"{benchmark.title}: what is true", tiles))
    return True


def _export(out: Path, reports: Sequence[SplitReport]) -> list[str]:
    from zeroov.bench.data.patches import export_patches

    problems = []
    for report in reports:
        if report.split:
            with options.progress() as show:
                problems += export_patches(report.split, out, lambda done, total: show and show("patches", done, total))
    return problems
