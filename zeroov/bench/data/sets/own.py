"""The user's own data: a CSV or JSONL file of images and expressions, with boxes, masks, or neither."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import LEFT_OUT, Draft, Place
from zeroov.bench.data.files import require
from zeroov.bench.data.forms.labels import one_each, read_labels
from zeroov.bench.data.sample import MaskTruth
from zeroov.bench.data.text import read_lines
from zeroov.errors import DatasetError, UsageError, did_you_mean

SOURCE = (
    "write it: columns `image` and `expression`, and where you have them `id`, `category`, a box as x0 y0 x1 y1, "
    "box_xyxy or box_xywh, and `mask`, a path or run lengths"
)
SUFFIXES = (".csv", ".tsv", ".jsonl")
SPLITS = ("all", "train", "val", "test")
# The convention of a box is in the name of its column; `bbox`, which COCO and others use differently, is refused.
XYXY = (("x0", "y0", "x1", "y1"), ("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"))
XYWH = (("x", "y", "w", "h"), ("x", "y", "width", "height"))
WHOLE = {"box": "xyxy", "box_xyxy": "xyxy", "box_xywh": "xywh"}
OTHER_NAMES = {
    **dict.fromkeys(("image_path", "image_file", "file", "filename", "file_name", "img"), "image"),
    **dict.fromkeys(("phrase", "question", "query", "sentence", "text", "caption"), "expression"),
    **dict.fromkeys(("sample", "sample_id", "question_id"), "id"),
    **dict.fromkeys(("label", "class"), "category"),
    **dict.fromkeys(("segmentation", "mask_path", "mask_file"), "mask"),
}
Row = tuple[Place, Mapping[str, Any]]


def read(root: Path, split: str) -> Draft:
    """Read `root` itself where it is a file, else `<split>.csv`, `.tsv` or `.jsonl` in it; paths are below its folder.

    A line with no truth at all is a question without an answer and stays in; one whose truth is given and unusable is
    left out. Ids are the `id` column, or else line numbers. A `.json` file is labels of an annotators' tool.
    """
    if root.is_file() and root.suffix.lower() == ".json":
        return _labels(root)
    if root.is_file():
        root, file = root.parent, root.name
    else:
        [file] = require(root, "your file", {"table": tuple(f"{split}{suffix}" for suffix in SUFFIXES)}, SOURCE)
    draft = Draft(root)
    for place, row in _json_lines(draft, file) if file.endswith(".jsonl") else _csv_lines(draft, file):
        hw = _hw(row)
        has_mask, mask = _mask(draft, place, row)
        given = _box(row)
        box = draft.box(place, given, hw, "kept with its mask alone" if mask else LEFT_OUT) if given else None
        draft.add(
            place,
            str(row.get("id") or place.line),
            draft.path(place, row.get("image", "")),
            row.get("expression"),
            box,
            mask,
            str(row.get("category") or ""),
            str(row.get("kind") or ""),
            needs_truth=bool(given) or has_mask,
        )
    return draft


def _labels(file: Path) -> Draft:
    """Read corrected labels: an object is asked for by its expression, or by its class.

    Where an image has several objects of one expression no one of them is meant: they are left out.
    """
    labels, draft = read_labels(file), Draft(file.parent)
    draft.remarks += labels.remarks
    for number, (each, alone) in enumerate(one_each(labels.objects), start=1):
        text = each.expression or each.category
        if not alone:
            draft.remark(each.place, f"`{text}` is several objects of `{each.image}`", LEFT_OUT)
            continue
        box = draft.box(each.place, each.corners_xyxy, each.hw)
        draft.add(each.place, str(number), draft.path(each.place, each.image), text, box, each.mask, each.category)
    return draft


def _csv_lines(draft: Draft, file: str) -> Iterator[Row]:
    """Yield the rows of a CSV file by the names in its first line; commas, semicolons or tabs divide it."""
    text = "\n".join(read_lines(draft, file))
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] = []
    line = 1
    try:
        for values in reader:
            place, line = Place(file, line), reader.line_num + 1
            if not header:
                header = _columns(file, values)
            elif any(value.strip() for value in values):
                row = _row(draft, place, header, values)
                if row is not None:
                    yield place, row
    except csv.Error as error:
        raise DatasetError(f"`{file}`:{line} is no CSV ({error}); close its quotes, or write it as JSONL") from error
    if not header:
        raise DatasetError(f"`{file}` is empty; its first line names the columns, at least `image` and `expression`")


def _row(draft: Draft, place: Place, header: list[str], values: list[str]) -> dict[str, Any] | None:
    """Return a row by column; fields too many are an expression's commas where the expression comes last."""
    if len(values) > len(header) and header[-1] == "expression":
        draft.remark(place, "commas in the expression without quotes", "the rest of the line is the expression")
        values = [*values[: len(header) - 1], ",".join(values[len(header) - 1 :])]
    if len(values) != len(header):
        draft.remark(place, f"{len(header)} fields are expected, got {len(values)}", LEFT_OUT)
        return None
    return {name: value for name, value in zip(header, values, strict=True) if value.strip()}


