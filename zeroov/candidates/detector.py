"""An open-vocabulary detector of transformers as a source of candidates: Grounding DINO, OWL-ViT, OWLv2 and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from zeroov import frames
from zeroov.errors import ModelError, first_line
from zeroov.hardware import pick_dtype
from zeroov.recipe import DetectorRecipe
from zeroov.types import Box, Listing, Picture
from zeroov.weights.own_code import refuse_own_code
from zeroov.weights.quiet import quietly

SAME = 0.5  # IoU from which two boxes are one object


@dataclass(frozen=True)
class Detector:
    """A loaded model for zero-shot detection and its processor."""

    model: Any
    processor: Any
    device: torch.device
    name: str
    revision: str


def load_detector(folder: Path, recipe: DetectorRecipe, device: torch.device, *, name: str, revision: str) -> Detector:
    """Load the detector in `folder`: any class that `AutoModelForZeroShotObjectDetection` knows."""
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    refuse_own_code(folder, "detector.model", "IDEA-Research/grounding-dino-base")
    auto_class: Any = AutoModelForZeroShotObjectDetection
    try:
        with quietly("transformers"):
            processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            model, report = auto_class.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=pick_dtype(recipe.dtype, device),
            )
    except Exception as error:  # damaged files raise nearly anything
        raise ModelError(
            f"the detector in `{folder}` cannot be loaded ({first_line(error)}); detector.model takes a Grounding "
            "DINO, OWL-ViT or OWLv2 of transformers; copy its files there again, or fetch it with `zeroov models get`"
        ) from error
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise ModelError(f"the detector in `{folder}` lacks {len(missing)} tensors, e.g. {missing[0]}")
    if not hasattr(processor, "post_process_grounded_object_detection"):
        raise ModelError(f"the processor in `{folder}`, {type(processor).__name__}, does not say where objects are")
    model.to(device).eval().requires_grad_(False)
    return Detector(model, processor, device, name, revision)


def detect(
    detector: Detector, pictures: Sequence[Picture], kinds: Sequence[str], recipe: DetectorRecipe, most: int
) -> list[Listing]:
    """Return what the detector takes for each picture's kind, the surest first, at most so many."""
    listings = []
    for picture, kind in zip(pictures, kinds, strict=True):
        found = [
            (score, box)
            for corners, score in _boxes(detector, Image.fromarray(picture.rgb), kind, recipe.threshold)
            if (box := frames.clip_box((corners[0], corners[1], corners[2], corners[3]), picture.hw))
        ]
        kept: list[tuple[float, Box]] = []
        for score, box in sorted(found, key=lambda each: -each[0]):
            if len(kept) < most and not any(frames.box_iou(box, other) >= SAME for _, other in kept):
                kept.append((score, box))
        boxes, scores = tuple(box for _, box in kept), tuple(score for score, _ in kept)
        listings.append(Listing(boxes, scores, "", detector.name, detector.revision))
    return listings


def _boxes(detector: Detector, image: Any, kind: str, threshold: float) -> list[tuple[list[float], float]]:
    """Return the boxes (xyxy in pixels of the image) above a threshold, each with its score."""
    inputs = detector.processor(images=image, text=[[kind]], return_tensors="pt").to(detector.device)
    inputs["pixel_values"] = inputs["pixel_values"].to(detector.model.dtype)
    with torch.inference_mode():
        outputs = detector.model(**inputs)
    (result,) = detector.processor.post_process_grounded_object_detection(
        outputs, threshold=threshold, target_sizes=[(image.height, image.width)]
    )
    return list(zip(result["boxes"].float().tolist(), map(float, result["scores"].tolist()), strict=True))
