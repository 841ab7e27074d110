"""Load a SAM checkpoint, and say in one line what is wrong with one that is not."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from zeroov.errors import ModelError, first_line
from zeroov.hardware import pick_dtype
from zeroov.refine.sam import PIXEL_MEAN, PIXEL_STD, TYPE_OF_WIDTH, build_sam

if TYPE_CHECKING:
    from zeroov.recipe import RefineRecipe

PATCH_WEIGHT = "image_encoder.patch_embed.proj.weight"
NEXT = "give a checkpoint of segment-anything with `--set refine.checkpoint=FILE`"


def load_sam(path: Path, recipe: RefineRecipe, device: torch.device) -> Any:
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
    return sam.to(device)


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
