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
from zeroov.types import Box, Listing, Picture, Window
from zeroov.weights.quiet import quietly

SAME = 0.5  # IoU from which two boxes, of the whole or of slices, are one object


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

    auto_class: Any = AutoModelForZeroShotObjectDetection
    try:
        with quietly():
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
    """Return what the detector takes for each picture's kind, in the picture as a whole and in slices."""
    return [_detect(detector, picture, kind, recipe, most) for picture, kind in zip(pictures, kinds, strict=True)]


def _detect(detector: Detector, picture: Picture, kind: str, recipe: DetectorRecipe, most: int) -> Listing:
    found: list[tuple[float, Box]] = []
    for window in windows(picture.hw, recipe.slices, recipe.overlap):
        rgb = picture.rgb[window.y0 : window.y1, window.x0 : window.x1]
        for corners, score in _boxes(detector, Image.fromarray(rgb), kind, recipe.threshold):
            x0, y0, x1, y1 = corners
            moved = (x0 + window.x0, y0 + window.y0, x1 + window.x0, y1 + window.y0)
            if box := frames.clip_box(moved, picture.hw):
                found.append((score, box))
    kept: list[tuple[float, Box]] = []
    for score, box in sorted(found, key=lambda each: -each[0]):
        if len(kept) < most and not any(frames.box_iou(box, other) >= SAME for _, other in kept):
            kept.append((score, box))
    boxes, scores = tuple(box for _, box in kept), tuple(score for score, _ in kept)
    return Listing(boxes, scores, "", detector.name, detector.revision)


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


def windows(hw: frames.HW, side: int, overlap: float) -> list[Window]:
    """Return the whole picture and, where `side` is above 0 and smaller, the slices that cover it."""
    height, width = hw
    whole = Window(0, 0, width, height)
    if not side or max(hw) <= side:
        return [whole]
    step = max(1, round(side * (1 - overlap)))
    starts = [sorted({min(at, max(0, length - side)) for at in range(0, length, step)}) for length in (width, height)]
    return [whole, *(Window(x, y, min(width, x + side), min(height, y + side)) for y in starts[1] for x in starts[0])]
