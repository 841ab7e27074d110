"""SAM 3 as a detector: asked a noun, it names every object of it. A picture is encoded once for all its nouns."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch

LOG = logging.getLogger("zeroov")
MODEL_TYPES = ("sam3", "sam3_video")  # of config.json; published with a tracker, which is not loaded here


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


def tokens_of(tokenizer: Any, noun: str, longest: int) -> Any:
    """Return a noun's tokens, as many as the model takes. Of a longer one the last words are kept: the thing itself.

    The tokenizer of the published model cuts nothing off by itself, and the model fails on what is too long.
    """
    words = noun.split()
    while len(words) > 1 and len(tokenizer(" ".join(words), verbose=False)["input_ids"]) > longest:
        words = words[1:]
    kept = " ".join(words)
    if kept != " ".join(noun.split()):
        LOG.warning("SAM 3 reads %d tokens; of `%.60s...` it is asked for `%s`", longest, noun, kept)
    return tokenizer([kept], padding="max_length", max_length=longest, truncation=True, return_tensors="pt")
