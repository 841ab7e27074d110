"""Load Stable Diffusion 1.x, 2.x or SDXL from a folder: its real classes, nothing else, and without a warning."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zeroov.errors import ModelError, first_line
from zeroov.focus.capture import check_grids
from zeroov.hardware import pick_dtype
from zeroov.recipe import FocusRecipe
from zeroov.weights.complete import PARTS, is_sdxl, weights_of
from zeroov.weights.own_code import from_folder
from zeroov.weights.quiet import quietly

GET = "copy it there, or fetch a hub model with `zeroov models get`"
AGAIN = "copy it there again, or fetch a hub model again with `zeroov models get`"
CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}
CLASSES_2 = {"text_encoder_2": "CLIPTextModelWithProjection"}  # of SDXL
TIME_IDS = 6  # of SDXL: height and width before a crop, the crop's corner, height and width after it
OTHER_NOISE = ("EDM", "FlowMatch")  # beginnings of schedulers' names, e.g. of Playground 2.5, an SDXL otherwise
PREDICTIONS = ("epsilon", "v_prediction")
BROKEN = (OSError, ValueError, RuntimeError, KeyError, EOFError, TypeError, pickle.UnpicklingError)


@dataclass(frozen=True, eq=False)
class FocusModels:
    """The frozen parts of one Stable Diffusion. With `offload` they lie in CPU memory and visit `device` one by one.

    SDXL has two text encoders, each with a tokenizer of its own.
    """

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
    text_encoder_2: Any = None
    tokenizer_2: Any = None

    @property
    def vae_stride(self) -> int:
        """The side of a cell of the latents, in model pixels."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

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
    """Load the parts from a folder that `weights.find` found complete; `name` and `revision` are only noted.

    The recipe's grids are checked against the UNet here, before any picture is worked on.
    """
    dtype = pick_dtype(recipe.dtype, device)
    sdxl = is_sdxl(folder)
    classes = CLASSES | (CLASSES_2 if sdxl else {})
    with quietly("transformers", "diffusers"):
        parts = {part: _load_part(folder, part, kind, dtype) for part, kind in classes.items()}
        tokenizer, scheduler = _load_tokenizer(folder / "tokenizer"), _load_scheduler(folder)
        tokenizer_2 = _load_tokenizer(folder / "tokenizer_2") if sdxl else None
    _check_fit(folder, parts)
    if sdxl and dtype == torch.float16 and parts["vae"].config.force_upcast:
        parts["vae"].float()  # that of SDXL overflows in float16
    home = torch.device("cpu") if offload else device
    frozen = {part: model.eval().requires_grad_(False).to(home) for part, model in parts.items()}
    models = FocusModels(
        **frozen,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        scheduler=scheduler,
        device=device,
        dtype=dtype,
        name=name,
        revision=revision,
        offload=offload,
    )
    check_grids(models.unet, recipe, models.vae_stride, name)
    return models


def _load_part(folder: Path, part: str, kind: str, dtype: torch.dtype) -> Any:
    """Load one model, refusing a folder that holds another class, or lacks some of the weights."""
    import diffusers
    import transformers
    from safetensors import SafetensorError

    config = json.loads((folder / part / "config.json").read_text(encoding="utf-8"))
    found = config.get("_class_name") or (config.get("architectures") or [kind])[0]
    added = config.get("addition_embed_type")
    if found != kind or added not in (None, "text_time"):
        what = f"a {found}" if found != kind else f"that of another family, which adds `{added}` to its text"
        raise ModelError(f"{folder}/{part} is {what}; the Focus stage needs Stable Diffusion 1.x, 2.x or SDXL; {GET}")
    weights = weights_of(folder / part, PARTS["diffusion"][part][0])
    assert weights is not None
    options: dict[str, Any] = {
        "output_loading_info": True,
        "use_safetensors": ".safetensors" in weights.name,
        "variant": "fp16" if ".fp16." in weights.name else None,
    }
    try:
        if kind.startswith("CLIP"):
            model, info = from_folder(getattr(transformers, kind), folder / part, dtype=dtype, **options)
        else:
            options |= {"torch_dtype": dtype, "local_files_only": True}
            model, info = getattr(diffusers, kind).from_pretrained(str(folder / part), **options)
    except (*BROKEN, SafetensorError) as error:
        raise ModelError(f"{weights} cannot be read ({first_line(error)}); {AGAIN}") from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise ModelError(f"{weights} lacks {len(missing)} weights, e.g. {missing[0]}; {AGAIN}")
    return model


def _load_tokenizer(place: Path) -> Any:
    from transformers import CLIPTokenizer

    try:
        tokenizer = from_folder(CLIPTokenizer, place)
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
    made_for = str(config.get("_class_name"))
    if made_for.startswith(OTHER_NOISE):
        raise ModelError(
            f"{folder}/scheduler is a {made_for}: the model knows another noise than Stable Diffusion, and "
            "the Focus stage would read it at the wrong step; choose another focus.model"
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


def _check_fit(folder: Path, parts: Mapping[str, Any]) -> None:
    unet = parts["unet"]
    takes, makes = unet.config.in_channels, parts["vae"].config.latent_channels
    if takes != makes:
        raise ModelError(
            f"{folder}/unet takes {takes} channels and the vae makes {makes}: an inpainting, depth or upscaling model; "
            "choose a plain text-to-image Stable Diffusion as focus.model"
        )
    widths = {part: model.config.hidden_size for part, model in parts.items() if part.startswith("text_encoder")}
    expected = unet.config.cross_attention_dim
    if sum(widths.values()) != expected:
        made = " and ".join(f"{part} makes {width}" for part, width in widths.items())
        raise ModelError(f"{folder}: the unet expects text of width {expected}, {made}; {AGAIN}")
    if "text_encoder_2" in parts:
        pooled, numbers = parts["text_encoder_2"].config.projection_dim, unet.config.addition_time_embed_dim
        reads, gets = unet.config.projection_class_embeddings_input_dim, pooled + TIME_IDS * numbers
        if reads != gets:
            raise ModelError(
                f"{folder}: the unet reads {reads} numbers beside the text, and SDXL's pooled text and {TIME_IDS} time "
                f"ids are {gets}: a refiner, or another model; choose SDXL's base model as focus.model"
            )
