"""DIOR-RSVG and OPT-RSVG: an XML file per picture, and lists of object numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from xml.sax.saxutils import escape

from tests.layouts.drawn import Drawn, Scenes, write_picture, write_text


def write_dior_rsvg(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write DIOR-RSVG, with whole numbers."""
    _write(folder / "DIOR_RSVG", splits, decimals=False)


def write_opt_rsvg(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write OPT-RSVG, with decimal numbers."""
    _write(folder / "opt_rsvg", splits, decimals=True)


def _write(folder: Path, splits: Mapping[str, Scenes], decimals: bool) -> None:
    """Write the splits' pictures in turn, so that the numbers of a split have gaps, as the published ones do."""
    numbers: dict[str, list[int]] = {split: [] for split in splits}
    objects = 0
    for count, (split, questions) in enumerate(_in_turn(splits), start=1):
        name = f"{count:05d}"
        write_picture(folder / "JPEGImages" / f"{name}.jpg", questions[0].scene().image)
        write_text(folder / "Annotations" / f"{name}.xml", _xml(f"{name}.jpg", questions, decimals))
        numbers[split] += range(objects, objects := objects + len(questions))
    for split, listed in numbers.items():
        write_text(folder / f"{split}.txt", "".join(f"{number}\n" for number in listed))


def _in_turn(splits: Mapping[str, Scenes]) -> Iterator[tuple[str, tuple[Drawn, ...]]]:
    for of_each in zip_longest(*splits.values()):
        yield from ((split, questions) for split, questions in zip(splits, of_each, strict=True) if questions)


def _xml(image: str, questions: tuple[Drawn, ...], decimals: bool) -> str:
    height, width = questions[0].height_width
    objects = "".join(
        f"  <object>\n    <name>{question.kind}</name>\n    <pose>Unspecified</pose>\n    <bndbox>\n"
        + "".join(
            f"      <{tag}>{float(corner) if decimals else corner}</{tag}>\n"
            for tag, corner in zip(("xmin", "ymin", "xmax", "ymax"), question.box_xyxy, strict=True)
        )
        + f"    </bndbox>\n    <description>{escape(question.expression)}</description>\n  </object>\n"
        for question in questions
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f"<annotation>\n  <filename>{image}</filename>\n  <source>\n    <database>zeroov</database>\n  </source>\n"
        f"  <size>\n    <width>{width}</width>\n    <height>{height}</height>\n    <depth>3</depth>\n  </size>\n"
        f"  <segmented>0</segmented>\n{objects}</annotation>\n"
    )
