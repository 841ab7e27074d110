"""Families of models of masks in transformers: which they are, how a picture lies in each, and asking one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from zeroov.errors import ModelError, did_you_mean
from zeroov.frames import Fit, place_in_square, resize_rgb
from zeroov.refine.segmenter import EncodedPicture, Hypotheses, Prompt
from zeroov.types import Picture


@dataclass(frozen=True)
class MaskFamily:
    """Models of masks that are asked alike.

    `class_name` is their class in transformers, which has it since version `since`; `fit` says how a picture lies in
    their square; `extra` is a package that they need beside transformers. `renamed` maps names of weights, as regular
    expressions, where they are published as parts of a larger model.
    """

    name: str
    class_name: str
    fit: Fit
    since: str
    extra: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)


SAM = MaskFamily("sam", "SamModel", "pad", "4.29")
SAM_HQ = MaskFamily("sam_hq", "SamHQModel", "pad", "4.53")
SAM2 = MaskFamily("sam2", "Sam2Model", "squash", "4.56")
EDGETAM = MaskFamily("edgetam", "EdgeTamModel", "squash", "4.57", extra="timm")
# SAM 3 is published as a detector and a tracker that share an image encoder. transformers 5.24 knows these names, and
# yet takes the tracker's weights for missing.
SAM3_TRACKER = MaskFamily(
    "sam3_tracker",
    "Sam3TrackerModel",
    "squash",
    "5.0",
    renamed={
        r"^detector_model\.vision_encoder\.backbone\.": "vision_encoder.backbone.",
        r"^tracker_neck\.": "vision_encoder.neck.",
        r"^tracker_model\.": "",
    },
)
# By the `model_type` of config.json. Checkpoints are published for video; pictures take the same weights, without the
# memory of earlier frames.
FAMILIES = {
    "sam": SAM,
    "sam_hq": SAM_HQ,
    "sam2": SAM2,
    "sam2_video": SAM2,
    "edgetam": EDGETAM,
    "edgetam_video": EDGETAM,
    "sam3_tracker": SAM3_TRACKER,
    "sam3_video": SAM3_TRACKER,
}


def family_of(model_type: str, name: str) -> MaskFamily:
    """Return the family of a `model_type`, or refuse it; `name` is the model's."""
    if model_type not in FAMILIES:
        raise ModelError(
            f"refine.model `{name}` is of type `{model_type}`, which draws no masks from boxes"
            f"{did_you_mean(model_type, FAMILIES)}; take one of facebook/sam2.1-hiera-large, facebook/sam3, "
            "syscv-community/sam-hq-vit-huge, facebook/sam-vit-huge, or leave refine.model empty for the official "
            "Segment Anything"
        )
    return FAMILIES[model_type]


@dataclass(frozen=True, eq=False)
class HubSegmenter:
    """A `Segmenter` of a loaded model of transformers and its image processor."""

    model: Any
    processor: Any
    family: MaskFamily
    threshold: float = 0.0  # of the logits, for every family

    @property
    def side(self) -> int:
        """The side of the square that the model sees, in pixels."""
        side: int = self.model.config.prompt_encoder_config.image_size
        return side

    @property
    def low_res_side(self) -> int:
        """The side of the masks that it takes as prompts."""
        prompts = self.model.config.prompt_encoder_config
        side: int = 4 * prompts.image_size // prompts.patch_size
        return side

    @torch.inference_mode()
    def encode(self, picture: Picture) -> EncodedPicture:
        """Run the image encoder, in the dtype of its weights; everything after it is float32."""
        square = place_in_square(picture.hw, self.side, self.family.fit)
        rgb = picture.rgb
        if self.family.fit == "pad" and int(min(picture.hw) * self.side / max(picture.hw) + 0.5) == 0:
            # The processor would make it thinner than a pixel.
            rgb = resize_rgb(rgb, square.inside_hw, "bilinear")
        weight = next(self.model.vision_encoder.parameters())
        features = self.model.get_image_embeddings(self.pixels(rgb).to(weight.device, weight.dtype))
        if self.family is not SAM_HQ:
            return EncodedPicture({"image_embeddings": features}, square)
        return EncodedPicture({"image_embeddings": features[0], "intermediate_embeddings": features[1]}, square)

    def pixels(self, rgb: Any) -> Tensor:
        """Lay a picture (H, W, 3) into the model's square, float32 (1, 3, side, side), as its own processor does it."""
        # As PIL's image: of an array it guesses which of the axes are the colours.
        pixels: Tensor = self.processor(images=Image.fromarray(rgb), return_tensors="pt")["pixel_values"]
        return pixels

    @torch.inference_mode()
    def hypotheses(self, encoded: EncodedPicture, prompt: Prompt) -> Hypotheses:
        """Run the prompt encoder and the mask decoder."""
        device = next(self.model.parameters()).device
        given: dict[str, Tensor] = {}
        if prompt.points:
            at, on = [point[:2] for point in prompt.points], [point[2] for point in prompt.points]
            given["input_points"] = torch.tensor([[at]], dtype=torch.float32, device=device)
            given["input_labels"] = torch.tensor([[on]], dtype=torch.int, device=device)
        if prompt.box_xyxy is not None:
            given["input_boxes"] = torch.tensor([[prompt.box_xyxy]], dtype=torch.float32, device=device)
        if prompt.mask is not None:
            given["input_masks"] = torch.from_numpy(prompt.mask).to(device)[None, None]
        made = self.model(**encoded.features, **given, multimask_output=True)
        there = getattr(made, "object_score_logits", None)
        return Hypotheses(made.pred_masks[:, 0], made.iou_scores[:, 0], None if there is None else there[:, 0])


def in_float32(value: Any) -> Any:
    """Return a model's output with every tensor of fractions in it in float32, at any depth."""
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):  # a ModelOutput too
        for name, item in value.items():
            value[name] = in_float32(item)
        return value
    return type(value)(map(in_float32, value)) if isinstance(value, list | tuple) else value
