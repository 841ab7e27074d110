"""SAM 3 as a detector: asked a noun, it names every object of it. A picture is encoded once for all its nouns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from zeroov.weights.sam3 import tokens_of


@torch.inference_mode()
def ask(
    model: Any, processor: Any, image: Any, nouns: Sequence[str], threshold: float
) -> list[list[tuple[list[float], float]]]:
    """Return, for each noun, the boxes (xyxy in pixels of the image) above a threshold, each with its score.

    A score is that of the object times that of the noun being in the picture at all. Nouns are asked one by one: the
    model repeats no picture's encoding for several of them.
    """
    weight = next(model.parameters())
    pixels = processor.image_processor(image, return_tensors="pt")["pixel_values"]
    encoded = model.get_vision_features(pixels.to(weight.device, weight.dtype))
    found = []
    for noun in nouns:
        words = tokens_of(processor.tokenizer, noun, model.config.text_config.max_position_embeddings)
        outputs = model(vision_embeds=encoded, **words.to(weight.device))
        for name in ("pred_logits", "pred_boxes", "presence_logits"):
            outputs[name] = outputs[name].float()
        (result,) = processor.post_process_object_detection(
            outputs, threshold=threshold, target_sizes=[(image.height, image.width)]
        )
        found.append(list(zip(result["boxes"].tolist(), result["scores"].tolist(), strict=True)))
    return found
