"""Small runs for tests: drawn pictures, true rectangles, and answers that are shifted by so many pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from zeroov.bench.runs.records import Record
from zeroov.outputs.rle import encode_rle

HW = (60, 80)
COUNT = 12


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(HW, np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def truth(number: int) -> tuple[int, int, int, int]:
    return 10 + number, 10, 30 + number, 30 + number


def record(number: int, shift: int = 0, status: str = "found") -> Record:
    x0, y0, x1, y1 = truth(number)
    answer = {"status": status, "error": "overview: out of memory" if status == "failed" else ""}
    if status == "found":
        box = x0 + shift, y0, x1 + shift, y1
        answer |= {"box": box, "mask": encode_rle(rectangle(*box)), "score": 0.5}
    return Record(
        id=f"s/{number}",
        image=f"images/{number}.png",
        expression=f"the $rectangle$ number {number}",
        hw=HW,
        category=("plane", "ship")[number % 2],
        kind=("", "object-relative")[number % 2],
        truth_box=truth(number),
        truth_mask=encode_rle(rectangle(x0, y0, x1, y1)),
        **answer,
    )


def write_run(folder: Path, records: list[Record], **manifest: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "records.jsonl").write_text("".join(json.dumps(r.to_json()) + "\n" for r in records))
    told = {"samples": len(records), "recipe": folder.name, "made_with": {"benchmark": "rrsisd", "split": "test"}}
    (folder / "manifest.json").write_text(json.dumps(told | manifest))
    return folder


def write_images(root: Path) -> Path:
    (root / "images").mkdir(parents=True, exist_ok=True)
    for number in range(COUNT):
        Image.fromarray(np.full((*HW, 3), 20 * number, np.uint8)).save(root / f"images/{number}.png")
    return root
