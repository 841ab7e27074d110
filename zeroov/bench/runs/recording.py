"""Make a sample's record from what the stages made of it, or from how it failed."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zeroov import frames
from zeroov.bench.data.masks import read_mask
from zeroov.bench.data.sample import Sample
from zeroov.bench.runs.records import QUESTION, Corners, Record, Rle
from zeroov.errors import ZeroovError
from zeroov.files.content import content_of
from zeroov.look import Look
from zeroov.outputs.answer import Answer
from zeroov.outputs.rle import encode_rle
from zeroov.raster.decode import header_hw
from zeroov.raster.scene import image_content
from zeroov.types import Bool, Box


def contents_of(samples: Sequence[Sample], root: Path) -> dict[str, str]:
    """Return for every sample, by its id, a digest of its image's bytes, of what is asked and of what is true."""
    images = {name: image_content(root / name) for name in {sample.image for sample in samples}}
    return {sample.id: _content(sample, images[sample.image], root) for sample in samples}


def _content(sample: Sample, image: str, root: Path) -> str:
    facts = (image, *_asked(sample).values(), sample.box, sample.mask)
    if sample.mask and sample.mask.file:
        with contextlib.suppress(OSError):
            return content_of([root / sample.mask.file], *facts)
    return content_of([], *facts)


def record(sample: Sample, content: str, answer: Answer, root: Path) -> Record:
    """Return the record of a sample that was answered."""
    first, hw = answer.looks[0], answer.info.hw
    box, mask = _whole(answer)
    truth_box, truth_mask = _truth(sample, root, hw)
    evolved = first.evolved
    return Record(
        **_asked(sample),
        hw=hw,
        truth_box=truth_box,
        truth_mask=truth_mask,
        status=answer.status,
        box=_corners(box),
        mask=_rle(mask),
        score=answer.score,
        answer=answer.words,
        answer_box=_corners(first.overview.answer_box),
        coarse_box=_corners(first.coarse.box),
        coarse_mask=_rle(first.coarse.mask) if evolved else None,
        point=frames.peak_xy(evolved.fused, evolved.region, hw) if evolved else None,
        seconds=_seconds(answer),
        dumps=dict(first.keys),
        candidates=_candidates(first),
        content=content,
    )


def failed_record(sample: Sample, content: str, root: Path, reason: str) -> Record:
    """Return the record of a sample that failed; with its truth, which counts as missed, where that can be read."""
    hw = image_hw(sample, root)
    try:
        truth_box, truth_mask = _truth(sample, root, hw)
    except ZeroovError:
        truth_box, truth_mask = _corners(sample.box), None
    return Record(
        **_asked(sample),
        hw=hw,
        truth_box=truth_box,
        truth_mask=truth_mask,
        truth_mask_unreadable=sample.mask is not None and truth_mask is None,
        status="failed",
        error=reason,
        content=content,
    )


def _asked(sample: Sample) -> dict[str, Any]:
    return {name: getattr(sample, name) for name in QUESTION}


def _truth(sample: Sample, root: Path, hw: tuple[int, int]) -> tuple[Corners | None, Rle | None]:
    """Return the true box and mask; where a data set has masks alone, the box is the mask's."""
    mask = read_mask(sample.mask, root, hw) if sample.mask else None
    box = sample.box or (frames.mask_to_box(mask) if mask is not None else None)
    return _corners(box), encode_rle(mask) if mask is not None else None


def image_hw(sample: Sample, root: Path) -> tuple[int, int]:
    """Return the size of an image that may be damaged or missing; where nothing states it, what holds the true box."""
    if sample.mask and sample.mask.hw:
        return sample.mask.hw
    if sample.mask and sample.mask.rle:
        height, width = sample.mask.rle["size"]
        return int(height), int(width)
    files = [sample.image, sample.mask.file if sample.mask else None]
    for name in filter(None, files):
        if hw := header_hw(root / name):
            return hw
    return (math.ceil(sample.box.y1), math.ceil(sample.box.x1)) if sample.box else (1, 1)


def _seconds(answer: Answer) -> dict[str, float]:
    """Return each stage's seconds, those of closer looks included."""
    spent: dict[str, float] = {}
    for look in answer.all_looks:
        for stage, cost in look.costs.items():
            spent[stage] = round(spent.get(stage, 0.0) + cost.seconds, 6)
    return spent


def _whole(answer: Answer) -> tuple[Box | None, Bool]:
    """Return the box and the mask of an answer; of a group, which has one truth, those of all its members."""
    if len(answer.found) < 2:
        return answer.box, answer.mask
    mask = np.zeros(answer.info.hw, dtype=np.bool_)
    for found in answer.found:
        x0, y0, x1, y1 = found.window_xyxy
        mask[y0:y1, x0:x1] |= found.mask
    return functools.reduce(frames.box_hull, [found.box for found in answer.found]), mask


def _candidates(look: Look) -> tuple[dict[str, Any], ...]:
    """Return who may have been meant, the best first."""
    if look.selection is None:
        return ()
    selection, choice = look.selection, look.selection.choice
    return tuple(
        {
            "box": list(selection.pool.candidates[at].box.xyxy),
            "value": round(choice.values[at], 6),
            "sources": list(selection.pool.candidates[at].sources),
            "chosen": at in selection.meant,
        }
        for at in choice.order
    )


def _corners(box: Box | None) -> Corners | None:
    return box.xyxy if box else None


def _rle(mask: Bool) -> Rle | None:
    return encode_rle(mask) if mask.any() else None
