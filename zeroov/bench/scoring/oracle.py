"""Where a choice among candidates loses: nobody saw the object, another one was chosen, or its mask is bad."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zeroov import frames
from zeroov.bench.data.sample import mask_overlap
from zeroov.bench.runs.records import Record, Run
from zeroov.bench.scoring.overlaps import box_of
from zeroov.bench.scoring.tables import Cell, Table, percent
from zeroov.errors import UsageError
from zeroov.outputs.rle import decode_rle
from zeroov.types import Box

RIGHT = 0.5  # IoU from which a box or a mask is right
LOSSES = ("no candidate", "wrong choice", "bad mask")
HEADS = ("n", "candidates", "best IoU", "recall", "chosen IoU", "chosen", "answer", *LOSSES)


@dataclass(frozen=True)
class Fate:
    """What became of a sample: the IoU of its best candidate, of the chosen one, and of the answer, with the truth.

    Of a group, whose truth is one box around several objects, the best is the box around all candidates inside it.
    """

    group: str
    candidates: int
    best: float
    chosen: float
    answer: float

    @property
    def loss(self) -> str:
        """Where it was lost; "" where the answer is right."""
        if self.answer >= RIGHT:
            return ""
        if self.best < RIGHT:
            return LOSSES[0]
        return LOSSES[1] if self.chosen < RIGHT else LOSSES[2]


def fates(run: Run, by: str = "kind") -> list[Fate]:
    """Return the fate of every sample that has a truth and candidates were recorded of; a failed one lost them all."""
    if not any(record.candidates for record in run.records):
        raise UsageError(
            f"`{run.name}` records no candidates; they come from a recipe with the stage select, e.g. --recipe select"
        )
    return [fate for record in run.records if (fate := _fate(record, by))]


def oracle_table(found: Sequence[Fate], run: str) -> Table:
    """Return the fates of all samples and of each group as a table, in percent but for the counts."""
    groups = sorted({fate.group for fate in found})
    rows = [(("all",), _cells(found))]
    if len(groups) > 1:
        rows += [((group,), _cells([fate for fate in found if fate.group == group])) for group in groups]
    notes = (
        f"{run}: boxes of the candidates against the true box; recall, chosen and answer are shares with an IoU of "
        f"{RIGHT} (answer: of the mask where the truth has one); the losses add up to what the answer lacks",
    )
    return Table(("expressions",), tuple(("", head) for head in HEADS), tuple(rows), notes)


def oracle_json(found: Sequence[Fate], run: str) -> dict[str, Any]:
    """Return the table as plain values, in percent but for the counts."""
    table = oracle_table(found, run)
    rows = [
        {"group": labels[0], **{head: float(cell.text) for head, cell in zip(HEADS, cells, strict=True)}}
        for labels, cells in table.rows
    ]
    return {"run": run, "unit": "percent", "right_from_iou": RIGHT, "rows": rows}


def _cells(found: Sequence[Fate]) -> tuple[Cell, ...]:
    number = len(found)

    def mean(values: Sequence[float]) -> Cell:
        return Cell(percent(sum(values) / number))

    lost = {loss: mean([fate.loss == loss for fate in found]) for loss in LOSSES}
    return (
        Cell(str(number)),
        Cell(f"{sum(fate.candidates for fate in found) / number:.1f}"),
        mean([fate.best for fate in found]),
        mean([fate.best >= RIGHT for fate in found]),
        mean([fate.chosen for fate in found]),
        mean([fate.chosen >= RIGHT for fate in found]),
        mean([fate.answer >= RIGHT for fate in found]),
        *lost.values(),
    )


def _fate(record: Record, by: str) -> Fate | None:
    corners = box_of(record.truth_box, record.truth_mask)
    if corners is None:
        return None
    truth = Box(*corners)
    boxes = [Box(*each["box"]) for each in record.candidates]
    chosen = [box for box, each in zip(boxes, record.candidates, strict=True) if each["chosen"]]
    inside = [box for box in boxes if frames.share_of_smaller(box, truth) > RIGHT and _area(box) <= _area(truth)]
    best = max((frames.box_iou(box, truth) for box in [*boxes, *_around(inside)]), default=0.0)
    around = _around(chosen)
    return Fate(
        group=(record.kind if by == "kind" else record.category) or "(none)",
        candidates=len(boxes),
        best=best,
        chosen=frames.box_iou(around[0], truth) if around else 0.0,
        answer=_answer(record, truth),
    )


def _answer(record: Record, truth: Box) -> float:
    if record.truth_mask and record.mask:
        shared, union = mask_overlap(decode_rle(record.mask), decode_rle(record.truth_mask))
        return shared / union if union else 0.0
    if record.truth_mask:
        return 0.0
    return frames.box_iou(Box(*record.box), truth) if record.box else 0.0


def _around(boxes: Sequence[Box]) -> list[Box]:
    """Return the box around all of some boxes, if there are any."""
    return [functools.reduce(frames.box_hull, boxes)] if boxes else []


def _area(box: Box) -> float:
    return (box.x1 - box.x0) * (box.y1 - box.y0)
