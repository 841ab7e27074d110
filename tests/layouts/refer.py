"""RRSIS-D and the RefCOCO family as REFER's files."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from tests.layouts.drawn import Drawn, Scenes, outlines, write_picture, write_text
from zeroov.errors import UsageError
from zeroov.mini.kinds import KINDS
from zeroov.mini.scenes import Mask

CATEGORIES = [{"id": number, "name": kind, "supercategory": ""} for number, kind in enumerate(sorted(KINDS))]
NUMBER = {str(category["name"]): category["id"] for category in CATEGORIES}


def write_rrsisd(folder: Path, splits: Mapping[str, Scenes]) -> None:
    """Write RRSIS-D: one expression per picture, one number for all its ids, with gaps; boxes are xyxy."""
    refs: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    number = 0
    for split, scenes in splits.items():
        for [question] in scenes:
            number += 1 + len(refs) % 2
            scene, name = question.scene(), f"{number:05d}.jpg"
            write_picture(folder / "images/rrsisd/JPEGImages" / name, scene.image)
            mask = scene.objects[question.target].mask
            refs.append(_ref([question], [number], number, number, number, split, name))
            images.append(_image(number, name, question))
            annotations.append(
                _annotation(number, number, question, mask, list(question.box_xyxy), [run_lengths(mask)])
            )
    _write_refer(folder / "rrsisd", "unc", refs, images, annotations)


def write_refcoco(folder: Path, splits: Mapping[str, Scenes], *, name: str, split_by: str) -> None:
    """Write RefCOCO and its kin: several refs per picture, several sentences per ref, polygons, boxes xywh.

    ReferIt alone (`refclef`) keeps run lengths, and its pictures elsewhere.
    """
    if "trainval" in splits:
        raise UsageError("in REFER's files `trainval` is train and val together; write those")
    coco = name != "refclef"
    pictures = folder / ("images/mscoco/images/train2014" if coco else "images/saiapr_tc-12")
    refs: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    sentence = 0
    for split, scenes in splits.items():
        for questions in scenes:
            image_id = 1000 + 7 * len(images)
            scene = questions[0].scene()
            file = f"COCO_train2014_{image_id:012d}.jpg" if coco else f"{image_id}.jpg"
            write_picture(pictures / file, scene.image)
            images.append(_image(image_id, file, questions[0]))
            for target, group in groupby(questions, key=lambda question: question.target):
                of_one, ann_id = list(group), 50_000 + len(annotations)
                mask = scene.objects[target].mask
                x0, y0, x1, y1 = of_one[0].box_xyxy
                # A hole is drawn as a polygon of its own: what two cover is not the object, see `read_mask`.
                segmentation: list[Any] = outlines(mask) if coco else [run_lengths(mask)]
                box = [float(x0), float(y0), float(x1 - x0), float(y1 - y0)]
                annotations.append(_annotation(ann_id, image_id, of_one[0], mask, box, segmentation))
                sent_ids = list(range(sentence, sentence := sentence + len(of_one)))
                # In RefCOCO a ref's file name is that of its object, which no picture has.
                of_object = f"COCO_train2014_{image_id:012d}_{ann_id}.jpg" if coco else file
                refs.append(_ref(of_one, sent_ids, len(refs), ann_id, image_id, split, of_object))
    _write_refer(folder / name, split_by, refs, images, annotations)


def _ref(
    questions: list[Drawn], sent_ids: list[int], ref_id: int, ann_id: int, image_id: int, split: str, file_name: str
) -> dict[str, Any]:
    sentences = [
        {"raw": q.expression, "sent": q.expression.lower(), "sent_id": sent_id, "tokens": q.expression.lower().split()}
        for q, sent_id in zip(questions, sent_ids, strict=True)
    ]
    return {
        "ref_id": ref_id,
        "ann_id": ann_id,
        "image_id": image_id,
        "category_id": NUMBER[questions[0].kind],
        "split": split,
        "file_name": file_name,
        "sent_ids": sent_ids,
        "sentences": sentences,
    }


def _image(number: int, file_name: str, question: Drawn) -> dict[str, Any]:
    height, width = question.height_width
    return {"id": number, "file_name": file_name, "height": height, "width": width}


def _annotation(
    number: int, image_id: int, question: Drawn, mask: Mask, box: list[Any], segmentation: list[Any]
) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image_id,
        "category_id": NUMBER[question.kind],
        "bbox": box,
        "area": int(mask.sum()),
        "segmentation": segmentation,
        "iscrowd": 0,
    }


def run_lengths(mask: Mask) -> dict[str, Any]:
    """Return a mask (H, W) as COCO's compressed run lengths."""
    from pycocotools import mask as coco

    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode("ascii")}


def _write_refer(folder: Path, split_by: str, refs: Any, images: Any, annotations: Any) -> None:
    instances = {"info": {}, "images": images, "annotations": annotations, "categories": CATEGORIES}
    write_text(folder / "instances.json", json.dumps(instances))
    (folder / f"refs({split_by}).p").write_bytes(pickle.dumps(refs, protocol=2))
