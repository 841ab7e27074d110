"""What `zeroov bench data` says: the list of benchmarks, and how one was found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroov.cli import options

if TYPE_CHECKING:
    from zeroov.bench.data import Benchmark
    from zeroov.bench.data.check import Look, SplitReport


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
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "aliases": list(benchmark.aliases),
        "splits": dict(benchmark.splits),
        "has_masks": benchmark.has_masks,
        "layout": list(benchmark.layout),
        "source": benchmark.source,
    }


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
        options.say(f"{report.name:9} {len(report.split.samples):,} samples{published}; {state}; {opened}")
        _say_some("missing", report.missing, most)
        _say_some("wrong", [f"{look.sample.id}: {look.problem}" for look in bad], most)
        missing = set(report.missing)  # told above
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
