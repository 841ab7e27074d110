"""What is true of images and expressions, one JSON object a line: a user's own file, or the records of a run.

`{"image", "expression", "box", "mask"}`, or the records of `zeroov bench run`, whose truth is in `truth_box` and
`truth_mask` alone (their `box` and `mask` are the run's answers) and whose `dumps` name each stage's key. Boxes are
half-open pixels, masks COCO run lengths; either may be left out, and an object that is absent has neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroov.errors import DatasetError
from zeroov.types import Box, clean_expression


@dataclass(frozen=True)
class Truth:
    """One line of a truth file; `where` names it, `keys` are those of its dumps where it tells them."""

    where: str
    image: str
    expression: str
    box: Box | None
    rle: Mapping[str, Any] | None
    keys: Mapping[str, str]


def read_truths(path: Path) -> list[Truth]:
    """Read a truth file; a line that is none is an error that names it."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"truth file `{path}` does not exist; it has one JSON object a line") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"truth file `{path}` cannot be read ({error})") from error
    truths = [_truth(f"{path}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not truths:
        raise DatasetError(
            f'truth file `{path}` holds no truth; a line is {{"image": "a.png", "expression": "the plane", '
            '"box": [x0, y0, x1, y1]} or a record of `zeroov bench run`'
        )
    return truths


def _truth(where: str, line: str) -> Truth:
    try:
        row = json.loads(line)
        is_record = {"hw", "status"} <= set(row) or bool({"truth_box", "truth_mask"} & set(row))
        box, rle = (row.get(name) for name in (("truth_box", "truth_mask") if is_record else ("box", "mask")))
        return Truth(
            where=where,
            image=str(row["image"]),
            expression=clean_expression(row["expression"]),
            box=Box(*map(float, box)) if box else None,
            rle=rle or None,
            keys=row.get("dumps") or {},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f'{where}: {{"image": ..., "expression": ..., "box": [x0, y0, x1, y1]}} is expected, got {line[:80]} '
            f"({type(error).__name__}: {error})"
        ) from error
