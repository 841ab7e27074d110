"""From what a sweep cut to figures: for each setting a row, with intervals and how it differs from the run's own.

`pointing` is the share of samples where the centre of a map's maximal cell lies in the true box: of A_C on its own grid
(`attention`), and of the map that is cut (`fused`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zeroov.bench.scoring.metrics import Floats, figures
from zeroov.bench.scoring.overlaps import Counts, box_pairs, counted, counted_rows
from zeroov.bench.scoring.protocols import POINTING, BoxRule, MaskRule, Protocol
from zeroov.bench.scoring.statistics import judged, resampled_sums
from zeroov.bench.scoring.tables import aligned, percent
from zeroov.bench.sweeps.settings import as_text as value_text
from zeroov.bench.sweeps.sweep import Swept
from zeroov.types import Bool

DRAWS = 1000  # hundreds of settings are resampled
Row = dict[str, Any]


def rows_of(swept: Swept, protocol: Protocol) -> list[Row]:
    """Return each setting's figures with 95 % intervals, and a paired test of its mIoU against the run's own."""
    targets = {
        "box": _overlaps(swept, counted(swept.records, protocol, "box"), protocol.box),
        "mask": _overlaps(swept, counted(swept.records, protocol, "mask"), protocol.mask),
        "pointing": _pointing(swept, counted(swept.records, protocol, "point")),
    }
    return [
        {"setting": dict(setting.changes), "own": number == swept.own}
        | {name: parts[number] for name, parts in targets.items() if parts}
        for number, setting in enumerate(swept.settings)
    ]


def _overlaps(swept: Swept, counts: Counts, rule: BoxRule | MaskRule | None) -> list[Row]:
    """Return each setting's part of a target; nothing where no sample counts."""
    if rule is None or not counts:
        return []
    known = [place for place, truth in counts if truth is not None]
    truths = [truth for _, truth in counts if truth is not None]
    records = [swept.records[place] for place in known]
    parts: list[Row] = []
    ious = np.empty((len(swept.settings), len(counts)))
    for number, (boxes, pairs) in enumerate(zip(swept.boxes, swept.pairs, strict=True)):
        overlap = box_pairs(records, truths, boxes[known], rule) if isinstance(rule, BoxRule) else pairs[known].T
        columns = counted_rows(counts, overlap[0], overlap[1], rule)
        ious[number] = columns[:, len(rule.thresholds)]
        values = figures(columns.sum(axis=0), len(counts), rule).tolist()
        parts.append(dict(zip(rule.names, values, strict=True)) | {"samples": len(counts)})
    means = _resampled(ious)
    for number, (part, interval) in enumerate(zip(parts, _intervals(means), strict=True)):
        part["mIoU_interval"] = interval
        if swept.own not in (None, number):
            change = float((ious[number] - ious[swept.own]).mean())
            part["against_own"] = judged(change, means[:, number] - means[:, swept.own])._asdict()
    return parts


def _pointing(swept: Swept, counts: Counts) -> list[Row]:
    if not counts:
        return []
    known = [place for place, truth in counts if truth is not None]
    boxes = np.array([truth for _, truth in counts if truth is not None], np.float64).reshape(-1, 1, 4)
    points = swept.peaks[:, known].reshape(len(swept.settings), len(known), 2, 2)
    hits: Bool = np.all((boxes[..., :2] <= points) & (points < boxes[..., 2:]), axis=-1)
    parts: list[Row] = [{"samples": len(counts)} for _ in swept.settings]
    for place, name in enumerate(("attention", "fused")):
        rows = [counted_rows(counts, hit, np.ones(len(known)), POINTING)[:, 0] for hit in hits[..., place]]
        for part, row, interval in zip(parts, rows, _intervals(_resampled(np.stack(rows))), strict=True):
            part |= {name: float(row.mean()), f"{name}_interval": interval}
    return parts


def _resampled(values: Floats) -> Floats:
    """Return the means of every row of `values` (settings, samples) in drawn samples, (draws, settings)."""
    means: Floats = resampled_sums(values.T, seed=0, draws=DRAWS) / values.shape[1]
    return means


def _intervals(means: Floats) -> list[list[float]]:
    """Return the 95 % interval of every column."""
    bounds: list[list[float]] = np.quantile(means, [0.025, 0.975], axis=0).T.tolist()
    return bounds


def leading(row: Row) -> float:
    """Return the figure by which settings are put in order: the masks' mIoU, else the boxes'."""
    part = row.get("mask") or row["box"]
    return float(part.get("mIoU", part.get("Pr@0.5")))


def flat(row: Row) -> Row:
    """Return a row's values side by side, as for a CSV."""
    values = {key: value_text(value) for key, value in row["setting"].items()}
    for target in ("box", "mask", "pointing"):
        for name, value in row.get(target, {}).items():
            if name.endswith("_interval"):
                values |= {
                    f"{target} {name[:-9]} {end}": number for end, number in zip(("low", "high"), value, strict=True)
                }
            elif name != "against_own":
                values[f"{target} {name}"] = value
    return values


def as_text(document: Mapping[str, Any], best: int | None = None) -> str:
    """Return what `zeroov bench ablate` prints: in percent, the first `best` settings alone and the run's own."""
    rows = document["settings"]
    printed = [row for place, row in enumerate(rows) if best is None or place < best or row["own"]]
    cells = [_cells(row) for row in printed]
    lines = [[", ".join(document["keys"]), *cells[0]]]
    for row, columns in zip(printed, cells, strict=True):
        label = ", ".join(map(value_text, row["setting"].values())) + (" *" if row["own"] else "")
        lines.append([label, *columns.values()])
    rate = len(rows) * document["samples"] / max(document["seconds"], 1e-3)
    about = [
        f"{len(rows)} settings x {document['samples']} samples, {rate:,.0f} a second; before Refine, "
        f"protocol {document['protocol']}"
    ]
    for name, reason in (("without_dumps", "have no dumps"), ("absent", "have no object")):
        if document.get(name):
            about.append(f"{document[name]} truths {reason}")
    return "\n".join([aligned(lines), *_legend(document["focus"]), "", *about])


def _legend(focus: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each Focus setting: its grids, and in what they differ."""
    made = list(focus.values())
    names = sorted({name for each in made for name in each} - {"model", "grids"})
    shown = ["grids", *(name for name in names if len({str(each.get(name)) for each in made}) > 1)]
    return [f"{digest}: {', '.join(f'{n} {each[n]}' for n in shown if n in each)}" for digest, each in focus.items()]


def _cells(row: Row) -> dict[str, str]:
    """Return a row's columns by their headings."""
    cells = {}
    if pointing := row.get("pointing"):
        cells = {"A_C pointing": percent(pointing["attention"]), "fused pointing": percent(pointing["fused"])}
    against = None
    for target in ("box", "mask"):
        part = row.get(target, {})
        against = part.get("against_own", against)
        for name in ("Pr@0.5", "mIoU", "oIoU"):
            if name in part:
                low, high = part["mIoU_interval"]
                interval = f" [{percent(low)}, {percent(high)}]" if name == "mIoU" else ""
                cells[f"{target} {name}"] = percent(part[name]) + interval
    return cells | {"p": f"{against['p']:.4f}" if against else ""}
