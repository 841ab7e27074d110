"""Choose again among the candidates of a run's samples, by the weights of many settings; what is scored are boxes."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence

import numpy as np

from zeroov import frames
from zeroov.bench.runs.records import Record
from zeroov.bench.scoring.metrics import Floats, fitted_hw
from zeroov.bench.scoring.protocols import MaskRule
from zeroov.bench.sweeps.maps import Maps
from zeroov.bench.sweeps.settings import Setting
from zeroov.candidates.choose import choose
from zeroov.dumps import read_dump
from zeroov.dumps.values import to_pool
from zeroov.errors import DumpError
from zeroov.language.phrase import parse
from zeroov.outputs.rle import decode_rle
from zeroov.progress import Progress
from zeroov.types import Bool, Pool, Selection

log = logging.getLogger("zeroov")


def measure_choices(
    records: Sequence[Record], maps: Maps, settings: Sequence[Setting], rule: MaskRule | None, progress: Progress
) -> tuple[Floats, Floats, Floats, Bool]:
    """Return for every setting and record what `cut.measure` does; the chosen boxes are filled to make masks."""
    boxes = np.full((len(settings), len(records), 4), np.nan)
    pairs = np.zeros((len(settings), len(records), 2))
    lost = np.zeros(len(records), dtype=np.bool_)
    for column, record in enumerate(records):
        progress.report("ablate", column, len(records))
        truth = None
        if rule and record.truth_mask:
            truth = frames.resize_mask(decode_rle(record.truth_mask), fitted_hw(record.hw, rule.frame, rule.side))
            pairs[:, column, 1] = np.count_nonzero(truth)
        pool = _pool(record, maps)
        if pool is None:
            lost[column] = record.status != "failed"
            continue
        phrase = parse(record.expression)
        for row, setting in enumerate(settings):
            weights = setting.recipe.select
            choice = choose(pool.candidates, phrase, record.hw, pool.anchors, pool.extra, weights)
            chosen = [each.box for each in Selection(pool, choice).chosen]
            if not chosen:
                continue
            boxes[row, column] = functools.reduce(frames.box_hull, chosen).xyxy
            if truth is not None:
                ours = np.zeros(record.hw, dtype=np.bool_)
                for box in chosen:
                    ours |= frames.box_to_mask(box, record.hw)
                ours = frames.resize_mask(ours, (truth.shape[0], truth.shape[1]))
                pairs[row, column] = np.count_nonzero(ours & truth), np.count_nonzero(ours | truth)
    progress.report("ablate", len(records), len(records))
    return boxes, pairs, np.full((len(settings), len(records), 4), np.nan), lost


def _pool(record: Record, maps: Maps) -> Pool | None:
    path = maps.path("candidates", record.dumps.get("candidates", ""))
    try:
        return to_pool(read_dump(path)) if path else None
    except DumpError as error:
        log.warning("%s", error)
        return None
