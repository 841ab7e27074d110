"""Several systems side by side on the same samples, under one protocol, with what differs and how surely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zeroov.bench.runs.records import Reading, Record, Run
from zeroov.bench.scoring.about import about, changes, limited_from, of_split
from zeroov.bench.scoring.metrics import figures
from zeroov.bench.scoring.overlaps import Overlaps, overlaps_by_target
from zeroov.bench.scoring.protocols import TARGETS, Protocol, Target
from zeroov.bench.scoring.score import Row, row_of, statuses, table_of, why_nothing
from zeroov.bench.scoring.statistics import DRAWS, Paired, judged, resampled_sums
from zeroov.bench.scoring.tables import Table, aligned, percent, with_best
from zeroov.errors import UsageError, count_of


@dataclass(frozen=True)
class System:
    """What one system reached: its figures by target, and their differences to the first system's, by figure too."""

    run: Run
    rows: Mapping[Target, Row]
    against: Mapping[Target, Mapping[str, Paired]]

    @property
    def values(self) -> dict[Target, dict[str, float]]:
        """The figures, shares from 0 to 1."""
        return {
            target: {name: figure.value for name, figure in row.figures.items()} for target, row in self.rows.items()
        }


@dataclass(frozen=True)
class Disagreement:
    """A sample on which systems differ: its record in the first run, and the target by which they differ.

    `by_target` holds the IoU that each system reached, of each target that it was scored on, `None` where it was not.
    """

    record: Record
    position: int
    target: Target
    by_target: Mapping[Target, tuple[float | None, ...]]

    @property
    def ious(self) -> tuple[float | None, ...]:
        """The IoU that each system reached on `target`."""
        return self.by_target[self.target]


