"""Load a model of masks: a checkpoint of the official package, or a folder of a family of transformers."""

from __future__ import annotations

import json
import pickle
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroov.errors import ModelError, first_line
from zeroov.hardware import pick_dtype
from zeroov.refine.concept import ConceptSegmenter, concept_of
from zeroov.refine.families import HubSegmenter, MaskFamily, family_of, in_float32
from zeroov.refine.sam import PIXEL_MEAN, PIXEL_STD, TYPE_OF_WIDTH, OfficialSam, build_sam
from zeroov.weights.own_code import from_folder, refuse_own_code
from zeroov.weights.quiet import quietly

if TYPE_CHECKING:
    from zeroov.recipe import RefineRecipe

PATCH_WEIGHT = "image_encoder.patch_embed.proj.weight"
AGAIN = "copy its files there again, or fetch a hub model again with `zeroov models get`"
NEXT = "give a checkpoint of segment-anything with `--set refine.checkpoint=FILE`"


def load_segmenter(folder: Path, recipe: RefineRecipe, device: torch.device, *, name: str) -> HubSegmenter:
    """Load the model of masks in `folder`, frozen, on `device`; `name` is what the recipe calls it.

    As with the official package, the image encoder alone takes `recipe.dtype`.
    """
    refuse_own_code(folder, "refine.model", "facebook/sam2.1-hiera-large")
    config = _read_config(folder)
    family = (concept_of if recipe.by_text else family_of)(str(config.get("model_type")), name)
    model_class = _class_of(family, name)
    try:
        with quietly("transformers"):
            from transformers import AutoImageProcessor, AutoTokenizer

            processor = from_folder(AutoImageProcessor, folder)
            model, report = from_folder(
                model_class,
                folder,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, by their names
                key_mapping=dict(family.renamed) or None,
                dtype=torch.float32,
            )
            segmenter = HubSegmenter(model, processor, family)
            if recipe.by_text:
                words = from_folder(AutoTokenizer, folder)
                shows_box = recipe.prompt == "box+text"
                segmenter = ConceptSegmenter(model, processor, family, tokenizer=words, shows_box=shows_box)
            laid = segmenter.pixels(np.full((4, 8, 3), 255, np.uint8))[0]
    except Exception as error:  # damaged files raise nearly anything
        raise ModelError(f"the model of masks in `{folder}` cannot be loaded ({first_line(error)}); {AGAIN}") from error
    wrong = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
    if wrong:  # they would be filled with random numbers
        raise ModelError(
            f"the weights in `{folder}` lack {len(wrong)} tensors or have them in another size, e.g. {wrong[0]}; "
            f"{AGAIN}"
        )
    model.requires_grad_(False).eval()
    encoder = model.vision_encoder
    encoder.to(pick_dtype(recipe.dtype, device))
    # Positions need float32 (bfloat16 separates 1,024 pixels only by fours), and prompts cost next to nothing.
    encoder.register_forward_hook(lambda _module, _given, made: in_float32(made))
    model.to(device)
    _require_fit(segmenter, laid, folder)
    return segmenter


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"config.json in `{folder}` cannot be read ({first_line(error)}); {AGAIN}") from error
    if not isinstance(config, dict):
        raise ModelError(f"config.json in `{folder}` is no JSON object; {AGAIN}")
    return config


def _class_of(family: MaskFamily, name: str) -> Any:
    """Return a family's class, or say which version or package has it."""
    import transformers

    if not hasattr(transformers, family.class_name):
        raise ModelError(
            f"refine.model `{name}` needs transformers {family.since} or newer for {family.class_name}, and "
            f"{version('transformers')} is installed; type `pip install --upgrade transformers`, or take another model"
        )
    if family.extra and find_spec(family.extra) is None:
        raise ModelError(
            f"refine.model `{name}` needs the package {family.extra}; type `pip install {family.extra}`, or take "
            "another model"
        )
    return getattr(transformers, family.class_name)


def _require_fit(segmenter: HubSegmenter, laid: torch.Tensor, folder: Path) -> None:
    """Refuse a processor that lays pictures elsewhere than the model expects: every mask would be moved.

    `laid` is what it makes of a white picture that is twice as wide as high.
    """
    filled = bool((laid[:, -1] == laid[:, 0]).all())
    side = segmenter.side
    if tuple(laid.shape) != (3, side, side) or filled != (segmenter.family.fit == "squash"):
        raise ModelError(
            f"the image processor in `{folder}` makes {tuple(laid.shape)} of a picture and "
            f"{'squashes' if filled else 'pads'} it; {segmenter.family.name} expects {(3, side, side)} and "
            f"{'pads' if segmenter.family.fit == 'pad' else 'squashes'}; {AGAIN}"
        )


def load_sam(path: Path, recipe: RefineRecipe, device: torch.device) -> OfficialSam:
    """Load a Sam of `recipe.type`, frozen, on `device`.

    The image encoder, which is nearly all of it, takes `recipe.dtype`. The prompt encoder and the mask decoder stay in
    float32: positions need it (bfloat16 separates 1,024 pixels only by fours), and they cost next to nothing.
    """
    if not path.is_file():
        raise ModelError(f"SAM checkpoint {path} does not exist; {NEXT}")
    weights = _read_weights(path)
    patch = weights.get(PATCH_WEIGHT)
    if patch is None or patch.ndim != 4:
        raise ModelError(f"{path} is not a SAM checkpoint: it holds no 4-dimensional `{PATCH_WEIGHT}`; {NEXT}")
    looks_like = TYPE_OF_WIDTH.get(len(patch))
    if looks_like is None:
        raise ModelError(f"{path} is a SAM {len(patch)} channels wide, which no known type is; {NEXT}")
    if looks_like != recipe.type:
        raise ModelError(
            f"{path} is a {looks_like} checkpoint and refine.type is {recipe.type}; "
            f"use --set refine.type={looks_like}, or {NEXT}"
        )
    # On "meta", no random weights are drawn only to be thrown away (seconds and 2.5 GB for vit_h).
    with torch.device("meta"):
        sam = build_sam(recipe.type)
    try:
        sam.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        details = " ".join(str(error).split())
        raise ModelError(f"{path} does not fit SAM {recipe.type}: {details[:300]}; {NEXT}") from error
    sam.pixel_mean = torch.tensor(PIXEL_MEAN).view(-1, 1, 1)
    sam.pixel_std = torch.tensor(PIXEL_STD).view(-1, 1, 1)
    sam.float().requires_grad_(False).eval()
    sam.image_encoder.to(pick_dtype(recipe.dtype, device))
    return OfficialSam(sam.to(device))


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        # weights_only: a checkpoint is data and must not run code.
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, KeyError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{path} ({path.stat().st_size:,} bytes) cannot be read as a checkpoint: it is cut short or something else "
            f"({first_line(error)[:160]}); download it again with `zeroov models get`, or {NEXT}"
        ) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise ModelError(f"{path} is not a SAM checkpoint: it holds no plain state dict; {NEXT}")
    return loaded
