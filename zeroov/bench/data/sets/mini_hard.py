"""The hard split of the miniature world, drawn into a folder: a table of questions, and their scenes."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from PIL import Image

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.draft import Draft
from zeroov.bench.data.files import require
from zeroov.bench.data.sets import own
from zeroov.files.atomic import ensure_writable_folder, write_atomically
from zeroov.mini.hard import HardQuestion, HardSplit, count_of, hard_question
from zeroov.mini.hard.table import ABSENT, FAMILIES
from zeroov.outputs.rle import encode_rle

SPLITS = ("test", "val", "plain")
SOURCE = "`zeroov bench draw DIR` draws it"


def read(root: Path, split: str) -> Draft:
    """Read `<split>.jsonl`, as a user's own table is read; an absent object is a question without a truth."""
    require(root, "the hard split", {"table": (f"{split}.jsonl",)}, SOURCE)
    return own.read(root, split)


def draw(root: Path, split: str, report: Callable[[int, int], None] = lambda *_: None) -> int:
    """Draw a split into a folder, its table last; return how many questions it has.

    The table says more than the reader takes: `sub`, the kind below the kind; `meant_xyxy`, the boxes of all that is
    meant; `asked_xyxy` and `anchors_xyxy`, those of the objects of the asked kind and of the other ones that the
    expression names; `near`, the parts of the expression and the place in `asked_xyxy` of what fits all others.
    """
    name = cast(HardSplit, split)
    ensure_writable_folder(root / "images")
    lines, count = [], count_of(name)
    for index in range(count):
        report(index, count)
        question = hard_question(name, index)
        image = f"images/{split}_{index:03}.png"
        pixels = BytesIO()
        Image.fromarray(question.scene.image).save(pixels, "PNG")
        write_atomically(root / image, pixels.getvalue())
        lines.append(json.dumps({"id": f"{split}-{index:03}", "image": image, **_row(question)}) + "\n")
    report(count, count)
    write_atomically(root / f"{split}.jsonl", "".join(lines).encode())
    return count


def _row(question: HardQuestion) -> dict[str, Any]:
    boxes = [thing.box_xyxy for thing in question.scene.objects]
    height, width = question.scene.height_width
    row = {
        "expression": question.text,
        "category": question.kind,
        "kind": question.family,
        "sub": question.sub,
        "image_height": height,
        "image_width": width,
        "meant_xyxy": [boxes[at] for at in question.meant],
        "asked_xyxy": [boxes[at] for at in question.asked],
        "anchors_xyxy": [boxes[at] for at in question.anchors],
        "near": {name: question.asked.index(at) for name, at in question.near.items()},
    }
    return row if question.absent else row | {"box_xyxy": question.box_xyxy, "mask": encode_rle(question.mask)}


MINI_HARD = Benchmark(
    name="mini-hard",
    title="the hard split of the miniature world",
    splits={split: count_of(cast(HardSplit, split)) for split in SPLITS},
    layout=("{test,val,plain}.jsonl and images/*.png",),
    source=SOURCE,
    has_masks=True,
    reader=read,
    real_shares={family.name: family.real_weight for family in FAMILIES.values()},
    absent_kind=ABSENT,
)
