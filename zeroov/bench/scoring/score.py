"""From records to figures with their intervals, overall and by group: plain values, a text, a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zeroov.bench.runs.records import STATUSES, Reading, Record, Run
from zeroov.bench.scoring.about import about, limited_from, made_with, of_split
from zeroov.bench.scoring.metrics import Floats, figures
from zeroov.bench.scoring.overlaps import Overlaps, counted, overlaps_by_target, truth_share
from zeroov.bench.scoring.protocols import TARGETS, Protocol, Rule, Target
from zeroov.bench.scoring.shares import Absent, absent_of, benchmark_of, weights_of
from zeroov.bench.scoring.statistics import percentiles, resampled_sums
from zeroov.bench.scoring.tables import Cell, Table, aligned, percent
from zeroov.errors import UsageError, count_of, did_you_mean

DRAWS = 2_000  # for intervals, whose ends then err by some hundredths of their width; tests draw more
# COCO's 32 x 32 and 96 x 96 pixels, as shares of its common image of 640 x 480: images here are of many sizes.
SMALL, LARGE = 32 * 32 / (640 * 480), 96 * 96 / (640 * 480)
SIZES = ("small", "medium", "large", "unknown")
IN_GROUPS = ("Pr@0.5", "mIoU", "oIoU", "pointing")  # what the text shows of a group; the other formats hold all


@dataclass(frozen=True)
class Figure:
    """A share from 0 to 1 and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Return the figure and its interval in percent."""
        return {name: 100 * share for name, share in vars(self).items()}

    def cell(self, interval: bool) -> Cell:
        """Return the figure as a table shows it."""
        return Cell(percent(self.value), (percent(self.low), percent(self.high)) if interval else None)


@dataclass(frozen=True)
class Row:
    """The figures of a group of samples; `by` and `group` are empty for all samples."""

    target: Target
    by: str
    group: str
    samples: int
    figures: Mapping[str, Figure]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, figures in percent."""
        return vars(self) | {"figures": {name: figure.to_json() for name, figure in self.figures.items()}}


