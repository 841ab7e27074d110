"""From a run's folder to its report: read, score, draw, write."""

from __future__ import annotations

from pathlib import Path

from zeroov.bench.report.cases import Pictures, ends, ranked
from zeroov.bench.report.document import GROUPS, Report
from zeroov.bench.runs.records import Reading, read_run
from zeroov.bench.scoring.overlaps import overlaps_by_target
from zeroov.bench.scoring.protocols import Protocol
from zeroov.bench.scoring.score import score_of
from zeroov.bench.sweeps.maps import Maps, folders_of
from zeroov.progress import SILENT, Progress


def make_report(
    source: Path,
    protocol: Protocol,
    reading: Reading = "final",
    *,
    cases: int,
    root: Path | None = None,
    dumps: tuple[Path, ...] = (),
    partial: bool = False,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Report:
    """Return a run's report, with `cases` of the worst and as many of the best answers.

    Images are read below `root`, or where the run found them; the stages from `dumps`, or where the run kept its maps.
    """
    run = read_run(source, partial=partial)
    counts = overlaps_by_target(run.records, protocol, reading)
    found = score_of(run, counts, protocol, GROUPS, reading, seed=seed)
    by, samples = ranked(run, counts)
    worst, best = ends(samples, cases)
    recorded = run.manifest.get("root")
    where = root or (Path(recorded) if isinstance(recorded, str) else None)
    pictures = Pictures(run, where, Maps(dumps or folders_of(source, run)), reading)
    drawn = []
    for number, sample in enumerate([*worst, *best]):
        progress.report("pictures", number, len(worst) + len(best))
        drawn.append(pictures.case(sample))
    progress.report("pictures", len(drawn), len(drawn))
    ious = [sample.ious[by] for sample in samples]
    return Report(run, found, by, ious, drawn[: len(worst)], drawn[len(worst) :])
