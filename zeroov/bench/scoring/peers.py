"""Answers of other systems, put in the place of a run's own, so that one protocol scores both on the same samples.

An answer is four numbers, or an object or row with them as `box` or `bbox` or in the columns of `COLUMNS`; `mask` (run
lengths), `score` and `answer` may be beside them. Their order is xyxy and they count pixels, where nothing else is
given. Where there is only an `answer`, the first four numbers in its text are the box. Without a scale they are read
as VRSBench reads them: whole numbers, in hundredths of the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zeroov.bench.runs.records import QUESTION, Record, Rle, Run
from zeroov.bench.scoring.overlaps import box_of
from zeroov.bench.scoring.peer_boxes import Written, better_read, corners
from zeroov.bench.scoring.peer_files import SCALES, Entry, Format, entries
from zeroov.bench.scoring.peer_keys import Asked
from zeroov.errors import ZeroovError, count_of, first_few
from zeroov.frames import resize_mask
from zeroov.outputs.rle import decode_rle, encode_rle
from zeroov.types import Bool

TRUTH = ("hw", "truth_box", "truth_mask", "truth_mask_unreadable")
BOXES = {"box": "", "bbox": "", "box_xyxy": "xyxy", "bbox_xyxy": "xyxy", "box_xywh": "xywh", "bbox_xywh": "xywh"}
COLUMNS = {
    ("x0", "y0", "x1", "y1"): "xyxy",
    ("x1", "y1", "x2", "y2"): "xyxy",
    ("xmin", "ymin", "xmax", "ymax"): "xyxy",
    ("x", "y", "w", "h"): "xywh",
    ("cx", "cy", "w", "h"): "cxcywh",
}
WHOLE = re.compile(r"\d+")
# No digits inside a word (bbox_2d); a dash between two numbers is no minus.
NUMBER = re.compile(r"(?<![\w.])-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\w)")


@dataclass(frozen=True)
class Predictions:
    """A system's answers as records of the run's samples, in its order, and what was odd about them."""

    run: Run
    remarks: tuple[str, ...]


@dataclass
class _Odd:
    """What is met while reading."""

    unknown: list[str] = field(default_factory=list)
    coco: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    reversed: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    wordy: list[str] = field(default_factory=list)
    hundredths: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)


def read_peer(path: Path, run: Run, form: Format | None = None) -> Predictions:
    """Read another system's answers to a run's samples; `form` holds where the file itself does not state another.

    An answer names its sample by id, or by its image and its words where these are one sample's; else it is an error.
    A sample without an answer is a failure, a box with reversed corners encloses nothing and is no answer, a mask of
    another size is resized by the nearest pixel, an unknown sample is passed over: each of these is reported, and so is
    another order or scale in which the boxes lie far nearer the truth. What cannot be understood is an error with its
    file and line.
    """
    known = {record.id: record for record in run.records}
    answered: dict[str, Record] = {}
    odd = _Odd()
    found: Iterable[Entry] = entries(path, form or Format(), known)
    listed = [] if path.is_dir() else list(found)  # a folder's masks are held one at a time
    asked = Asked(run.records, listed)
    for entry in listed or found:
        sample = asked.sample(entry)
        if not sample:
            odd.unknown.append(entry.named)
            continue
        if sample in answered and not (entry.coco and "score" in entry.value):
            raise ZeroovError(f"{entry.where}: sample `{sample}` is answered twice")
        try:
            answer = _answered(known[sample], replace(entry, sample=sample), odd)
        except (ValueError, TypeError, OverflowError, ZeroovError) as error:
            raise ZeroovError(f"{entry.where}: {str(error).partition(';')[0]}") from error
        if entry.coco:
            odd.coco.append(sample)
        if sample in answered:
            odd.repeated.append(sample)
            answer = max(answered[sample], answer, key=lambda each: each.score)  # of two alike the first
        answered[sample] = answer
    if not answered:
        raise ZeroovError(
            f"`{path}` answers none of the samples of `{run.name}`: its ids are like {_some(odd.unknown)}, "
            f"the run's like {_some(list(known))}"
        )
    _refuse_misread(path, list(answered.values()), odd)
    missing = [sample for sample in known if sample not in answered]
    records = tuple(answered.get(record.id) or _blank(record, f"no answer in {path.name}") for record in run.records)
    remarks = [
        f"`{path}`: {text} ({_some(samples)})"
        for samples, text in (
            (missing, f"{len(missing)} of {count_of(len(known), 'sample')} without an answer, counted as failed"),
            (odd.unknown, f"{count_of(len(odd.unknown), 'answer')} to no sample of the run, passed over"),
            (odd.coco, f"{count_of(len(odd.coco), 'COCO result')}, whose boxes are xywh unless --boxes says another"),
            (
                odd.repeated,
                f"{count_of(len(odd.repeated), 'COCO result')} more of a sample with one; the best score counts",
            ),
            (list(answered) if any(asked.template) else [], f"the questions are read as `{asked.wording}`"),
            (
                odd.reversed,
                f"{count_of(len(odd.reversed), 'box', 'boxes')} of reversed corners, counted as no answer",
            ),
            (odd.beyond, f"{count_of(len(odd.beyond), 'box', 'boxes')} wholly beyond the image"),
            (odd.wordy, f"{count_of(len(odd.wordy), 'answer')} in words without a box"),
            (odd.hundredths, _read_as_hundredths(odd)),
            (odd.resized, f"{count_of(len(odd.resized), 'mask')} of another size than the image, resized"),
        )
        if samples
    ]
    better = better_read(odd.written)
    return Predictions(Run(path.stem, records), (*remarks, *([f"`{path}`: {better}"] if better else [])))


def _answered(record: Record, entry: Entry, odd: _Odd) -> Record:
    """Return a record with the entry's answer in place of its own."""
    value = entry.value if isinstance(entry.value, Mapping) else {"box": entry.value}
    numbers, form = _numbers(value, entry.form)
    text = value.get("answer") or ""
    in_words = numbers is None and "mask" not in value and bool(text)
    if in_words:
        numbers, form = _words(str(text), entry, odd)
    box = corners(numbers, record.hw, form) if numbers else None
    truth = box_of(record.truth_box, record.truth_mask)
    if box and truth:
        odd.written.append(Written(numbers, form, record.hw, truth))
    if box and (min(box[2:]) <= 0 or box[0] >= record.hw[1] or box[1] >= record.hw[0]):
        odd.beyond.append(entry.sample)
    if box and (box[2] < box[0] or box[3] < box[1]):
        box = None
        (odd.wordy if in_words and entry.form.scale is None else odd.reversed).append(entry.sample)
    mask = _mask(value.get("mask"), record.hw, entry.sample, odd)
    score = float(value.get("score") or 0.0)
    return replace(
        _blank(record, ""),
        status="found" if box or mask else "empty",
        box=box,
        mask=mask,
        score=score,
        answer=str(text),
        coarse_box=box,  # it has one answer, which is taken for every reading
        coarse_mask=mask,
        answer_box=box,
    )