@dataclass(frozen=True)
class Score:
    """What a protocol says of a run."""

    run: str
    about: str
    protocol: Protocol
    reading: Reading
    statuses: Mapping[str, int]
    rows: tuple[Row, ...]
    absent: Absent | None = None
    limited_from: int | None = None
    """How many samples the split has, of a run with `--limit`."""

    @property
    def counted(self) -> str:
        """How many samples the run has, in words, and of how many they are the first."""
        return count_of(sum(self.statuses.values()), "sample") + of_split(self.limited_from)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, figures in percent."""
        return {
            "run": self.run,
            "about": self.about,
            "protocol": self.protocol.name,
            "reading": self.reading,
            "samples": sum(self.statuses.values()),
            "limited_from": self.limited_from,
            **self.statuses,
            "unit": "percent",
            "rows": [row.to_json() for row in self.rows],
            **({"absent": self.absent.to_json()} if self.absent else {}),
        }

    def table(self, intervals: bool) -> Table:
        """Return all figures as a table: a row for all samples and one for each group, a column for each figure."""
        places = sorted(dict.fromkeys((row.by, row.group) for row in self.rows), key=lambda place: self._order(*place))
        grouped = len(places) > 1
        heads = ("system", "by", "group") if grouped else ("system",)
        rows = []
        for by, group in places:
            labels = (self.run, by, group if by else "all") if grouped else (self.run,)
            rows.append((labels, {row.target: row for row in self.rows if (row.by, row.group) == (by, group)}))
        return table_of(heads, rows, intervals, [*self._head().split("\n"), *self._absent()])

    def _order(self, by: str, group: str) -> tuple[int, int]:
        """Return where a group stands: all samples first, keys as they were asked for, groups in their order."""
        keys = list(dict.fromkeys(row.by for row in self.rows))
        groups = list(SIZES) if by == "size" else sorted({row.group for row in self.rows if row.by == by})
        return keys.index(by), groups.index(group)

    def __str__(self) -> str:
        return "\n\n".join([self._head(), *self._all(), *self._groups(), *self._absent()])

    def _absent(self) -> list[str]:
        return [str(self.absent)] if self.absent else []

    def _head(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.statuses.items())
        reading = "" if self.reading == "final" else f"; reading {self.reading}"
        return (
            f"{self.run}{f' ({self.about})' if self.about else ''}\n"
            f"{self.counted}: {counts}{reading}\n"
            f"protocol {self.protocol.name}: {self.protocol.about}"
        )

    def _all(self) -> Iterator[str]:
        """Yield the table of all samples: figures down, boxes and masks across, in percent."""
        rows = [row for row in self.rows if not row.by]
        names = list(dict.fromkeys(name for row in rows for name in row.figures))
        lines = [["percent [95 %]", *(f"{row.target}, n = {row.samples}" for row in rows)]]
        for name in names:
            cells = (row.figures[name].cell(True).plain if name in row.figures else "" for row in rows)
            lines.append([name, *cells])
        yield aligned(lines)

    def _groups(self) -> Iterator[str]:
        """Yield a table per kind of group: groups down, the main figures across, in percent."""
        for by in dict.fromkeys(row.by for row in self.rows if row.by):
            rows = [row for row in self.rows if row.by == by]
            shown = [
                (target, name)
                for target in TARGETS
                for name in IN_GROUPS
                if any(row.target == target and name in row.figures for row in rows)
            ]
            lines = [[f"by {by}", "n", *(f"{target} {name}" for target, name in shown)]]
            for group in dict.fromkeys(row.group for row in rows):
                own = {row.target: row for row in rows if row.group == group}
                cells = [percent(own[target].figures[name].value) if target in own else "-" for target, name in shown]
                lines.append([group, str(max(row.samples for row in own.values())), *cells])
            yield aligned(lines)


def score(run: Run, protocol: Protocol, by: Sequence[str] = (), reading: Reading = "final", *, seed: int = 0) -> Score:
    """Score a run's answers as a protocol does, for all samples and for the groups of each key of `GROUPS` in `by`."""
    return score_of(run, overlaps_by_target(run.records, protocol, reading), protocol, by, reading, seed=seed)


def score_of(
    run: Run,
    counts: Mapping[Target, Overlaps],
    protocol: Protocol,
    by: Sequence[str] = (),
    reading: Reading = "final",
    *,
    seed: int = 0,
) -> Score:
    """Score a run as `score` does; `counts` is what the protocol counts of it."""
    for key in by:
        if key not in GROUPS:
            raise UsageError(f"no breakdown by `{key}`{did_you_mean(key, GROUPS)}")
    rows = []
    benchmark = benchmark_of(made_with(run.manifest))
    for found in counts.values():
        rows.append(row_of(found, seed))
        if benchmark and benchmark.real_shares:
            rows.append(_as_in_real_data(run.records, found, benchmark.real_shares, seed))
        rows += [row for key in by for row in _grouped(run.records, found, key, seed)]
    if not any(row.target != "point" for row in rows):
        raise UsageError(why_nothing(run, protocol, reading))
    absent = absent_of(run.records, benchmark.absent_kind) if benchmark and benchmark.absent_kind else None
    name, limited = run.name, limited_from(run.manifest)
    return Score(name, about(run.manifest), protocol, reading, statuses(run), tuple(rows), absent, limited)


def _as_in_real_data(records: Sequence[Record], found: Overlaps, shares: Mapping[str, float], seed: int) -> Row:
    """Return the figures in which each kind of expression counts as much as it does in real data."""
    weights = weights_of([records[position].kind for position in found.positions], shares)
    columns = found.columns * weights[:, None]
    return Row(found.target, "weight", "as in real data", *_counted(columns, found.rule, seed))


def row_of(found: Overlaps, seed: int) -> Row:
    """Return the figures of all samples that count, with their intervals."""
    return Row(found.target, "", "", *_counted(found.columns, found.rule, seed))


