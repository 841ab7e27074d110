"""The containers in which other systems' answers come, opened into one entry per sample; nothing is judged here.

JSON: a list of objects, an object by sample, or either as `predictions` beside `boxes` (the order of the numbers) and
`scale`. JSON lines: an object per line, where a first line without an id may hold `boxes` and `scale`. CSV: a header
and a line per sample. A folder: a PNG mask per sample, named by its id. An object names its sample by an id, or by its
image and, where that has several, by the words that were asked. COCO results are such objects: `image_id`, `bbox` or
`segmentation`, and `score`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zeroov.errors import UsageError, ZeroovError, did_you_mean
from zeroov.outputs.images import read_mask_png

ORDERS = ("xyxy", "xywh", "cxcywh")
SCALES = {"pixels": 0, "unit": 1, "hundred": 100, "thousand": 1000}
IDS = ("id", "sample_id", "question_id")
IMAGES = ("image", "image_id", "image_path", "file_name")
WORDS = ("expression", "question", "query", "prompt")


@dataclass(frozen=True)
class Format:
    """How boxes are written: the order of their numbers, and what these count: pixels, or parts of the image.

    `None` is not given; `peers` says what holds then.
    """

    order: str | None = None
    scale: str | None = None

    def __post_init__(self) -> None:
        for value, known, option in ((self.order, ORDERS, "boxes"), (self.scale, SCALES, "scale")):
            if value is not None and value not in known:
                raise UsageError(f"`{option}` cannot be `{value}`{did_you_mean(str(value), known)}")


@dataclass(frozen=True)
class Entry:
    """An answer as its file has it: where it is, the sample it is for, the answer, and how boxes are written.

    `image` and `words` name the sample where it has no id of the run's. `coco`: it is one of COCO's results, of which
    an image may have several.
    """

    where: str
    sample: str
    value: Any
    form: Format
    image: str = ""
    words: str = ""
    coco: bool = False

    @property
    def named(self) -> str:
        """What the file calls the sample."""
        return self.sample or ": ".join(filter(None, (self.image, self.words)))


def entries(path: Path, form: Format, samples: Collection[str]) -> Iterator[Entry]:
    """Yield what a file or a folder of masks answers; `samples` are the ids that names of files are matched with."""
    if path.is_dir():
        yield from _masks(path, form, samples)
        return
    readers = {".json": _json, ".jsonl": _lines, ".csv": _csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"`{path}` is none of a folder of PNG masks, .json, .jsonl and .csv; name it so")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ZeroovError(f"`{path}` cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ZeroovError(f"`{path}` is not UTF-8 text (byte {error.start})") from error
    yield from reader(path, text, form)


def _json(path: Path, text: str, form: Format) -> Iterator[Entry]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from _lines(path, text, form)  # VRSBench's scripts write JSON lines into files named .json
            return
        raise ZeroovError(f"{path}:{getattr(error, 'lineno', 1)}: no JSON: {error}") from error
    if isinstance(value, dict) and "predictions" in value:
        form, value = _stated(value, form, str(path)), value["predictions"]
    if isinstance(value, dict):
        for sample, answer in value.items():
            yield Entry(f"{path}, sample `{sample}`", sample, answer, form)
    elif isinstance(value, list):
        for number, item in enumerate(value, start=1):
            yield _object(item, f"{path}, entry {number}", form)
    else:
        raise ZeroovError(f"`{path}` holds no answers: a list, or an object by sample, is expected")


def _lines(path: Path, text: str, form: Format) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ZeroovError(f"{where}: no JSON: {error}") from error
        stated = isinstance(value, dict) and {"boxes", "scale"} & set(value) and not {*IDS, *IMAGES} & set(value)
        if number == 1 and stated:
            form = _stated(value, form, where)
        else:
            yield _object(value, where, form)


def _csv(path: Path, text: str, form: Format) -> Iterator[Entry]:
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    try:
        if not {*IDS, *IMAGES} & set(reader.fieldnames or ()):
            raise ZeroovError(
                f"{path}:1: a header with `id`, or `image` and `expression`, and a box's columns is expected, "
                f"got {reader.fieldnames}"
            )
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if None in row or None in row.values():
                raise ZeroovError(f"{where}: {len(reader.fieldnames or ())} columns are expected, as in the header")
            yield _object(row, where, form)
    except csv.Error as error:
        raise ZeroovError(f"{path}:{reader.reader.line_num}: no CSV: {error}") from error


def _masks(folder: Path, form: Format, samples: Collection[str]) -> Iterator[Entry]:
    files = sorted(folder.rglob("*.png"))
    if not files:
        raise ZeroovError(f"`{folder}` holds no PNG masks, and no records of a run")
    for file in files:
        name = file.relative_to(folder).as_posix()
        sample = name if name in samples else name.removesuffix(".png")
        yield Entry(str(file), sample, {"mask": read_mask_png(file)} if sample in samples else None, form)


def _object(value: Any, where: str, form: Format) -> Entry:
    if not isinstance(value, dict):
        raise ZeroovError(f"{where}: an object is expected, got {str(value)[:60]!r}")
    sample, image, words = (_first(value, names) for names in (IDS, IMAGES, WORDS))
    if not sample and not image:
        raise ZeroovError(
            f"{where}: the sample's `id`, or its `image` and `expression`, is expected, got "
            f"{', '.join(value) or 'no keys'}"
        )
    coco = not sample and "image_id" in value and bool({"bbox", "segmentation"} & set(value))
    if coco:
        value = {**value, "mask": value["segmentation"]} if "segmentation" in value else value
        form = replace(form, order=form.order or "xywh")
    return Entry(where, sample, value, form, image, words, coco)


def _first(value: dict[str, Any], names: tuple[str, ...]) -> str:
    """Return the first of some members that is text or a number, as text; "" where none is."""
    found = (value[name] for name in names if isinstance(value.get(name), (str, int)) and value[name] != "")
    return str(next(found, ""))


def _stated(value: dict[str, Any], form: Format, where: str) -> Format:
    try:
        return Format(value.get("boxes", form.order), value.get("scale", form.scale))
    except (UsageError, TypeError) as error:
        raise ZeroovError(f"{where}: {error}") from error
