"""RISBench, RefSegRS and RSVG-HR, which keep one expression per line of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.layouts.drawn import Scenes, write_mask, write_picture, write_text


def write_risbench(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write RISBench: a picture and a mask per expression; those of `val` are called `train_...`."""
    number = 0
    for split, scenes in splits.items():
        lines = []
        for questions in scenes:
            scene = questions[0].scene()
            for position, question in enumerate(questions):
                name = f"{'test' if split == 'test' else 'train'}_{number}_{position}.png"
                write_picture(folder / "img_rgb" / name, scene.image)
                write_mask(folder / "mask" / name, scene.objects[question.target].mask)
                lines.append(f"{name} {question.expression}")
            number += 1
        write_text(folder / f"output_phrase_{split}.txt", _joined(lines))


def write_refsegrs(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write RefSegRS: a picture and a mask by number, several phrases for one of them."""
    number = 0
    for split, scenes in splits.items():
        lines = []
        for questions in scenes:
            number += 1
            scene = questions[0].scene()
            write_picture(folder / "images" / f"{number}.tif", scene.image)
            write_mask(folder / "masks" / f"{number}.tif", scene.objects[questions[0].target].mask)
            lines += [f"{number} {question.expression}" for question in questions]
        write_text(folder / f"output_phrase_{split}.txt", _joined(lines))


def write_rsvg_hr(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write RSVG-HR: lines of image, four numbers with a decimal point, and expression."""
    number = 0
    for split, scenes in splits.items():
        lines = []
        for questions in scenes:
            number += 1
            name = f"{279083 + number}_4582370_512_32617_{questions[0].kind.replace(' ', '_')}.jpg"
            write_picture(folder / "images" / name, questions[0].scene().image)
            for question in questions:
                corners = ",".join(f"{float(corner)}" for corner in question.box_xyxy)
                lines.append(f"{name},{corners},find {question.expression}")
        write_text(folder / "RSVG-HR/Annotations" / f"rsvg_hr_{split}.txt", _joined(lines))


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
