"""A folder of dumps and a file of truths as a run: records that name the maps which were made of their questions.

A line of a truth file is `{"image", "expression", "box", "mask"}`, a user's own, or a record of `zeroov bench run`,
whose truth is in `truth_box` and `truth_mask` alone. Boxes are half-open pixels, masks COCO run lengths; either may be
left out, and an object that is absent has neither.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zeroov import frames
from zeroov.bench.runs.records import Record, Run, is_rle
from zeroov.bench.sweeps.maps import Maps
from zeroov.dumps import partner
from zeroov.errors import DatasetError, DumpError
from zeroov.outputs.rle import decode_rle, encode_rle
from zeroov.recipe import Recipe
from zeroov.types import Box, clean_expression

log = logging.getLogger("zeroov")
RECORDS_OWN = {"hw", "status", "truth_box", "truth_mask"}  # keys that no user's own line has


@dataclass(frozen=True)
class Matched:
    """The run; how many truths have no dumps that the recipe's stages need; how many say that the object is absent."""

    run: Run
    without_dumps: int
    absent: int


def read_truths(path: Path) -> list[Record]:
    """Read a truth file; a line that is none is an error that names it.

    The record of a user's own line is named by its place in the file, and its `hw` is its mask's, or (1, 1).
    """
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


def match(truths: Sequence[Record], maps: Maps, recipe: Recipe, name: str) -> Matched:
    """Find each truth's dumps: by the keys that it names, else by the image's digest or name and the expression."""
    if not maps.overviews:
        raise DumpError(f"{maps} hold no overview dumps; make some with `zeroov ground --dumps DIR`")
    records: list[Record] = []
    others: set[str] = set()
    without = absent = 0
    for truth in truths:
        if truth.truth_box is None and truth.truth_mask is None and not truth.truth_mask_unreadable:
            absent += 1
            continue
        if truth.status == "failed":
            records.append(truth)
            continue
        overview = maps.overview(truth, recipe)
        keys = {"overview": overview.key} if overview else {}
        if overview and "focus" in recipe.stages and (served := maps.focuses(overview)):
            focus = maps.focus(truth.dumps.get("focus", ""))
            if focus is None:
                focus, differences = partner(overview, served, recipe)
                others |= set(differences)
            keys["focus"] = focus.key
        if overview is None or ("focus" in recipe.stages and "focus" not in keys):
            without += 1
            continue
        height, width = overview.about["picture"]["hw"]
        if truth.truth_mask and truth.hw != (height, width):
            raise DatasetError(f"{truth.id}: a mask of {truth.hw} pixels for an image of {(height, width)}")
        records.append(replace(truth, hw=(height, width), dumps=keys))
    if others:
        log.warning(
            "focus dumps were not made as recipe `%s` says (%s); they are used as they are",
            recipe.name,
            ", ".join(sorted(others)),
        )
    if not any(record.dumps for record in records):
        raise DumpError(
            f"none of {len(truths)} truths has dumps in {maps}: {absent} without box and mask, {without} of whose "
            "image and expression there is not what the recipe's stages need; see `zeroov dumps ls`"
        )
    return Matched(Run(name, tuple(records), {"made_with": recipe.deciding()}), without, absent)


def _truth(where: str, line: str) -> Record:
    try:
        row = json.loads(line)
        return Record.from_json(row) if RECORDS_OWN & row.keys() else _own_truth(where, row)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DatasetError(
            f'{where}: {{"image": ..., "expression": ..., "box": [x0, y0, x1, y1]}} is expected, got {line[:80]} '
            f"({type(error).__name__}: {error})"
        ) from error


def _own_truth(where: str, row: dict[str, Any]) -> Record:
    box = Box(*map(float, row["box"])) if row.get("box") else None
    rle = row.get("mask") or None
    if rle and not (box and is_rle(rle, tuple(rle.get("size", ())))):
        mask = decode_rle(rle)
        box, rle = box or frames.mask_to_box(mask), encode_rle(mask)
        if box is None:
            raise DatasetError(f"{where}: the mask is empty and there is no box; leave both out instead")
    return Record(
        id=where,
        image=str(row["image"]),
        expression=clean_expression(row["expression"]),
        hw=tuple(rle["size"]) if rle else (1, 1),
        status="empty",
        truth_box=box.xyxy if box else None,
        truth_mask=rle,
        dumps=row.get("dumps") or {},
    )
