"""Turn the miniature world's rows into the tables that are published: plain values, and Markdown of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zeroov.bench.mini.measure import COSTLY, VARIANTS, Variant, column
from zeroov.bench.scoring.statistics import auroc, interval, paired
from zeroov.overview import says_absent

Rows = Sequence[Mapping[str, Any]]

CHAIN = ("overview", "+focus", "+evolve", "+sam")
READINGS = {
    "answer": "the language model's own box, filled",
    "answer+sam": "that box given to SAM",
    "overview": "Overview alone",
    "+focus": "+ Focus",
    "+evolve": "+ Evolve",
    "+sam": "+ SAM",
}
STAGE = {"answer": "overview", "answer+sam": "refine", "overview": "overview"}
STAGE |= {"+focus": "focus", "+evolve": "evolve", "+sam": "refine"}
BY_STAGE = ("", "box Pr@0.5", "box mIoU", "mask mIoU", "95 %", "mask oIoU", "pointing", "gain in mask mIoU", "s", "MiB")
BY_VARIANT = ("variant", "what", "scenes", "Focus", "+ Evolve", "difference", "+ SAM", "box Pr@0.5", "Focus, s")
BY_GROUP = ("", "scenes", "own box Pr@0.5", "pointing", "+ Evolve mIoU", "+ SAM mIoU", "+ SAM box Pr@0.5")


def report(rows: Mapping[str, Rows]) -> dict[str, Any]:
    """Return every table, from the rows of the variants that were measured; `mini` must be one of them."""
    shipped = rows["mini"]
    return {
        "scenes": len(column(shipped, "answer", "points")),
        "stages": [_stage(shipped, reading) for reading in READINGS],
        "variants": [
            _variant(variant, rows[variant.name], rows.get(variant.beside, shipped))
            for variant in VARIANTS
            if variant.name in rows
        ],
        "forms": _groups(shipped, "form"),
        "sizes": _groups(shipped, "size"),
        "absent": _absent(shipped),
    }


def _stage(rows: Rows, reading: str) -> dict[str, Any]:
    masks = column(rows, reading, "mask_iou")
    stage = STAGE[reading]
    figures: dict[str, Any] = {
        "reading": reading,
        "box_pr50": float(np.mean(column(rows, reading, "box_iou") >= 0.5)),
        "box_miou": float(np.mean(column(rows, reading, "box_iou"))),
        "mask_miou": float(np.mean(masks)),
        "mask_miou_interval": list(interval(masks)),
        "mask_oiou": _overall(rows, reading),
        "pointing": float(np.mean(column(rows, reading, "points"))),
        "seconds": float(np.mean([row["seconds"].get(stage, 0.0) for row in rows])),
        "peak_bytes": max((row["peak_bytes"].get(stage) or 0 for row in rows), default=0) or None,
    }
    if reading in CHAIN[1:]:
        before = CHAIN[CHAIN.index(reading) - 1]
        figures["gain"] = paired(column(rows, before, "mask_iou"), masks)._asdict()
    return figures


def _overall(rows: Rows, reading: str) -> float:
    return float(np.sum(column(rows, reading, "shared")) / np.sum(column(rows, reading, "union")))


def _variant(variant: Variant, rows: Rows, others: Rows) -> dict[str, Any]:
    """Return a variant's figures, and its difference from the one beside it on the scenes that both have."""
    same = {row["id"] for row in rows} & {row["id"] for row in others if "readings" in row}
    mine, beside = ([row for row in part if row["id"] in same] for part in (rows, others))
    return {
        "variant": variant.name,
        "about": variant.about,
        "scenes": len(column(rows, "+sam", "points")),
        "focus_miou": float(np.mean(column(rows, "+focus", "mask_iou"))),
        "evolve_miou": float(np.mean(column(rows, "+evolve", "mask_iou"))),
        "sam_miou": float(np.mean(column(rows, "+sam", "mask_iou"))),
        "sam_oiou": _overall(rows, "+sam"),
        "sam_box_pr50": float(np.mean(column(rows, "+sam", "box_iou") >= 0.5)),
        "focus_seconds": float(np.mean([row["seconds"]["focus"] for row in rows])),
        "beside": variant.beside,
        "evolve_against": paired(*(column(part, "+evolve", "mask_iou") for part in (beside, mine)))._asdict(),
    }