def table_of(
    labels: tuple[str, ...],
    rows: Sequence[tuple[tuple[str, ...], Mapping[Target, Row]]],
    intervals: bool,
    notes: Sequence[str],
) -> Table:
    """Return rows of figures, by their labels and targets, as a table.

    How many samples were counted is one column where it is the same for all targets, else one for each.
    """
    names = {
        target: list(dict.fromkeys(name for _, own in rows if target in own for name in own[target].figures))
        for target in TARGETS
        if any(target in own for _, own in rows)
    }
    alike = all(len({row.samples for row in own.values()}) == 1 for _, own in rows)
    columns: list[tuple[Target | None, str]] = [(None, "n")] if alike else []
    for target, figures_of in names.items():
        columns += [(target, name) for name in ([] if alike else ["n"]) + figures_of]

    def cell(own: Mapping[Target, Row], target: Target | None, name: str) -> Cell:
        row = own.get(target) if target else next(iter(own.values()))
        if row is None or name not in (*row.figures, "n"):
            return Cell()
        return Cell(str(row.samples)) if name == "n" else row.figures[name].cell(intervals)

    heads = tuple(("" if target is None or name == "pointing" else target, name) for target, name in columns)
    cells = tuple((name, tuple(cell(own, *column) for column in columns)) for name, own in rows)
    ends = (*notes, "figures in percent" + (", [their 95 % bootstrap intervals]" if intervals else ""))
    return Table(labels, heads, cells, ends)


def statuses(run: Run) -> dict[str, int]:
    """Return how many samples of a run have each status."""
    counts = Counter[str](record.status for record in run.records)
    return {status: counts[status] for status in STATUSES}


def why_nothing(run: Run, protocol: Protocol, reading: Reading) -> str:
    """Say why a protocol finds nothing to count in a run."""
    if not run.records:
        return f"`{run.name}` holds no records"
    scored: list[Target] = [target for target in ("box", "mask") if protocol.rule(target)]
    if not any(counted(run.records, replace(protocol, skips_failed=False), target) for target in scored):
        return f"protocol {protocol.name} scores a {' and a '.join(scored)}, and `{run.name}` has no such truth"
    if protocol.skips_failed and all(record.status == "failed" for record in run.records):
        return f"every sample of `{run.name}` failed, and protocol {protocol.name} leaves such samples out"
    return f"protocol {protocol.name} scores a {' and a '.join(scored)}; `{run.name}` has none as its {reading} answer"


def size_class(record: Record) -> str:
    """Return how large the true object is beside its image: small below 1/300 of it, large from 3 % on.

    It is unknown where the truth cannot be read.
    """
    share = truth_share(record)
    if share is None:
        return SIZES[3]
    return SIZES[0] if share < SMALL else SIZES[1] if share < LARGE else SIZES[2]


GROUPS: Mapping[str, Callable[[Record], str]] = {
    "category": lambda record: record.category or "(none)",
    "kind": lambda record: record.kind or "(none)",
    "size": size_class,
}


def _grouped(records: Sequence[Record], found: Overlaps, by: str, seed: int) -> Iterator[Row]:
    names = np.array([GROUPS[by](records[position]) for position in found.positions])
    present = set(names.tolist())
    for group in [size for size in SIZES if size in present] if by == "size" else sorted(present):
        yield Row(found.target, by, group, *_counted(found.columns[names == group], found.rule, seed))


def _counted(columns: Floats, rule: Rule, seed: int) -> tuple[int, dict[str, Figure]]:
    """Return how many samples count, and their figures."""
    values = figures(columns.sum(axis=0), len(columns), rule).tolist()
    drawn = figures(resampled_sums(columns, seed=seed, draws=DRAWS), len(columns), rule)
    intervals = [percentiles(drawn[:, column]) for column in range(len(values))]
    named = zip(rule.names, values, intervals, strict=True)
    return len(columns), {name: Figure(value, *interval) for name, value, interval in named}
