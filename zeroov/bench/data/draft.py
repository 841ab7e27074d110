"""Collect a split while it is read, with one set of rules for everything that annotations get wrong.

A line is left out of the split only when no question with a usable truth can be made of it: nothing is asked, the
image's name leaves the root, or its box and its mask are both unusable. It then becomes a remark, and the count of
samples falls short of the published one. Everything else stays in, in its place:

- corners the wrong way round are exchanged;
- a box past the edge is clipped where the annotation gives the image's size, and kept as it is where it does not;
- a decimal comma is read as a point;
- an id that was used before gets `#2`, `#3` ... appended;
- an image whose file is missing keeps its questions, which then fail and count as misses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zeroov import frames
from zeroov.bench.data.files import contained, missing_files
from zeroov.bench.data.sample import MaskTruth, Remark, Sample
from zeroov.types import Box

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Place:
    """Where something is: a file below the root, and its line, counted from 1, where it has lines."""

    file: str
    line: int | None = None


@dataclass
class Draft:
    """The samples and remarks so far."""

    root: Path
    samples: list[Sample] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    _uses: dict[str, int] = field(default_factory=dict)

    def remark(self, place: Place, what: str, rule: str) -> None:
        """Note something odd and how it was handled."""
        self.remarks.append(Remark(place.file, place.line, what, rule))

    def path(self, place: Place, name: object, folder: str = "") -> str | None:
        """Return the path below the root of a file that an annotation names; `None`, with a remark, when refused."""
        try:
            inside = contained(name if isinstance(name, str) else str(name))
        except ValueError as error:
            self.remark(place, f"the file name {name!r} {error}", f"{LEFT_OUT}: names must stay below the root")
            return None
        return f"{folder}/{inside}" if folder else inside

    def box(
        self,
        place: Place,
        corners_xyxy: Sequence[object],
        image_hw: tuple[int, int] | None = None,
        otherwise: str = LEFT_OUT,
    ) -> Box | None:
        """Return a usable box from four numbers or their texts; `None`, with a remark that ends in `otherwise`."""
        numbers = [self._number(place, corner) for corner in corners_xyxy]
        if len(numbers) != 4 or None in numbers:
            self.remark(place, f"a box of four numbers is expected, got {_shown(corners_xyxy)}", otherwise)
            return None
        x0, y0, x1, y1 = (number for number in numbers if number is not None)
        given = _shown((x0, y0, x1, y1))
        if x0 > x1 or y0 > y1:
            self.remark(place, f"corners the wrong way round in {given}", "exchanged")
            x0, y0, x1, y1 = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
        if x0 == x1 or y0 == y1:
            self.remark(place, f"the box {given} has no area", otherwise)
            return None
        if image_hw is None:
            return Box(x0, y0, x1, y1)
        height, width = image_hw
        if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
            return Box(x0, y0, x1, y1)
        clipped = frames.clip_box((x0, y0, x1, y1), image_hw)
        what = f"the box {given} leaves its image of {width} x {height}"
        self.remark(place, what, "clipped" if clipped else otherwise)
        return clipped

    def add(
        self,
        place: Place,
        id: str,
        image: str | None,
        expression: object,
        box: Box | None = None,
        mask: MaskTruth | None = None,
        category: str = "",
        kind: str = "",
        needs_truth: bool = True,
    ) -> None:
        """Add a sample, unless nothing usable is left of it; why a box or a file is unusable is already a remark."""
        text = expression.strip() if isinstance(expression, str) else ""
        if not text:
            self.remark(place, "no expression", LEFT_OUT)
            return
        if image is None or (needs_truth and box is None and mask is None):
            return
        self._uses[id] = count = self._uses.get(id, 0) + 1
        if count > 1:
            renamed = f"{id}#{count}"
            while renamed in self._uses:  # an annotation may itself use such an id
                renamed += "'"
            self._uses[renamed] = 1
            self.remark(place, f"the id `{id}` was used before", f"kept as `{renamed}`")
            id = renamed
        self.samples.append(Sample(id, image, text, box, mask, category, kind))

    def remark_missing_files(self) -> None:
        """Remark on every picture that is named and not there; a folder that is missing whole is one remark."""
        remarked = set()
        for file in missing_files(self.root, files_named(self.samples)):
            folder = file.rpartition("/")[0]
            what = "no such file" if (self.root / folder).is_dir() else "no such folder"
            name = file if what == "no such file" else folder
            if name not in remarked:
                self.remark(Place(name), what, "its samples stay in and count as misses")
                remarked.add(name)

    def _number(self, place: Place, value: object) -> float | None:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            number = float(value) if abs(value) < 1e12 else math.inf
            return number if math.isfinite(number) else None
        text = value.strip() if isinstance(value, str) else ""
        if DECIMAL_COMMA.fullmatch(text):
            self.remark(place, f"a decimal comma in {text!r}", "read as a point")
            text = text.replace(",", ".")
        number = float(text) if NUMBER.fullmatch(text) else math.inf
        return number if abs(number) < 1e12 else None


def files_named(samples: Sequence[Sample]) -> list[str]:
    """Return every picture below the root that samples name, images before masks."""
    images = dict.fromkeys(sample.image for sample in samples)
    masks = dict.fromkeys(sample.mask.file for sample in samples if sample.mask and sample.mask.file)
    return [*images, *masks]


def _shown(values: Sequence[object]) -> str:
    text = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    return f"({text[:80]})"
