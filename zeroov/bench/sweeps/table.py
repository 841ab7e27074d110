"""From what a sweep cut to figures: for each setting a row, with intervals and how it differs from the run's own.

`pointing` is the share of samples where the centre of a map's maximal cell lies in the true box: of A_C on its own grid
(`attention`), and of the map that is cut (`fused`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zeroov.bench.scoring.metrics import Floats, figures
from zeroov.bench.scoring.overlaps import Counts, box_pairs, counted, counted_rows
from zeroov.bench.scoring.protocols import POINTING, BoxRule, MaskRule, Protocol
from zeroov.bench.scoring.statistics import judged, resampled_sums
from zeroov.bench.scoring.tables import Cell, Table, aligned, with_best
from zeroov.bench.sweeps.settings import as_text as value_text
from zeroov.bench.sweeps.sweep import Swept
from zeroov.errors import count_of
from zeroov.recipe import Recipe
from zeroov.types import Bool

DRAWS = 1000  # hundreds of settings are resampled
Row = dict[str, Any]


def rows_of(swept: Swept, protocol: Protocol) -> list[Row]:
    """Return each setting's figures with 95 % intervals, and a paired test of its mIoU against the run's own.

    Figures, intervals and differences are in percent.
    """
    targets = {
        "box": _overlaps(swept, counted(swept.records, protocol, "box"), protocol.box),
        "mask": _overlaps(swept, counted(swept.records, protocol, "mask"), protocol.mask),
        "pointing": _pointing(swept, counted(swept.records, protocol, "point")),
    }
    return [
        {"setting": dict(setting.changes), "own": number == swept.own}
        | {name: _in_percent(parts[number]) for name, parts in targets.items() if parts}
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


def _in_percent(part: Row) -> Row:
    """Return a part of a row with its figures, intervals and differences in percent; counts and p are as they were."""
    found: Row = {}
    for name, value in part.items():
        if isinstance(value, list):
            found[name] = [100 * end for end in value]
        elif isinstance(value, dict):
            found[name] = _in_percent(value)
        else:
            found[name] = value if name in ("samples", "p") else 100 * value
    return found


def own_values(recipe: Recipe, keys: Sequence[str]) -> dict[str, str]:
    """Return the recipe's own values of some keys of a grid, as the grid takes them."""
    coarse = recipe.deciding() | {"stages": [stage for stage in recipe.stages if stage != "refine"]}
    return {key: value_text(coarse[key]) for key in keys if key in coarse}


def as_table(document: Mapping[str, Any], best: int | None, intervals: bool) -> Table:
    """Return what `zeroov bench ablate` found as a table to paste, a column for each key and each figure."""
    printed, top = _printed(document, best), _top(document)
    cells = [_cells(row, intervals) for row in printed]
    heads = tuple(dict.fromkeys(head for columns in cells for head in columns))
    rows = tuple(
        (
            (*map(value_text, row["setting"].values()), ", ".join(_marks(row, top))),
            tuple(columns.get(head, Cell()) for head in heads),
        )
        for row, columns in zip(printed, cells, strict=True)
    )
    unit = "figures in percent" + (", [95 % bootstrap intervals]" if intervals else "")
    notes = (f"{_scored(document)}; before Refine, protocol {document['protocol']}", *_remarks(document), unit)
    return with_best(Table((*document["keys"], "mark"), heads, rows, notes))


def as_text(document: Mapping[str, Any], best: int | None = None) -> str:
    """Return what `zeroov bench ablate` prints: in percent, the first `best` settings alone and the run's own."""
    printed, top = _printed(document, best), _top(document)
    cells = [_cells(row, True) for row in printed]
    heads = list(dict.fromkeys(head for columns in cells for head in columns))
    lines = [[", ".join(document["keys"]), *(" ".join(head).strip() for head in heads), ""]]
    for row, columns in zip(printed, cells, strict=True):
        label = ", ".join(map(value_text, row["setting"].values())) + (" *" if row["own"] else "")
        lines.append([label, *(columns.get(head, Cell()).plain for head in heads), "best" if row is top else ""])
    rate = len(document["settings"]) * document["samples"] / max(document["seconds"], 1e-3)
    about = f"{_scored(document)}, {rate:,.0f} a second; before Refine, protocol {document['protocol']}"
    return "\n".join([aligned(lines), *_legend(document["focus"]), "", about, *_remarks(document)])


def _printed(document: Mapping[str, Any], best: int | None) -> list[Row]:
    rows = document["settings"]
    return [row for place, row in enumerate(rows) if best is None or place < best or row["own"]]


def _top(document: Mapping[str, Any]) -> Row | None:
    """Return the first of the best settings; none is best where all are alike."""
    rows: list[Row] = document["settings"]
    top = max(rows, key=leading)
    return top if leading(min(rows, key=leading)) < leading(top) else None


def _marks(row: Row, top: Row | None) -> list[str]:
    return ["own"] * bool(row["own"]) + ["best"] * (row is top)


def _scored(document: Mapping[str, Any]) -> str:
    return f"{count_of(len(document['settings']), 'setting')} x {count_of(document['samples'], 'sample')}"


def _remarks(document: Mapping[str, Any]) -> list[str]:
    """Say why there is no p where there is none, and which truths were left out."""
    remarks = []
    if not any(row["own"] for row in document["settings"]):
        wanted = " ".join(f"{key}={value}" for key, value in document["own"].items())
        remarks.append(f"no p, since the recipe's own setting is not among these; its values are {wanted}")
    for name, reason in (("without_dumps", "without dumps"), ("absent", "without an object")):
        if document.get(name):
            remarks.append(f"{count_of(document[name], 'truth')} {reason}")
    return remarks


def _legend(focus: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each Focus setting: its grids, and in what they differ."""
    made = list(focus.values())
    names = sorted({name for each in made for name in each} - {"model", "grids"})
    shown = ["grids", *(name for name in names if len({str(each.get(name)) for each in made}) > 1)]
    return [f"{digest}: {', '.join(f'{n} {each[n]}' for n in shown if n in each)}" for digest, each in focus.items()]


def _cells(row: Row, intervals: bool) -> dict[tuple[str, str], Cell]:
    """Return a row's columns, in percent, by their headings; p is that of the masks' mIoU, else of the boxes'."""
    cells = {}
    for name, head in (("attention", "A_C"), ("fused", "fused")):
        if pointing := row.get("pointing"):
            cells[head, "pointing"] = Cell(f"{pointing[name]:.2f}")
    against: Row = {}
    for target in ("box", "mask"):
        part = row.get(target, {})
        if "against_own" in part:
            against = {target: part["against_own"]}
        for name in ("Pr@0.5", "mIoU", "oIoU"):
            if name in part:
                low, high = part["mIoU_interval"]
                interval = (f"{low:.2f}", f"{high:.2f}") if name == "mIoU" and intervals else None
                cells[target, name] = Cell(f"{part[name]:.2f}", interval)
    return cells | {("", f"p of {target} mIoU"): Cell(f"{tested['p']:.4f}") for target, tested in against.items()}