def _groups(rows: Rows, key: str) -> list[dict[str, Any]]:
    present = [row for row in rows if "readings" in row]
    groups = []
    for value in sorted({row[key] for row in present}):
        some = [row for row in present if row[key] == value]
        groups.append(
            {
                key: value,
                "scenes": len(some),
                "answer_box_pr50": float(np.mean(column(some, "answer", "box_iou") >= 0.5)),
                "overview_pointing": float(np.mean(column(some, "overview", "points"))),
                "evolve_miou": float(np.mean(column(some, "+evolve", "mask_iou"))),
                "sam_miou": float(np.mean(column(some, "+sam", "mask_iou"))),
                "sam_box_pr50": float(np.mean(column(some, "+sam", "box_iou") >= 0.5)),
            }
        )
    return groups


def _absent(rows: Rows) -> dict[str, Any]:
    there = [row for row in rows if "readings" in row]
    away = [row for row in rows if "readings" not in row]
    return {
        "questions": len(away),
        "score_auroc": auroc(np.array([row["score"] for row in there]), np.array([row["score"] for row in away])),
        "said_absent_when_absent": float(np.mean([says_absent(row["answer"]) for row in away])),
        "said_absent_when_there": float(np.mean([says_absent(row["answer"]) for row in there])),
    }


def markdown(tables: Mapping[str, Any]) -> str:
    """Return the tables as Markdown, which is also readable as it is."""
    parts = [
        f"Stage by stage, {tables['scenes']} test scenes, one expression each:",
        _table(BY_STAGE, [_stage_cells(row) for row in tables["stages"]]),
        "What settings change (mask mIoU; differences are after Evolve, on the same scenes):",
        _table(BY_VARIANT, [_variant_cells(row) for row in tables["variants"]]),
        "By kind of expression and by size (an object covers less than 1 %, up to 3 %, more of its scene):",
        _table(BY_GROUP, [_group_cells(row) for row in (*tables["forms"], *tables["sizes"])]),
        "Of {questions} expressions whose object is absent, the model says so for {said_absent_when_absent:.3f} (and "
        "for {said_absent_when_there:.3f} of those whose object is there); AUROC of `score`: {score_auroc:.3f}.".format(
            **tables["absent"]
        ),
    ]
    if any(row["scenes"] == COSTLY < tables["scenes"] for row in tables["variants"]):
        parts.append(f"Null-text optimisation is costly: it was measured on the first {COSTLY} scenes.")
    return "\n\n".join(parts)


def _stage_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["mask_miou_interval"]
    gain = f"{row['gain']['difference']:+.3f}, {_p(row['gain']['p'])}" if "gain" in row else ""
    memory = f"{row['peak_bytes'] / 2**20:.0f}" if row["peak_bytes"] else ""
    boxes, masks = _shares(row, "box_pr50", "box_miou", "mask_miou"), _shares(row, "mask_oiou", "pointing")
    return (READINGS[row["reading"]], *boxes, f"{low:.3f}-{high:.3f}", *masks, gain, *_shares(row, "seconds"), memory)


def _variant_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    against = row["evolve_against"]
    difference = f"{against['difference']:+.3f}, {_p(against['p'])}, to {row['beside']}"
    maps, drawn = _shares(row, "focus_miou", "evolve_miou"), _shares(row, "sam_miou", "sam_box_pr50")
    shown = "" if row["variant"] == row["beside"] else difference
    return (row["variant"], row["about"], str(row["scenes"]), *maps, shown, *drawn, f"{row['focus_seconds']:.2f}")


def _group_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = ("answer_box_pr50", "overview_pointing", "evolve_miou", "sam_miou", "sam_box_pr50")
    return (str(next(iter(row.values()))), str(row["scenes"]), *_shares(row, *figures))


def _shares(row: Mapping[str, Any], *names: str) -> list[str]:
    return [f"{row[name]:.3f}" for name in names]


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in (heads, *rows)) for i in range(len(heads))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (heads, ["-" * width for width in widths], *rows)
    ]
    return "\n".join(lines)
