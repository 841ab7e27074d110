"""A small data set of one's own: drawn scenes, one CSV, two expressions on the first image."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image

from zeroov.bench.mini.measure import questions


def write_own(folder: Path, count: int) -> Path:
    """Write `count` scenes with a question each, and a second question on the first; return the CSV."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    rows = []
    for question in questions(count):
        truth, image = question.truth, f"images/{question.id.removesuffix('-absent')}.png"
        if truth:
            Image.fromarray(question.scene.image).save(folder / image)
            mask = f"masks/{question.id}.png"
            Image.fromarray(truth.mask).save(folder / mask)
            rows.append([f"s{question.id}", image, question.expression.text, *truth.box_xyxy, mask])
    first = rows[0]
    rows.append(["again", first[1], "the other thing", *first[3:]])
    with (folder / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "image", "expression", "x0", "y0", "x1", "y1", "mask"], *rows])
    return folder / "test.csv"
