"""Load Stable Diffusion 1.x or 2.x from a folder: its real classes, nothing else, and without a warning."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zeroov.errors import ModelError, first_line
from zeroov.hardware import pick_dtype
from zeroov.recipe import FocusRecipe
from zeroov.weights.complete import PARTS, weights_of
from zeroov.weights.quiet import quietly

GET = "copy it there, or fetch a hub model with `zeroov models get`"
AGAIN = "copy it there again, or fetch a hub model again with `zeroov models get`"
CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}
PREDICTIONS = ("epsilon", "v_prediction")
BROKEN = (OSError, ValueError, RuntimeError, KeyError, EOFError, TypeError, pickle.UnpicklingError)


@dataclass(frozen=True, eq=False)
class FocusModels:
    """The frozen parts of one Stable Diffusion. With `offload` they lie in CPU memory and visit `device` one by one."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    device: torch.device
    dtype: torch.dtype
    name: str
    revision: str
    offload: bool = False

    @contextlib.contextmanager
    def at_work(self, part: Any) -> Iterator[None]:
        """Keep one of the parts on the device for as long as the block lasts."""
        if self.offload:
            part.to(self.device)
        try:
            yield
        finally:
            if self.offload:
                part.to("cpu")


def load_focus(
    folder: Path, recipe: FocusRecipe, device: torch.device, *, name: str, revision: str, offload: bool = False
) -> FocusModels:
    """Load the five parts from a folder that `weights.find` found complete; `name` and `revision` are only noted."""
    dtype = pick_dtype(recipe.dtype, device)
    with quietly("transformers", "diffusers"):
        parts = {part: _load_part(folder, part, dtype) for part in CLASSES}
        tokenizer, scheduler = _load_tokenizer(folder), _load_scheduler(folder)
    _check_fit(folder, parts["unet"], parts["vae"], parts["text_encoder"])
    home = torch.device("cpu") if offload else device
    frozen = {part: model.eval().requires_grad_(False).to(home) for part, model in parts.items()}
    return FocusModels(
        **frozen,
        tokenizer=tokenizer,
        scheduler=scheduler,
        device=device,
        dtype=dtype,
        name=name,
        revision=revision,
        offload=offload,
    )


def _load_part(folder: Path, part: str, dtype: torch.dtype) -> Any:
    """Load one model, refusing a folder that holds another class, or lacks some of the weights."""
    import diffusers
    import transformers
    from safetensors import SafetensorError

    config = json.loads((folder / part / "config.json").read_text(encoding="utf-8"))
    found = config.get("_class_name") or (config.get("architectures") or [CLASSES[part]])[0]
    if found != CLASSES[part] or config.get("addition_embed_type"):
        kind = f"a {found}" if found != CLASSES[part] else "that of another family (SDXL?)"
        raise ModelError(f"{folder}/{part} is {kind}; the Focus stage needs Stable Diffusion 1.x or 2.x; {GET}")
    weights = weights_of(folder / part, PARTS["diffusion"][part][0])
    assert weights is not None
    options: dict[str, Any] = {
        "local_files_only": True,
        "output_loading_info": True,
        "use_safetensors": ".safetensors" in weights.name,
        "variant": "fp16" if ".fp16." in weights.name else None,
    }
    try:
        if part == "text_encoder":
            text_class: Any = transformers.CLIPTextModel  # typed as if it never returned its loading report
            model, info = text_class.from_pretrained(
                str(folder / part), dtype=dtype, trust_remote_code=False, **options
            )
        else:
            model, info = getattr(diffusers, CLASSES[part]).from_pretrained(
                str(folder / part), torch_dtype=dtype, **options
            )
    except (*BROKEN, SafetensorError) as error:
        raise ModelError(f"{weights} cannot be read ({first_line(error)}); {AGAIN}") from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise ModelError(f"{weights} lacks {len(missing)} weights, e.g. {missing[0]}; {AGAIN}")
    return model


def _load_tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    place = folder / "tokenizer"
    try:
        tokenizer = CLIPTokenizer.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)
        if len(tokenizer("a plane")["input_ids"]) < 3:  # an empty vocabulary reads every text as nothing
            raise ValueError("it reads no letters")
        return tokenizer
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelError(f"{place} cannot be read ({first_line(error)}); {AGAIN}") from error


def _load_scheduler(folder: Path) -> Any:
    """Build DDIM on the published noise schedule, whatever class the folder names (SD 1.4's says PNDMScheduler)."""
    from diffusers import DDIMScheduler

    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in PREDICTIONS:
        raise ModelError(
            f"{folder}/scheduler predicts `{prediction}`; the Focus stage reads models that predict "
            f"{' or '.join(PREDICTIONS)}; choose another focus.model"
        )
    return DDIMScheduler(
        num_train_timesteps=config.get("num_train_timesteps", 1000),
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        # 1 in every published folder, and forced to 1 by the pipeline that the official code builds.
        steps_offset=config.get("steps_offset", 0),
        prediction_type=prediction,
    )


def _check_fit(folder: Path, unet: Any, vae: Any, text_encoder: Any) -> None:
    takes, makes = unet.config.in_channels, vae.config.latent_channels
    if takes != makes:
        raise ModelError(
            f"{folder}/unet takes {takes} channels and the vae makes {makes}: an inpainting, depth or upscaling model; "
            "choose a plain text-to-image Stable Diffusion as focus.model"
        )
    width, expected = text_encoder.config.hidden_size, unet.config.cross_attention_dim
    if width != expected:
        raise ModelError(f"{folder}: the unet expects text of width {expected}, text_encoder makes {width}; {AGAIN}")
