"""Export a picture of its own for every object, as ZoomVG's preprocessing of DIOR-RSVG makes them.

zeroov's own readers need no such copies; this is for training or running ZoomVG and its kin beside zeroov.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zeroov import frames
from zeroov.bench.data.sample import Split
from zeroov.errors import OutputError, ZeroovError
from zeroov.files.atomic import ensure_writable_folder, write_atomically
from zeroov.outputs.images import write_rgb_png
from zeroov.raster.scene import open_picture
from zeroov.types import Box

MARGIN = 0.25  # of the box's width and height, added on each side: what ZoomVG widens a box by at test time


def export_patches(split: Split, out: Path, report: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
    """Write per object a copy of its picture and a crop around its true box; return what could not be written.

    `<split>.jsonl` lists them: id, image, expression, category, box_xyxy in that image; crop, crop_xyxy (where it was
    cut from the image) and box_in_crop_xyxy. `zeroov bench data file --root OUT` reads it. The crops show where the
    object is, so that they may serve for training, and never for a score.
    """
    folder = ensure_writable_folder(out)
    images, crops = (ensure_writable_folder(folder / kind / split.name) for kind in ("images", "crops"))
    lines, problems = [], []
    for number, sample in enumerate(split.samples):
        if sample.box is None:
            problems.append(f"{sample.id}: no box to cut around")
            continue
        stem = re.sub(r"[^\w.+-]", "_", sample.id)
        stem = stem if stem == sample.id else f"{stem}-{number}"
        source = split.root / sample.image
        try:
            rgb = open_picture(source).rgb
        except ZeroovError as error:
            problems.append(f"{sample.id}: {error}")
            continue
        cut = _widened(sample.box, (rgb.shape[0], rgb.shape[1]))
        if cut is None:
            problems.append(f"{sample.id}: its box lies outside the picture")
            continue
        x0, y0, x1, y1 = cut
        copy, crop = images / f"{stem}{source.suffix}", crops / f"{stem}.png"
        try:
            shutil.copyfile(source, copy)
        except OSError as error:
            raise OutputError(
                f"`{copy}` cannot be written ({error.strerror}); free space or write elsewhere"
            ) from error
        write_rgb_png(crop, np.ascontiguousarray(rgb[y0:y1, x0:x1]))
        in_crop = [corner - origin for corner, origin in zip(sample.box.xyxy, (x0, y0, x0, y0), strict=True)]
        line = {
            "id": sample.id,
            "image": copy.relative_to(folder).as_posix(),
            "expression": sample.expression,
            "category": sample.category,
            "box_xyxy": list(sample.box.xyxy),
            "crop": crop.relative_to(folder).as_posix(),
            "crop_xyxy": [x0, y0, x1, y1],
            "box_in_crop_xyxy": in_crop,
        }
        lines.append(json.dumps(line, ensure_ascii=False))
        report(number + 1, len(split.samples))
    write_atomically(folder / f"{split.name}.jsonl", "".join(f"{line}\n" for line in lines).encode())
    return problems


def _widened(box: Box, hw: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return the whole pixels of a box with its margin, inside the picture."""
    x, y = MARGIN * (box.x1 - box.x0), MARGIN * (box.y1 - box.y0)
    clipped = frames.clip_box((box.x0 - x, box.y0 - y, box.x1 + x, box.y1 + y), hw)
    if clipped is None:
        return None
    x0, y0 = int(np.floor(clipped.x0)), int(np.floor(clipped.y0))
    return x0, y0, int(np.ceil(clipped.x1)), int(np.ceil(clipped.y1))