def _json_lines(draft: Draft, file: str) -> Iterator[Row]:
    for number, line in enumerate(read_lines(draft, file), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            draft.remark(Place(file, number), f"no JSON ({error})", LEFT_OUT)
            continue
        if not isinstance(value, dict):
            draft.remark(Place(file, number), "a JSON object is expected", LEFT_OUT)
            continue
        row = {name: item for name, item in zip(_renamed(value), value.values(), strict=True) if item is not None}
        _refuse_bbox(file, row)
        yield Place(file, number), row


def _columns(file: str, names: Sequence[str]) -> list[str]:
    columns = _renamed(names)
    _refuse_bbox(file, columns)
    for wanted in ("image", "expression"):
        if wanted not in columns:
            raise UsageError(f"`{file}` has no column `{wanted}`{did_you_mean(wanted, columns)}")
    return columns


def _renamed(names: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Return column names in lower case, common other names replaced where the usual one is not there too."""
    plain = [name.strip().lower() for name in names]
    return [OTHER_NAMES.get(name, name) if OTHER_NAMES.get(name) not in plain else name for name in plain]


def _refuse_bbox(file: str, columns: Sequence[str] | Mapping[str, Any]) -> None:
    if "bbox" in columns:
        raise UsageError(
            f"`{file}` has a column `bbox`, which some write xyxy and some xywh; name it box_xyxy or box_xywh"
        )


def _box(row: Mapping[str, Any]) -> list[Any]:
    """Return what a row gives as box, as xyxy; empty where it gives none."""
    for name, corners in WHOLE.items():
        if name in row:
            value = row[name]
            values = value.strip(" []()").replace(",", " ").split() if isinstance(value, str) else value
            values = list(values) if isinstance(values, list | tuple) else [values]
            return _from_xywh(values) if corners == "xywh" else values
    for names in XYXY:
        if all(name in row for name in names):
            return [row[name] for name in names]
    for names in XYWH:
        if all(name in row for name in names):
            return _from_xywh([row[name] for name in names])
    known = {name for names in (*XYXY, *XYWH) for name in names} - {"width", "height"}
    return [row[name] for name in row if name in known]  # some of a box's columns are empty: no box can be made


def _from_xywh(values: list[Any]) -> list[Any]:
    try:
        x, y, width, height = (float(str(value).replace(",", ".")) for value in values)
    except ValueError:
        return values  # remarked on where the box is made
    return [x, y, x + width, y + height]


def _mask(draft: Draft, place: Place, row: Mapping[str, Any]) -> tuple[bool, MaskTruth | None]:
    """Return whether a row gives a mask, and the mask: a path, or run lengths as a JSON object."""
    given = row.get("mask")
    if isinstance(given, str) and given.strip().startswith("{"):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            draft.remark(place, f"run lengths that are no JSON ({error})", "read without its mask")
            return True, None
    if isinstance(given, dict):
        if {"size", "counts"} <= given.keys():
            return True, MaskTruth(rle=given)
        draft.remark(place, "run lengths need `size` and `counts`", "read without its mask")
        return True, None
    path = draft.path(place, given) if given else None
    return bool(given), MaskTruth(file=path) if path else None


def _hw(row: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the image's size where a row gives it as `image_height` and `image_width`."""
    try:
        height, width = int(row["image_height"]), int(row["image_width"])
    except (LookupError, ValueError, TypeError):
        return None
    return (height, width) if height > 0 and width > 0 else None


TABLE = Benchmark(
    name="file",
    title="your own CSV or JSONL, or corrected labels",
    splits=dict.fromkeys(SPLITS),
    layout=(
        "<split>.csv, <split>.tsv or <split>.jsonl (or --root FILE), with image paths below its folder",
        "--root FILE.json: COCO, Label Studio's JSON export or labelme's, an expression or class for each object",
    ),
    source=SOURCE,
    has_masks=True,
    reader=read,
)
