"""The RefCOCO family as the lists of TransVG and SegVG, in the format that `torch.save` writes."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.layouts.drawn import Scenes, write_picture


def write_lists(folder: Path, splits: Mapping[str, Scenes], *, name: str) -> None:
    """Write a list per split: (image, mask's file, box, phrase, attributes); ReferIt's boxes are xyxy, others xywh."""
    coco = name != "referit"
    pictures = folder / ("other/images/mscoco/images/train2014" if coco else "referit/images")
    number = 0
    for split, scenes in splits.items():
        entries = []
        for questions in scenes:
            number += 11
            file = f"COCO_train2014_{number:012d}.jpg" if coco else f"{number}.jpg"
            write_picture(pictures / file, questions[0].scene().image)
            for q in questions:
                x0, y0, x1, y1 = q.box_xyxy
                box = [x0, y0, x1 - x0, y1 - y0] if coco else [x0, y0, x1, y1]
                attributes = [("r1", ["none"]), ("r7", ["none"])]
                entries.append((file, f"{number}_{q.target}.pth", box, q.expression, attributes))
        path = folder / name / f"{name}_{split}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(torch_zip(entries))


def torch_zip(value: Any) -> bytes:
    """Return plain values as `torch.save` would write them; with no tensor inside, that is a pickle in a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (
            ("data.pkl", pickle.dumps(value, protocol=2)),
            ("byteorder", b"little"),
            ("version", b"3\n"),
        ):
            archive.writestr(
                zipfile.ZipInfo(f"archive/{name}"), data
            )  # a ZipInfo without a date: always the same bytes
    return buffer.getvalue()
