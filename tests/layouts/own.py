"""A user's own data: a table with boxes and the paths of masks, or lines of JSON with boxes and run lengths."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from tests.layouts.drawn import Scenes, write_mask, write_picture, write_text
from tests.layouts.refer import run_lengths


def write_csv(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write `<split>.csv`: id, image, expression, x0, y0, x1, y1, mask, category."""
    for split, scenes in splits.items():
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["id", "image", "expression", "x0", "y0", "x1", "y1", "mask", "category"])
        for number, questions in enumerate(scenes):
            scene, image = questions[0].scene(), f"images/{split}_{number}.png"
            write_picture(folder / image, scene.image)
            for position, q in enumerate(questions):
                mask = f"masks/{split}_{number}_{position}.png"
                write_mask(folder / mask, scene.objects[q.target].mask)
                table.writerow([f"{number}-{position}", image, q.expression, *q.box_xyxy, mask, q.kind])
        write_text(folder / f"{split}.csv", text.getvalue())


def write_jsonl(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write `<split>.jsonl`: image, expression, box_xywh, mask as run lengths, category."""
    for split, scenes in splits.items():
        lines = []
        for number, questions in enumerate(scenes):
            scene, image = questions[0].scene(), f"images/{split}_{number}.png"
            write_picture(folder / image, scene.image)
            for q in questions:
                x0, y0, x1, y1 = q.box_xyxy
                row = {"image": image, "expression": q.expression, "box_xywh": [x0, y0, x1 - x0, y1 - y0]}
                mask = run_lengths(scene.objects[q.target].mask)
                lines.append(json.dumps({**row, "mask": mask, "category": q.kind}) + "\n")
        write_text(folder / f"{split}.jsonl", "".join(lines))
