"""RSVG-HR: expressions with boxes of small objects on 1024 x 1024 pictures (LANMNG/LQVG)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import LEFT_OUT, NUMBER, Draft, Place
from zeroov.bench.data.files import below, first_of, require
from zeroov.bench.data.text import read_lines

SOURCE = (
    "annotations in RSVG-HR/Annotations of LANMNG/LQVG on GitHub, images from the RSVG data set of GeoVG, which its "
    "README links"
)
PREFIXES = ("", "RSVG-HR", "RSVG-HR/Annotations", "Annotations", "rsvg_mm", "data/rsvg_mm")
IMAGES = (*below(("", "RSVG-HR", "rsvg_mm", "data/rsvg_mm"), "images", "JPEGImages"),)
CATEGORY = re.compile(r"\d+_\d+_\d+_\d+_(.+)\.\w+")


def read(root: Path, split: str) -> Draft:
    """Read a split; ids are line numbers, the category is the one in the image's name.

    A line is `<image>,<xmin>,<ymin>,<xmax>,<ymax>,<expression>`; commas belong to the expression from the first field
    on that is no number. More than four numbers are decimal commas, where one way of joining them gives a box.
    """
    wanted = {f"list of {split}": below(PREFIXES, f"rsvg_hr_{split}.txt", f"rsvg_mm_{split}_v2.txt")}
    [listed] = require(root, "RSVG-HR", wanted, SOURCE)
    images = first_of(root, IMAGES) or IMAGES[0]
    draft = Draft(root)
    for number, line in enumerate(read_lines(draft, listed), start=1):
        place = Place(listed, number)
        if not line.strip():
            draft.remark(place, "an empty line", LEFT_OUT)
            continue
        name, *fields = (field.strip() for field in line.split(","))
        count = next((at for at, field in enumerate(fields) if not NUMBER.fullmatch(field)), len(fields))
        numbers, expression = fields[:count], line.split(",", count + 1)[-1] if count < len(fields) else ""
        if count > 4:
            joined = list(_joined(numbers))
            if len(joined) != 1:
                draft.remark(place, f"{count} numbers where a box has four: {','.join(numbers)[:60]}", LEFT_OUT)
                continue
            draft.remark(place, f"a decimal comma in {','.join(numbers)}", f"read as {', '.join(joined[0])}")
            numbers = joined[0]
        box = draft.box(place, numbers)
        category = CATEGORY.fullmatch(name)
        image = draft.path(place, name, images)
        draft.add(place, str(number), image, expression, box, category=category[1] if category else "")
    return draft


def _joined(numbers: list[str]) -> Iterator[list[str]]:
    """Yield every way of reading numbers as a box with decimal commas: pairs `216`, `00` joined, corners in order."""
    able = [
        at
        for at in range(len(numbers) - 1)
        if re.fullmatch(r"\d+", numbers[at]) and re.fullmatch(r"\d{1,2}", numbers[at + 1])
    ]
    for chosen in combinations(able, len(numbers) - 4):
        if any(later - earlier < 2 for earlier, later in pairwise(chosen)):
            continue  # a number cannot belong to two
        box = []
        for at, number in enumerate(numbers):
            if at in chosen:
                box.append(f"{number}.{numbers[at + 1]}")
            elif at - 1 not in chosen:
                box.append(number)
        x0, y0, x1, y1 = map(float, box)
        if x0 < x1 and y0 < y1:
            yield box


RSVG_HR = Benchmark(
    name="rsvg-hr",
    title="RSVG-HR",
    splits={"train": 2151, "test": 499},
    layout=("RSVG-HR/Annotations/rsvg_hr_{train,test}.txt or rsvg_mm/rsvg_mm_{train,test}_v2.txt", "images/*.jpg"),
    source=SOURCE,
    has_masks=False,
    reader=read,
)