def _blank(record: Record, error: str) -> Record:
    """Return a record with its question and truth, and no answer."""
    kept: dict[str, Any] = {name: getattr(record, name) for name in (*QUESTION, *TRUTH)}
    return Record(**kept, status="failed" if error else "empty", error=error)


def _numbers(value: Mapping[str, Any], form: Format) -> tuple[Sequence[Any] | None, Format]:
    """Return a box's four values as the answer has them, `None` where it has none, and how they are written."""
    for name, order in BOXES.items():
        if name in value:
            return (value[name] or None), replace(form, order=order or form.order)
    for names, order in COLUMNS.items():
        if set(names) <= set(value):
            cells = [value[name] for name in names]
            return (None if all(cell in (None, "") for cell in cells) else cells), replace(form, order=order)
    return None, form


def _words(text: str, entry: Entry, odd: _Odd) -> tuple[Sequence[str] | None, Format]:
    """Return the first four numbers of a text, `None` where it has fewer, and how they are written."""
    found = (NUMBER if entry.form.scale else WHOLE).findall(text)[:4]
    form = replace(entry.form, scale=entry.form.scale or "hundred")
    if len(found) < 4:
        odd.wordy.append(entry.sample)
        return None, form
    if entry.form.scale is None:
        odd.hundredths.append(entry.sample)
        if max(corners(found, (100, 100), form)) > 100:
            odd.outside.append(entry.sample)
    return found, form


def _mask(value: Any, hw: tuple[int, int], sample: str, odd: _Odd) -> Rle | None:
    """Return a mask, pixels or run lengths, as run lengths of an image of `hw`; `None` where nothing is set."""
    if value is None:
        return None
    if not isinstance(value, (Mapping, np.ndarray)):
        raise ValueError(f"a mask is run lengths with `size` and `counts`, got {str(value)[:60]!r}")
    mask: Bool = decode_rle(value) if isinstance(value, Mapping) else value
    if not mask.any():
        return None
    if mask.shape != hw:
        odd.resized.append(sample)
        mask = resize_mask(mask, hw)
    return encode_rle(mask)


def _refuse_misread(path: Path, records: Sequence[Record], odd: _Odd) -> None:
    """Refuse boxes that are plainly in another format than they were read in."""
    if 2 * len(odd.outside) > len(odd.hundredths):
        raise ZeroovError(
            f"the boxes in words of `{path}` were read as hundredths of the image, since no scale is given, and "
            f"{len(odd.outside)} of {len(odd.hundredths)} leave it ({_some(odd.outside)}); are they pixels? then add "
            f"--scale pixels; known: {', '.join(SCALES)}"
        )
    boxes = [record.box for record in records if record.box]
    if len(odd.reversed) > len(boxes):
        raise ZeroovError(f"most boxes of `{path}` have reversed corners; are they xywh? then add --boxes xywh")
    if boxes and max(max(box) for box in boxes) <= 1:
        raise ZeroovError(f"all boxes of `{path}` lie within one pixel; are they shares? then add --scale unit")


def _read_as_hundredths(odd: _Odd) -> str:
    left = f", {len(odd.outside)} of them leaving it" if odd.outside else ""
    boxes = count_of(len(odd.hundredths), "box", "boxes")
    return f"{boxes} in words read as hundredths of the image{left}; --scale says what they are"


def _some(samples: Sequence[str]) -> str:
    return first_few([f"`{sample}`" for sample in samples])
