"""VRSBench's referring task: the flat file for evaluation, and the files per picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.layouts.drawn import Drawn, Scenes, write_json, write_picture


def write_evaluation(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write `val` as the evaluation file, any other split as files per picture."""
    write_per_image(folder, {split: scenes for split, scenes in splits.items() if split != "val"})
    if "val" not in splits:
        return
    records: list[dict[str, Any]] = []
    for name, questions in _pictures(folder, "val", splits["val"]):
        for question in questions:
            corners = _corners(question)
            xs, ys = corners[0::2], corners[1::2]
            grid = [int(100 * value) for value in (min(xs), min(ys), max(xs), max(ys))]
            records.append(
                {
                    "image_id": name,
                    "question": question.expression,
                    "ground_truth": "{" + "".join(f"<{value}>" for value in grid) + "}",
                    "dataset": "RSBench",
                    "question_id": len(records),
                    "type": "ref",
                    "unique": question.form == "category",
                    "obj_corner": corners,
                    "obj_cls": question.kind,
                    "obj_ids": [0],
                    "size_group": "",
                }
            )
    write_json(folder / "VRSBench_EVAL_referring.json", records)


def write_per_image(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write every split as one JSON file per picture."""
    for split, scenes in splits.items():
        for name, questions in _pictures(folder, split, scenes):
            objects = []
            for number, question in enumerate(questions):
                height, width = question.height_width
                scale = (width, height, width, height)
                objects.append(
                    {
                        "obj_id": number,
                        "obj_cls": question.kind,
                        "referring_sentence": question.expression,
                        "obj_coord": [round(c / s, 2) for c, s in zip(question.box_xyxy, scale, strict=True)],
                        "obj_corner": _corners(question),
                        "is_unique": question.form == "category",
                        "flag": 1,
                        "obj_position": "",
                        "obj_rel_position": "",
                        "obj_size": "",
                        "obj_rel_size": "",
                    }
                )
            content = {"image": name, "caption": "A drawn scene.", "objects": objects, "qa_pairs": []}
            write_json(folder / f"Annotations_{split}" / f"{name[:-4]}.json", content)


def _pictures(folder: Path, split: str, scenes: Scenes) -> Iterator[tuple[str, tuple[Drawn, ...]]]:
    """Write the pictures of a split and yield their names, in the order of the names, with what is asked of them."""
    for number, questions in enumerate(scenes):
        name = f"P{number // 100:04d}_{number % 100:04d}.png"
        write_picture(folder / f"Images_{split}" / name, questions[0].scene().image)
        yield name, questions


def _corners(question: Drawn) -> list[float]:
    """Return the four corners of the box as fractions of the picture's sides, beginning at the upper right."""
    height, width = question.height_width
    x0, y0, x1, y1 = question.box_xyxy
    points = ((x1, y0), (x0, y0), (x0, y1), (x1, y1))
    return [side for x, y in points for side in (x / width, y / height)]