@dataclass(frozen=True)
class Comparison:
    """Systems on the same samples, in the order given; `worst` are the samples on which they differ most."""

    protocol: Protocol
    reading: Reading
    systems: tuple[System, ...]
    worst: tuple[Disagreement, ...]
    remarks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, figures and their differences in percent."""
        return {
            "protocol": self.protocol.name,
            "reading": self.reading,
            "samples": len(self.systems[0].run.records),
            "unit": "percent",
            "remarks": list(self.remarks),
            "systems": [
                {
                    "name": system.run.name,
                    "about": about(system.run.manifest),
                    "changes": changes(system.run.manifest),
                    "limited_from": limited_from(system.run.manifest),
                    **statuses(system.run),
                    "figures": {
                        target: {
                            name: {"value": 100 * figure.value, "interval": [100 * figure.low, 100 * figure.high]}
                            | (tested[name].to_json() if name in tested else {})
                            for name, figure in row.figures.items()
                        }
                        for target, row in system.rows.items()
                        for tested in [system.against.get(target, {})]
                    },
                }
                for system in self.systems
            ],
            "worst": [
                {
                    "id": case.record.id,
                    "image": case.record.image,
                    "expression": case.record.expression,
                    "target": case.target,
                    "ious": {system.run.name: iou for system, iou in zip(self.systems, case.ious, strict=True)},
                }
                for case in self.worst
            ],
        }

    def __str__(self) -> str:
        return self.text()

    def text(self, intervals: bool = False) -> str:
        """Return what a terminal shows, the figures with their own intervals where these are asked for."""
        notes = (
            f"Differences to {self.systems[0].run.name}, their 95 % intervals, and p of a two-sided paired bootstrap "
            "test, not corrected for the number of figures."
        )
        return "\n\n".join(["\n".join(self._heads()), *self._tables(intervals), notes])

    def table(self, intervals: bool) -> Table:
        """Return the figures as a table: systems down, figures across, the best of each column marked."""
        rows = [((system.run.name,), system.rows) for system in self.systems]
        notes = [line.strip() for line in self._heads()]
        return with_best(table_of(("system",), rows, intervals, notes))

    def _heads(self) -> Iterator[str]:
        """Yield what is compared, and a line for each system."""
        count = len(self.systems[0].run.records)
        limits = (limited_from(system.run.manifest) for system in self.systems)
        whole = next((limit for limit in limits if limit is not None), None)
        yield f"{count_of(count, 'sample')}{of_split(whole)}, protocol {self.protocol.name}: {self.protocol.about}" + (
            "" if self.reading == "final" else f"; reading {self.reading}"
        )
        for system in self.systems:
            counts = ", ".join(f"{number} {status}" for status, number in statuses(system.run).items())
            what = about(system.run.manifest)
            yield f"  {system.run.name}{f' ({what})' if what else ''}: {counts}"

    def _tables(self, intervals: bool) -> Iterator[str]:
        """Yield a table per target: figures across, in percent; systems down, with their differences to the first."""
        for target in TARGETS:
            systems = [system for system in self.systems if target in system.rows]
            if len(systems) < 2:
                continue
            names = list(systems[0].rows[target].figures)
            lines = [[target, *names]]
            for system in systems:
                figures_of = system.rows[target].figures
                lines.append([system.run.name, *(figures_of[name].cell(intervals).plain for name in names)])
                if tested := system.against.get(target):
                    lines += [
                        ["  difference", *(percent(tested[name].difference, sign=True) for name in names)],
                        ["  from", *(percent(tested[name].low, sign=True) for name in names)],
                        ["  to", *(percent(tested[name].high, sign=True) for name in names)],
                        ["  p", *(f"{tested[name].p:.4f}" for name in names)],
                    ]
            yield aligned(lines)


def compare(
    runs: Sequence[Run], protocol: Protocol, reading: Reading = "final", *, worst: int = 12, seed: int = 0
) -> Comparison:
    """Compare systems on the samples that all of them have; every other one is tested against the first."""
    runs, remarks = _on_common_samples(_distinct(runs))
    counted = [overlaps_by_target(run.records, protocol, reading) for run in runs]
    for run, found in zip(runs, counted, strict=True):
        if not {"box", "mask"} & set(found):
            raise UsageError(why_nothing(run, protocol, reading))
    systems = []
    for number, (run, found) in enumerate(zip(runs, counted, strict=True)):
        against = {
            target: _tested(counted[0][target], own, seed)
            for target, own in found.items()
            if number and target in counted[0]
        }
        systems.append(System(run, {target: row_of(own, seed) for target, own in found.items()}, against))
    return Comparison(protocol, reading, tuple(systems), tuple(_worst(runs[0], counted, worst)), remarks)


def _tested(first: Overlaps, second: Overlaps, seed: int) -> dict[str, Paired]:
    """Test every figure on the samples that count in both, all figures on the same draws."""
    _, ours, theirs = np.intersect1d(first.positions, second.positions, assume_unique=True, return_indices=True)
    if not len(ours):
        return {}
    pair = np.hstack([first.columns[ours], second.columns[theirs]])
    half, rule = first.columns.shape[1], first.rule

    def change(sums: Any) -> Any:
        return figures(sums[..., half:], len(pair), rule) - figures(sums[..., :half], len(pair), rule)

    observed, drawn = change(pair.sum(axis=0)), change(resampled_sums(pair, seed=seed, draws=DRAWS))
    return {name: judged(float(observed[i]), drawn[:, i]) for i, name in enumerate(rule.names)}


def _worst(first: Run, counted: Sequence[Mapping[Target, Overlaps]], count: int) -> list[Disagreement]:
    """Return the samples with the widest spread of IoU, of masks where all have them, else of boxes."""
    target: Target = "mask" if all("mask" in found for found in counted) else "box"
    if not all(target in found for found in counted):
        return []
    reached: dict[Target, list[Any]] = {"mask": [], "box": []}
    for each, columns in reached.items():
        for found in counted:
            columns.append(np.zeros(len(first.records)) if each in found else None)
            if each in found:
                columns[-1][found[each].positions] = found[each].ious
    ious = np.stack(reached[target], axis=1)
    spread = np.ptp(ious, axis=1)
    order = np.argsort(-spread, kind="stable")[:count]
    return [
        Disagreement(
            first.records[position],
            int(position),
            target,
            {
                each: tuple(None if column is None else float(column[position]) for column in columns)
                for each, columns in reached.items()
            },
        )
        for position in order
        if spread[position] > 0
    ]


def _on_common_samples(runs: Sequence[Run]) -> tuple[list[Run], tuple[str, ...]]:
    """Return the runs' records of the samples that all have, in the order of the first, and what was left out."""
    first = {record.id: record for record in runs[0].records}
    common = set(first)
    for run in runs[1:]:
        common &= {record.id for record in run.records}
    samples = [sample for sample in first if sample in common]
    if not samples:
        raise UsageError(f"{' and '.join(f'`{run.name}`' for run in runs)} have no sample in common")
    remarks, aligned_runs = [], []
    for run in runs:
        if len(run.records) > len(samples):
            left, whole = len(run.records) - len(samples), count_of(len(run.records), "sample")
            remarks.append(f"{left} of {whole} of `{run.name}` left out, since not all runs have them")
        own = {record.id: record for record in run.records}
        for sample in samples:
            if _truth(own[sample]) != _truth(first[sample]):
                raise UsageError(
                    f"sample `{sample}` has another truth in `{run.name}` than in `{runs[0].name}`; "
                    "runs of one data set and split are compared" + _way_out(own[sample], first[sample])
                )
        aligned_runs.append(replace(run, records=tuple(own[sample] for sample in samples)))
    return aligned_runs, tuple(remarks)


def _truth(record: Record) -> tuple[Any, ...]:
    mask = record.truth_mask and record.truth_mask["counts"]
    return record.hw, record.truth_box, mask, record.truth_mask_unreadable


def _way_out(*records: Record) -> str:
    """Say what to do where a true mask could be read for one of two runs alone; older runs do not record that."""
    if records[0].truth_mask_unreadable == records[1].truth_mask_unreadable:
        return ""
    return (
        ". Its true mask could not be read in one of them, or an older zeroov made the other: give both commands of "
        "`zeroov bench run` again with --retry-failed"
    )


def _distinct(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with a number behind the names that occur more than once."""
    uses = Counter[str]()
    named = []
    for run in runs:
        uses[run.name] += 1
        named.append(replace(run, name=f"{run.name} ({uses[run.name]})" if uses[run.name] > 1 else run.name))
    return named
