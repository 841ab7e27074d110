"""An open-vocabulary detector of transformers as a source of candidates: Grounding DINO, OWL-ViT, OWLv2, SAM 3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from zeroov import frames
from zeroov.candidates import sam3
from zeroov.errors import ModelError, first_line
from zeroov.hardware import pick_dtype
from zeroov.recipe import DetectorRecipe
from zeroov.types import Box, Listing, Picture
from zeroov.weights.own_code import from_folder, refuse_own_code
from zeroov.weights.quiet import quietly
from zeroov.weights.sam3 import MODEL_TYPES

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
    """Load the detector in `folder`: any class that `AutoModelForZeroShotObjectDetection` knows, or a SAM 3."""
    refuse_own_code(folder, "detector.model", "IDEA-Research/grounding-dino-base")
    model_class, processor_class = _classes(folder)
    try:
        with quietly("transformers"):
            processor = from_folder(processor_class, folder)
            dtype = pick_dtype(recipe.dtype, device)
            model, report = from_folder(model_class, folder, output_loading_info=True, dtype=dtype)
    except Exception as error:  # damaged files raise nearly anything
        raise ModelError(
            f"the detector in `{folder}` cannot be loaded ({first_line(error)}); detector.model takes a Grounding "
            "DINO, OWL-ViT, OWLv2 or SAM 3 of transformers; copy its files there again, or fetch it with `zeroov "
            "models get`"
        ) from error
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise ModelError(f"the detector in `{folder}` lacks {len(missing)} tensors, e.g. {missing[0]}")
    if not any(hasattr(processor, f"post_process_{kind}object_detection") for kind in ("grounded_", "")):
        raise ModelError(f"the processor in `{folder}`, {type(processor).__name__}, does not say where objects are")
    model.to(device).eval().requires_grad_(False)
    return Detector(model, processor, device, name, revision)


def detect(
    detector: Detector, pictures: Sequence[Picture], kinds: Sequence[str], recipe: DetectorRecipe, most: int
) -> list[Listing]:
    """Return what the detector takes for each picture's kind, the surest first, at most so many."""
    asked: dict[str, list[int]] = {}
    for at, picture in enumerate(pictures):
        asked.setdefault(picture.digest, []).append(at)
    listings: dict[int, Listing] = {}
    for own in asked.values():
        picture = pictures[own[0]]
        lists = _ask(detector, Image.fromarray(picture.rgb), [kinds[at] for at in own], recipe.threshold)
        for at, found in zip(own, lists, strict=True):
            listings[at] = _listing(detector, found, picture.hw, most)
    return [listings[at] for at in range(len(pictures))]


def _classes(folder: Path) -> tuple[Any, Any]:
    """Return the classes of transformers for the model and the processor in a folder."""
    import transformers

    try:
        model_type = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        model_type = None  # what is wrong with it, the loading says
    if model_type not in MODEL_TYPES:
        return transformers.AutoModelForZeroShotObjectDetection, transformers.AutoProcessor
    if not hasattr(transformers, "Sam3Model"):
        raise ModelError(
            f"detector.model in `{folder}` is a SAM 3, which transformers has since 5.0; this is "
            f"{transformers.__version__}; type `pip install -U transformers`"
        )
    return transformers.Sam3Model, transformers.Sam3Processor


def _listing(detector: Detector, found: list[tuple[list[float], float]], hw: frames.HW, most: int) -> Listing:
    """Return the surest boxes as a list, cut to the picture; of boxes around one object the surest."""
    inside = [(score, frames.clip_box((box[0], box[1], box[2], box[3]), hw)) for box, score in found]
    kept: list[tuple[float, Box]] = []
    for score, box in sorted(inside, key=lambda each: -each[0]):
        if box and len(kept) < most and not any(frames.box_iou(box, other) >= SAME for _, other in kept):
            kept.append((score, box))
    boxes, scores = tuple(box for _, box in kept), tuple(score for score, _ in kept)
    return Listing(boxes, scores, "", detector.name, detector.revision)


def _ask(
    detector: Detector, image: Any, kinds: Sequence[str], threshold: float
) -> list[list[tuple[list[float], float]]]:
    """Return, for each kind, the boxes (xyxy in pixels of the image) above a threshold, each with its score."""
    if detector.model.config.model_type in MODEL_TYPES:
        return sam3.ask(detector.model, detector.processor, image, kinds, threshold)
    return [_boxes(detector, image, kind, threshold) for kind in kinds]


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
