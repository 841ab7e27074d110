"""Pictures of the samples on which systems differ most. It imports matplotlib; import it where pictures are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from zeroov.bench.data.files import contained
from zeroov.bench.runs.records import Record, Rle
from zeroov.bench.scoring.compare import Comparison, Disagreement
from zeroov.bench.scoring.overlaps import box_of
from zeroov.errors import PictureError, UsageError
from zeroov.files.atomic import ensure_writable_folder, write_atomically
from zeroov.outputs.rle import decode_rle
from zeroov.raster.scene import open_picture
from zeroov.show.differences import Shown, draw_differences
from zeroov.types import Bool, Uint8


def write_pictures(
    comparison: Comparison, folder: Path, root: Path, report: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Draw every sample of `worst` into `folder`, the truth and each system's answer; images are read below `root`.

    An image that cannot be read is reported and drawn as a grey plane; if none can, nothing is drawn.
    """
    images = [_image(case.record, root, report) for case in comparison.worst]
    if images and all(image is None for image in images):
        raise UsageError(
            f"none of the images is below `{root}`, e.g. `{comparison.worst[0].record.image}`; "
            "add --root with the data set's folder"
        )
    ensure_writable_folder(folder)
    paths = []
    for number, (case, image) in enumerate(zip(comparison.worst, images, strict=True), start=1):
        path = folder / f"{number:02}_{re.sub(r'[^A-Za-z0-9.-]+', '_', case.record.id)[:60]}.png"
        rgb = np.full((*case.record.hw, 3), 128, np.uint8) if image is None else image
        truth, *answers = _shown(comparison, case)
        write_atomically(path, draw_differences(rgb, case.record.expression, truth, answers))
        paths.append(path)
    return paths


def _shown(comparison: Comparison, case: Disagreement) -> Sequence[Shown]:
    record = case.record
    what = " · ".join(part for part in (record.id, record.category, record.kind) if part)
    box = box_of(record.truth_box, record.truth_mask)
    shown = [Shown("Truth (dashed beside)" if box else "Truth", what, _mask(record.truth_mask), box)]
    for number, system in enumerate(comparison.systems):
        own = system.run.records[case.position]
        box, mask = own.read(comparison.reading)
        ious = [(target, ious[number]) for target, ious in case.by_target.items()]
        reached = ", ".join(f"{target} IoU {iou:.2f}" for target, iou in ious if iou is not None)
        failed = own.status == "failed"
        caption = f"failed: {own.error}" if failed else reached
        shown.append(Shown(system.run.name, caption, _mask(mask), box_of(box, mask), missing=failed))
    return shown


def _mask(rle: Rle | None) -> Bool | None:
    return None if rle is None else decode_rle(rle)


def _image(record: Record, root: Path, report: Callable[[str], None]) -> Uint8 | None:
    try:
        return open_picture(root / contained(record.image)).rgb
    except (PictureError, ValueError) as error:
        report(f"the image of sample `{record.id}`, `{record.image}`, cannot be drawn: {error}")
        return None
