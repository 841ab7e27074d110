"""SAM 3 asked for a thing by its noun: its own masks of it, of which one fits the box. Its tracker is in `families`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from zeroov import frames
from zeroov.errors import ModelError, UsageError
from zeroov.frames import XYXY, place_in_square
from zeroov.refine.families import HubSegmenter, MaskFamily
from zeroov.refine.segmenter import EncodedPicture, Hypotheses, Prompt
from zeroov.types import Box, Picture
from zeroov.weights.sam3 import MODEL_TYPES, tokens_of

SAM3 = MaskFamily("sam3", "Sam3Model", "squash", "5.0")
OFFERED = 3  # masks, as many as other families offer
LEAST = 0.3  # IoU with the box: what overlaps less is another object
BOX_ALONE = "visual"  # what its processor says where there is no noun


def concept_of(model_type: str, name: str) -> MaskFamily:
    """Return the family of a model that takes a noun, or refuse it; `name` is the model's."""
    if model_type not in MODEL_TYPES:
        raise ModelError(
            f"refine.model `{name}` is of type `{model_type}`, which takes no text; take facebook/sam3, or use --set "
            "refine.prompt=box"
        )
    return SAM3


@dataclass(frozen=True, eq=False)
class ConceptSegmenter(HubSegmenter):
    """A `Segmenter` of SAM 3's detector. With `shows_box` it is shown the box beside the noun."""

    tokenizer: Any = None
    shows_box: bool = False

    @property
    def side(self) -> int:
        """The side of the square that the model sees, in pixels."""
        side: int = self.model.config.vision_config.backbone_config.image_size
        return side

    @torch.inference_mode()
    def encode(self, picture: Picture) -> EncodedPicture:
        """Run the image encoder, in the dtype of its weights; everything after it is float32."""
        square = place_in_square(picture.hw, self.side, self.family.fit)
        weight = next(self.model.vision_encoder.parameters())
        features = self.model.get_vision_features(self.pixels(picture.rgb).to(weight.device, weight.dtype))
        return EncodedPicture({"vision_embeds": features}, square)

    @torch.inference_mode()
    def hypotheses(self, encoded: EncodedPicture, prompt: Prompt) -> Hypotheses:
        """Return the masks of the things whose boxes fit the prompt's best; one that is empty where none does.

        What is thought of each is its score, times that of the noun being there at all, times the IoU of the boxes.
        """
        if prompt.points or prompt.box_xyxy is None:
            raise UsageError("SAM 3 takes no point beside a noun; for points use --set refine.prompt=box")
        device, side = next(self.model.parameters()).device, self.side
        longest = self.model.config.text_config.max_position_embeddings
        given = dict(tokens_of(self.tokenizer, prompt.text or BOX_ALONE, longest).to(device))
        if self.shows_box or not prompt.text:
            given["input_boxes"] = torch.tensor([[_centred(prompt.box_xyxy, side)]], device=device)
        made = self.model(**encoded.features, **given)
        scores = made.pred_logits[0].sigmoid() * made.presence_logits.flatten()[0].sigmoid()
        asked = Box(*prompt.box_xyxy)
        fits = []
        for corners in (made.pred_boxes[0] * side).tolist():
            own = frames.clip_box((corners[0], corners[1], corners[2], corners[3]), (side, side))
            fits.append(frames.box_iou(own, asked) if own else 0.0)
        overlap = torch.tensor(fits, device=device)
        worth = torch.where(overlap >= LEAST, scores * overlap, -1.0)
        best = worth.topk(min(OFFERED, len(worth))).indices
        masks, worth = made.pred_masks[:, best], worth[best]
        nothing = torch.full_like(masks, -1.0)
        return Hypotheses(torch.where((worth >= 0)[None, :, None, None], masks, nothing), worth.clamp(min=0)[None])


def _centred(box: XYXY, side: int) -> tuple[float, float, float, float]:
    """Return a box as its centre and its size, in shares of the square."""
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2 / side, (y0 + y1) / 2 / side, (x1 - x0) / side, (y1 - y0) / side
